/**
 * Care: what incidents cannot do for themselves. It takes back what has no one left to watch it, whatever
 * the incident was in the middle of when it was cancelled, paused, failed, or lost its code to an upgrade;
 * what is not decided yet once healing is switched off; and it answers for people who do not.
 */

import type { z } from "zod";
import { messageOf, TaskerError } from "../core/errors.ts";
import type { HealerSettings } from "../core/healing.ts";
import type { TaskId } from "../core/ids.ts";
import {
  APPROVAL,
  type ApprovalFields,
  chosenOf,
  type Incident,
  INCIDENT_WORKFLOW,
  outcomeOf,
} from "../core/incident.ts";
import { encodePayload } from "../core/payload.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { HEALER, standingOf, takeBack } from "./overlay_change.ts";
import { readUnfinished, type StoredIncident, unattended } from "./reading.ts";
import { offText, settingsIn } from "./settings.ts";

/** How long a person has to answer, while servers run. */
const APPROVAL_MS = 24 * 3_600_000;

type CareDeps =
  & Pick<HealerDeps, "tasks" | "plans" | "policies" | "sink" | "log" | "owns" | "attendance">
  & {
    readonly runtime: Pick<HealerDeps["runtime"], "now">;
  };

/**
 * Looks after the incidents that this node owns; `ofAll`: after those of all nodes. Safe to repeat, and
 * on several nodes at once. Returns the ids of those whose change it took back.
 *
 * Cost: one read of the incidents that are open, or broke off within a day, and a statement while some
 * wait for a person.
 */
export async function care(
  deps: CareDeps,
  { ofAll = false }: { readonly ofAll?: boolean } = {},
): Promise<readonly string[]> {
  const { policies, plans, runtime } = deps;
  const settings = settingsIn(await policies.newest());
  const loaded = plans.find(INCIDENT_WORKFLOW)?.hash;
  const nowMs = runtime.now();
  const all = await readUnfinished(deps, { nowMs });
  const mine = all.filter(({ incident: { id } }) => deps.owns(id as TaskId) || ofAll);
  const [first] = mine.filter(isAsked).map(({ incident }) => incident)
    .toSorted((one, other) => one.startedAtMs - other.startedAtMs);
  const lostMs = first === undefined ? () => 0 : await unattended(deps, {
    ...{ sinceMs: first.startedAtMs, nowMs, windowMs: first.degradation.windowMs },
  });
  const look = { settings, loaded, nowMs, lostMs };
  const takenBack: string[] = [];
  for (const stored of mine) {
    const { id } = stored.incident;
    // One incident that cannot be looked after holds up no other.
    const isTaken = await careFor(deps, stored, look).catch((error) => {
      deps.log.warn("Cannot look after an incident; trying again", {
        incident: id,
        error: messageOf(error),
      });
      return false;
    });
    if (isTaken) takenBack.push(id);
  }
  return takenBack;
}

interface CareLook {
  readonly settings: Pick<HealerSettings, "mode">;
  /** The version of the workflow of incidents that has code here. */
  readonly loaded: string | undefined;
  readonly nowMs: number;
  /** How much of the time since a moment no node looked, ms: nobody could answer then. */
  readonly lostMs: (sinceMs: number) => number;
}

function isAsked({ incident: { phase } }: StoredIncident): boolean {
  return phase === "waiting_for_approval";
}

/** Does for one incident what it cannot do. Returns whether its change was taken back. */
async function careFor(
  deps: CareDeps,
  stored: StoredIncident,
  { settings, loaded, nowMs, lostMs }: CareLook,
): Promise<boolean> {
  const { incident: { startedAtMs }, definitionHash, state } = stored;
  const id = stored.incident.id as TaskId;
  const isOpen = state !== "failed" && state !== "cancelled";
  // Another node may have its code: it is that node's.
  const isStuck = isOpen && definitionHash !== loaded && deps.owns(id);
  if (isStuck) await cancel(deps, id);
  const isLate = isAsked(stored) && nowMs - startedAtMs - lostMs(startedAtMs) >= APPROVAL_MS;
  if (isLate && !isStuck) {
    const reason = "nobody answered in time";
    const answer = { approved: false, isUnanswered: true, by: HEALER, reason };
    await sendApproval(deps, { taskId: id, name: "unanswered", answer });
  }
  const why = isStuck
    ? "this server has no code for its version"
    : !isOpen
    ? "its incident broke off"
    // Who pauses an incident stops its looks as well.
    : state === "paused" || state === "blocked"
    ? `its incident is ${state}, so nobody watches what it does`
    : settings.mode !== "on"
    ? offText(settings)
    : undefined;
  return why !== undefined && await isTakenBack(deps, stored, { why, nowMs });
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

/** What is decided about a proposal. */
export type Approval = z.output<typeof ApprovalFields>;

/**
 * Decides about the proposal of an incident, by the same signal for people and for the healer. Returns
 * false when somebody has decided before.
 */
export async function sendApproval(
  { sink }: Pick<HealerDeps, "sink">,
  { taskId, name, answer }: {
    readonly taskId: TaskId;
    /** Names the command, so that it may be sent again. */
    readonly name: string;
    readonly answer: Approval;
  },
): Promise<boolean> {
  const payload = encodePayload(answer, "the approval");
  const commandId = `${taskId}/${name}`;
  try {
    await sink.send({ kind: "SendSignal", commandId, taskId, name: APPROVAL, payload });
    return true;
  } catch (error) {
    if (error instanceof TaskerError && error.code === "signal.not_awaited") return false;
    throw error;
  }
}
