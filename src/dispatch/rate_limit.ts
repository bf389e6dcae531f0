/** Rate limit: lets items pass at a rate, and makes the rest wait. */

import { wait } from "../core/backoff.ts";
import type { Runtime } from "../core/ports.ts";

const SECOND_MS = 1_000;

/** How much may pass: items, and characters of them. */
interface Rate {
  readonly perSecond: number;
  readonly lengthPerSecond: number;
}

/**
 * Two token buckets, of items and of their characters. Each holds what passes in a second, and only
 * time fills it. What does not fit waits for its turn, in order.
 */
export class RateLimit {
  /** When all that has passed is paid off, by the monotonic clock. */
  readonly #paidAtMs = { items: -Infinity, length: -Infinity };

  constructor(readonly runtime: Pick<Runtime, "after" | "monotonic">, readonly rate: Rate) {}

  /** Resolves when an item of this length may pass, or when the signal aborts. Cost: O(1). */
  async pass(length: number, signal: AbortSignal): Promise<void> {
    const { perSecond, lengthPerSecond } = this.rate;
    const delayMs = Math.max(
      this.#pay("items", SECOND_MS / perSecond),
      this.#pay("length", SECOND_MS * length / lengthPerSecond),
    );
    if (delayMs > 0) await wait(this.runtime, delayMs, signal);
  }

  /** Adds a cost; returns how long the item has to wait, because a second's worth is spent. */
  #pay(bucket: "items" | "length", costMs: number): number {
    const nowMs = this.runtime.monotonic();
    const paidAtMs = Math.max(this.#paidAtMs[bucket], nowMs) + costMs;
    this.#paidAtMs[bucket] = paidAtMs;
    return paidAtMs - nowMs - SECOND_MS;
  }
}
