/** Revert: a person takes back what an incident has changed. */

import { TaskerError } from "../core/errors.ts";
import type { HealingAction } from "../core/healing.ts";
import { parseTaskId } from "../core/ids.ts";
import { chosenOf, type Incident } from "../core/incident.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { takeBack } from "./overlay_change.ts";

/**
 * Puts back what an incident has changed; safe to repeat. Returns what was put, for people.
 *
 * @throws {TaskerError} proposal.not_open when it changed nothing, or others have changed it since
 */
export async function revertIncident(
  { policies, runtime, sink }: Pick<HealerDeps, "policies" | "runtime" | "sink">,
  incident: Incident,
  { by, reason }: { readonly by: string; readonly reason: string },
): Promise<string> {
  const { id, apply } = incident;
  const chosen = chosenOf(incident);
  const refused = (why: string) =>
    new TaskerError("proposal.not_open", `Cannot revert incident "${id}": ${why}`);
  if (apply?.isApplied !== true || chosen === undefined) {
    throw refused("it has changed nothing, expected a change that was applied");
  }
  const action = chosen.action as unknown as HealingAction;
  if (action.kind === "quarantine_task") {
    const taskId = parseTaskId(action.taskId);
    await sink.send({ kind: "ResumeTask", commandId: `${id}/resume`, taskId, by, reason });
    return `task ${taskId} goes on`;
  }
  const { change } = chosen;
  const { version, inverse } = apply;
  if (change === undefined || version === undefined || inverse === undefined) {
    throw refused("it has changed nothing that could be put back");
  }
  const nowMs = runtime.now();
  const why = reason === "" ? "a person takes it back" : reason;
  const put = await takeBack(policies, { incident: id, change, why, nowMs, by }, {
    version,
    inverse,
  });
  if (put.kind === "conflict") throw refused(put.says);
  return `version ${put.version} has the values of before`;
}
