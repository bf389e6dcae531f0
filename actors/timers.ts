/** Timers: one wheel for all actors. The truth is in the journal; the wheel only wakes. */

import { Heap } from "./heap.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { Cancel, Runtime } from "../src/core/ports.ts";

/** Width of a bucket: how late a wake may be. */
const BUCKET_MS = 10;

/** The longest the wheel sleeps at once; a timer of the platform holds 24 days. */
const SLEEP_MS_MAX = 86_400_000;

/**
 * Wakes tasks at a time of the Runtime's clock.
 *
 * One entry a task: arming earlier moves it, arming later is ignored, since the actor arms again
 * when it wakes. One Runtime timer in all (a setTimeout a step would cost 9 µs). Cost: O(log of the
 * buckets) to arm into a new bucket and to fire one, else O(1).
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

  /** Sleeps anew by the clock as it is now: it may have been corrected. Cost: 9 µs. */
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

  /** A bucket that was emptied stays in the heap; these are dropped once they are the most of it. */
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
