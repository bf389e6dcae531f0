/** Limits: how much one key may ask for. What is too much is pushed back, with when to come again. */

import type { Runtime } from "../core/ports.ts";
import { refused } from "./failure.ts";

/** Requests of one key: this many at once, then this many a second. */
const REQUESTS = { burst: 300, perS: 50 } as const;

/** Calls of one key that change something. */
const WRITES = { burst: 30, perS: 2 } as const;

/** Calls of one key that are under way: some wait for tasks, some read many. */
const UNDER_WAY_MAX = 16;

/** Keys that are remembered; the one that was seen longest ago is forgotten first. */
const KEYS_MAX = 1_000;

/** How fast a bucket fills. */
type Rate = { readonly burst: number; readonly perS: number };

/** What one key has left. */
interface Use {
  readonly requests: Bucket;
  readonly writes: Bucket;
  underWay: number;
}

/** A token bucket: full at first, and again after a while. */
class Bucket {
  #level: number;
  #atMs: number;

  constructor(readonly rate: Rate, nowMs: number) {
    this.#level = rate.burst;
    this.#atMs = nowMs;
  }

  /** Takes one; else returns after how many milliseconds there is one. */
  take(nowMs: number): number {
    const { burst, perS } = this.rate;
    this.#level = Math.min(burst, this.#level + (nowMs - this.#atMs) / 1_000 * perS);
    this.#atMs = nowMs;
    if (this.#level < 1) return Math.ceil((1 - this.#level) / perS * 1_000);
    this.#level -= 1;
    return 0;
  }
}

/** Counts what keys ask for on this node. */
export class Limits {
  /** The one seen longest ago first. */
  readonly #uses = new Map<string, Use>();

  constructor(private readonly runtime: Pick<Runtime, "monotonic">) {}

  /** Counts a request. @throws {ClientError} api.rate_limited */
  request(keyId: string): void {
    this.#demand(this.#useOf(keyId).requests, "requests");
  }

  /**
   * Counts a call until it is released.
   *
   * @throws {ClientError} api.rate_limited
   */
  call(keyId: string, isWrite: boolean): () => void {
    const use = this.#useOf(keyId);
    if (use.underWay >= UNDER_WAY_MAX) {
      throw refused(
        "api.rate_limited",
        `Cannot take the call: ${UNDER_WAY_MAX} calls of this key are under way`,
        1_000,
      );
    }
    if (isWrite) this.#demand(use.writes, "calls that change something");
    use.underWay++;
    return () => void use.underWay--;
  }

  #demand(bucket: Bucket, what: string): void {
    const waitMs = bucket.take(this.runtime.monotonic());
    if (waitMs === 0) return;
    const { burst, perS } = bucket.rate;
    throw refused(
      "api.rate_limited",
      `Cannot take the request: more than ${burst} ${what} at once, or ${perS} a second, ` +
        "came with this key",
      waitMs,
    );
  }

  #useOf(keyId: string): Use {
    const nowMs = this.runtime.monotonic();
    const use = this.#uses.get(keyId) ??
      { requests: new Bucket(REQUESTS, nowMs), writes: new Bucket(WRITES, nowMs), underWay: 0 };
    this.#uses.delete(keyId);
    this.#uses.set(keyId, use);
    if (this.#uses.size > KEYS_MAX) this.#uses.delete(this.#uses.keys().next().value as string);
    return use;
  }
}
