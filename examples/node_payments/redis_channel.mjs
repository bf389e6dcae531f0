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

const CONNECTION = {
  // A command fails while there is no connection: the worker rests, and can still end.
  disableOfflineQueue: true,
  pingInterval: BLOCK_MS,
  socket: {
    // Or a frozen broker would hold us for ever.
    socketTimeout: BLOCK_MS + 5_000,
    // A lost connection is ours to replace: a client that reconnects by itself can be left between
    // two connections, with commands that neither fail nor go out.
    reconnectStrategy: false,
  },
};

export class RedisChannel {
  // Two processes under one name would take each other's entries for their own.
  #consumer = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  #cursor = "0-0";
  #clients = [];
  /** Whether a command got no answer: what its connection says of itself is not true then. */
  #isSilent = false;

  constructor(url, { leaseMs }) {
    this.url = url;
    this.leaseMs = leaseMs;
  }

  /** Connects anew if a connection was lost; makes the group, at the very first entry. */
  async open() {
    if (!this.#isConnected()) await this.#connect();
    try {
      await this.#answered(this.redis.xGroupCreate(COMMANDS, GROUP, "0", { MKSTREAM: true }));
    } catch (error) {
      if (!error.message.startsWith("BUSYGROUP")) throw error;
    }
  }

  /** Takes entries that nobody was heard of for a lease, else waits for new ones. */
  take(free) {
    return this.#answered(this.#take(free));
  }

  /** Says that entries are being worked on: their leases begin anew. */
  keep(entries) {
    const ids = entries.map(({ id }) => id);
    return this.#answered(this.redis.xClaimJustId(COMMANDS, GROUP, this.#consumer, 0, ids));
  }

  /** Replies, and only then acknowledges: a crash between repeats a reply, and loses none. */
  settle(entry, answer) {
    return this.#answered(this.#settle(entry, answer));
  }

  /** Puts aside what nobody can use, for people to look at. */
  bury(entry) {
    return this.#answered(this.#bury(entry));
  }

  /** Removes the consumer, unless it holds entries: they would be lost with it. */
  async close() {
    try {
      if (this.#isConnected()) await this.#answered(this.#leave());
    } finally {
      this.#destroy();
    }
  }

  async #take(free) {
    const claimed = await this.redis.xAutoClaim(
      COMMANDS,
      GROUP,
      this.#consumer,
      this.leaseMs,
      this.#cursor,
      { COUNT: free },
    );
    this.#cursor = claimed.nextId;
    if (claimed.deletedMessages?.length > 0) {
      log(`entries were trimmed before they were answered: ${claimed.deletedMessages}`);
    }
    const lost = claimed.messages.filter((message) => message !== null);
    if (lost.length > 0) {
      return await Promise.all(lost.map(async (one) => entryOf(one, await this.#deliveries(one))));
    }
    const read = await this.reader.xReadGroup(
      GROUP,
      this.#consumer,
      { key: COMMANDS, id: ">" },
      { COUNT: free, BLOCK: BLOCK_MS },
    );
    return (read?.[0]?.messages ?? []).map((one) => entryOf(one, 1));
  }

  async #deliveries({ id }) {
    const [pending] = await this.redis.xPendingRange(COMMANDS, GROUP, id, id, 1);
    return pending?.deliveriesCounter ?? 1;
  }

  async #settle(entry, answer) {
    if (answer !== undefined) {
      await this.redis.xAdd(entry.command.taskerreplyto, "*", { ce: JSON.stringify(answer) });
    }
    await this.#acknowledge(entry);
  }

  async #bury(entry) {
    const dead = {
      specversion: "1.0",
      id: `${entry.id}:dead`,
      source: `/${SYSTEM}`,
      type: "tasker.envelope.dead",
      data: { channel: COMMANDS, reason: "no envelope", body: entry.body.slice(0, 8_192) },
    };
    await this.redis.xAdd(DEAD, "*", { ce: JSON.stringify(dead) });
    await this.#acknowledge(entry);
  }

  /** Removes the entry, too: XACK alone would leave it in the stream for ever. */
  async #acknowledge({ id }) {
    await this.redis.multi().xAck(COMMANDS, GROUP, id).xDel(COMMANDS, id).exec();
  }

  async #leave() {
    const held = await this.redis.xPendingRange(COMMANDS, GROUP, "-", "+", 1, {
      consumer: this.#consumer,
    });
    if (held.length === 0) await this.redis.xGroupDelConsumer(COMMANDS, GROUP, this.#consumer);
  }

  async #connect() {
    this.#destroy();
    this.redis = createClient({ url: this.url, ...CONNECTION });
    // A read that blocks would hold up all else on its connection.
    this.reader = this.redis.duplicate();
    this.#clients = [this.redis, this.reader];
    for (const client of this.#clients) client.on("error", () => {}); // the command that fails tells
    await Promise.all(this.#clients.map((client) => client.connect()));
    this.#isSilent = false;
  }

  #isConnected() {
    return this.#clients.length > 0 && this.#clients.every(({ isReady }) => isReady) &&
      !this.#isSilent;
  }

  #destroy() {
    for (const client of this.#clients) if (client.isOpen) client.destroy();
    this.#clients = [];
  }

  /** Fails what gets no answer: the worker rests, and connects anew. */
  async #answered(promise) {
    const settled = new AbortController();
    const late = setTimeout(ANSWER_MS_MAX, undefined, { signal: settled.signal }).then(() => {
      this.#isSilent = true;
      throw new Error(`Redis did not answer within ${ANSWER_MS_MAX} ms`);
    });
    late.catch(() => {}); // it was taken back
    try {
      return await Promise.race([promise, late]);
    } finally {
      settled.abort();
    }
  }
}

function entryOf({ id, message }, deliveries) {
  const body = message.ce ?? JSON.stringify(message);
  return { id, body, command: parse(body), deliveries };
}
