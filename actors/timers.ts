/** Timers: one timer wheel for all actors. What is due says the journal; the wheel only wakes. */

import type { TaskId } from "../src/core/ids.ts";
import type { Cancel, Runtime } from "../src/core/ports.ts";

/** Width of a bucket in ms: how late a wake may be. */
const BUCKET_MS = 10;

/** The longest timer in ms; the platform allows 24 days. */
const SLEEP_MS_MAX = 86_400_000;

/**
 * Wakes tasks at a time of the Runtime's clock.
 *
 * A task has one entry. An earlier time moves it; a later one is ignored, since the actor sets its
 * timer again when it wakes. The wheel uses one timer of the Runtime, as one for each step would cost
 * 9 µs. Cost: O(log buckets) to use a new bucket and to fire one, else O(1).
 */
export class Timers {
  readonly #buckets = new Map<number, Set<TaskId>>();
  readonly #armed = new Map<TaskId, number>();
  /** The numbers of all buckets, and of some that are empty by now. */
  readonly #order = new Heap();
  #next: { bucket: number; cancel: Cancel } | undefined;

  constructor(readonly runtime: Runtime, readonly wake: (taskId: TaskId) => void) {}

  /** Tasks that wait for a time. */
  get size(): number {
    return this.#armed.size;
  }

  arm(taskId: TaskId, atMs: number): void {
    const bucket = Math.ceil(atMs / BUCKET_MS);
    const before = this.#armed.get(taskId);
    if (before !== undefined) {
      if (before <= bucket) return;
      this.disarm(taskId);
    }
    this.#armed.set(taskId, bucket);
    const set = this.#buckets.get(bucket);
    if (set === undefined) this.#open(bucket, taskId);
    else set.add(taskId);
    if (this.#next === undefined || bucket < this.#next.bucket) this.#sleepUntil(bucket);
  }

  disarm(taskId: TaskId): void {
    const bucket = this.#armed.get(taskId);
    if (bucket === undefined) return;
    this.#armed.delete(taskId);
    const tasks = this.#buckets.get(bucket);
    tasks?.delete(taskId);
    if (tasks?.size === 0) this.#buckets.delete(bucket);
  }

  /** Sets its timer again, as the clock was corrected. Cost: 9 µs. */
  clockChanged(): void {
    if (this.#next !== undefined) this.#sleepUntil(this.#next.bucket);
  }

  stop(): void {
    this.#next?.cancel();
    this.#next = undefined;
    this.#buckets.clear();
    this.#armed.clear();
    this.#order.fill([]);
  }

  /** Emptied buckets stay in the heap until they are more than half of it. */
  #open(bucket: number, taskId: TaskId): void {
    this.#buckets.set(bucket, new Set([taskId]));
    if (this.#order.size > 2 * this.#buckets.size) this.#order.fill(this.#buckets.keys());
    else this.#order.push(bucket);
  }

  #sleepUntil(bucket: number): void {
    this.#next?.cancel();
    const ms = Math.min(Math.max(0, bucket * BUCKET_MS - this.runtime.now()), SLEEP_MS_MAX);
    this.#next = { bucket, cancel: this.runtime.after(ms, () => this.#fire()) };
  }

  #fire(): void {
    this.#next = undefined;
    const now = Math.floor(this.runtime.now() / BUCKET_MS);
    for (let first = this.#order.first; first !== undefined; first = this.#order.first) {
      const tasks = this.#buckets.get(first);
      if (tasks !== undefined && first > now) return this.#sleepUntil(first);
      this.#order.pop();
      this.#buckets.delete(first);
      for (const taskId of tasks ?? []) {
        this.#armed.delete(taskId);
        this.wake(taskId);
      }
    }
  }
}

/** A binary heap of numbers, the smallest first. Cost: O(log n) to push and to pop; O(1) for the first. */
class Heap {
  #items: number[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The smallest number. */
  get first(): number | undefined {
    return this.#items[0];
  }

  push(item: number): void {
    const items = this.#items;
    let at = items.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((items[parent] as number) <= item) break;
      items[at] = items[parent] as number;
      at = parent;
    }
    items[at] = item;
  }

  /** Takes the smallest number out. */
  pop(): void {
    const items = this.#items;
    const item = items.pop();
    if (item === undefined || items.length === 0) return;
    let at = 0;
    for (let child = 1; child < items.length; child = 2 * at + 1) {
      const right = items[child + 1];
      if (right !== undefined && right < (items[child] as number)) child++;
      if ((items[child] as number) >= item) break;
      items[at] = items[child] as number;
      at = child;
    }
    items[at] = item;
  }

  /** Replaces all numbers. Cost: O(n log n). */
  fill(items: Iterable<number>): void {
    this.#items = [...items].sort((a, b) => a - b);
  }
}
