/** Shown values: what readers of a task may not see where errors, log lines and reasons repeat it. */

import type { Turn } from "../core/event.ts";
import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import type { History } from "../core/ports.ts";
import { isAnyMarked, SensitiveValues } from "../core/sensitive.ts";
import { mayRepeat } from "../operations/task_documents.ts";

/** Turns read at once. */
const TURNS_PAGE = 500;

/** Characters of values that are kept for the next reader, and about what each task takes beside them. */
const KEPT_SIZE_MAX = 8 * 1024 * 1024;
const TASK_SIZE = 500;

/** What is known of one task: the values in its journal up to a turn. */
interface Known {
  readonly values: SensitiveValues;
  turn: number;
  /** What it was last counted as. */
  size: number;
}

/** Finds the values that the contracts of a task mark, and keeps them for its next reader. */
export class ShownValues {
  /** The one that was used longest ago first. */
  readonly #kept = new Map<TaskId, Known>();
  #size = 0;

  constructor(private readonly history: Pick<History, "turns">) {}

  /**
   * Returns what to hide in turns of a task; without `turns`, in anything else that it left.
   *
   * Cost: a look-up where no contract marks anything, or nothing in the turns can repeat a value. Else
   * the journal is read once but for the turns that are given, and later from where it was read to.
   *
   * @throws {TaskerError} journal.unavailable
   */
  async of(taskId: TaskId, plan: Plan, turns?: readonly Turn[]): Promise<SensitiveValues> {
    const isNeeded = isAnyMarked(plan) && (turns?.some(mayRepeat) ?? true);
    if (!isNeeded) return new SensitiveValues(plan);
    const known = this.#kept.get(taskId) ?? { values: new SensitiveValues(plan), turn: 0, size: 0 };
    if (turns?.[0]?.turn === known.turn + 1) note(known, turns);
    await this.#readOn(taskId, known);
    this.#keep(taskId, known);
    return known.values;
  }

  async #readOn(taskId: TaskId, known: Known): Promise<void> {
    for (let isLast = false; !isLast && !known.values.isTooMuch;) {
      const page = await this.history.turns(taskId, known.turn, TURNS_PAGE);
      note(known, page.turns);
      isLast = page.isLast;
    }
  }

  #keep(taskId: TaskId, known: Known): void {
    this.#drop(taskId);
    known.size = TASK_SIZE + known.values.size;
    this.#kept.set(taskId, known);
    this.#size += known.size;
    for (const oldest of this.#kept.keys()) {
      if (this.#size <= KEPT_SIZE_MAX) return;
      this.#drop(oldest);
    }
  }

  #drop(taskId: TaskId): void {
    this.#size -= this.#kept.get(taskId)?.size ?? 0;
    this.#kept.delete(taskId);
  }
}

function note(known: Known, turns: readonly Turn[]): void {
  for (const { turn, events } of turns) {
    if (turn <= known.turn) continue; // Another reader has noted it meanwhile.
    for (const event of events) known.values.note(event);
    known.turn = turn;
  }
}
