/** The live feed: committed turns, encoded once and queued for each client. */

import type { Cancel, CommittedTurn, Feed } from "../core/ports.ts";
import type { CounterSeries } from "../telemetry/metrics.ts";
import { committedTurnDocument } from "../operations/task_documents.ts";
import type { Caller } from "./access.ts";
import { frameBytes, type StreamMemory } from "./sse.ts";

/** Turns and bytes that may wait for a slow client; newer turns are then counted, not kept. */
export const FEED_TURNS_MAX = 1_000;
export const FEED_BYTES_MAX = 2 * 1024 * 1024;

/** One client of the feed. */
class Listener {
  #queue: Uint8Array[] = [];
  #size = 0;
  #lost = 0;
  #wake: () => void = () => {};

  constructor(
    readonly caller: Caller,
    readonly memory: StreamMemory,
    /** Stops listening and drops what waits. */
    readonly close: () => void,
  ) {}

  /** Queues a turn. A client that has read all before gets it whatever its size. */
  add(bytes: Uint8Array): void {
    const isBehind = this.#queue.length > 0;
    const isTooMuch = this.#queue.length >= FEED_TURNS_MAX || this.memory.isFull ||
      this.#size + bytes.length > FEED_BYTES_MAX;
    if (isBehind && isTooMuch) this.#lost++;
    else {
      this.memory.hold(bytes);
      this.#queue.push(bytes);
      this.#size += bytes.length;
    }
    this.#wake();
  }

  /** Returns what comes next: a turn, the number of lost ones, or nothing. */
  take(): Uint8Array | undefined {
    const bytes = this.#queue.shift();
    if (bytes !== undefined) {
      this.memory.release(bytes);
      this.#size -= bytes.length;
      return bytes;
    }
    const turns = this.#lost;
    this.#lost = 0;
    return turns === 0 ? undefined : frameBytes([{ event: "lost", data: { turns } }]);
  }

  /** Resolves when there is something to read, or `signal` aborts. */
  filled(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        signal.removeEventListener("abort", this.#wake);
        resolve();
      };
      signal.addEventListener("abort", this.#wake, { once: true });
    });
  }

  /** Drops all that waits. */
  clear(): void {
    for (const bytes of this.#queue.splice(0)) this.memory.release(bytes);
  }
}

/** Shares one subscription to committed turns between all listeners. */
export class LiveFeed {
  readonly #listeners = new Set<Listener>();
  #cancel: Cancel | undefined;

  constructor(
    readonly feed: Feed,
    readonly memory: StreamMemory,
    readonly encoded: CounterSeries,
  ) {}

  /** Listens from now on, until the listener is closed. */
  listen(caller: Caller): Listener {
    const listener: Listener = new Listener(caller, this.memory, () => this.#leave(listener));
    this.#listeners.add(listener);
    this.#cancel ??= this.feed.subscribe((committed) => this.#publish(committed));
    return listener;
  }

  /** Cost: one encoding if anybody may see the turn, and one push for each who may. */
  #publish(committed: CommittedTurn): void {
    let bytes: Uint8Array | undefined;
    for (const listener of this.#listeners) {
      if (!listener.caller.covers(committed.namespace)) continue;
      bytes ??= this.#encode(committed);
      listener.add(bytes);
    }
  }

  #encode(committed: CommittedTurn): Uint8Array {
    this.encoded.add();
    return frameBytes([{ data: committedTurnDocument(committed) }]);
  }

  #leave(listener: Listener): void {
    listener.clear();
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
