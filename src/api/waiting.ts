/** Waiting: the clients that hold a connection open, bounded and sent home when the node drains. */

import { TaskerError } from "../core/errors.ts";
import type { Gauge } from "../telemetry/instrument.ts";

/** Long polls and event streams at once on one node. */
export const WAITING_MAX = 2_000;

/** Ask again after this long when the places are taken. */
const BUSY_RETRY_AFTER_MS = 5_000;

/** One client's place. */
export interface Place {
  /** Aborts when the client goes or the node drains. */
  readonly signal: AbortSignal;
  /** Gives the place back; safe to repeat. */
  leave(): void;
}

/** Hands out places to clients that wait. */
export class Waiting {
  readonly #places = new Set<AbortController>();
  readonly #count: Gauge;
  #isClosed = false;

  constructor(count: Gauge) {
    this.#count = count;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** @throws {TaskerError} api.busy when all places are taken, node.draining once closed */
  enter(client: AbortSignal): Place {
    if (this.#isClosed) throw new TaskerError("node.draining", "Cannot wait here: the node drains");
    if (this.#places.size >= WAITING_MAX) {
      throw new TaskerError("api.busy", `Cannot wait here: ${WAITING_MAX} clients wait already`, {
        retryAfterMs: BUSY_RETRY_AFTER_MS,
      });
    }
    const controller = new AbortController();
    const go = () => controller.abort();
    if (client.aborted) go();
    client.addEventListener("abort", go, { once: true });
    this.#places.add(controller);
    this.#count.set(this.#places.size);
    return {
      signal: controller.signal,
      leave: () => {
        client.removeEventListener("abort", go);
        this.#places.delete(controller);
        this.#count.set(this.#places.size);
      },
    };
  }

  /** Sends everybody home; nobody is let in any more. */
  close(): void {
    this.#isClosed = true;
    for (const controller of [...this.#places]) controller.abort();
  }
}
