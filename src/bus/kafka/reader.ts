/** Partition reader: asks the leaders of partitions for records while a consumer waits for some. */

import type { Consumer } from "@platformatic/kafka";
import { bodyWith } from "../body.ts";
import { clientOptions, closeClient, type KafkaDeps } from "./client.ts";
import type { PartitionWindow } from "./window.ts";

/** How long a server may wait for the first record of an answer; shorter than REQUEST_MS_MAX. */
const WAIT_MS = 1_000;

/** Bytes of one answer, and of one partition in it. A larger batch comes alone. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
const PARTITION_BYTES_MAX = 1024 * 1024;

/** Who leads a partition whose servers are all away: the others are read meanwhile. */
const NOBODY = -1;

/** A bit of a batch: it has marks of transactions and no records. */
const IS_CONTROL = 0x20;

/** The header of a copy: the id of the record as it was first published. */
export const MOVED = "taskermoved";

/** One record as it was read. */
export interface ReadRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string | undefined;
  readonly body: string;
  /** Of a copy: the id of the record as it was first published. */
  readonly moved: string | undefined;
}

/** What a reader works with. */
interface ReaderDeps extends KafkaDeps {
  readonly topic: string;
  /** The partitions to read, and where to go on. */
  readonly windows: ReadonlyMap<number, PartitionWindow>;
  /** Whether somebody waits for a record. */
  isWanted(): boolean;
  accept(records: readonly ReadRecord[]): void;
  fail(error: unknown): void;
}

/** An answer of the library. */
type Answer = Awaited<ReturnType<Consumer["fetch"]>>;
type Batch = NonNullable<Answer["responses"][number]["partitions"][number]["records"]>[number];

/**
 * Has at most one request under way to each server, on connections of its own: a server that waits for
 * records answers nothing else on the same connection.
 *
 * (The library's stream of records is not used: it ends after a server was away, reads ahead without a
 * bound in bytes, and after a partition was lost and got back may go on where it stopped, although
 * nothing before that was committed.)
 */
export class PartitionReader {
  /** Servers that are asked. */
  readonly #asked = new Set<number>();
  #client: Consumer | undefined;
  #isLooking = false;
  #isClosed = false;

  constructor(readonly deps: ReaderDeps) {}

  /** Asks all servers that are not asked yet, if somebody waits. */
  read(): void {
    if (this.#isLooking || this.#isClosed || !this.deps.isWanted()) return;
    this.#isLooking = true;
    void this.#readAll().catch((error) => this.deps.fail(error)).finally(() => {
      this.#isLooking = false;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) await closeClient(this.deps.runtime, client);
  }

  async #readAll(): Promise<void> {
    const { topic, windows } = this.deps;
    const client = this.#open();
    const metadata = await client.metadata({ topics: [topic] });
    const found = metadata.topics.get(topic);
    const byLeader = new Map<number, [number, PartitionWindow][]>();
    for (const [partition, window] of windows) {
      const leader = found?.partitions[partition]?.leader ?? NOBODY;
      if (leader === NOBODY || this.#asked.has(leader)) continue;
      byLeader.set(leader, [...byLeader.get(leader) ?? [], [partition, window]]);
    }
    if (byLeader.size === 0 && this.#asked.size === 0 && windows.size > 0) {
      throw new Error("no partition has a leader");
    }
    for (const [leader, asked] of byLeader) void this.#ask(leader, found?.id ?? "", asked);
  }

  async #ask(
    leader: number,
    topicId: string,
    asked: readonly (readonly [number, PartitionWindow])[],
  ): Promise<void> {
    this.#asked.add(leader);
    try {
      const partitions = asked.map(([partition, { next }]) => ({
        partition,
        fetchOffset: next,
        partitionMaxBytes: PARTITION_BYTES_MAX,
        currentLeaderEpoch: -1,
        lastFetchedEpoch: -1,
      }));
      const answer = await this.#open().fetch({
        node: leader,
        topics: [{ topicId, partitions }],
        minBytes: 1,
        maxBytes: ANSWER_BYTES_MAX,
        maxWaitTime: WAIT_MS,
      });
      this.#accept(answer, new Map(asked));
    } catch (error) {
      if (!this.#isClosed) this.deps.fail(error);
    } finally {
      this.#asked.delete(leader);
    }
    this.read();
  }

  /** A window that is not the one that was asked for is of another time: its partition was lost. */
  #accept(answer: Answer, asked: ReadonlyMap<number, PartitionWindow>): void {
    for (const { partitionIndex, records } of answer.responses.flatMap((one) => one.partitions)) {
      const window = this.deps.windows.get(partitionIndex);
      if (window === undefined || window !== asked.get(partitionIndex)) continue;
      for (const batch of records ?? []) {
        this.deps.accept(recordsOf(batch, partitionIndex));
        // The end of a batch may hold nothing that is handed over.
        const after = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
        if (window.next < after) window.next = after;
      }
    }
  }

  #open(): Consumer {
    const { library, url, topic } = this.deps;
    if (this.#client !== undefined) return this.#client;
    // It never joins the group.
    const client: Consumer = new library.Consumer({ ...clientOptions(url), groupId: topic });
    client.topics.track(topic);
    client.on("error", () => {});
    return this.#client = client;
  }
}

function recordsOf(batch: Batch, partition: number): readonly ReadRecord[] {
  if ((batch.attributes & IS_CONTROL) !== 0) return [];
  return batch.records.map(({ key, value, headers, offsetDelta }) => {
    const named = new Map(headers.map(([name, text]) => [textOf(name) ?? "", textOf(text) ?? ""]));
    return {
      partition,
      offset: batch.firstOffset + BigInt(offsetDelta),
      key: textOf(key),
      body: bodyWith(named, textOf(value) ?? ""),
      moved: movedOf(named, partition),
    };
  });
}

/** A copy stays in its partition: what says otherwise is not from here. */
function movedOf(headers: ReadonlyMap<string, string>, partition: number): string | undefined {
  const id = headers.get(MOVED);
  return id !== undefined && /^\d+:\d+$/.test(id) && id.startsWith(`${partition}:`)
    ? id
    : undefined;
}

function textOf(bytes: Uint8Array | null | undefined): string | undefined {
  return bytes === null || bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}
