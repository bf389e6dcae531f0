/** The window of one partition: what was taken from it, and up to where it may be committed. */

/** One record that was taken and has not settled. */
export interface OpenRecord {
  /** `partition:offset` of the record as it was first published; a copy keeps it. */
  readonly id: string;
  /** Where the record, or its newest copy, is. */
  readonly offset: bigint;
  readonly key: string | undefined;
  readonly body: string;
  /** Of the monotonic clock. */
  readonly takenAtMs: number;
}

/**
 * Kafka commits offsets, not records: all before the committed one count as done. So only what lies
 * before the oldest record that has not settled may be committed.
 *
 * A record that keeps the offset back for too long is moved: a copy goes to the end of the partition,
 * and the offset of the original is free. Who holds the record keeps it, under its first id; its copy
 * is not handed over when it arrives.
 */
export class PartitionWindow {
  /** By id, in the order of their offsets. */
  readonly #open = new Map<string, OpenRecord>();
  /** Ids of records whose copies are on their way, and whether they have settled meanwhile. */
  readonly #moving = new Map<string, { hasSettled: boolean }>();

  /** `next` is the offset to read from. */
  constructor(public next: bigint) {}

  /** The first offset that may not be committed as done; what lies before it is. */
  get committable(): bigint {
    return this.oldest?.offset ?? this.next;
  }

  /** The open record that keeps the committable offset back. */
  get oldest(): OpenRecord | undefined {
    for (const record of this.#open.values()) return record;
    return undefined;
  }

  /** How many offsets are read again if the consumer dies now. */
  get span(): bigint {
    return this.next - this.committable;
  }

  isOpen(id: string): boolean {
    return this.#open.has(id);
  }

  /** Takes the record at the next offset; false when it must not be handed over. */
  take(record: OpenRecord): boolean {
    const { id } = record;
    this.next = record.offset + 1n;
    const moving = this.#moving.get(id);
    if (moving !== undefined) {
      this.#moving.delete(id);
      this.#open.delete(id);
      if (!moving.hasSettled) this.#open.set(id, record);
      return false;
    }
    // The copy of a move that seemed to have failed.
    if (this.#open.has(id)) return false;
    this.#open.set(id, record);
    return true;
  }

  /** Settles a record for good; safe to repeat. */
  settle(id: string): void {
    this.#open.delete(id);
    const moving = this.#moving.get(id);
    if (moving !== undefined) moving.hasSettled = true;
  }

  /** Whether a copy of the record is on its way. */
  isMoving(id: string): boolean {
    return this.#moving.has(id);
  }

  /** Begins a move, before the copy is published: it may arrive before that is confirmed. */
  move(id: string): void {
    this.#moving.set(id, { hasSettled: false });
  }

  /** The broker has the copy: the original is done. */
  moved(id: string): void {
    if (this.#moving.has(id)) this.#open.delete(id);
  }

  /** The original stays, whether there is a copy or not. */
  moveFailed(id: string): void {
    this.#moving.delete(id);
  }
}
