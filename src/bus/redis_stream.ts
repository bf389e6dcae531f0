/** Redis stream: the commands by which one consumer works on one channel for one group. */

import { messageOf } from "../core/errors.ts";
import type { Held } from "./in_flight.ts";
import type { RedisClient, RedisLink } from "./redis_connection.ts";

/** The one field of an entry. */
export const FIELD = "ce";

/** How long a read waits for an entry; shorter than SILENT_MS_MAX, or each would look like a death. */
export const BLOCK_MS = 2_000;

/** Consumers without entries that are silent this long are dead; their names are removed. */
const FORGOTTEN_MS = 86_400_000;

/** Entries that one consumer may have pending at once; far more than its slots. */
const PENDING_MAX = 10_000;

/** Who consumes what. */
export interface StreamParts {
  /** For all but reading. */
  readonly writer: RedisLink;
  /** For reading alone: a blocking read holds up everything else on its connection. */
  readonly reader: RedisLink;
  readonly channel: string;
  readonly group: string;
  /** Unique: two consumers of one name would take each other's entries for their own. */
  readonly consumer: string;
  readonly leaseMs: number;
}

/** What a look for the entries of dead consumers found. */
export interface Reclaimed {
  readonly held: readonly Held[];
  /** Entries that were removed from the stream before anybody handled them. */
  readonly deleted: number;
}

interface Entry {
  readonly id: string;
  readonly message: Readonly<Record<string, string>>;
}

/** One stream as one consumer sees it. */
export class RedisStream {
  #cursor = "0-0";
  /** Since Redis 8.2; false once the server has refused it. */
  #hasAckDel = true;

  constructor(readonly parts: StreamParts) {}

  /** Makes the group, which begins at the first entry: none that came before it is lost. */
  async makeGroup(): Promise<void> {
    const { writer, channel, group } = this.parts;
    try {
      await writer.run((client) => client.xGroupCreate(channel, group, "0", { MKSTREAM: true }));
    } catch (error) {
      if (!messageOf(error).startsWith("BUSYGROUP")) throw error;
    }
  }

  /** Waits for new entries, for BLOCK_MS at most. */
  async read(count: number): Promise<readonly Held[]> {
    const { reader, channel, group, consumer } = this.parts;
    const streams = await reader.run((client) =>
      client.xReadGroup(group, consumer, { key: channel, id: ">" }, {
        COUNT: count,
        BLOCK: BLOCK_MS,
      })
    );
    const entries: readonly Entry[] = (streams ?? []).flatMap(({ messages }) => messages);
    return entries.map((entry) => heldOf(entry, 1));
  }

  /** Ends a read that waits. One that is on its way there ends after BLOCK_MS. */
  async unblock(): Promise<void> {
    const { reader: { id }, writer } = this.parts;
    if (id !== undefined) await writer.run((client) => client.clientUnblock(id)).catch(() => {});
  }

  /** Takes again what was delivered to this consumer and is not known to it: a reply got lost. */
  async recover(known: ReadonlySet<string>): Promise<readonly Held[]> {
    const { reader, channel, group, consumer } = this.parts;
    return await reader.run(async (client) => {
      const pending = await client.xPendingRange(channel, group, "-", "+", PENDING_MAX, {
        consumer,
      });
      const lost = pending.filter(({ id }) => !known.has(id));
      if (lost.length === 0) return [];
      const ids = lost.map(({ id }) => id);
      const entries = await client.xClaim(channel, group, consumer, 0, ids);
      const deliveries = new Map(lost.map((entry) => [entry.id, entry.deliveriesCounter]));
      return present(entries).map((entry) => heldOf(entry, (deliveries.get(entry.id) ?? 0) + 1));
    });
  }

  /** Takes over entries that nobody settled or extended for a lease. */
  async reclaim(count: number): Promise<Reclaimed> {
    const { writer, channel, group, consumer, leaseMs } = this.parts;
    return await writer.run(async (client) => {
      const claimed = await client.xAutoClaim(channel, group, consumer, leaseMs, this.#cursor, {
        COUNT: count,
      });
      this.#cursor = claimed.nextId;
      const entries = present(claimed.messages);
      const deliveries = await this.#deliveriesOf(client, entries);
      return {
        held: entries.map((entry) => heldOf(entry, deliveries.get(entry.id) ?? 1)),
        deleted: claimed.deletedMessages?.length ?? 0,
      };
    });
  }

  /** Keeps entries for another lease. An entry that is acknowledged does not come back by this. */
  async extend(ids: readonly string[]): Promise<void> {
    const { writer, channel, group, consumer } = this.parts;
    if (ids.length === 0) return;
    await writer.run((client) => client.xClaimJustId(channel, group, consumer, 0, [...ids]));
  }

  /** Lets others have entries at once, and tells them how often they were delivered. */
  async release(entries: readonly Held[]): Promise<void> {
    const { writer, channel, group, consumer, leaseMs } = this.parts;
    if (entries.length === 0) return;
    await writer.run((client) =>
      Promise.all(
        entries.map(({ id, deliveries }) =>
          client.xClaimJustId(channel, group, consumer, 0, id, {
            IDLE: leaseMs,
            RETRYCOUNT: deliveries,
          })
        ),
      )
    );
  }

  /** Acknowledges entries and removes them from the stream. */
  async acknowledge(ids: readonly string[]): Promise<void> {
    const { writer, channel, group } = this.parts;
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

  /** Removes this consumer's name, unless entries still hang on it: they would go with it. */
  async leave(): Promise<void> {
    await this.#forget(({ name }) => name === this.parts.consumer);
  }

  /** Removes the names of consumers that died long ago. */
  async sweep(): Promise<void> {
    await this.#forget(({ idle }) => idle > FORGOTTEN_MS);
  }

  async #forget(isMeant: (consumer: { name: string; idle: number }) => boolean): Promise<void> {
    const { writer, channel, group } = this.parts;
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
    const { channel, group, consumer } = this.parts;
    const pending = await client.xPendingRange(channel, group, first.id, last.id, PENDING_MAX, {
      consumer,
    });
    return new Map(pending.map(({ id, deliveriesCounter }) => [id, deliveriesCounter]));
  }
}

/** What another program wrote without our field is handed on as it is: the handler refuses it. */
function heldOf({ id, message }: Entry, deliveries: number): Held {
  return { id, body: message[FIELD] ?? JSON.stringify(message), deliveries };
}

/** Entries that are gone from the stream are null. */
function present(entries: readonly (Entry | null)[]): readonly Entry[] {
  return entries.filter((entry) => entry !== null);
}
