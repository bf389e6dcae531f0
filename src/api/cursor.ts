/** Cursors: where a page ended, in a form that clients only pass back. */

import { parseTaskId, type TaskId } from "../core/ids.ts";
import { badRequest } from "./problem.ts";

const PREFIX = "task:";

/** Makes the cursor of the page after a task. */
export function cursorOf(taskId: TaskId): string {
  return btoa(PREFIX + taskId).replaceAll("=", "");
}

/** @throws {TaskerError} api.bad_request when it is no cursor of ours */
export function parseCursor(text: string): TaskId {
  try {
    const plain = atob(text);
    if (plain.startsWith(PREFIX)) return parseTaskId(plain.slice(PREFIX.length));
  } catch (cause) {
    throw badRequest("Cannot read the cursor: it is none of ours", { cause });
  }
  throw badRequest("Cannot read the cursor: it is none of ours");
}
