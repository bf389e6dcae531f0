/** A Runtime whose deadlines a test fires by hand, and whose rests are over at once. */

import type { Cancel, Runtime } from "../../src/core/ports.ts";
import { openRuntime } from "../../src/server/runtime.ts";

/** What waits at least this long is a deadline; the rest is a rest between two tries. */
const DEADLINE_MS_MIN = 4_000;

/** The platform's runtime, except for time. */
export class ManualRuntime implements Runtime {
  readonly #platform = openRuntime();
  readonly #deadlines = new Set<() => void>();

  /** Fires every deadline that is running. */
  fireDeadlines(): void {
    for (const fire of [...this.#deadlines]) {
      this.#deadlines.delete(fire);
      fire();
    }
  }

  after(ms: number, call: () => void): Cancel {
    if (ms < DEADLINE_MS_MIN) return this.#platform.after(0, call);
    const fire = () => call();
    this.#deadlines.add(fire);
    return () => void this.#deadlines.delete(fire);
  }

  /** Deadlines that are running. */
  get deadlines(): number {
    return this.#deadlines.size;
  }

  now(): number {
    return this.#platform.now();
  }

  monotonic(): number {
    return this.#platform.monotonic();
  }

  setOffset(databaseNowMs: number): void {
    this.#platform.setOffset(databaseNowMs);
  }

  soon(call: () => void): void {
    this.#platform.soon(call);
  }

  random(): number {
    return this.#platform.random();
  }

  uuid(): string {
    return this.#platform.uuid();
  }

  sign(secret: string, text: string): string {
    return this.#platform.sign(secret, text);
  }

  digest(text: string): string {
    return this.#platform.digest(text);
  }
}
