/** Revert: a person takes back what an incident has changed, and how incidents show that. */

import { TaskerError } from "../core/errors.ts";
import { actionOf } from "../core/healing_action.ts";
import { parseTaskId } from "../core/ids.ts";
import { chosenOf, type Incident, outcomeOf } from "../core/incident.ts";
import type { Policies, PolicyOverlay } from "../core/ports.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { fateOf, takeBack } from "./overlay_change.ts";

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
  const action = actionOf(chosen.action);
  if (action?.kind === "quarantine_task") {
    const taskId = parseTaskId(action.taskId);
    await sink.send({ kind: "ResumeTask", commandId: `${id}/resume`, taskId, by, reason });
    return `task ${taskId} goes on`;
  }
  const { change } = chosen;
  if (change === undefined) throw refused("it has changed nothing that could be put back");
  const nowMs = runtime.now();
  const why = reason === "" ? "a person takes it back" : reason;
  const put = await takeBack(policies, { incident: id, change, why, nowMs, by });
  if (put.kind === "conflict") throw refused(put.says);
  return `version ${put.version} has the values of before`;
}

/**
 * Adds to incidents what became of their changes after they had ended: their journals do not know it,
 * the versions of the policies do. Cost: one read of an overlay for all incidents that kept a change in
 * it.
 */
export async function withFates(
  policies: Pick<Policies, "versions">,
  incidents: readonly Incident[],
): Promise<readonly Incident[]> {
  const read = new Map<string, Promise<readonly PolicyOverlay[]>>();
  return await Promise.all(incidents.map(async (incident) => {
    const conclusion = outcomeOf(incident);
    const change = chosenOf(incident)?.change;
    // While it holds on to a change, the incident looks itself how that stands.
    const isOver = incident.phase === "ended" && conclusion?.outcome === "kept" ||
      incident.phase === "failed";
    if (!isOver || change === undefined) return incident;
    const { namespace, name } = change;
    const key = `${namespace}/${name}`;
    const versions = read.get(key) ?? policies.versions(namespace, name);
    read.set(key, versions);
    const fate = fateOf(await versions, { incident: incident.id, change });
    if (fate === undefined) return incident;
    const { version, by, reason, atMs } = fate.by;
    const says = fate.outcome === "reverted"
      ? `by ${by}, with version ${version}`
      : `version ${version} by ${by} has other values: ${reason}`;
    const became = { outcome: fate.outcome, says, atMs };
    return { ...incident, conclude: became, ...(incident.release && { release: became }) };
  }));
}
