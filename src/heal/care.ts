/**
 * Care: what incidents cannot do for themselves. It takes back what has no one left to watch it, whatever
 * the incident was in the middle of when it was cancelled, failed, or lost its code to an upgrade; what is
 * not decided yet once healing is switched off; and it answers for people who do not.
 */

import type { TaskId } from "../core/ids.ts";
import {
  APPROVAL,
  chosenOf,
  type Incident,
  INCIDENT_WORKFLOW,
  outcomeOf,
} from "../core/incident.ts";
import { encodePayload } from "../core/payload.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { HEALER, standingOf, takeBack } from "./overlay_change.ts";
import { readUnfinished, type StoredIncident } from "./reading.ts";
import { offText, settingsIn } from "./settings.ts";

/** How long a person has to answer. */
const APPROVAL_MS = 24 * 3_600_000;

type CareDeps = Pick<HealerDeps, "tasks" | "plans" | "policies" | "sink" | "log" | "owns"> & {
  readonly runtime: Pick<HealerDeps["runtime"], "now">;
};

/**
 * Looks after the incidents that this node owns; `ofAll`: after those of all nodes. Safe to repeat, and
 * on several nodes at once. Returns the ids of those whose change it took back.
 *
 * Cost: one read of the incidents that are open, or broke off within a day.
 */
export async function care(
  deps: CareDeps,
  { ofAll = false }: { readonly ofAll?: boolean } = {},
): Promise<readonly string[]> {
  const { policies, plans, runtime } = deps;
  const settings = settingsIn(await policies.newest());
  const loaded = plans.find(INCIDENT_WORKFLOW)?.hash;
  const nowMs = runtime.now();
  const takenBack: string[] = [];
  for (const stored of await readUnfinished(deps, { nowMs })) {
    const { incident, definitionHash, isEnded } = stored;
    const { phase, startedAtMs } = incident;
    const id = incident.id as TaskId;
    const isOwn = deps.owns(id);
    if (!isOwn && !ofAll) continue;
    // Another node may have its code: it is that node's.
    const isStuck = !isEnded && isOwn && definitionHash !== loaded;
    if (isStuck) await cancel(deps, id);
    const why = isStuck
      ? "this server has no code for its version"
      : isEnded
      ? "its incident broke off"
      : settings.mode !== "on"
      ? offText(settings)
      : undefined;
    if (why !== undefined && await isTakenBack(deps, stored, { why, nowMs })) takenBack.push(id);
    const isLate = phase === "waiting_for_approval" && nowMs >= startedAtMs + APPROVAL_MS;
    if (isLate && !isStuck) await answer(deps, id);
  }
  return takenBack;
}

async function isTakenBack(
  { policies, log }: CareDeps,
  { incident }: StoredIncident,
  { why, nowMs }: { readonly why: string; readonly nowMs: number },
): Promise<boolean> {
  const chosen = chosenOf(incident);
  if (chosen?.change === undefined || isDecided(incident)) return false;
  const deed = { incident: incident.id, change: chosen.change, why, nowMs };
  const { kind } = await standingOf(policies, deed);
  if (["conflict", "nothing", "keeps", "takes back", "ends"].includes(kind)) return false;
  const put = await takeBack(policies, deed);
  if (put.kind === "conflict") return false;
  log.warn("Took a change back", { incident: incident.id, why, version: put.version });
  return true;
}

/** Whether an incident has nothing more to decide: what it kept for good stays. */
function isDecided(incident: Incident): boolean {
  if (incident.release !== undefined) return true;
  return outcomeOf(incident) !== undefined && chosenOf(incident)?.untilMs === undefined;
}

async function cancel({ sink }: CareDeps, taskId: TaskId): Promise<void> {
  const reason = "this server has no code for its version; what goes on starts a new incident";
  const commandId = `${taskId}/no_code`;
  await sink.send({ kind: "CancelTask", commandId, taskId, by: HEALER, reason });
}

/** By the same signal that a person sends. */
async function answer({ sink }: CareDeps, taskId: TaskId): Promise<void> {
  const reason = "nobody answered in time";
  const payload = { approved: false, isUnanswered: true, by: HEALER, reason };
  await sink.send({
    kind: "SendSignal",
    commandId: `${taskId}/unanswered`,
    taskId,
    name: APPROVAL,
    payload: encodePayload(payload, "the answer"),
  });
}
