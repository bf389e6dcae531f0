/** Reading: the attempts and the incidents that a decision of the healer rests on. */

import { type AttemptFact, attemptFacts } from "../core/attempt_fact.ts";
import {
  chosenOf,
  type Degradation,
  type Incident,
  INCIDENT_WORKFLOW,
  incidentOf,
  outcomeOf,
} from "../core/incident.ts";
import type { Plan } from "../core/plan.ts";
import type { Policies, PolicyOverlay, TaskRange, TaskReader, WholeTask } from "../core/ports.ts";
import type { TaskStateName } from "../core/state.ts";
import { PRIORITY } from "../core/starts.ts";
import type { StatisticsCell } from "../core/statistics.ts";
import type { Demand } from "./case.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { fateOf, triedPercentOf } from "./overlay_change.ts";
import { atOnceIn, type Window, windowOf } from "./window.ts";

/**
 * Tasks that one reading of attempts takes; a sample when there are more. Where most tasks stand in a line,
 * few of a sample have an attempt: so a larger one is taken where it has fewer than are needed to learn from.
 */
const TASKS_MAX = 600;
const TASKS_IN_LINE_MAX = 2_400;
const FACTS_MIN = 40;

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
  { workflow, step, fromMs, untilMs, olderMs }: {
    readonly workflow: string;
    /** The one of which there should be enough. */
    readonly step: string;
    readonly fromMs: number;
    readonly untilMs: number;
    readonly olderMs: number;
  },
): Promise<readonly AttemptFact[]> {
  const read = async (limit: number) => {
    const facts: AttemptFact[] = [];
    let count = 0;
    for await (
      const task of tasks.tasks({ workflow, sinceMs: fromMs - olderMs, untilMs, limit })
    ) {
      count++;
      const plan = await plans.byHash(task.summary.definitionHash);
      if (plan !== undefined) facts.push(...factsOf(plan, task));
    }
    const ended = facts.filter(({ endedAtMs }) => endedAtMs >= fromMs && endedAtMs < untilMs);
    return { ended, isSample: count >= limit };
  };
  const { ended, isSample } = await read(TASKS_MAX);
  const isEnough = !isSample || ended.filter((fact) => fact.step === step).length >= FACTS_MIN;
  return isEnough ? ended : (await read(TASKS_IN_LINE_MAX)).ended;
}

function factsOf(plan: Plan, { summary, turns }: WholeTask): readonly AttemptFact[] {
  return attemptFacts(plan, summary.taskId, summary.tags, turns);
}

/** A span of time, Unix ms. */
export interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Looks this far apart still follow each other; after a longer gap, no server was there. */
const GAP_MS = 5 * 60_000;
const GAP_WINDOWS = 3;

/**
 * Notes that this node looks after incidents. The answer says how much of the time from a moment, not before
 * `sinceMs`, no node did, ms: nobody could answer or look then. Cost: one statement.
 */
export async function unattended(
  { attendance }: Pick<HealerDeps, "attendance">,
  { sinceMs, nowMs, windowMs }: {
    readonly sinceMs: number;
    readonly nowMs: number;
    readonly windowMs: number;
  },
): Promise<(fromMs: number) => number> {
  const gapMs = Math.max(GAP_MS, GAP_WINDOWS * windowMs);
  const spans = await attendance.note({ nowMs, gapMs, sinceMs });
  return (momentMs) => {
    let [seenMs, lostMs] = [momentMs, 0];
    for (const { fromMs, untilMs } of spans) {
      if (fromMs - seenMs > gapMs) lostMs += fromMs - seenMs;
      seenMs = Math.max(seenMs, untilMs);
    }
    return lostMs;
  };
}

/** Windows before the trouble that say what is usual. */
export const USUAL_WINDOWS = 20;

/** The time before a degradation that says what is usual. */
export function usualSpan({ sinceMs, windowMs }: Degradation): Span {
  const untilMs = sinceMs - windowMs;
  return { fromMs: untilMs - USUAL_WINDOWS * windowMs, untilMs };
}

/** When the trouble began that a degradation may only be a part of: single attempts were as usual until then. */
export function troubleSince({ sinceMs, windowMs, usualUntilMs }: Degradation): number {
  return usualUntilMs ?? sinceMs - windowMs;
}

type ReadsStatistics = Pick<HealerDeps, "statistics">;

/** Reads what was counted of a step in a span, by interval; without a step: of whole tasks. */
export async function readCells(
  { statistics }: ReadsStatistics,
  { workflow, step }: { readonly workflow: string; readonly step?: string },
  { fromMs, untilMs }: Span,
): Promise<readonly StatisticsCell[]> {
  const range = { workflow, ...(step !== undefined && { step }), sinceMs: fromMs, untilMs };
  return (await statistics.read(range)).filter((cell) => cell.step === step);
}

/** The same, all together. */
export async function readWindow(
  deps: ReadsStatistics,
  of: { readonly workflow: string; readonly step?: string },
  span: Span,
): Promise<Window> {
  return windowOf(await readCells(deps, of, span), span);
}

/** An incident, and what its task says of it. */
export interface StoredIncident {
  readonly incident: Incident;
  readonly definitionHash: string;
  readonly state: TaskStateName;
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

/** What has ended does not change any more: each reader's is read once, and kept for a day. */
const ENDED = new WeakMap<TaskReader, Map<string, StoredIncident>>();

async function readStored(
  { tasks, plans }: ReadsIncidents,
  range: Pick<TaskRange, "states" | "sinceMs" | "untilMs">,
): Promise<readonly StoredIncident[]> {
  const ended = ENDED.get(tasks) ?? new Map<string, StoredIncident>();
  ENDED.set(tasks, ended);
  const { states, untilMs } = range;
  const sinceMs = Math.max(0, range.sinceMs);
  const found = [...ended.values()].filter(({ incident: { startedAtMs }, state }) =>
    startedAtMs >= sinceMs && startedAtMs < untilMs && states?.includes(state) !== false
  );
  const others = { ...range, sinceMs, workflow: INCIDENT_WORKFLOW, limit: INCIDENTS_MAX };
  for await (const task of tasks.tasks({ ...others, except: ended })) {
    const { taskId, definitionHash, state, endedAtMs } = task.summary;
    const plan = await plans.byHash(definitionHash);
    const incident = plan && incidentOf(task, plan);
    if (incident === undefined) continue;
    const stored = { incident, definitionHash, state };
    found.push(stored);
    if (endedAtMs !== undefined) ended.set(taskId, stored);
  }
  for (const [id, { incident }] of ended) {
    if (incident.startedAtMs < untilMs - 2 * (PAST_MS + AHEAD_MS)) ended.delete(id);
  }
  return found;
}

/**
 * Adds to incidents how many tasks try their changes, and what became of those after they had ended: their
 * journals do not know it, the versions of the policies do. Cost: one read of an overlay for all incidents
 * that try or kept a change in it.
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
    const isTrying = incident.phase === "observing" && incident.apply?.percent !== undefined;
    if (!isOver && !isTrying || change === undefined) return incident;
    const { namespace, name } = change;
    const key = `${namespace}/${name}`;
    const versions = read.get(key) ?? policies.versions(namespace, name);
    read.set(key, versions);
    if (isTrying) return { ...incident, triedPercent: triedPercentOf(await versions, incident.id) };
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

/** Tasks that show how urgent those of a workflow are. */
const PRIORITY_TASKS = 60;

/** Workflows of which is read at once: a system that many use is asked about in as many rounds. */
const READ_AT_ONCE = 4;

/**
 * Reads how many tasks of each workflow start that has steps for a system, and how much of the system they
 * take, now and before.
 *
 * Cost: one read of statistics, and one of each such workflow, four at once; of several workflows sixty
 * tasks each as well. A workflow that has a system to itself is compared with none.
 */
export async function readDemand(
  deps: Pick<HealerDeps, "statistics" | "tasks" | "plans">,
  { system, nowMs, degradation }: {
    readonly system: string;
    readonly nowMs: number;
    readonly degradation: Degradation;
  },
): Promise<readonly Demand[]> {
  const before = usualSpan(degradation);
  const now = { fromMs: nowMs - degradation.windowMs, untilMs: nowMs };
  const cells = await deps.statistics.read({ sinceMs: before.fromMs, untilMs: nowMs });
  const byWorkflow = Map.groupBy(
    cells.filter(({ step }) => step === undefined),
    (of) => of.workflow,
  );
  const asking = [...byWorkflow].flatMap(([workflow, own]) => {
    const plan = deps.plans.find(workflow);
    const sent = plan?.steps.filter(({ definition }) => definition.owner === system) ?? [];
    if (plan === undefined || sent.length === 0 && workflow !== degradation.workflow) return [];
    return [{ workflow, own, plan, sent: new Set(sent.map(({ name }) => name)) }];
  });
  const demand: Demand[] = [];
  for (let at = 0; at < asking.length; at += READ_AT_ONCE) {
    const some = asking.slice(at, at + READ_AT_ONCE);
    demand.push(
      ...await Promise.all(some.map(async (of) => ({
        ...await demandOf(deps, of, { before, now }),
        priorities: asking.length === 1 ? [] : await prioritiesOf(deps, of.workflow, now),
      }))),
    );
  }
  return demand;
}

async function demandOf(
  { statistics }: Pick<HealerDeps, "statistics">,
  { workflow, own, plan, sent }: {
    readonly workflow: string;
    readonly own: readonly StatisticsCell[];
    readonly plan: Plan;
    /** Its steps at the system. */
    readonly sent: ReadonlySet<string>;
  },
  { before, now }: { readonly before: Span; readonly now: Span },
): Promise<Omit<Demand, "priorities">> {
  const range = { workflow, sinceMs: before.fromMs, untilMs: now.untilMs };
  const ofSteps = (await statistics.read(range)).filter(({ step = "" }) => sent.has(step));
  const perMinute = (count: number, span: Span) => count / (span.untilMs - span.fromMs) * 60_000;
  const calls = windowOf(ofSteps, before).counts;
  const bySent = Map.groupBy(ofSteps, ({ step }) => step);
  const atOnce = (span: Span) =>
    [...bySent.values()].reduce((sum, cells) => sum + atOnceIn(windowOf(cells, span)), 0);
  return {
    workflow,
    perMinute: perMinute(windowOf(own, now).counts.starts, now),
    perMinuteBefore: perMinute(windowOf(own, before).counts.starts, before),
    callsPerMinuteBefore: perMinute(calls.starts - calls.retries, before),
    atOnce: atOnce(now),
    atOnceBefore: atOnce(before),
    tier: plan.definition.heal?.tier ?? "T0",
  };
}

/** How urgent some of the tasks are that started in a span, sorted. */
async function prioritiesOf(
  { tasks }: Pick<HealerDeps, "tasks">,
  workflow: string,
  { fromMs, untilMs }: Span,
): Promise<readonly number[]> {
  const priorities: number[] = [];
  const range = { workflow, sinceMs: fromMs, untilMs, limit: PRIORITY_TASKS };
  for await (const { turns } of tasks.tasks(range)) {
    const first = turns[0]?.events[0];
    if (first?.kind === "TaskStarted") priorities.push(first.priority ?? PRIORITY.default);
  }
  return priorities.sort((a, b) => a - b);
}
