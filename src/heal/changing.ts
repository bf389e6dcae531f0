/** Changing: an incident puts what was decided, if it still may, and decides what becomes of it. */

import { TaskerError } from "../core/errors.ts";
import type { HealingAction, OverlayChange, Proposal } from "../core/healing.ts";
import { actionOf } from "../core/healing_action.ts";
import { parseTaskId } from "../core/ids.ts";
import { chosenOf, type Degradation } from "../core/incident.ts";
import { wilson } from "../core/intervals.ts";
import type { HealerDeps } from "./healer_deps.ts";
import type { Conclusion, DecidedIncident, IncidentSteps } from "./incident.ts";
import { firstShare, isSaturatedAt, isSaturatedNow } from "./judging.ts";
import {
  HEALER,
  keepChange,
  putChange,
  standingOf,
  takeBack,
  takenText,
} from "./overlay_change.ts";
import { readIncidents, readWindow, usualSpan } from "./reading.ts";
import { ADDS_LOAD, refusals } from "./rules.ts";
import { offText, settingsIn } from "./settings.ts";
import { failedShare } from "./window.ts";

/** Puts what was decided, once. */
export async function apply(
  deps: HealerDeps,
  { taskId, incident, proposed, approval }: DecidedIncident,
) {
  const nowMs = deps.runtime.now();
  const not = (says: string) => ({ isApplied: false, says, atMs: nowMs });
  const proposal = chosenOf({ propose: proposed });
  if (approval === undefined) return not("nothing was proposed");
  if (approval.isUnanswered) return { ...not(approval.reason), isUnanswered: true };
  if (!approval.approved || proposal === undefined) return not(approval.reason);
  const { change, inverse } = proposal;
  const { degradation } = incident;
  const action = actionOf(proposal.action);
  const { by } = approval;
  const asked = { incident: taskId, degradation, change, action, by, load: proposal.load };
  const refusal = await whyNotNow(deps, asked);
  if (refusal !== undefined) return not(refusal);
  if (action === undefined) {
    return not("another version of Tasker made it, and this one cannot do it");
  }
  if (action.kind === "quarantine_task") return await quarantine(deps, taskId, action.taskId);
  if (change === undefined) return not("it is something that only people can do");
  const percent = isTried(action)
    ? firstShare(
      await failingNow(deps, degradation),
      proposal.load === "reduces" ? await touchedBy(deps, degradation, action) : 1,
    )
    : undefined;
  const why = proposal.expected;
  const put = await putChange(deps.policies, { incident: taskId, change, why, nowMs }, {
    percent,
    expected: inverse,
  });
  if (put.kind === "conflict") return not(put.says);
  deps.log.info("Changed a policy against a degradation", {
    incident: taskId,
    workflow: degradation.workflow,
    step: degradation.step,
    action: action.kind,
    version: put.version,
  });
  return {
    isApplied: true,
    says: percent === undefined ? "for all" : `by ${percent} % of the tasks at first`,
    atMs: nowMs,
    version: put.version,
    base: put.base,
    ...(percent !== undefined && { percent }),
    ...(put.inverse !== undefined && { inverse: JSON.parse(JSON.stringify(put.inverse)) }),
  };
}

/** The share of the attempts that failed in the last window. */
async function failingNow(deps: HealerDeps, of: Degradation): Promise<number> {
  const nowMs = deps.runtime.now();
  return failedShare(await readWindow(deps, of, { fromMs: nowMs - of.windowMs, untilMs: nowMs }));
}

/** The share of the attempts that go well as a rule that a change can touch, at most, if it reduces load. */
async function touchedBy(
  deps: HealerDeps,
  of: Degradation,
  action: HealingAction,
): Promise<number> {
  if (action.kind !== "set_timeout") return 1;
  const { counts: { ran } } = await readWindow(deps, of, usualSpan(of));
  return wilson(ran.count - ran.countUpTo(action.timeoutMs), ran.count).high;
}

/** Whether a share of the tasks tries it first: what concerns one task at a time can be divided. */
function isTried({ kind }: HealingAction): boolean {
  return kind === "set_timeout" || kind === "set_retry" || kind === "switch_system";
}

async function quarantine({ sink, runtime }: HealerDeps, incident: string, taskId: string) {
  const atMs = runtime.now();
  const command = {
    kind: "PauseTask",
    commandId: `${incident}/pause`,
    taskId: parseTaskId(taskId),
    by: HEALER,
    reason: `Incident ${incident}: it fails again and again`,
  } as const;
  try {
    await sink.send(command);
    return { isApplied: true, says: `task ${taskId} is paused`, atMs };
  } catch (error) {
    // An outage says nothing about the task: the step is run again, and the command has the same id.
    if (!(error instanceof TaskerError) || error.retry !== "never") throw error;
    return { isApplied: false, says: error.message, atMs };
  }
}

/**
 * Why a change is not made after all; undefined: it is. Much may have happened since it was proposed:
 * what people did not approve is weighed again. What was put before a crash stays, and is judged.
 */
export async function whyNotNow(
  deps: Pick<HealerDeps, "policies" | "tasks" | "plans" | "statistics" | "whyNotSwitched"> & {
    readonly runtime: Pick<HealerDeps["runtime"], "now">;
  },
  { incident, degradation, change, action, by, load }: {
    readonly incident: string;
    readonly degradation: Degradation;
    readonly change: OverlayChange | undefined;
    readonly action: HealingAction | undefined;
    /** Who approved it. */
    readonly by: string;
    readonly load: Proposal["load"];
  },
): Promise<string | undefined> {
  if (change !== undefined) {
    const { kind } = await standingOf(deps.policies, { change, incident });
    if (kind !== "nothing") return undefined;
  }
  const gone = whyNotThere(deps, action);
  if (gone !== undefined) return gone;
  const settings = settingsIn(await deps.policies.newest());
  if (settings.mode !== "on") return offText(settings);
  if (load === "adds" && await wasSaturated(deps, degradation)) return ADDS_LOAD;
  if (by !== HEALER) return undefined;
  const nowMs = deps.runtime.now();
  const past = await readIncidents(deps, { nowMs, except: incident });
  return refusals({ degradation, past, nowMs }, settings)[0];
}

/** Whether more comes in than is done, or did half a window ago: that comes and goes before it stays. */
async function wasSaturated(
  deps: Parameters<typeof isSaturatedNow>[0],
  degradation: Degradation,
): Promise<boolean> {
  const earlierMs = deps.runtime.now() - degradation.windowMs / 2;
  return await isSaturatedNow(deps, degradation) ||
    await isSaturatedAt(deps, degradation, earlierMs);
}

/** Why another system cannot get a step now; undefined: it can, or no other is to get it. */
function whyNotThere(
  { plans, whyNotSwitched }: Pick<HealerDeps, "plans" | "whyNotSwitched">,
  action: HealingAction | undefined,
): string | undefined {
  if (action?.kind !== "switch_system") return undefined;
  const plan = plans.find(action.workflow);
  const definition = plan?.steps[plan.indexOf.get(action.step) ?? -1]?.definition;
  const reason = plan === undefined || definition === undefined
    ? "code_not_loaded"
    : whyNotSwitched(plan, { definition, switchTo: action.system });
  return reason && `system "${action.system}" cannot get step "${action.step}" now: ${reason}`;
}

/** Decides what becomes of a change, once; what was done before a crash, or by a person, stays. */
export async function conclude(
  deps: HealerDeps,
  { taskId, incident, proposed, applied, verdict }: Parameters<IncidentSteps["conclude"]>[0],
) {
  const atMs = deps.runtime.now();
  const ended = (outcome: Conclusion["outcome"], says: string) => ({ outcome, says, atMs });
  const { change, load } = chosenOf({ propose: proposed }) ?? {};
  if (applied.isUnanswered) return ended("unanswered", applied.says);
  if (!applied.isApplied) return ended("not_applied", applied.says);
  if (change === undefined || applied.version === undefined) return ended("kept", applied.says);
  const standing = await standingOf(deps.policies, { incident: taskId, change });
  if (standing.kind === "conflict") return ended("overtaken", standing.says);
  if (standing.kind === "takes back") return ended("reverted", takenText(standing));
  if (standing.kind === "keeps") return ended("kept", standing.says);
  const deed = { incident: taskId, change, why: verdict.says, nowMs: atMs };
  const settings = settingsIn(await deps.policies.newest());
  const isTrial = standing.percent !== undefined;
  const why = settings.mode !== "on"
    ? offText(settings)
    : isTrial && load === "adds" && await isSaturatedNow(deps, incident.degradation)
    ? ADDS_LOAD
    : verdict.verdict === "worse" || (isTrial && verdict.verdict !== "better")
    ? verdict.says
    : undefined;
  if (why === undefined && !isTrial) return ended("kept", verdict.says);
  const put = why === undefined
    ? await keepChange(deps.policies, deed)
    : await takeBack(deps.policies, { ...deed, why });
  if (put.kind === "conflict") return ended("overtaken", put.says);
  return why === undefined ? ended("kept", verdict.says) : ended("reverted", why);
}
