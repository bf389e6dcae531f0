/** The batcher: what is put while a call is under way goes out together in the next one. */

import { wait } from "./backoff.ts";
import type { Runtime } from "./ports.ts";

/** Items of one call. */
const BATCH_MAX = 1_000;

/** What a batcher works with. */
export interface BatcherDeps<T> {
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
  /** The shortest time from the start of one call to the start of the next; 0 unless given. */
  readonly restMs?: number;
  send(items: readonly T[]): Promise<unknown>;
  /** The size of an item; with `sizeMax`, a call holds no more than that, or one item. */
  sizeOf?(item: T): number;
  readonly sizeMax?: number;
}

interface Put<T> {
  readonly item: T;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Sends at once when nothing is under way; never waits to fill a call. */
export class Batcher<T> {
  #waiting: Put<T>[] = [];
  #isSending = false;
  #sending: Promise<void> = Promise.resolve();
  #startedAtMs = -Infinity;

  constructor(readonly deps: BatcherDeps<T>) {}

  /** Resolves when the item was sent; rejects with what its call threw. */
  put(item: T): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (!this.#isSending) this.#sending = this.#sendAll();
    });
  }

  /** Resolves when nothing waits or is under way. */
  async idle(): Promise<void> {
    while (this.#isSending) await this.#sending;
  }

  async #sendAll(): Promise<void> {
    const { runtime, restMs = 0, send } = this.deps;
    this.#isSending = true;
    while (this.#waiting.length > 0) {
      const dueMs = this.#startedAtMs + restMs - runtime.monotonic();
      if (dueMs > 0) await wait(runtime, dueMs);
      this.#startedAtMs = runtime.monotonic();
      const batch = this.#waiting.splice(0, this.#count());
      try {
        await send(batch.map(({ item }) => item));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isSending = false;
  }

  /** How many of those that wait go out together. */
  #count(): number {
    const { sizeOf, sizeMax = Infinity } = this.deps;
    if (sizeOf === undefined) return BATCH_MAX;
    let size = 0;
    const after = this.#waiting.findIndex(({ item }, index) =>
      index === BATCH_MAX || (size += sizeOf(item)) > sizeMax && index > 0
    );
    return after < 0 ? BATCH_MAX : after;
  }
}
