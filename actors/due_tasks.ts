/** Due tasks: brings passivated tasks back into memory when their time has come. */

import { messageOf } from "../src/core/errors.ts";
import { slotOf, type TaskId } from "../src/core/ids.ts";
import { DUE_PER_SLOT, type DuePlace, type DueTask } from "../src/core/ports.ts";
import type { Journal, Nodes, Runtime } from "../src/core/ports.ts";
import type { Log } from "../src/telemetry/log.ts";

/** Slots read by one statement, a few tasks of each. */
const SLOTS_PER_READ = 256;

/** What it works with. */
export interface DueTasksDeps {
  readonly runtime: Runtime;
  readonly nodes: Pick<Nodes, "due">;
  readonly journal: Pick<Journal, "idle">;
  readonly log: Log;
  owns(taskId: TaskId): boolean;
  /** Reads tasks into memory; resolves when they are there. */
  load(taskIds: readonly TaskId[]): Promise<void>;
}

/**
 * Reads all tasks that are due, a few of each slot at a time, as fast as they are loaded and recorded.
 *
 * The turns of one portion are committed before the portion after the next is read. So the journal
 * sets the pace, and the number of turns that wait for it is bounded. A task that cannot be loaded is
 * skipped and delays no other.
 */
export class DueTasks {
  #reading: Promise<void> | undefined;
  #isStopped = false;

  constructor(readonly deps: DueTasksDeps) {}

  /** Wakes what is due in some slots; does nothing while it is at work, as the next poll asks again. */
  wake(slots: readonly number[]): void {
    if (this.#isStopped || slots.length === 0) return;
    this.#reading ??= this.#readAll(slots).catch((error) =>
      this.deps.log.warn("cannot read due tasks", { error: messageOf(error) })
    ).finally(() => this.#reading = undefined);
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #readAll(slots: readonly number[]): Promise<void> {
    const { nodes, journal, owns, load } = this.deps;
    let recorded = Promise.resolve();
    let places: readonly DuePlace[] = slots.map((slot) => ({ slot }));
    while (places.length > 0) {
      const next: DuePlace[] = [];
      for (let from = 0; from < places.length; from += SLOTS_PER_READ) {
        const due = await nodes.due(places.slice(from, from + SLOTS_PER_READ));
        if (this.#isStopped) return;
        await load(due.map(({ taskId }) => taskId).filter(owns));
        await recorded;
        await this.#turnsTaken();
        recorded = journal.idle();
        next.push(...placesAfter(due));
      }
      places = next;
    }
  }

  /** Tasks that were loaded take their turns soon. */
  #turnsTaken(): Promise<void> {
    return new Promise((resolve) => this.deps.runtime.soon(resolve));
  }
}

/** Where to continue: in the slots that may have more due tasks. */
function placesAfter(due: readonly DueTask[]): DuePlace[] {
  const ofSlot = Map.groupBy(due, ({ taskId }) => slotOf(taskId));
  return [...ofSlot].flatMap(([slot, tasks]) => {
    const after = tasks.at(-1);
    return after === undefined || tasks.length < DUE_PER_SLOT ? [] : [{ slot, after }];
  });
}
