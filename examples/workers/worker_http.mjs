/**
 * A worker of Tasker over HTTP, in one file to copy: needs no broker and no package.
 *
 *     TASKER_KEY=… TASKER_URL=http://127.0.0.1:8080 node worker_http.mjs
 *
 * Change SYSTEM and HANDLERS. Contract: docs/envelopes.md. A command that is not answered within its
 * lease is delivered again; what gives a sign of life keeps it.
 */

import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

const SYSTEM = "node_payments";
const URL = `${process.env.TASKER_URL ?? "http://127.0.0.1:8080"}/v1/bus/${SYSTEM}`;
const HEADERS = {
  authorization: `Bearer ${process.env.TASKER_KEY}`,
  "content-type": "application/json",
};
const SLOTS = 8; // commands in hand at once
const LEASE_MS = Number(process.env.LEASE_MS ?? 10_000); // silent for longer: another takes over
const { INSTANCE: instance } = process.env; // its name, if it is registered: it may be ejected by it
const WAIT_MS = 2_000; // the longest poll, and so the longest wait for the end after SIGTERM

/** The step failed by its contract, for good. */
class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Charges a card. All attempts of a step have one key: do nothing twice under one key. */
async function charge({ amount_cents }, key, signal) {
  if (amount_cents > 1_000_000) throw new Refused("card_declined", "No card pays that much");
  await sleep(Number(process.env.WORK_MS ?? 0), undefined, { signal }); // throws when cancelled
  await writeFile(join(process.env.LEDGER ?? tmpdir(), key), "");
  const hash = createHash("sha256").update(key).digest("hex");
  return { transaction_id: hash.slice(0, 16), status: "completed" };
}

const HANDLERS = { "payment.charge": charge };

const stop = new AbortController();
const inHand = new Map();
let away; // since when the engine does not answer; undefined: it does

function log(text) {
  console.error(`${SYSTEM}: ${text}`);
}

async function post(path, body) {
  return await fetch(`${URL}/${path}`, {
    method: "POST",
    headers: HEADERS,
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(WAIT_MS + 15_000),
  });
}

/** Made again it has the same id, so that a repeat is known as one. */
function reply(command, kind, data) {
  const { subject, correlationid, traceparent, taskerattempt, taskerreplytoken } = command;
  const copied = { subject, correlationid, traceparent, taskerattempt, taskerreplytoken };
  const made = {
    specversion: "1.0",
    id: `${command.id}:${kind}`,
    source: `/${SYSTEM}`,
    type: `tasker.step.${kind}`,
    time: new Date().toISOString(),
    causationid: command.id,
    datacontenttype: "application/json",
    taskerinstance: instance, // undefined: it is not in the JSON
  };
  return { ...made, ...copied, data };
}

function failed(command, error_code, error_message, retryable = false) {
  return reply(command, "failed", { error_code, error_message, retryable });
}

/** Does what a command asks. The engine delivers nothing that has expired. */
async function answer(command, signal) {
  const { type, data, subject } = command;
  if (!Object.hasOwn(HANDLERS, type)) {
    return failed(command, "unknown_type", `Type "${type}" is not known here`);
  }
  try {
    return reply(command, "completed", await HANDLERS[type](data, subject, signal));
  } catch (error) {
    // Nobody reads it, but what is not answered would come again.
    if (signal.aborted) return failed(command, "cancelled", "The step was cancelled");
    if (error instanceof Refused) return failed(command, error.code, error.message);
    return failed(command, "unexpected", String(error), true);
  }
}

/** Works, and repeats the answer until it has arrived; the engine knows a repeat by its id. */
async function handle(command, signal) {
  const answered = await answer(command, signal);
  for (;;) {
    try {
      const response = await post("replies", answered);
      const said = await response.text();
      if (response.status >= 500 || response.status === 429) throw new Error(said);
      if (!response.ok) log(`the reply to ${command.id} is refused for good: ${said}`);
      break;
    } catch (error) {
      if (stop.signal.aborted) break; // another worker takes it, when its lease ends
      await rest(error);
    }
  }
  inHand.delete(command.id);
}

/** Waits for commands, for as many as there are free slots. */
async function take() {
  const max = SLOTS - inHand.size;
  if (max === 0) return await Promise.race([...inHand.values()].map(({ done }) => done));
  const response = await post("poll", { instance, max, waitMs: WAIT_MS, leaseMs: LEASE_MS });
  if (!response.ok) throw new Error(await response.text());
  const { envelopes } = await response.json();
  for (const command of envelopes) {
    const { id, type, causationid, taskerreplytoken } = command;
    if (type === "tasker.step.cancelled") inHand.get(causationid)?.cancel.abort();
    if (taskerreplytoken === undefined) log(`${id} (${type}) is a notice, and gets no answer`);
    else if (!inHand.has(id)) {
      const cancel = new AbortController();
      inHand.set(id, { command, cancel });
      inHand.get(id).done = handle(command, cancel.signal);
    }
  }
}

async function keepLeases() {
  const signs = [...inHand.values()].map(({ command }) => reply(command, "progress", {}));
  if (signs.length === 0) return;
  const response = await post("replies", signs);
  await response.body?.cancel();
}

/** Waits, longer the longer the engine is away; says so at first, and then every 30 s. */
async function rest(error) {
  const now = performance.now();
  away ??= { since: now, silentUntil: now };
  if (now >= away.silentUntil) {
    away.silentUntil = now + 30_000;
    log(`rests: ${error.cause ?? error}`);
  }
  const times = Math.min(1 + (now - away.since) / 10_000, 5);
  await sleep((500 + 1_000 * Math.random()) * times, undefined, stop).catch(() => {});
}

for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => stop.abort());
const keeping = setInterval(() => {
  keepLeases().catch((error) => log(`cannot keep what is in hand: ${error}`));
}, LEASE_MS / 3);
log("takes commands");
while (!stop.signal.aborted) await take().then(() => away = undefined, rest);
await Promise.all([...inHand.values()].map(({ done }) => done));
clearInterval(keeping);
