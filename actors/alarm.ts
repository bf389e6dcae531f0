/** The alarm: wakes tasks at their times, but only while the journal accepts writes. */

import type { TaskId } from "../src/core/ids.ts";
import { JOURNAL, type Outages, PROOF_MS } from "../src/core/outages.ts";
import type { Cancel, Journal, Runtime } from "../src/core/ports.ts";
import { Timers } from "./timers.ts";

/** What an alarm works with. */
export interface AlarmDeps {
  readonly runtime: Runtime;
  readonly journal: Pick<Journal, "confirm">;
  readonly outages: Outages;
  wake(taskId: TaskId): void;
  /** The node's row is gone. */
  fenced(): void;
}

/**
 * Timers with a check: before a task decides what is due, a flush that began after that time must
 * have succeeded.
 *
 * While Postgres is away the check does not succeed. So an attempt whose result cannot be recorded
 * does not time out, and a result that has arrived meanwhile is decided first. Cost: a share of one
 * flush for all tasks that are due at the same time.
 */
export class Alarm {
  readonly #timers: Timers;
  #due = new Set<TaskId>();
  #isAsking = false;
  #isStopped = false;
  #isWatching = false;
  #cancelWatch: Cancel = () => {};

  constructor(readonly deps: AlarmDeps) {
    this.#timers = new Timers(deps.runtime, (taskId) => this.#ring(taskId));
  }

  /** Wakes a task at a time. */
  arm(taskId: TaskId, atMs: number): void {
    this.#timers.arm(taskId, atMs);
  }

  /** Takes back what `arm` has set. */
  disarm(taskId: TaskId): void {
    this.#timers.disarm(taskId);
    this.#due.delete(taskId);
  }

  /** Sets its timer again: the clock was corrected. */
  clockChanged(): void {
    this.#timers.clockChanged();
  }

  /**
   * Checks the journal from time to time, so that each outage is known. A node on which no task waits
   * for a time does not check: there is nothing that an outage could be charged to.
   */
  watch(): void {
    const { runtime } = this.deps;
    this.#isWatching = true;
    const dueMs = runtime.monotonic() + PROOF_MS;
    this.#cancelWatch = runtime.after(PROOF_MS, async () => {
      const lateMs = Math.max(0, runtime.monotonic() - dueMs);
      if (this.#timers.size > 0) await this.#proof(lateMs);
      if (this.#isWatching) this.watch();
    });
  }

  /** Stops the checks of `watch`. */
  rest(): void {
    this.#isWatching = false;
    this.#cancelWatch();
  }

  /** Wakes no task any more. */
  stop(): void {
    this.#isStopped = true;
    this.rest();
    this.#timers.stop();
    this.#due.clear();
  }

  #ring(taskId: TaskId): void {
    this.#due.add(taskId);
    if (this.#isAsking || this.#isStopped) return;
    this.#isAsking = true;
    // Tasks that are due at the same time share one check.
    this.deps.runtime.soon(() => void this.#wakeDue());
  }

  async #wakeDue(): Promise<void> {
    while (this.#due.size > 0) {
      const due = this.#due;
      this.#due = new Set();
      if (!await this.#proof()) break;
      for (const taskId of due) this.deps.wake(taskId);
    }
    this.#isAsking = false;
  }

  /** Waits until the journal accepts writes; false when it never will again. */
  async #proof(lateMs: number = 0): Promise<boolean> {
    const { runtime, journal, outages, fenced } = this.deps;
    // A late timer means that this process did not run: it recorded no result in that time either.
    outages.asked(JOURNAL, runtime.now() - lateMs);
    let isAlive: boolean | undefined;
    while (isAlive === undefined && !this.#isStopped) {
      isAlive = await journal.confirm().catch(() => undefined);
      if (isAlive === undefined) await new Promise<void>((again) => runtime.after(PROOF_MS, again));
    }
    if (this.#isStopped) return false;
    outages.answered(JOURNAL, runtime.now());
    if (isAlive === false) fenced();
    return isAlive === true;
  }
}
