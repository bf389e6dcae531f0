/** Stream memory: the bytes that wait for clients of event streams, bounded for all together. */

/** Bytes that may wait for all clients; what waits for many of them counts once. */
export const STREAMS_BYTES_MAX = 64 * 1024 * 1024;

/** Counts what waits, and ends the slowest streams when it is too much. */
export class StreamMemory {
  readonly #holders = new Map<Uint8Array, number>();
  /** How to end each stream whose client is taking something, the longest first. */
  readonly #sending = new Set<() => void>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size > STREAMS_BYTES_MAX;
  }

  hold(bytes: Uint8Array): void {
    const holders = this.#holders.get(bytes) ?? 0;
    if (holders === 0) this.#size += bytes.length;
    this.#holders.set(bytes, holders + 1);
  }

  release(bytes: Uint8Array): void {
    const holders = this.#holders.get(bytes) ?? 0;
    if (holders > 1) return void this.#holders.set(bytes, holders - 1);
    if (this.#holders.delete(bytes)) this.#size -= bytes.length;
  }

  /** Holds bytes while a client takes them. Too much in all: who takes longest is sent home. */
  async whileSent(bytes: Uint8Array, taken: () => Promise<void>, end: () => void): Promise<void> {
    this.hold(bytes);
    this.#sending.add(end);
    try {
      const [slowest] = this.#sending;
      if (this.isFull && slowest !== undefined && slowest !== end) {
        this.#sending.delete(slowest);
        slowest();
      }
      await taken();
    } finally {
      this.#sending.delete(end);
      this.release(bytes);
    }
  }
}
