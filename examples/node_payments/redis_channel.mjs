/** The way over Redis Streams: an entry that was read is a consumer's until it is acknowledged. */

import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { createClient } from "redis";
import { log, parse, SYSTEM } from "./envelope.mjs";

const PREFIX = process.env.TASKER_BUS_PREFIX ?? "tasker.workflows";
const COMMANDS = `${PREFIX}.cmd.${SYSTEM}`;
const DEAD = `${PREFIX}.dead.${SYSTEM}`;
/** All workers of a system share its commands. */
const GROUP = SYSTEM;
/** The longest wait for commands, and so for the end after SIGTERM. */
const BLOCK_MS = 2_000;

/** Longer than any command may take: the client can wait for ever when a connection is lost. */
const ANSWER_MS_MAX = BLOCK_MS + 3_000;

/** These answers say something of a stream; after any other failure a new connection is opened. */
const OF_A_STREAM = /^(BUSYGROUP|NOGROUP)/;

const OPTIONS = {
  // A command fails while there is no connection: the worker rests, and can still end.
  disableOfflineQueue: true,
  // A lost connection is ours to replace: a client that reconnects by itself can be left between
  // two connections, with commands that neither fail nor go out.
  socket: { reconnectStrategy: false },
};

/**
 * One connection at a time. Each command opens it when there is none, so the answers of a worker
 * whose slots are all in hand do not depend on its loop, which waits for one of them to be free.
 */
class Connection {
  #client;
  #opening;

  constructor(url) {
    this.url = url;
  }

  /** Runs one command. A server that was demoted fails it, too, over a connection that looks sound. */
  async run(command) {
    const client = this.#client ?? await (this.#opening ??= this.#open());
    try {
      return await answered(command(client));
    } catch (error) {
      if (!OF_A_STREAM.test(error.message)) this.#drop(client);
      throw error;
    }
  }

  close() {
    if (this.#client !== undefined) this.#drop(this.#client);
  }

  async #open() {
    const client = createClient({ url: this.url, ...OPTIONS });
    client.on("error", () => this.#drop(client)); // the command that fails says why
    try {
      await answered(client.connect());
      return this.#client = client;
    } catch (error) {
      this.#drop(client);
      throw error;
    } finally {
      this.#opening = undefined;
    }
  }

  #drop(client) {
    if (this.#client === client) this.#client = undefined;
    if (client.isOpen) client.destroy();
  }
}

export class RedisChannel {
  // Two processes under one name would take each other's entries for their own.
  #consumer = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  #cursor = "0-0";

  constructor(url, { leaseMs }) {
    this.redis = new Connection(url);
    // A read that blocks would hold up all else on its connection.
    this.reader = new Connection(url);
    this.leaseMs = leaseMs;
  }

  /** Makes the group, at the very first entry; anew when somebody deleted it. */
  async open() {
    try {
      await this.redis.run((redis) => redis.xGroupCreate(COMMANDS, GROUP, "0", { MKSTREAM: true }));
    } catch (error) {
      if (!error.message.startsWith("BUSYGROUP")) throw error;
    }
  }

  /** Takes entries that nobody was heard of for a lease, else waits for new ones. */
  async take(free) {
    const claimed = await this.redis.run((redis) =>
      redis.xAutoClaim(
        COMMANDS,
        GROUP,
        this.#consumer,
        this.leaseMs,
        this.#cursor,
        { COUNT: free },
      )
    );
    this.#cursor = claimed.nextId;
    if (claimed.deletedMessages?.length > 0) {
      log(
        `entries were trimmed before they were answered: ${claimed.deletedMessages}`,
      );
    }
    const lost = claimed.messages.filter((message) => message !== null);
    if (lost.length > 0) {
      const counts = await Promise.all(lost.map((one) => this.#deliveries(one)));
      return await this.#entriesOf(lost, counts);
    }
    const read = await this.reader.run((redis) =>
      redis.xReadGroup(GROUP, this.#consumer, { key: COMMANDS, id: ">" }, {
        COUNT: free,
        BLOCK: BLOCK_MS,
      })
    );
    return await this.#entriesOf(read?.[0]?.messages ?? []);
  }

  /** Makes entries; how long they have waited is by Redis's clock, which made their ids. */
  async #entriesOf(messages, deliveries = []) {
    if (messages.length === 0) return [];
    const [seconds, microseconds] = await this.redis.run((redis) => redis.time());
    const nowMs = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
    return messages.map(({ id, message }, index) => {
      const body = message.ce ?? JSON.stringify(message);
      const ageMs = nowMs - Number(id.split("-")[0]);
      return { id, body, command: parse(body), deliveries: deliveries[index] ?? 1, ageMs };
    });
  }

  /** Says that entries are being worked on: their leases begin anew. */
  async keep(entries) {
    const ids = entries.map(({ id }) => id);
    await this.redis.run((redis) => redis.xClaimJustId(COMMANDS, GROUP, this.#consumer, 0, ids));
  }

  /** Replies, and only then acknowledges: a crash between repeats a reply, and loses none. */
  async settle(entry, answer) {
    if (answer !== undefined) {
      const ce = JSON.stringify(answer);
      await this.redis.run((redis) => redis.xAdd(entry.command.taskerreplyto, "*", { ce }));
    }
    await this.#acknowledge(entry);
  }

  /** Puts aside what nobody can use, for people to look at. */
  async deadLetter(entry) {
    const dead = {
      specversion: "1.0",
      id: `${entry.id}:dead`,
      source: `/${SYSTEM}`,
      type: "tasker.envelope.dead",
      data: {
        channel: COMMANDS,
        reason: "no envelope",
        body: entry.body.slice(0, 8_192),
      },
    };
    await this.redis.run((redis) => redis.xAdd(DEAD, "*", { ce: JSON.stringify(dead) }));
    await this.#acknowledge(entry);
  }

  /** Removes the consumer, unless it holds entries: they would be lost with it. */
  async close() {
    try {
      const held = await this.redis.run((redis) =>
        redis.xPendingRange(COMMANDS, GROUP, "-", "+", 1, {
          consumer: this.#consumer,
        })
      );
      if (held.length > 0) return;
      await this.redis.run((redis) => redis.xGroupDelConsumer(COMMANDS, GROUP, this.#consumer));
    } finally {
      this.redis.close();
      this.reader.close();
    }
  }

  async #deliveries({ id }) {
    const [pending] = await this.redis.run((redis) =>
      redis.xPendingRange(COMMANDS, GROUP, id, id, 1)
    );
    return pending?.deliveriesCounter ?? 1;
  }

  /** Removes the entry, too: XACK alone would leave it in the stream for ever. */
  async #acknowledge({ id }) {
    await this.redis.run((redis) =>
      redis.multi().xAck(COMMANDS, GROUP, id).xDel(COMMANDS, id).exec()
    );
  }
}

/** Fails what gets no answer: its connection is given up, and the worker tries again. */
async function answered(promise) {
  const settled = new AbortController();
  const late = setTimeout(ANSWER_MS_MAX, undefined, { signal: settled.signal })
    .then(() => {
      throw new Error(`Redis did not answer within ${ANSWER_MS_MAX} ms`);
    });
  late.catch(() => {}); // the answer came in time
  try {
    return await Promise.race([promise, late]);
  } finally {
    settled.abort();
  }
}
