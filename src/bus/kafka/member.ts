/** Group member: reads the partitions of a topic that its group gives to this process, and commits. */

import type { Consumer } from "@platformatic/kafka";
import { Batcher } from "../../core/batcher.ts";
import { messageOf } from "../../core/errors.ts";
import type { Taken } from "../consumer.ts";
import {
  clientOptions,
  closeClient,
  isAnswer,
  isUnknownTopic,
  type KafkaDeps,
  kafkaError,
  within,
} from "./client.ts";
import { MOVED, PartitionReader, type ReadRecord } from "./reader.ts";
import type { RecordProducer } from "./producer.ts";
import type { Topics } from "./topics.ts";
import { type OpenRecord, PartitionWindow } from "./window.ts";

/** A member that is silent for so long is dead: others get its partitions. */
const SESSION_MS = 10_000;

/** How often a member says that it lives, and learns that partitions are shared out anew. */
const HEARTBEAT_MS = 1_000;

/** How long the group waits for all its members to take part when partitions are shared out. */
const REBALANCE_MS = 15_000;

/** A request to join is answered only then. */
const JOIN_MS_MAX = REBALANCE_MS + 5_000;

/** How long a member that is to end waits until it has joined again. */
const REJOIN_MS_MAX = 5_000;

/** A record that has not settled for so long, while later ones have, is moved to the end. */
const STUCK_MS = 30_000;

/** The same for one with so many offsets behind it: all of them come again after a crash. */
export const SPAN_MAX = 10_000n;

/** Who is a member of what. */
interface MemberDeps extends KafkaDeps {
  /** The group has the same name. */
  readonly topic: string;
  readonly topics: Topics;
  readonly producer: RecordProducer;
}

/** A consumer that waits for records. */
interface Taker {
  readonly count: number;
  readonly resolve: (taken: readonly Taken[]) => void;
  readonly reject: (error: unknown) => void;
}

/** What the library says when the group has shared out its partitions. */
interface Joined {
  readonly memberId: string;
  readonly generationId?: number;
  readonly assignments?: readonly { readonly topic: string; readonly partitions: number[] }[];
}

/**
 * One member of a group, for all consumers of this process. Records are read only while a consumer
 * waits for one, so what lies here unread is bounded by one answer of each server.
 *
 * Joined anew after whatever ended the membership: then every window begins again at what is
 * committed, and what had not settled comes again.
 */
export class GroupMember {
  readonly #windows = new Map<number, PartitionWindow>();
  readonly #commits: Batcher<number>;
  readonly #reader: PartitionReader;
  /** Read, and waiting for a consumer. */
  #unread: Taken[] = [];
  #takers: Taker[] = [];
  #consumer: Consumer | undefined;
  #joining: Promise<void> | undefined;
  /** Of the group, as this member knows it. */
  #joined: Joined | undefined;
  #locating: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(readonly deps: MemberDeps) {
    this.#commits = new Batcher({
      runtime: deps.runtime,
      send: (partitions) => this.#commit(partitions),
    });
    this.#reader = new PartitionReader({
      ...deps,
      windows: this.#windows,
      isWanted: () => this.#takers.length > 0 && this.#unread.length === 0,
      accept: (records) => this.#accept(records),
      fail: (error) => void this.#fail(error),
    });
  }

  /**
   * Joins the group; resolves when this member has its partitions.
   *
   * @throws {TaskerError} bus.unavailable
   */
  open(): Promise<void> {
    if (this.#consumer !== undefined && this.#joining === undefined) return Promise.resolve();
    return this.#joining ??= this.#join().finally(() => this.#joining = undefined);
  }

  /**
   * Takes up to `count`; waits for the first. Empty once the signal has aborted.
   *
   * @throws {TaskerError} bus.unavailable
   */
  async take(count: number, signal: AbortSignal): Promise<readonly Taken[]> {
    await this.open();
    if (signal.aborted) return [];
    if (this.#unread.length > 0) return this.#unread.splice(0, count);
    const { promise, resolve, reject } = Promise.withResolvers<readonly Taken[]>();
    const taker: Taker = { count, resolve, reject };
    const stop = () => {
      this.#takers = this.#takers.filter((one) => one !== taker);
      resolve([]);
    };
    this.#takers.push(taker);
    signal.addEventListener("abort", stop, { once: true });
    this.#reader.read();
    return await promise.finally(() => signal.removeEventListener("abort", stop));
  }

  /** Settles a record for good; resolves when all that this makes committable is committed. */
  async acknowledge(id: string): Promise<void> {
    const partition = partitionOf(id);
    const window = this.#windows.get(partition);
    if (window === undefined) return;
    const before = window.committable;
    window.settle(id);
    if (window.committable > before) await this.#commits.put(partition);
    else void this.#moveStuck(partition, window);
  }

  /** Lets other consumers of this process have records; the group gets them when it leaves. */
  giveBack(taken: readonly Taken[]): void {
    const open = taken.filter(({ id }) => this.#windows.get(partitionOf(id))?.isOpen(id));
    this.#unread.unshift(...open);
    this.#serve();
  }

  /** Leaves the group. What has not settled goes to others. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#joining?.catch(() => {});
    await this.#locating;
    await this.#commits.idle();
    const consumer = this.#consumer;
    if (consumer !== undefined) {
      await this.#rejoined(consumer);
      await this.#drop(consumer);
    }
    await this.#reader.close();
  }

  /**
   * Waits while the member joins again: the library forgets a timer if it is closed meanwhile, and
   * the group would wait for a member that is gone.
   */
  async #rejoined(consumer: Consumer): Promise<void> {
    if (consumer.isActive()) return;
    const joined = Promise.withResolvers<void>();
    consumer.once("consumer:group:join", () => joined.resolve());
    consumer.once("error", () => joined.resolve());
    await within(this.deps.runtime, REJOIN_MS_MAX, joined.promise).catch(() => {});
  }

  async #join(): Promise<void> {
    const { library, url, topic, topics, log } = this.deps;
    await topics.demand(topic);
    const consumer: Consumer = new library.Consumer({
      ...clientOptions(url),
      groupId: topic,
      requestTimeout: JOIN_MS_MAX,
      retries: 3,
      retryDelay: 300,
      sessionTimeout: SESSION_MS,
      rebalanceTimeout: REBALANCE_MS,
      heartbeatInterval: HEARTBEAT_MS,
      // Nobody listens to it, and the library does not clear its timer where a member that is closed
      // could not join again.
      heartbeatStallTimeout: 0,
    });
    consumer.topics.track(topic);
    consumer.on("consumer:group:join", (joined) => {
      this.#locating = this.#locating.then(() => this.#locate(consumer, joined));
    });
    // The library has given up joining again. Without a listener, this would end the process.
    consumer.on("error", (error: unknown) => {
      log.warn("A consumer has lost its group: it joins again", { topic, error: messageOf(error) });
      void this.#fail(error, consumer);
    });
    this.#consumer = consumer;
    try {
      await consumer.joinGroup({});
      await this.#locating;
      if (this.#consumer !== consumer) throw new Error("the group was lost at once");
    } catch (error) {
      this.#noteDeleted(error);
      await this.#drop(consumer);
      throw kafkaError(error);
    }
  }

  /**
   * Makes windows for the partitions that are new here, and forgets those that are gone. A member that
   * got another id was out of the group meanwhile: others may have had any of its partitions.
   */
  async #locate(consumer: Consumer, joined: Joined): Promise<void> {
    if (this.#consumer !== consumer) return;
    const { topic, topics } = this.deps;
    const mine = joined.assignments?.find((one) => one.topic === topic)?.partitions ?? [];
    const isSameMember = this.#joined?.memberId === joined.memberId;
    this.#joined = joined;
    for (const partition of [...this.#windows.keys()]) {
      if (!isSameMember || !mine.includes(partition)) this.#forget(partition);
    }
    const fresh = mine.filter((partition) => !this.#windows.has(partition));
    if (fresh.length === 0) return this.#reader.read();
    try {
      const positions = (await topics.positions(topic)).filter((one) =>
        fresh.includes(one.partition)
      );
      if (positions.length === 0) throw new Error(`Unknown topic ${topic}`);
      for (const { partition, earliest, latest, committed = earliest } of positions) {
        // Beyond its ends there is nothing to read: the log was trimmed, or made anew.
        const isThere = committed >= earliest && committed <= latest;
        this.#windows.set(partition, new PartitionWindow(isThere ? committed : earliest));
      }
      // Now the group is known to have been here, even if nothing ever comes.
      await this.#commitWindows(consumer, fresh);
      this.#reader.read();
    } catch (error) {
      this.#noteDeleted(error);
      await this.#drop(consumer);
      this.#reject(error);
    }
  }

  /** Lets the next `open` make the topic again, if this error says that it is gone. */
  #noteDeleted(error: unknown): void {
    if (!isUnknownTopic(error)) return;
    const { topic, topics, log } = this.deps;
    log.warn("A topic was deleted with all that was in it: it is made again", { topic });
    topics.forget(topic);
  }

  #forget(partition: number): void {
    this.#windows.delete(partition);
    this.#unread = this.#unread.filter(({ id }) => partitionOf(id) !== partition);
  }

  #accept(records: readonly ReadRecord[]): void {
    for (const { partition, offset, key, body, moved } of records) {
      const window = this.#windows.get(partition);
      if (window === undefined || offset < window.next) continue;
      const id = moved ?? `${partition}:${offset}`;
      const takenAtMs = this.deps.runtime.monotonic();
      const isNew = window.take({ id, offset, key, body, takenAtMs });
      if (isNew) this.#unread.push({ id, body, deliveries: 1 });
    }
    this.#serve();
  }

  #serve(): void {
    while (this.#unread.length > 0) {
      const taker = this.#takers.shift();
      if (taker === undefined) return;
      taker.resolve(this.#unread.splice(0, taker.count));
    }
  }

  /** Everyone who waits learns why. Where the membership is of no use any more, it ends. */
  async #fail(error: unknown, consumer = this.#consumer): Promise<void> {
    if (this.#isClosed || consumer === undefined) return this.#reject(error);
    this.#noteDeleted(error);
    const isOver = isUnknownTopic(error) || isAnswer(error, "OFFSET_OUT_OF_RANGE");
    if (isOver || !consumer.isActive()) await this.#drop(consumer);
    this.#reject(error);
  }

  #reject(error: unknown): void {
    const takers = this.#takers;
    this.#takers = [];
    for (const { reject } of takers) reject(kafkaError(error));
  }

  /** Ends a membership; the next `take` begins another. */
  async #drop(consumer: Consumer): Promise<void> {
    if (this.#consumer === consumer) {
      this.#consumer = undefined;
      this.#joined = undefined;
      for (const partition of [...this.#windows.keys()]) this.#forget(partition);
    }
    await closeClient(this.deps.runtime, consumer);
  }

  async #commit(partitions: readonly number[]): Promise<void> {
    const consumer = this.#consumer;
    if (consumer === undefined) return;
    try {
      await this.#commitWindows(consumer, partitions);
    } catch (error) {
      // The group has gone on without this member: what it had goes to others, and comes again.
      if (!consumer.isActive() || isUnknownTopic(error)) return void this.#fail(error, consumer);
      throw kafkaError(error);
    }
  }

  async #commitWindows(consumer: Consumer, partitions: readonly number[]): Promise<void> {
    const { topic } = this.deps;
    const offsets = [...new Set(partitions)].flatMap((partition) => {
      const window = this.#windows.get(partition);
      if (window === undefined) return [];
      return [{ topic, partition, offset: window.committable, leaderEpoch: -1 }];
    });
    if (offsets.length > 0) await consumer.commit({ offsets });
  }

  /** A record that keeps the committed offset back for too long makes room for those behind it. */
  async #moveStuck(partition: number, window: PartitionWindow): Promise<void> {
    const record = window.oldest;
    if (record === undefined || window.isMoving(record.id)) return;
    const ageMs = this.deps.runtime.monotonic() - record.takenAtMs;
    if (ageMs < STUCK_MS && window.span < SPAN_MAX) return;
    window.move(record.id);
    try {
      await this.#publishCopy(partition, record);
      window.moved(record.id);
      if (this.#windows.get(partition) === window) await this.#commits.put(partition);
    } catch (error) {
      window.moveFailed(record.id);
      const fields = { topic: this.deps.topic, error: messageOf(error) };
      this.deps.log.warn("Cannot move a record that others wait for: it is tried again", fields);
    }
  }

  async #publishCopy(partition: number, { id, key, body }: OpenRecord): Promise<void> {
    await this.deps.producer.put({
      topic: this.deps.topic,
      partition,
      key: key ?? id,
      value: new TextEncoder().encode(body),
      headers: { [MOVED]: id },
    });
  }
}

/** A record keeps its partition, whatever is done with it. */
function partitionOf(id: string): number {
  return Number(id.slice(0, id.indexOf(":")));
}
