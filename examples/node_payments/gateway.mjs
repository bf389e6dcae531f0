/** A pretend payment gateway, which charges once under one key, whoever asks, and however often. */

import { createHash, randomUUID } from "node:crypto";
import { link, mkdir, readFile, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";

/** More than this no card pays. */
const CENTS_MAX = 1_000_000;

/** How long a charge takes: half of it until it is made, half until we know. */
const WORK_MS = Number(process.env.PAYMENTS_WORK_MS ?? 0);

/** The bank says no, and will say so again. */
export class Declined extends Error {}

/** Keeps each charge in a file of its own, named after its key. */
export class Gateway {
  constructor(ledger) {
    this.ledger = ledger;
  }

  /** Charges a card; the same key is the same charge. */
  async charge({ order_id, amount_cents, currency }, key) {
    await setTimeout(WORK_MS / 2);
    if (amount_cents > CENTS_MAX) throw new Declined(`No card pays ${amount_cents} ${currency}`);
    const charge = { key, order_id, amount_cents, currency, transaction_id: randomUUID() };
    const { transaction_id } = await this.#keepFirst(charge);
    await setTimeout(WORK_MS / 2);
    return { transaction_id, status: "completed" };
  }

  /** Returns the first charge under a key. A link is made whole or not at all, and never twice. */
  async #keepFirst(charge) {
    const path = join(this.ledger, `${createHash("sha256").update(charge.key).digest("hex")}.json`);
    const draft = `${path}.${charge.transaction_id}`;
    await mkdir(this.ledger, { recursive: true });
    await writeFile(draft, JSON.stringify(charge));
    try {
      await link(draft, path);
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    } finally {
      await unlink(draft);
    }
    return JSON.parse(await readFile(path, "utf8"));
  }
}
