/** Timers: one wheel for all actors. The truth is in the journal; the wheel only wakes. */

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
 * when it wakes. Cost: O(1) to arm; one Runtime timer in all (a setTimeout a step would cost 9 µs).
 */
export class Timers {
  readonly #buckets = new Map<number, Set<TaskId>>();
  readonly #armed = new Map<TaskId, number>();
  #next: { bucket: number; cancel: Cancel } | undefined;

  constructor(readonly runtime: Runtime, readonly wake: (taskId: TaskId) => void) {}

  arm(taskId: TaskId, atMs: number): void {
    const bucket = Math.ceil(atMs / BUCKET_MS);
    const before = this.#armed.get(taskId);
    if (before !== undefined) {
      if (before <= bucket) return;
      this.#buckets.get(before)?.delete(taskId);
    }
    this.#armed.set(taskId, bucket);
    const set = this.#buckets.get(bucket);
    if (set === undefined) this.#buckets.set(bucket, new Set([taskId]));
    else set.add(taskId);
    if (this.#next === undefined || bucket < this.#next.bucket) this.#sleepUntil(bucket);
  }

  disarm(taskId: TaskId): void {
    const bucket = this.#armed.get(taskId);
    if (bucket === undefined) return;
    this.#armed.delete(taskId);
    this.#buckets.get(bucket)?.delete(taskId);
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
  }

  #sleepUntil(bucket: number): void {
    this.#next?.cancel();
    const ms = Math.min(Math.max(0, bucket * BUCKET_MS - this.runtime.now()), SLEEP_MS_MAX);
    this.#next = { bucket, cancel: this.runtime.after(ms, () => this.#fire()) };
  }

  #fire(): void {
    this.#next = undefined;
    const now = Math.floor(this.runtime.now() / BUCKET_MS);
    let earliest: number | undefined;
    for (const [bucket, tasks] of this.#buckets) {
      if (bucket <= now || tasks.size === 0) this.#buckets.delete(bucket);
      else if (earliest === undefined || bucket < earliest) earliest = bucket;
      if (bucket > now) continue;
      for (const taskId of tasks) {
        this.#armed.delete(taskId);
        this.wake(taskId);
      }
    }
    if (earliest !== undefined) this.#sleepUntil(earliest);
  }
}
