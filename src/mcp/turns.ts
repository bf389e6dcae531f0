/** Turns: a node works on few requests at once, and keys take turns, so that a burst holds up its own key alone. */

import type { Runtime } from "../core/ports.ts";

/** Requests that are worked on at once. They share one thread: more of them would not end sooner. */
const AT_ONCE_MAX = 4;

/** A request that takes longer while the thread is free waits for a task or Postgres: its place goes to the next. */
const PLACE_MS_MAX = 50;

/** A timer that is this late says that the thread is busy. */
const LATE_MS = 50;

/** Who waits for a turn on this node. Nothing of a request is read before its turn. */
export class Turns {
  /** Requests that wait, by key; the key whose turn is next comes first. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #free = AT_ONCE_MAX;

  constructor(private readonly runtime: Pick<Runtime, "after" | "monotonic">) {}

  /** Waits for a turn of this key; what it returns ends the turn, and is safe to repeat. */
  async take(key: string): Promise<() => void> {
    if (this.#free > 0) this.#free--;
    else await this.#wait(key);
    let cancel = () => {};
    let isOver = false;
    const end = () => {
      cancel();
      if (!isOver) this.#next();
      isOver = true;
    };
    const look = () => {
      const dueMs = this.runtime.monotonic() + PLACE_MS_MAX;
      cancel = this.runtime.after(PLACE_MS_MAX, () => {
        if (this.runtime.monotonic() - dueMs < LATE_MS) end();
        else look();
      });
    };
    look();
    return end;
  }

  #wait(key: string): Promise<void> {
    return new Promise((start) => {
      const line = this.#waiting.get(key);
      if (line === undefined) this.#waiting.set(key, [start]);
      else line.push(start);
    });
  }

  /** Hands the place on: to the first of the key that has waited longest, which goes to the end then. */
  #next(): void {
    const [next] = this.#waiting;
    if (next === undefined) return void this.#free++;
    const [key, line] = next;
    const start = line.shift();
    this.#waiting.delete(key);
    if (line.length > 0) this.#waiting.set(key, line);
    start?.();
  }
}
