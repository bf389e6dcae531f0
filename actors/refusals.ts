/** Refusals: what senders are told when no actor can decide their mail. */

import { messageOf, TaskerError } from "../src/core/errors.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { QueuedCommand } from "./mailbox.ts";

/** How soon a node that lost its place has a new one, or another node has its tasks. */
const REJOIN_MS = 1_000;

/** The journal has no such task. */
export function unknownTask({ command: { taskId, kind } }: QueuedCommand): TaskerError {
  return new TaskerError("task.not_found", `Cannot send ${kind} to task "${taskId}": no such task`);
}

/** The task is set aside. */
export function quarantined(taskId: TaskId, reason: string): TaskerError {
  return new TaskerError(
    "task.quarantined",
    `Cannot reach task "${taskId}": it is set aside: ${reason}`,
  );
}

/** The node stops. */
export function draining(taskId: TaskId): TaskerError {
  return new TaskerError("node.draining", `Cannot reach task "${taskId}": this node is stopping`);
}

/** The node was taken over: nothing more of it is written. */
export function fenced(): TaskerError {
  return new TaskerError(
    "journal.fenced",
    "Cannot go on: another node has taken over from this one",
    { retryAfterMs: REJOIN_MS },
  );
}

/** The node cannot work any more: nothing more of it is written. */
export function broken(error: unknown): TaskerError {
  return new TaskerError(
    "journal.fenced",
    `Cannot go on: this node failed and begins anew: ${messageOf(error)}`,
    { retryAfterMs: REJOIN_MS, cause: error },
  );
}
