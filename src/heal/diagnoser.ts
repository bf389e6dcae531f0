/** The diagnoser of a server: reads a task and what ran beside it, and diagnoses its failure. */

import { attemptError, type AttemptFact, attemptFacts } from "../core/attempt_fact.ts";
import type { Diagnosis } from "../core/diagnosis.ts";
import { type Option, optionsFor } from "../core/alternative.ts";
import { TaskerError } from "../core/errors.ts";
import { type Event, sizeOfEvent, type Turn } from "../core/event.ts";
import { mintedAtMs, type TaskId } from "../core/ids.ts";
import type { Plan, PlannedStep } from "../core/plan.ts";
import type { FullPolicy } from "../core/policy.ts";
import type {
  Diagnoser,
  DiagnosisQuestion,
  History,
  Plans,
  Runtime,
  StatisticsStore,
  TaskReader,
} from "../core/ports.ts";
import { decidedLabel } from "../core/search.ts";
import { ANY_SYSTEM } from "../core/system.ts";
import { namespaceOf } from "../core/workflow.ts";
import { diagnose } from "./diagnosis.ts";
import { hasFailed, type Starts, type StepInfo, stepInfo } from "./scene.ts";
import { type Resolution, resolutionsOf } from "./workarounds.ts";

/** What a diagnoser works with. */
export interface DiagnoserDeps {
  readonly runtime: Pick<Runtime, "now">;
  readonly history: Pick<History, "turns">;
  readonly tasks: TaskReader;
  readonly statistics: Pick<StatisticsStore, "read">;
  readonly plans: Pick<Plans, "byHash">;
  policyOf(of: { readonly plan: Plan; readonly taskId: TaskId }, step: number): FullPolicy;
  /** Workflows, `namespace/name`, with a step of a system. */
  workflowsOf(system: string): readonly string[];
}

/** How far back tasks are looked at, and how many: those near the failure, and those before. */
const WINDOW_MS = 7 * 24 * 3_600_000;
const NEAR_MS = 3 * 3_600_000;
const NEAR_TASKS = 300;
const FAR_TASKS = 200;
/** Other workflows at the same system, and tasks of each. */
const OTHERS_MAX = 3;
const OTHER_TASKS = 60;
/** Intervals in which starts are counted. */
const STARTS_EVERY_MS = 60_000;
/** Characters of all those tasks. */
const SIZE_MAX = 32 * 1024 * 1024;

/** Tasks in which somebody decided about the step, and their characters: of those no reader leaves any out. */
const DECIDED_TASKS = 500;
const DECIDED_SIZE = 6 * 1024 * 1024;

/** Characters of the turns of the task itself that are kept, the newest; turns of a page. */
const OWN_SIZE = 8 * 1024 * 1024;
const TURNS_PAGE = 500;

/** How many are diagnosed at once, and how long others should wait. */
const AT_ONCE_MAX = 2;
const BUSY_RETRY_MS = 2_000;

/** Opens the diagnoser. It serves few at once, because each reads megabytes. */
export function openDiagnoser(deps: DiagnoserDeps): Diagnoser {
  let running = 0;
  return {
    async diagnose(question) {
      if (running >= AT_ONCE_MAX) {
        throw new TaskerError(
          "api.busy",
          `Cannot diagnose task "${question.taskId}": this server diagnoses ${running} others`,
          { retryAfterMs: BUSY_RETRY_MS },
        );
      }
      running++;
      try {
        return await answer(deps, question);
      } finally {
        running--;
      }
    },
  };
}

async function answer(deps: DiagnoserDeps, question: DiagnosisQuestion): Promise<Diagnosis> {
  const { taskId, definitionHash, namespaces, signal } = question;
  const plan = await deps.plans.byHash(definitionHash);
  if (plan === undefined) {
    throw new TaskerError("task.not_found", `Cannot find the definition of task "${taskId}"`);
  }
  const turns = await newestTurns(deps.history, taskId);
  const reading = new Reading(deps);
  reading.add(plan, taskId, turns);
  const failure = failureOf([...reading.facts, ...unstarted(plan, taskId, turns)], plan, question);
  const nowMs = deps.runtime.now();
  const sinceMs = Math.min(nowMs - WINDOW_MS, mintedAtMs(taskId));
  const nearMs = Math.max(sinceMs, failure.startedAtMs - NEAR_MS);
  const others = beside(deps, { plan, failure, namespaces });
  const ranges = [
    { workflow: plan.workflow, sinceMs: nearMs, untilMs: nowMs + 1, limit: NEAR_TASKS },
    { workflow: plan.workflow, sinceMs, untilMs: nearMs, limit: FAR_TASKS },
    ...others.map((workflow) => ({
      workflow,
      sinceMs: nearMs,
      untilMs: nowMs + 1,
      limit: OTHER_TASKS,
    })),
  ];
  for (const range of ranges) {
    if (range.untilMs > range.sinceMs) await reading.read(range, signal);
  }
  const planned = plan.steps[plan.indexOf.get(failure.step) ?? -1] as PlannedStep;
  const decided = await decisionsAbout(deps, { failure, sinceMs, nowMs });
  const elsewhere = reading.resolutions.filter((one) => !isAbout(one, failure));
  return diagnose({
    facts: reading.facts,
    resolutions: [...decided.found, ...elsewhere],
    isAllDecided: decided.isAll,
    inputSizes: reading.inputSizes,
    starts: await startsOf(deps, [plan.workflow, ...others], {
      sinceMs: nearMs,
      untilMs: failure.endedAtMs,
    }),
    isSample: reading.isSample,
    stepOf: (workflow, step) => reading.stepOf(workflow, step),
    failure,
    ancestors: ancestorsOf(plan, planned),
    offers: offersOf(planned, turns),
    sinceMs,
    nowMs,
  });
}

/** Reads how many tasks started, which no sample of them shows. Cost: one read for each workflow. */
async function startsOf(
  { statistics }: Pick<DiagnoserDeps, "statistics">,
  workflows: readonly string[],
  range: { readonly sinceMs: number; readonly untilMs: number },
): Promise<ReadonlyMap<string, readonly Starts[]>> {
  const read = async (workflow: string) => {
    const cells = await statistics.read({ workflow, ...range, everyMs: STARTS_EVERY_MS });
    const ofTasks = cells.filter(({ step }) => step === undefined);
    return [
      workflow,
      ofTasks.map(({ fromMs, untilMs, counts }) => ({ fromMs, untilMs, starts: counts.starts })),
    ] as const;
  };
  return new Map(await Promise.all(workflows.map(read)));
}

/**
 * Reads what was decided about a step that was parked, in all tasks and not in those of a sample: the newest
 * decisions, and whether those are all.
 */
async function decisionsAbout(
  { tasks, plans }: Pick<DiagnoserDeps, "tasks" | "plans">,
  { failure, sinceMs, nowMs }: {
    readonly failure: AttemptFact;
    readonly sinceMs: number;
    readonly nowMs: number;
  },
): Promise<{ readonly found: readonly Resolution[]; readonly isAll: boolean }> {
  const { workflow, step } = failure;
  const label = decidedLabel(step);
  const found: Resolution[] = [];
  let [count, size] = [0, 0];
  // A task may have been parked for long before somebody decided.
  const range = { workflow, label, sinceMs: 0, untilMs: nowMs + 1, limit: DECIDED_TASKS };
  for await (const { summary: { taskId, definitionHash }, turns } of tasks.tasks(range)) {
    const plan = await plans.byHash(definitionHash);
    const events = turns.flatMap((turn) => turn.events);
    count++;
    size += sizeOf(events);
    if (size > DECIDED_SIZE) break;
    const all = plan === undefined ? [] : resolutionsOf(plan, taskId, events);
    found.push(...all.filter((one) => isAbout(one, failure) && one.atMs >= sinceMs));
  }
  return { found, isAll: count < DECIDED_TASKS && size <= DECIDED_SIZE };
}

function isAbout(
  { workflow, failed }: Resolution,
  { workflow: ofWorkflow, step }: Pick<AttemptFact, "workflow" | "step">,
): boolean {
  return workflow === ofWorkflow && failed.step === step;
}

function sizeOf(events: readonly Event[]): number {
  return events.reduce((sum, event) => sum + sizeOfEvent(event), 0);
}

/** Other workflows with a step at the same system, that the caller may see. */
function beside(
  deps: DiagnoserDeps,
  { plan, failure, namespaces }: {
    readonly plan: Plan;
    readonly failure: AttemptFact;
    readonly namespaces: readonly string[] | undefined;
  },
): readonly string[] {
  const { kind, owner } = plan.steps[plan.indexOf.get(failure.step) ?? -1]?.definition ?? {};
  const system = failure.system ?? owner;
  if (kind !== "remote" || system === undefined || system === ANY_SYSTEM) return [];
  return deps.workflowsOf(system).filter((name) =>
    name !== plan.workflow && (namespaces?.includes(namespaceOf(name)) ?? true)
  ).slice(0, OTHERS_MAX);
}

/** Reads all turns, and keeps the newest: a task may have been retried for years. */
async function newestTurns(
  history: Pick<History, "turns">,
  taskId: TaskId,
): Promise<readonly Turn[]> {
  let turns: Turn[] = [];
  let size = 0;
  for (let after = 0, isLast = false; !isLast;) {
    const page = await history.turns(taskId, after, TURNS_PAGE);
    turns.push(...page.turns);
    after = turns.at(-1)?.turn ?? after;
    for (const { events } of page.turns) size += sizeOf(events);
    const first = turns.findIndex(({ events }, at) => {
      if (size <= OWN_SIZE || at === turns.length - 1) return true;
      size -= sizeOf(events);
      return false;
    });
    turns = turns.slice(Math.max(0, first));
    isLast = page.isLast;
  }
  return turns;
}

/** What has been read: facts, decisions, and the steps that they are of. */
class Reading {
  readonly facts: AttemptFact[] = [];
  readonly resolutions: Resolution[] = [];
  readonly inputSizes = new Map<TaskId, number>();
  isSample = false;
  readonly #steps = new Map<string, StepInfo>();
  readonly #known = new Set<TaskId>();
  #size = 0;

  constructor(private readonly deps: DiagnoserDeps) {}

  /** Reads the tasks of a range, until those of all ranges are too large. */
  async read(range: Parameters<TaskReader["tasks"]>[0], signal?: AbortSignal): Promise<void> {
    let count = 0;
    for await (
      const { summary: { taskId, definitionHash }, turns } of this.deps.tasks.tasks(range)
    ) {
      if (++count >= range.limit || this.#size > SIZE_MAX) this.isSample = true;
      if (this.#size > SIZE_MAX || signal?.aborted === true) break;
      if (this.#known.has(taskId)) continue;
      const plan = await this.deps.plans.byHash(definitionHash);
      if (plan !== undefined) this.add(plan, taskId, turns);
    }
  }

  /** Adds a task. */
  add(plan: Plan, taskId: TaskId, turns: readonly Turn[]): void {
    const events = turns.flatMap((turn) => turn.events);
    this.#known.add(taskId);
    this.#size += sizeOf(events);
    const [first] = events;
    const isWhole = first?.kind === "TaskStarted";
    if (isWhole) this.inputSizes.set(taskId, first.input.length);
    const tags = isWhole ? first.tags : [];
    for (const fact of attemptFacts(plan, taskId, tags, turns)) {
      const kind = plan.steps[plan.indexOf.get(fact.step) ?? -1]?.definition.kind;
      if (kind === "local" || kind === "remote" || kind === "http") this.facts.push(fact);
    }
    this.resolutions.push(...resolutionsOf(plan, taskId, events));
    for (const planned of plan.steps) this.#learn(plan, planned, taskId);
  }

  stepOf(workflow: string, step: string): StepInfo | undefined {
    return this.#steps.get(`${workflow}/${step}`);
  }

  #learn(plan: Plan, { index, name, definition }: PlannedStep, taskId: TaskId): void {
    const key = `${plan.workflow}/${name}`;
    if (this.#steps.has(key)) return;
    const { timeoutMs } = this.deps.policyOf({ plan, taskId }, index);
    this.#steps.set(key, stepInfo(definition, timeoutMs));
  }
}

/** Steps that failed before an attempt of them began, because they had waited for too long. */
function unstarted(plan: Plan, taskId: TaskId, turns: readonly Turn[]): readonly AttemptFact[] {
  const begun = new Set<number>();
  const facts: AttemptFact[] = [];
  for (const event of turns.flatMap(({ events }) => events)) {
    if (event.kind === "StepStarted") begun.add(event.step);
    if (event.kind !== "StepFailed" && event.kind !== "StepParked") continue;
    const { step, atMs, failure } = event;
    if (failure === undefined || begun.has(step)) continue;
    const error = attemptError(failure);
    if (error.code !== "queue_timed_out") continue;
    facts.push({
      ...{ taskId, workflow: plan.workflow, version: plan.definition.version },
      ...{ step: plan.steps[step]?.name ?? String(step), attempt: 1, policyVersion: 0, tags: [] },
      ...{ startedAtMs: atMs, endedAtMs: atMs, waitedMs: 0, ranMs: 0 },
      ...{ outcome: failure.class, error, isRetried: false },
    });
  }
  return facts;
}

/**
 * The failure to explain: of the step that is asked for; else of the step that failed last and has not
 * recovered, else the last one.
 *
 * @throws {TaskerError} task.not_failed, step.not_found
 */
function failureOf(
  facts: readonly AttemptFact[],
  plan: Plan,
  { taskId, step }: DiagnosisQuestion,
): AttemptFact {
  if (step !== undefined && !plan.indexOf.has(step)) {
    throw new TaskerError(
      "step.not_found",
      `Cannot diagnose step "${step}": task "${taskId}" has no such step`,
    );
  }
  const failed = facts.filter((fact) => hasFailed(fact) && (step ?? fact.step) === fact.step);
  const completed = new Set(
    facts.flatMap(({ outcome, step }) => outcome === "completed" ? step : []),
  );
  const found = failed.findLast((fact) => !completed.has(fact.step)) ?? failed.at(-1);
  if (found !== undefined) return found;
  const what = step === undefined ? `task "${taskId}"` : `step "${step}" of task "${taskId}"`;
  throw new TaskerError(
    "task.not_failed",
    `Cannot diagnose ${what}: no attempt of it has failed; a transform makes none, its error says all`,
  );
}

/** Names of the steps before one, in any order. */
export function ancestorsOf(plan: Plan, { parents }: PlannedStep): readonly string[] {
  const found = new Set<number>(parents);
  for (const index of found) {
    for (const parent of plan.steps[index]?.parents ?? []) found.add(parent);
  }
  return [...found].flatMap((index) => plan.steps[index]?.name ?? []);
}

/** What may be done about the step, if it is parked. */
function offersOf(
  { index, definition: { alternatives = [] } }: PlannedStep,
  turns: readonly Turn[],
): readonly Option[] {
  const ofStep = (event: Event) => "step" in event && event.step === index;
  const last = turns.findLast(({ events }) => events.some(ofStep))?.events.findLast(ofStep);
  if (last?.kind !== "StepParked") return [];
  return optionsFor(last.choices, alternatives);
}
