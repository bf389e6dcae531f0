/** What the steps of an incident do: each reads what it needs, and does one thing exactly once. */

import type { HealingAction, Proposal } from "../core/healing.ts";
import { actionOf } from "../core/healing_action.ts";
import { APPROVAL, type Degradation, type Finding } from "../core/incident.ts";
import { TaskerError } from "../core/errors.ts";
import { encodePayload } from "../core/payload.ts";
import { parseTaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import { policyUnder } from "../core/policy.ts";
import type { PolicyOverlay } from "../core/ports.ts";
import { advised } from "./advised.ts";
import { candidatesOf } from "./candidates.ts";
import { type Case, systemsFor } from "./case.ts";
import { changesOf } from "./actions.ts";
import type { HealerDeps } from "./healer_deps.ts";
import type { Conclusion, DecidedIncident, IncidentSteps, StartedIncident } from "./incident.ts";
import { hold } from "./holding.ts";
import { FIRST_SHARE, isSaturatedNow, judge } from "./judging.ts";
import { learn } from "./lesson.ts";
import {
  HEALER,
  keepChange,
  putChange,
  standingOf,
  takeBack,
  takenText,
} from "./overlay_change.ts";
import { readDemand, readFacts, readIncidents } from "./reading.ts";
import { ADDS_LOAD, weigh } from "./rules.ts";
import { isFree } from "./saturated.ts";
import { offText, settingsIn } from "./settings.ts";
import { whyNotNow } from "./still_allowed.ts";

/** Windows of attempts that a decision looks at, and those it compares them with. */
const RECENT_WINDOWS = 3;
const BEFORE_WINDOWS = 20;

/** Tasks that began so much earlier are looked at, too. */
const OLDER_WINDOWS = 10;

/** Makes the steps of incidents. */
export function openIncidentSteps(deps: HealerDeps): IncidentSteps {
  return {
    diagnose: (of) => diagnose(deps, of),
    propose: (of) => propose(deps, of),
    apply: (of) => apply(deps, of),
    judge: (of) => judge(deps, of),
    conclude: (of) => conclude(deps, of),
    release: (of) => hold(deps, of),
    learn: (of) => learn(deps, of),
  };
}

type Of<Step extends keyof IncidentSteps> = Parameters<IncidentSteps[Step]>[0];

async function attemptsAbout(deps: HealerDeps, { workflow, sinceMs, windowMs }: Degradation) {
  const nowMs = deps.runtime.now();
  const fromMs = Math.min(sinceMs, nowMs - RECENT_WINDOWS * windowMs);
  const olderMs = OLDER_WINDOWS * windowMs;
  const recent = await readFacts(deps, { workflow, fromMs, untilMs: nowMs, olderMs });
  const beforeMs = fromMs - 2 * windowMs;
  const before = await readFacts(deps, {
    workflow,
    fromMs: beforeMs - BEFORE_WINDOWS * windowMs,
    untilMs: beforeMs,
    olderMs: 0,
  });
  return { recent, before, nowMs };
}

async function diagnose(deps: HealerDeps, { incident }: StartedIncident): Promise<Finding> {
  const { degradation } = incident;
  const plan = planOf(deps, degradation);
  return await deps.diagnose({ degradation, plan, ...await attemptsAbout(deps, degradation) });
}

async function propose(deps: HealerDeps, { taskId, incident, finding }: Of<"propose">) {
  const newest = await deps.policies.newest();
  const settings = settingsIn(newest);
  const of = await caseOf(deps, { taskId, incident, finding, newest });
  const weighed = weigh(candidatesOf(of), of, {
    settings,
    overlays: (action) => overlayOf(action, newest),
  });
  const { proposals, chosen, advice } = await advised(deps.adviser, { ...of, ...weighed });
  const { notes } = weighed;
  await decideByTier(deps, taskId, { chosen, notes });
  return {
    proposals: proposals.map(journaled),
    ...(chosen !== undefined && { chosen: chosen.id }),
    notes: [...notes],
    ...(advice !== undefined && { advice: journaled(advice) }),
  };
}

/** A value as plain JSON. */
function journaled(value: unknown) {
  return JSON.parse(JSON.stringify(value));
}

async function caseOf(
  deps: HealerDeps,
  { taskId, incident, finding, newest }: Of<"propose"> & {
    readonly newest: ReadonlyMap<string, PolicyOverlay>;
  },
): Promise<Case> {
  const { degradation } = incident;
  const { workflow, step } = degradation;
  const plan = planOf(deps, degradation);
  const definition = plan.steps[plan.indexOf.get(step) ?? -1]?.definition;
  if (definition === undefined) throw new Error(`"${workflow}" has no step "${step}" any more`);
  const { recent, before, nowMs } = await attemptsAbout(deps, degradation);
  const own = recent.filter((fact) => fact.step === step);
  const system = own.findLast((fact) => fact.system !== undefined)?.system ?? definition.owner;
  const measured = before.filter((fact) => fact.step === step);
  const saturated = degradation.saturated && !isFree({ recent: own, before: measured });
  return {
    degradation: { ...degradation, saturated },
    finding,
    definition,
    policy: policyUnder(definition, newest.get(workflow)?.steps),
    bounds: plan.definition.heal ?? {},
    system,
    ...systemsFor(definition, system, deps.systems()),
    recent: own,
    before: measured,
    demand: await readDemand(deps, { system, nowMs, degradation }),
    past: await readIncidents(deps, { nowMs, except: taskId }),
    nowMs,
  };
}

function planOf(deps: HealerDeps, { workflow }: Degradation): Plan {
  const plan = deps.plans.find(workflow);
  if (plan === undefined) throw new Error(`"${workflow}" is not loaded here`);
  return plan;
}

function overlayOf(
  action: HealingAction,
  newest: ReadonlyMap<string, PolicyOverlay>,
): object {
  const change = changesOf(action);
  return change === undefined ? {} : newest.get(`${change.namespace}/${change.name}`) ?? {};
}

/** What needs no person is decided at once, by the same signal that a person sends. */
async function decideByTier(
  { sink }: HealerDeps,
  taskId: string,
  { chosen, notes }: { readonly chosen: Proposal | undefined; readonly notes: readonly string[] },
): Promise<void> {
  if (chosen?.tier === "T2") return;
  const approved = chosen !== undefined && chosen.tier !== "T3";
  const reason = chosen === undefined
    ? notes.join("; ") || "nothing is known that would help"
    : approved
    ? `tier ${chosen.tier} needs no person within the bounds of the workflow`
    : "it is something that only people can do";
  const payload = { approved, by: HEALER, reason: reason.slice(0, 1_000) };
  await sink.send({
    kind: "SendSignal",
    commandId: `${taskId}/${APPROVAL}`,
    taskId: parseTaskId(taskId),
    name: APPROVAL,
    payload: encodePayload(payload, "the approval"),
  });
}

async function apply(deps: HealerDeps, { taskId, incident, proposed, approval }: DecidedIncident) {
  const nowMs = deps.runtime.now();
  const not = (says: string) => ({ isApplied: false, says, atMs: nowMs });
  const proposal = proposed?.proposals.find(({ id }) => id === proposed.chosen);
  if (approval === undefined) return not("nothing was proposed");
  if (approval.isUnanswered) return { ...not(approval.reason), isUnanswered: true };
  if (!approval.approved || proposal === undefined) return not(approval.reason);
  const { change, inverse } = proposal;
  const { degradation } = incident;
  const asked = { incident: taskId, degradation, change, by: approval.by, load: proposal.load };
  const refusal = await whyNotNow(deps, asked);
  if (refusal !== undefined) return not(refusal);
  const action = actionOf(proposal.action);
  if (action === undefined) {
    return not("another version of Tasker made it, and this one cannot do it");
  }
  if (action.kind === "quarantine_task") return await quarantine(deps, taskId, action.taskId);
  if (change === undefined) return not("it is something that only people can do");
  const percent = isTried(action) ? FIRST_SHARE : undefined;
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
    ...(put.inverse !== undefined && { inverse: journaledChange(put.inverse) }),
  };
}

function journaledChange(change: NonNullable<Proposal["inverse"]>) {
  return JSON.parse(JSON.stringify(change));
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

async function conclude(
  deps: HealerDeps,
  { taskId, incident, proposed, applied, verdict }: Of<"conclude">,
) {
  const atMs = deps.runtime.now();
  const ended = (outcome: Conclusion["outcome"], says: string) => ({ outcome, says, atMs });
  const proposal = proposed?.proposals.find(({ id }) => id === proposed.chosen);
  const { change, load } = proposal ?? {};
  if (applied.isUnanswered) return ended("unanswered", applied.says);
  if (!applied.isApplied) return ended("not_applied", applied.says);
  if (change === undefined || applied.version === undefined) return ended("kept", applied.says);
  const standing = await standingOf(deps.policies, { incident: taskId, change });
  // What was done before a crash, or by a person, is what became of it.
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
