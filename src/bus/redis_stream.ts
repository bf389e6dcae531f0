/** Redis stream: one channel as one consumer of its group reads and settles it. */

import { exponentialMs, wait } from "../core/backoff.ts";
import { Batcher } from "../core/batcher.ts";
import { messageOf } from "../core/errors.ts";
import type { ConsumeOptions, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import type { BrokerChannel, Taken } from "./consumer.ts";
import type { RedisClient, RedisConnection } from "./redis_connection.ts";

/** What a stream does itself. */
export const DOES = { delays: false, counts: true, seesHeld: true };

/** The one field of an entry. */
export const FIELD = "ce";

/** Where Dapr puts an envelope, beside fields of its own. */
const DAPR_FIELD = "data";

/** How long a read waits for an entry; shorter than SILENT_MS_MAX, or each would look like a death. */
const BLOCK_MS = 2_000;

/** A read that has not begun to wait when it is to end is unblocked again, after these delays. */
const UNBLOCK = { minMs: 10, maxMs: BLOCK_MS };

/** Consumers without entries that are silent this long are dead; their names are removed. */
const FORGOTTEN_MS = 86_400_000;

/** Entries that one consumer may have pending at once; far more than it holds. */
const PENDING_MAX = 10_000;

/** What the server says of a stream that is not there, or ended while it was read. */
const GONE = /^(NOGROUP|UNBLOCKED the stream)/;

/** Who consumes what. */
interface StreamDeps extends ConsumeOptions {
  readonly runtime: Runtime;
  readonly log: Log;
  /** For all but reading. */
  readonly writer: RedisConnection;
  /** For reading alone: a blocking read holds up everything else on its connection. */
  readonly reader: RedisConnection;
  readonly channel: string;
}

interface Entry {
  readonly id: string;
  readonly message: Readonly<Record<string, string>>;
}

/** One stream, under a consumer name of its own: two of one name would take each other's entries. */
export class RedisStream implements BrokerChannel {
  readonly canDelay = DOES.delays;
  readonly #consumer: string;
  readonly #acknowledgements: Batcher<string>;
  #reading: Promise<unknown> = Promise.resolve();
  #cursor = "0-0";
  /** Since Redis 8.2; false once the server has refused it. */
  #hasAckDel = true;

  constructor(readonly deps: StreamDeps) {
    this.#consumer = `${deps.group}-${deps.runtime.uuid()}`;
    this.#acknowledgements = new Batcher({
      runtime: deps.runtime,
      send: (ids) => this.#acknowledgeAll(ids),
    });
  }

  async open(): Promise<void> {
    await this.#makeGroup();
    await this.deps.reader.open();
    void this.#removeNames(({ idle }) => idle > FORGOTTEN_MS).catch(() => {});
  }

  take(count: number): Promise<readonly Taken[]> {
    return this.#whileThere(() => this.#read(count));
  }

  /** A read that is on its way there is not ended by one call: it is repeated until it has ended. */
  async interrupt(): Promise<void> {
    const { reader, writer, runtime } = this.deps;
    const ended = new AbortController();
    void this.#reading.then(() => ended.abort());
    for (let tries = 1; !ended.signal.aborted; tries++) {
      const { id } = reader;
      if (id !== undefined) void writer.run((client) => client.clientUnblock(id)).catch(() => {});
      await wait(runtime, exponentialMs(tries, UNBLOCK), ended.signal);
    }
  }

  /** Takes again what was delivered to this consumer and never reached it. */
  recover(held: ReadonlySet<string>): Promise<readonly Taken[]> {
    return this.#whileThere(() => this.#readLost(held));
  }

  async reclaim(count: number): Promise<readonly Taken[]> {
    const { writer, channel, group, leaseMs, log } = this.deps;
    return await writer.run(async (client) => {
      const claimed = await client.xAutoClaim(
        channel,
        group,
        this.#consumer,
        leaseMs,
        this.#cursor,
        { COUNT: count },
      );
      this.#cursor = claimed.nextId;
      const deleted = claimed.deletedMessages?.length ?? 0;
      if (deleted > 0) {
        log.warn("Entries were trimmed before they were handled", { channel, deleted });
      }
      const entries = present(claimed.messages);
      const deliveries = await this.#deliveriesOf(client, entries);
      return entries.map((entry) => takenOf(entry, deliveries.get(entry.id) ?? 1));
    });
  }

  /** An entry that is acknowledged does not come back by this. */
  async extend(taken: readonly Taken[]): Promise<void> {
    const { writer, channel, group } = this.deps;
    if (taken.length === 0) return;
    const ids = taken.map(({ id }) => id);
    await writer.run((client) => client.xClaimJustId(channel, group, this.#consumer, 0, ids));
  }

  acknowledge({ id }: Taken): Promise<void> {
    return this.#acknowledgements.put(id);
  }

  /** Makes entries look abandoned, and keeps how often they were delivered. */
  async release(taken: readonly Taken[]): Promise<void> {
    const { writer, channel, group, leaseMs } = this.deps;
    await writer.run((client) =>
      Promise.all(
        taken.map(({ id, deliveries }) =>
          client.xClaimJustId(channel, group, this.#consumer, 0, id, {
            IDLE: leaseMs,
            RETRYCOUNT: deliveries,
          })
        ),
      )
    );
  }

  async close(): Promise<void> {
    await this.deps.reader.close();
    await this.#removeNames(({ name }) => name === this.#consumer).catch(() => {});
  }

  /** Reads, and makes a stream again that somebody deleted. */
  #whileThere(read: () => Promise<readonly Taken[]>): Promise<readonly Taken[]> {
    const reading = read().catch(async (error) => {
      if (!GONE.test(messageOf(error))) throw error;
      const { log, channel } = this.deps;
      log.warn("A stream was deleted with all that was in it: it is made again", { channel });
      await this.#makeGroup();
      return [];
    });
    this.#reading = reading.catch(() => {});
    return reading;
  }

  async #read(count: number): Promise<readonly Taken[]> {
    const { reader, channel, group } = this.deps;
    const options = { COUNT: count, BLOCK: BLOCK_MS };
    const streams = await reader.run((client) =>
      client.xReadGroup(group, this.#consumer, { key: channel, id: ">" }, options)
    );
    const entries: readonly Entry[] = (streams ?? []).flatMap(({ messages }) => messages);
    return entries.map((entry) => takenOf(entry, 1));
  }

  async #readLost(held: ReadonlySet<string>): Promise<readonly Taken[]> {
    const { reader, channel, group } = this.deps;
    const consumer = this.#consumer;
    return await reader.run(async (client) => {
      const pending = await client.xPendingRange(channel, group, "-", "+", PENDING_MAX, {
        consumer,
      });
      const lost = pending.filter(({ id }) => !held.has(id));
      if (lost.length === 0) return [];
      const ids = lost.map(({ id }) => id);
      const entries = await client.xClaim(channel, group, consumer, 0, ids);
      const deliveries = new Map(lost.map((entry) => [entry.id, entry.deliveriesCounter]));
      return present(entries).map((entry) => takenOf(entry, (deliveries.get(entry.id) ?? 0) + 1));
    });
  }

  /** The group begins at the first entry: none that came before it is lost. */
  async #makeGroup(): Promise<void> {
    const { writer, channel, group } = this.deps;
    try {
      await writer.run((client) => client.xGroupCreate(channel, group, "0", { MKSTREAM: true }));
    } catch (error) {
      if (!messageOf(error).startsWith("BUSYGROUP")) throw error;
    }
  }

  /** Removes entries from the stream, too. */
  async #acknowledgeAll(ids: readonly string[]): Promise<void> {
    const { writer, channel, group } = this.deps;
    if (this.#hasAckDel) {
      try {
        // Removed only once no other group waits for it, should there be one.
        await writer.run((client) => client.xAckDel(channel, group, [...ids], "ACKED"));
        return;
      } catch (error) {
        if (!/unknown command|^NOPERM/i.test(messageOf(error))) throw error;
        this.#hasAckDel = false;
      }
    }
    await writer.run((client) =>
      client.multi().xAck(channel, group, [...ids]).xDel(channel, [...ids]).exec()
    );
  }

  /** Removes names of consumers, unless entries still belong to them: they would go, too. */
  async #removeNames(isMeant: (consumer: { name: string; idle: number }) => boolean) {
    const { writer, channel, group } = this.deps;
    await writer.run(async (client) => {
      for (const consumer of await client.xInfoConsumers(channel, group)) {
        if (consumer.pending > 0 || !isMeant(consumer)) continue;
        await client.xGroupDelConsumer(channel, group, consumer.name);
      }
    });
  }

  async #deliveriesOf(
    client: RedisClient,
    entries: readonly Entry[],
  ): Promise<Map<string, number>> {
    const [first, last] = [entries.at(0), entries.at(-1)];
    if (first === undefined || last === undefined) return new Map();
    const { channel, group } = this.deps;
    const pending = await client.xPendingRange(channel, group, first.id, last.id, PENDING_MAX, {
      consumer: this.#consumer,
    });
    return new Map(pending.map(({ id, deliveriesCounter }) => [id, deliveriesCounter]));
  }
}

/** What another program wrote in other fields is handed over as it is: the handler refuses it. */
function takenOf({ id, message }: Entry, deliveries: number): Taken {
  const { [FIELD]: envelope, [DAPR_FIELD]: ofDapr } = message;
  const body = envelope ?? (ofDapr?.startsWith("{") ? ofDapr : JSON.stringify(message));
  return { id, body, deliveries };
}

/** Entries that are gone from the stream are null. */
function present(entries: readonly (Entry | null)[]): readonly Entry[] {
  return entries.filter((entry) => entry !== null);
}
