/** Reading: the attempts and the incidents that a decision of the healer rests on. */

import { type AttemptFact, attemptFacts } from "../core/attempt_fact.ts";
import { type Incident, INCIDENT_WORKFLOW, incidentOf } from "../core/incident.ts";
import type { Plan } from "../core/plan.ts";
import type { TaskRange, WholeTask } from "../core/ports.ts";
import type { Degradation } from "../core/incident.ts";
import { PRIORITY } from "../core/starts.ts";
import type { Demand } from "./case.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { withFates } from "./revert.ts";
import { windowOf } from "./window.ts";

/** Tasks that one reading of attempts takes; a sample when there are more. */
const TASKS_MAX = 600;

/** Incidents that begin in an hour, of all workflows: people look at fewer, and changes are fewer. */
export const STARTED_PER_HOUR_MAX = 60;

/** Incidents of a day that are looked at: all of them, for a sample could miss the one that matters. */
const INCIDENTS_MAX = 2_000;

/** How far back incidents matter. */
const PAST_MS = 24 * 3_600_000;

type Reads = Pick<HealerDeps, "tasks" | "plans">;

/** Reads the attempts of a workflow that ended in a span; of tasks that began up to `olderMs` earlier. */
export async function readFacts(
  { tasks, plans }: Reads,
  { workflow, fromMs, untilMs, olderMs }: {
    readonly workflow: string;
    readonly fromMs: number;
    readonly untilMs: number;
    readonly olderMs: number;
  },
): Promise<readonly AttemptFact[]> {
  const facts: AttemptFact[] = [];
  const range = { workflow, sinceMs: fromMs - olderMs, untilMs, limit: TASKS_MAX };
  for await (const task of tasks.tasks(range)) {
    const plan = await plans.byHash(task.summary.definitionHash);
    if (plan !== undefined) facts.push(...factsOf(plan, task));
  }
  return facts.filter(({ endedAtMs }) => endedAtMs >= fromMs && endedAtMs < untilMs);
}

function factsOf(plan: Plan, { summary, turns }: WholeTask): readonly AttemptFact[] {
  const events = turns.flatMap((turn) => turn.events);
  return attemptFacts(plan, summary.taskId, summary.tags, events);
}

/** An incident, and what its task says of it. */
export interface StoredIncident {
  readonly incident: Incident;
  readonly definitionHash: string;
  readonly isEnded: boolean;
}

/** States of incidents that are open, and of those that ended without a conclusion. */
const OPEN = ["running", "waiting", "blocked", "paused"] as const;
const BROKEN = ["failed", "cancelled"] as const;

type ReadsIncidents = Pick<HealerDeps, "tasks" | "plans">;

/** Reads the incidents that are open, whenever they began, and those that broke off within a day. */
export async function readUnfinished(
  deps: ReadsIncidents,
  { nowMs }: { readonly nowMs: number },
): Promise<readonly StoredIncident[]> {
  return [
    ...await readStored(deps, { states: OPEN, sinceMs: 0, untilMs: nowMs + AHEAD_MS }),
    ...await readStored(deps, {
      states: BROKEN,
      sinceMs: nowMs - PAST_MS - AHEAD_MS,
      untilMs: nowMs + AHEAD_MS,
    }),
  ];
}

/** Reads the incidents of the last day, and those that are still open, the newest first. */
export async function readIncidents(
  deps: ReadsIncidents & Pick<HealerDeps, "policies">,
  { nowMs, except }: { readonly nowMs: number; readonly except?: string },
): Promise<readonly Incident[]> {
  const read = [
    ...await readStored(deps, { states: OPEN, sinceMs: 0, untilMs: nowMs - PAST_MS }),
    ...await readStored(deps, { sinceMs: nowMs - PAST_MS, untilMs: nowMs + AHEAD_MS }),
  ].map(({ incident }) => incident).filter(({ id }) => id !== except);
  const known = await withFates(deps.policies, read);
  return known.toSorted((one, other) => other.startedAtMs - one.startedAtMs);
}

/** Clocks of nodes differ, and are set back: what began "later" is there as well. */
const AHEAD_MS = 24 * 3_600_000;

async function readStored(
  { tasks, plans }: ReadsIncidents,
  range: Pick<TaskRange, "states" | "sinceMs" | "untilMs">,
): Promise<readonly StoredIncident[]> {
  const found: StoredIncident[] = [];
  const asked = { ...range, sinceMs: Math.max(0, range.sinceMs) };
  const all = { ...asked, workflow: INCIDENT_WORKFLOW, limit: INCIDENTS_MAX };
  for await (const task of tasks.tasks(all)) {
    const { definitionHash, endedAtMs } = task.summary;
    const plan = await plans.byHash(definitionHash);
    const incident = plan && incidentOf(task, plan);
    if (incident === undefined) continue;
    found.push({ incident, definitionHash, isEnded: endedAtMs !== undefined });
  }
  return found;
}

/** Tasks that show how urgent those of a workflow are. */
const PRIORITY_TASKS = 60;

/** Windows before the trouble that say how many tasks are usual. */
const USUAL_WINDOWS = 20;

/**
 * Reads how many tasks of each workflow start that has steps for a system, now and before.
 *
 * Cost: one read of statistics, and sixty tasks of each such workflow.
 */
export async function readDemand(
  { statistics, tasks, plans }: Pick<HealerDeps, "statistics" | "tasks" | "plans">,
  { system, nowMs, degradation: { workflow, windowMs, sinceMs } }: {
    readonly system: string;
    readonly nowMs: number;
    readonly degradation: Degradation;
  },
): Promise<readonly Demand[]> {
  const before = { fromMs: sinceMs - (USUAL_WINDOWS + 1) * windowMs, untilMs: sinceMs - windowMs };
  const now = { fromMs: nowMs - windowMs, untilMs: nowMs };
  const cells = await statistics.read({ sinceMs: before.fromMs, untilMs: nowMs });
  const byWorkflow = Map.groupBy(
    cells.filter(({ step }) => step === undefined),
    (of) => of.workflow,
  );
  const demand: Demand[] = [];
  for (const [name, own] of byWorkflow) {
    const plan = plans.find(name);
    const isSent = plan?.steps.some(({ definition }) => definition.owner === system);
    if (plan === undefined || !isSent && name !== workflow) continue;
    const perMinute = (span: { readonly fromMs: number; readonly untilMs: number }) =>
      windowOf(own, span).counts.starts / (span.untilMs - span.fromMs) * 60_000;
    const priorities: number[] = [];
    const newest = { workflow: name, sinceMs: now.fromMs, untilMs: nowMs, limit: PRIORITY_TASKS };
    for await (const { turns } of tasks.tasks(newest)) {
      const first = turns[0]?.events[0];
      if (first?.kind === "TaskStarted") priorities.push(first.priority ?? PRIORITY.default);
    }
    demand.push({
      workflow: name,
      perMinute: perMinute(now),
      perMinuteBefore: perMinute(before),
      priorities: priorities.sort((a, b) => a - b),
      tier: plan.definition.heal?.tier ?? "T0",
    });
  }
  return demand;
}
