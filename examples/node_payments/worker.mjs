/**
 * Payments as a worker of Tasker, without any Tasker library: answers `payment.charge`.
 *
 *     node worker.mjs --redis redis://127.0.0.1:6379
 *     TASKER_KEY=… node worker.mjs --http http://127.0.0.1:8080
 *
 * Take a command, do the work, answer it, and only then acknowledge it. A crash between any two of
 * these repeats the work; so the gateway is asked under a key that a repetition does not change.
 */

import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { failure, log, millisecondsLeft, reply } from "./envelope.mjs";
import { Declined, Gateway } from "./gateway.mjs";

/** Commands in hand at once. */
const SLOTS = 8;
/** A command not heard of for this long goes to another worker; far below its step's time-out. */
const LEASE_MS = Number(process.env.PAYMENTS_LEASE_MS ?? 10_000);
/** A command taken more often than this breaks its workers. */
const DELIVERIES_MAX = 10;

/** Does what a command asks; returns the reply, or undefined when nobody waits for one. */
async function answer(handlers, { command, deliveries, ageMs }) {
  if (command.taskerreplytoken === undefined) {
    log(`${command.id} (${command.type}) is only a notice, and needs no answer`);
    return undefined;
  }
  if (millisecondsLeft(command, ageMs) <= 0) {
    log(
      `${command.id} is dropped: it expired at ${command.expirytime}, the engine has given it up`,
    );
    return undefined;
  }
  if (deliveries > DELIVERIES_MAX) {
    return failure(command, "redelivery_exhausted", `Taken ${deliveries} times in vain`);
  }
  const handler = handlers[command.type];
  if (handler === undefined) {
    return failure(command, "unknown_type", `Type "${command.type}" is not known here`);
  }
  try {
    // `subject` is the same for every attempt of a step; `id` is another for each.
    return reply(command, "completed", await handler(command.data, command.subject));
  } catch (error) {
    if (error instanceof Declined) return failure(command, "card_declined", error.message);
    return failure(command, "unexpected", String(error), { retryable: true });
  }
}

/** Works on as many commands at once as it has slots, whichever way they come. */
class Worker {
  #isStopping = false;
  #inHand = new Map();

  constructor(channel, handlers) {
    this.channel = channel;
    this.handlers = handlers;
  }

  /** Works until it is asked to stop, then finishes what is in hand. */
  async run() {
    const keeping = setInterval(() => this.#keepLeases(), LEASE_MS / 3);
    while (!this.#isStopping) {
      try {
        await this.channel.open();
        while (!this.#isStopping) await this.#take();
      } catch (error) {
        await this.#rest(error);
      }
    }
    await Promise.all(this.#pending());
    clearInterval(keeping);
    await this.channel.close().catch((error) => log(`left without a word: ${error}`));
  }

  stop() {
    this.#isStopping = true;
  }

  async #take() {
    const free = SLOTS - this.#inHand.size;
    if (free === 0) return await Promise.race(this.#pending());
    for (const entry of await this.channel.take(free)) {
      if (this.#inHand.has(entry.id)) continue;
      this.#inHand.set(entry.id, { entry, done: this.#handle(entry) });
    }
  }

  async #handle(entry) {
    try {
      if (entry.command === undefined) {
        return await this.#insist(() => this.channel.deadLetter(entry));
      }
      const answered = await answer(this.handlers, entry);
      await this.#insist(() => this.channel.settle(entry, answered));
    } catch (error) {
      log(`${entry.id} is left to another worker: ${error}`);
    } finally {
      this.#inHand.delete(entry.id);
    }
  }

  /** Calls until it succeeds; a worker that ends leaves the entry to another. */
  async #insist(call) {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (this.#isStopping) throw error;
        await this.#rest(error);
      }
    }
  }

  async #keepLeases() {
    const entries = [...this.#inHand.values()].map(({ entry }) => entry);
    if (entries.length === 0) return;
    await this.channel.keep(entries).catch((error) => log(`cannot keep what is in hand: ${error}`));
  }

  #pending() {
    return [...this.#inHand.values()].map(({ done }) => done);
  }

  async #rest(error) {
    log(`rests: ${error.cause ?? error}`);
    await new Promise((wake) => setTimeout(wake, 500 + 1_000 * Math.random()));
  }
}

async function channelOf({ redis, http, key }) {
  if (http !== undefined) {
    const { HttpChannel } = await import("./http_channel.mjs");
    return new HttpChannel(http, { key, leaseMs: LEASE_MS });
  }
  const { RedisChannel } = await import("./redis_channel.mjs").catch((error) => {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    console.error(
      "The way over Redis needs one package: npm install --prefix examples/node_payments",
    );
    process.exit(1);
  });
  return new RedisChannel(redis, { leaseMs: LEASE_MS });
}

const { values } = parseArgs({
  options: {
    redis: { type: "string" },
    http: { type: "string" },
    key: { type: "string", default: process.env.TASKER_KEY },
    ledger: { type: "string", default: join(tmpdir(), "node_payments_ledger") },
  },
});
if ((values.redis === undefined) === (values.http === undefined) || (values.http && !values.key)) {
  console.error("usage: node worker.mjs (--redis URL | --http URL --key KEY) [--ledger FOLDER]");
  process.exit(2);
}
const gateway = new Gateway(values.ledger);
const worker = new Worker(await channelOf(values), {
  "payment.charge": (data, subject) => gateway.charge(data, subject),
});
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => worker.stop());
log(`takes commands (pid ${process.pid})`);
await worker.run();
