/** Envelope ids: UUIDv7 that rise with every call, so that a table is read in the order of writing. */

import type { Runtime } from "../core/ports.ts";

/** Ids of one millisecond; after them the next millisecond is borrowed. */
const PER_MS = 4_096;

/** Mints ids; those of other nodes are in order as far as their clocks agree. */
export class EnvelopeIds {
  #ms = 0;
  #count = 0;

  constructor(readonly runtime: Pick<Runtime, "now" | "uuid">) {}

  /** Source: RFC 9562 §6.2, method 1, with `rand_a` as the counter. */
  next(): string {
    const nowMs = Math.floor(this.runtime.now());
    this.#count++;
    if (nowMs > this.#ms || this.#count === PER_MS) {
      this.#ms = Math.max(nowMs, this.#ms + 1);
      this.#count = 0;
    }
    const count = this.#count.toString(16).padStart(3, "0");
    return `${timeOf(this.#ms)}-7${count}-${this.runtime.uuid().slice(19)}`;
  }
}

/** Returns the lowest id of a moment. */
export function firstIdAt(ms: number): string {
  return `${timeOf(ms)}-7000-8000-000000000000`;
}

function timeOf(ms: number): string {
  const hex = Math.max(0, Math.floor(ms)).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
