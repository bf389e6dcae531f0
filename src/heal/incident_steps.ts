/** What the steps of an incident do: each reads what it needs, and does one thing exactly once. */

import { REASON_LENGTH_MAX } from "../core/fields.ts";
import type { HealingAction, Proposal } from "../core/healing.ts";
import { APPROVAL, type Degradation, type Finding } from "../core/incident.ts";
import { parseTaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import { policyUnder } from "../core/policy.ts";
import type { PolicyOverlay } from "../core/ports.ts";
import { changesOf } from "./actions.ts";
import { advised } from "./adviser.ts";
import { candidatesOf } from "./candidates.ts";
import { sendApproval } from "./care.ts";
import { type Case, seenIn, systemOf, systemsFor } from "./case.ts";
import { apply, conclude } from "./changing.ts";
import { isSaturated } from "./detection.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { hold } from "./holding.ts";
import type { ConcludedIncident, IncidentSteps, StartedIncident } from "./incident.ts";
import { judge } from "./judging.ts";
import { HEALER } from "./overlay_change.ts";
import {
  readCells,
  readDemand,
  readFacts,
  readIncidents,
  readWindow,
  troubleSince,
  USUAL_WINDOWS,
  usualSpan,
} from "./reading.ts";
import { weigh, whyNotAsked } from "./rules.ts";
import { isFree, SEEN_WINDOWS } from "./saturated.ts";
import { settingsIn } from "./settings.ts";
import { figuresOf, windowOf } from "./window.ts";

/** Windows of attempts that a decision looks at. */
const RECENT_WINDOWS = 3;

/** Tasks that began so much earlier are looked at, too. */
const OLDER_WINDOWS = 10;

/** Windows before the degradation that a report shows. */
const SHOWN_WINDOWS = 10;

/** Spans that the plot of a report has: it stands in 80 columns, beside its scale. */
const SHOWN_SPANS_MAX = 48;

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

async function attemptsAbout(deps: HealerDeps, degradation: Degradation) {
  const { workflow, step, sinceMs, windowMs } = degradation;
  const nowMs = deps.runtime.now();
  const fromMs = Math.min(sinceMs, nowMs - RECENT_WINDOWS * windowMs);
  const olderMs = OLDER_WINDOWS * windowMs;
  const recent = await readFacts(deps, { workflow, step, fromMs, untilMs: nowMs, olderMs });
  const beforeMs = Math.min(fromMs - 2 * windowMs, troubleSince(degradation));
  const before = await readFacts(deps, {
    ...{ workflow, step },
    fromMs: beforeMs - USUAL_WINDOWS * windowMs,
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

/** So often it is looked for something that helps; then it is reported. */
const PROPOSE_LOOKS_MAX = 6;

async function propose(deps: HealerDeps, { taskId, incident, finding, look }: Of<"propose">) {
  const newest = await deps.policies.newest();
  const settings = settingsIn(newest);
  const of = await caseOf(deps, { taskId, incident, finding, newest, look });
  const weighed = weigh(candidatesOf(of), of, {
    settings,
    overlays: (action) => overlayOf(action, newest),
  });
  // What helps may show later: at first, few attempts have ended as they do now.
  const helps = weighed.chosen !== undefined && weighed.chosen.tier !== "T3";
  if (!helps && settings.mode === "on" && look < PROPOSE_LOOKS_MAX) return undefined;
  const why = helps ? undefined : whyNotAsked(of, { look, chosen: weighed.chosen });
  if (why !== undefined) {
    const notes = [...weighed.notes, why];
    await decideByTier(deps, taskId, { chosen: undefined, notes });
    return { proposals: [], notes };
  }
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
  { taskId, incident, finding, newest, look }: Of<"propose"> & {
    readonly newest: ReadonlyMap<string, PolicyOverlay>;
  },
): Promise<Case> {
  const degradation = look === 1 ? incident.degradation : await seenNow(deps, incident.degradation);
  const { workflow, step } = degradation;
  const plan = planOf(deps, degradation);
  const definition = plan.steps[plan.indexOf.get(step) ?? -1]?.definition;
  if (definition === undefined) throw new Error(`"${workflow}" has no step "${step}" any more`);
  const { recent, before, nowMs } = await attemptsAbout(deps, degradation);
  const own = recent.filter((fact) => fact.step === step);
  const system = systemOf(own, definition.owner);
  const measured = before.filter((fact) => fact.step === step);
  const fromMs = nowMs - SEEN_WINDOWS * degradation.windowMs;
  const cells = await readCells(deps, degradation, { fromMs, untilMs: nowMs });
  const seen = seenIn({ recent: own, before: measured, cells }, degradation);
  const saturated = degradation.saturated && !isFree(seen);
  return {
    degradation: { ...degradation, saturated },
    finding,
    definition,
    policy: policyUnder(definition, newest.get(workflow)?.steps),
    bounds: plan.definition.heal ?? {},
    system,
    ...systemsFor(definition, {
      system,
      systems: deps.systems(),
      mayGet: (switchTo) => deps.whyNotSwitched(plan, { definition, switchTo }) === undefined,
    }),
    ...seen,
    demand: await readDemand(deps, { system, nowMs, degradation }),
    past: await readIncidents(deps, { nowMs, except: taskId }),
    nowMs,
  };
}

/** A degradation with the figures of the window that ends now. */
async function seenNow(deps: HealerDeps, of: Degradation): Promise<Degradation> {
  const nowMs = deps.runtime.now();
  const now = await readWindow(deps, of, { fromMs: nowMs - of.windowMs, untilMs: nowMs });
  const usual = await readWindow(deps, of, usualSpan(of));
  if (now.counts.ended === 0 || usual.counts.starts === 0) return of;
  return { ...of, now: figuresOf(now), saturated: isSaturated(now, usual) };
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

/** What needs no person is decided at once; a person may have withdrawn it before. */
async function decideByTier(
  deps: HealerDeps,
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
  const answer = { approved, by: HEALER, reason: reason.slice(0, REASON_LENGTH_MAX) };
  await sendApproval(deps, { taskId: parseTaskId(taskId), name: APPROVAL, answer });
}

/**
 * Reads what a degraded step did before, meanwhile and since its incident was concluded.
 *
 * Cost: one read of statistics.
 */
async function learn(deps: HealerDeps, { incident, conclusion }: ConcludedIncident) {
  const { degradation } = incident;
  const { windowMs, sinceMs } = degradation;
  const nowMs = deps.runtime.now();
  const fromMs = sinceMs - SHOWN_WINDOWS * windowMs;
  const cells = await readCells(deps, degradation, { fromMs, untilMs: nowMs });
  const spanMs = Math.max(
    windowMs,
    Math.ceil((nowMs - fromMs) / SHOWN_SPANS_MAX / windowMs) * windowMs,
  );
  const count = Math.ceil((nowMs - fromMs) / spanMs);
  const minutes = Array.from({ length: count }, (_, at) => {
    const span = { fromMs: fromMs + at * spanMs, untilMs: fromMs + (at + 1) * spanMs };
    const { failedShare, p95Ms = 0 } = figuresOf(windowOf(cells, span));
    return { atMs: span.fromMs, failedShare, p95Ms };
  });
  // The trial is no part of it: there, most tasks still went without the change.
  const after = figuresOf(windowOf(cells, { fromMs: conclusion.atMs, untilMs: nowMs }));
  return {
    before: degradation.before,
    during: degradation.now,
    ...(after.attempts > 0 && { after }),
    minutes,
  };
}
