/** Rows of the list as they are now, from later reads of the pages that they came with. Pure. */

import type { OperationResult, TaskSummary } from "../../../src/client.ts";

/** One page of the API. */
export type TaskPage = OperationResult<"listTasks">;

/** A row as it was read, and where its page begins; "": at the newest task. */
export interface ReadRow {
  readonly task: TaskSummary;
  readonly cursor: string;
}

/** A row as it is shown. */
export interface LiveRow {
  readonly task: TaskSummary;
  /** `live`; `left`: it no longer matches the filter; `old`: it is as it was when it was read. */
  readonly kind: "live" | "left" | "old";
}

/** An id is made shortly before its task starts: so much later than a page looked is surely in it. */
const MADE_MS = 1_000;

/** A row by the newest read of its page; without one it is old. */
export function liveRow({ task }: ReadRow, page: TaskPage | undefined): LiveRow {
  const found = page?.tasks.find(({ id }) => id === task.id);
  if (found !== undefined) return { task: found, kind: "live" };
  return { task, kind: page !== undefined && isWithin(task, page) ? "left" : "old" };
}

/** Whether a page looked at a task, so that it would have it if it matched. */
function isWithin({ id, createdAt }: TaskSummary, page: TaskPage): boolean {
  const { tasks, nextCursor, searchedTo } = page;
  if (nextCursor === undefined) return true;
  const last = tasks.at(-1);
  return (last !== undefined && id > last.id) ||
    (searchedTo !== undefined && Date.parse(createdAt) > Date.parse(searchedTo) + MADE_MS);
}

/** How many tasks later reads have that no row shows, above the last row. */
export function unshown(rows: readonly ReadRow[], pages: readonly TaskPage[]): number {
  const known = new Set(rows.map(({ task }) => task.id));
  const last = rows.at(-1)?.task.id ?? "";
  const found = pages.flatMap(({ tasks }) => tasks).filter(({ id }) => !known.has(id) && id > last);
  return new Set(found.map(({ id }) => id)).size;
}
