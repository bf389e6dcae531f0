/** The alarm: wakes tasks at their times, and only while the journal takes what they decide. */

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
 * Timers behind a proof: what is due is decided after a flush that began after its time.
 *
 * While Postgres is away no proof comes, so no time-out is decided of a result that cannot be
 * recorded; and a result that has arrived meanwhile is decided first. Cost: a share of a flush for
 * all that is due at once.
 */
export class Alarm {
  readonly #timers: Timers;
  #due = new Set<TaskId>();
  #isAsking = false;
  #isStopped = false;
  #isWatching = false;
  #cancelWatch: Cancel = () => {};

  constructor(readonly parts: AlarmDeps) {
    this.#timers = new Timers(parts.runtime, (taskId) => this.#ring(taskId));
  }

  /** Wakes a task at a time. */
  arm(taskId: TaskId, atMs: number): void {
    this.#timers.arm(taskId, atMs);
  }

  /** Does not wake a task any more. */
  disarm(taskId: TaskId): void {
    this.#timers.disarm(taskId);
    this.#due.delete(taskId);
  }

  /** Sleeps anew by the clock as it is now. */
  clockChanged(): void {
    this.#timers.clockChanged();
  }

  /**
   * Asks the journal for a proof from time to time, so that each outage is known. Where nothing waits
   * for a time nothing can be charged: an idle node asks for none.
   */
  watch(): void {
    const { runtime } = this.parts;
    this.#isWatching = true;
    const dueMs = runtime.monotonic() + PROOF_MS;
    this.#cancelWatch = runtime.after(PROOF_MS, async () => {
      const lateMs = Math.max(0, runtime.monotonic() - dueMs);
      if (this.#timers.size > 0) await this.#proof(lateMs);
      if (this.#isWatching) this.watch();
    });
  }

  /** Asks for no more proofs by itself. */
  rest(): void {
    this.#isWatching = false;
    this.#cancelWatch();
  }

  /** Wakes nobody any more. */
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
    // What is due at once goes along.
    this.parts.runtime.soon(() => void this.#wakeDue());
  }

  async #wakeDue(): Promise<void> {
    while (this.#due.size > 0) {
      const due = this.#due;
      this.#due = new Set();
      if (!await this.#proof()) break;
      for (const taskId of due) this.parts.wake(taskId);
    }
    this.#isAsking = false;
  }

  /** Waits until the journal takes what is handed to it; false when it never will again. */
  async #proof(lateMs: number = 0): Promise<boolean> {
    const { runtime, journal, outages, fenced } = this.parts;
    // Late: nothing of this process ran, and no result was recorded either.
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
