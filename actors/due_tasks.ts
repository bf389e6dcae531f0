/** Due tasks: brings passivated tasks back into memory when their time has come. */

import { messageOf } from "../src/core/errors.ts";
import { slotOf, type TaskId } from "../src/core/ids.ts";
import { DUE_PER_SLOT, type DuePlace, type DueTask } from "../src/core/ports.ts";
import type { Journal, Nodes, Runtime } from "../src/core/ports.ts";
import type { Log } from "../src/telemetry/log.ts";

/** Slots read by one statement, a few tasks of each. */
const SLOTS_PER_READ = 256;

/** What waking works with. */
export interface DueTasksDeps {
  readonly runtime: Runtime;
  readonly nodes: Pick<Nodes, "due">;
  readonly journal: Pick<Journal, "idle">;
  readonly log: Log;
  owns(taskId: TaskId): boolean;
  /** Reads tasks into memory, in portions of its own; resolves when they are there. */
  load(taskIds: readonly TaskId[]): Promise<void>;
}

/**
 * Reads all that is due, a few tasks of each slot in turn, as fast as it is loaded and recorded.
 *
 * What one portion leads to is recorded before the portion after the next is read: so the journal
 * sets the pace, and what waits to be written is bounded. A task that is due but cannot be loaded is
 * passed over, and keeps no other waiting.
 */
export class DueTasks {
  #reading: Promise<void> | undefined;
  #isStopped = false;

  constructor(readonly parts: DueTasksDeps) {}

  /** Wakes what is due in some slots. While that goes on it does nothing: the next poll tells anew. */
  wake(slots: readonly number[]): void {
    if (this.#isStopped || slots.length === 0) return;
    this.#reading ??= this.#readAll(slots).catch((error) =>
      this.parts.log.warn("cannot read due tasks", { error: messageOf(error) })
    ).finally(() => this.#reading = undefined);
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #readAll(slots: readonly number[]): Promise<void> {
    const { nodes, journal, owns, load } = this.parts;
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
    return new Promise((resolve) => this.parts.runtime.soon(resolve));
  }
}

/** Where to go on: in slots that may have more. */
function placesAfter(due: readonly DueTask[]): DuePlace[] {
  const ofSlot = Map.groupBy(due, ({ taskId }) => slotOf(taskId));
  return [...ofSlot].flatMap(([slot, tasks]) => {
    const after = tasks.at(-1);
    return after === undefined || tasks.length < DUE_PER_SLOT ? [] : [{ slot, after }];
  });
}
