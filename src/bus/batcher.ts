/** Batcher: what is to be sent while a call is under way goes out together in the next. */

import { messageOf } from "../core/errors.ts";
import type { Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";

/** Items of one call. */
export const GATHERED_MAX = 1_000;

/** How often a call is tried, and the rest before each next try: doubled each time. */
export const TRIES_MAX = 4;
export const AGAIN_MS = 200;

/** What gathering works with. */
export interface BatcherDeps<T> {
  readonly runtime: Runtime;
  readonly log: Log;
  /** For the log: what could not be done. */
  readonly what: string;
  /** Must be safe to repeat. */
  send(items: readonly T[]): Promise<unknown>;
}

interface Gathered<T> {
  readonly item: T;
  readonly done: () => void;
}

/** Sends at once when nothing is under way; never waits to fill a call. */
export class Batcher<T> {
  #waiting: Gathered<T>[] = [];
  #isSending = false;

  constructor(readonly parts: BatcherDeps<T>) {}

  /** Resolves when the item was sent, or given up after TRIES_MAX calls: its lease then ends. */
  put(item: T): Promise<void> {
    return new Promise((done) => {
      this.#waiting.push({ item, done });
      if (!this.#isSending) void this.#sendAll();
    });
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, GATHERED_MAX);
      await this.#send(batch.map(({ item }) => item));
      for (const { done } of batch) done();
    }
    this.#isSending = false;
  }

  async #send(items: readonly T[]): Promise<void> {
    const { runtime, log, what, send } = this.parts;
    for (let tries = 1;; tries++) {
      try {
        return void await send(items);
      } catch (error) {
        if (tries === TRIES_MAX) {
          const said = { items: items.length, error: messageOf(error) };
          return log.warn(`Cannot ${what}: the envelopes come again`, said);
        }
      }
      await new Promise<void>((wake) => runtime.after(AGAIN_MS * 2 ** (tries - 1), wake));
    }
  }
}
