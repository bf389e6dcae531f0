/** Fake lists: pages and counts over the tasks of a fake engine. */

import type { Exports, History, TaskFilter, TaskSummary } from "../../src/core/ports.ts";

/** Lists and counts over the tasks of a fake engine. */
export function listsOf(
  engine: { tasks(filter: TaskFilter): Promise<readonly TaskSummary[]> },
): Pick<History, "tasks" | "counts"> {
  return {
    async tasks(filter) {
      const tasks = await engine.tasks(filter);
      const last = tasks.at(-1);
      return { tasks, ...(tasks.length === filter.limit && last && { next: last.taskId }) };
    },
    async counts(filter) {
      const found = await engine.tasks({ ...filter, limit: Infinity });
      const byState = Map.groupBy(found, ({ state }) => state);
      return Object.fromEntries(
        [...byState].map(([state, of]) => [state, { count: of.length, isExact: true }]),
      );
    },
  };
}

/** Exports of the tasks of a fake engine: each journal in parts of one turn. */
export function exportsOf(
  engine: Parameters<typeof listsOf>[0] & Pick<History, "task" | "turns">,
): Exports {
  return {
    tasks: listsOf(engine).tasks,
    task: (taskId) => engine.task(taskId),
    async *journals(places) {
      for (const { taskId, afterTurn } of places) {
        const { turns } = await engine.turns(taskId, afterTurn, Infinity);
        for (const turn of turns) yield { taskId, turns: [turn] };
      }
    },
  };
}
