/** Task documents: tasks as JSON shows them. */

import { z } from "zod";
import type { Choice } from "../core/event.ts";
import { decodePayload } from "../core/payload.ts";
import type { Plan, PlannedStep } from "../core/plan.ts";
import type { FullPolicy } from "../core/policy.ts";
import type { TaskSummary } from "../core/ports.ts";
import { rollup } from "../core/rollup.ts";
import { STEP_STATES, type StepState, type StepStateName, type TaskState } from "../core/state.ts";
import { named, Time, timeText } from "./schema.ts";

/** Every state of a task. */
export const TASK_STATES = [
  "running",
  "waiting",
  "blocked",
  "paused",
  "completed",
  "failed",
  "cancelled",
] as const;

const CHOICES = ["retry", "resolve", "skip", "cancel"] as const satisfies readonly Choice[];

/** States in which the last failure still matters. */
const FAILING: readonly StepStateName[] = ["waiting_for_retry", "parked", "failed", "cancelled"];

/** A step in JSON. */
export const StepDocument = named(
  "Step",
  z.object({
    name: z.string(),
    kind: z.enum(["local", "remote", "sleep", "signal"]),
    state: z.enum(STEP_STATES),
    owner: z.string(),
    after: z.array(z.string()).describe("Its parents"),
    when: z.enum(["succeeded", "failed", "cancelled", "always"]),
    attempt: z.int().describe("The newest attempt; 0 before the first"),
    attemptsMax: z.int().describe("The highest attempt before it parks or fails"),
    startedAt: Time.optional().describe("Of the newest attempt"),
    endedAt: Time.optional(),
    dueAt: Time.optional().describe("When the attempt times out or the sleep ends"),
    nextAttemptAt: Time.optional(),
    result: z.unknown().optional(),
    error: z.unknown().optional(),
    errorClass: z.string().optional(),
    parkedReason: z.string().optional(),
    choices: z.array(z.enum(CHOICES)).optional().describe(
      "What a person may do while it is parked",
    ),
    leftOut: z.int().optional().describe(
      "Characters of its result and error, which are not shown: see the task's journal",
    ),
    unreachedBecause: z.string().optional().describe("The parent that decided it"),
  }),
);

/** A task in a list. */
export const SummaryDocument = named(
  "TaskSummary",
  z.object({
    id: z.string(),
    namespace: z.string(),
    workflow: z.string(),
    version: z.string(),
    definitionHash: z.string(),
    state: z.enum(TASK_STATES),
    blockedReason: z.string().optional(),
    tags: z.array(z.string()),
    createdAt: Time,
    endedAt: Time.optional(),
  }),
);

/** A task with its steps. */
export const TaskDocument = named(
  "Task",
  z.object({
    ...SummaryDocument.shape,
    turn: z.int().describe("The last turn of its journal that this shows"),
    input: z.unknown(),
    key: z.string().optional(),
    startedAt: Time.optional().describe("Of its first attempt"),
    deadlineAt: Time.optional(),
    steps: z.array(StepDocument),
  }),
);

/** A step in JSON. */
export type StepDocument = z.infer<typeof StepDocument>;
/** A task in a list. */
export type SummaryDocument = z.infer<typeof SummaryDocument>;
/** A task with its steps. */
export type TaskDocument = z.infer<typeof TaskDocument>;

/** Shows a task of a list. */
export function summaryDocument(summary: TaskSummary): SummaryDocument {
  return {
    id: summary.taskId,
    namespace: summary.namespace,
    workflow: summary.workflow,
    version: summary.version,
    definitionHash: summary.definitionHash,
    state: summary.state,
    ...(summary.blockedReason === undefined ? {} : { blockedReason: summary.blockedReason }),
    tags: [...summary.tags],
    createdAt: timeText(summary.createdAtMs),
    ...time("endedAt", summary.endedAtMs),
  };
}

/** What a task document is made of. */
export interface TaskSight {
  readonly plan: Plan;
  /** Its row, read before the journal, so never newer than `state`. */
  readonly summary: TaskSummary;
  readonly state: TaskState;
  readonly startedAtMs: number | undefined;
  /** By step: characters of values that the state lacks, because the task has too many to show. */
  readonly leftOut?: ReadonlyMap<number, number>;
  policyOf(plan: Plan, step: number): FullPolicy;
}

/** Shows a task with its steps. Cost: O(steps). */
export function taskDocument(sight: TaskSight): TaskDocument {
  const { plan, summary, state } = sight;
  const { blockedReason: _, ...listed } = summaryDocument(summary);
  return {
    ...listed,
    ...stateOf(sight),
    turn: state.turn,
    input: decodePayload(state.input),
    ...(state.key === undefined ? {} : { key: state.key }),
    ...time("startedAt", sight.startedAtMs),
    ...time("endedAt", state.endedAtMs),
    ...time("deadlineAt", state.deadlineAtMs),
    steps: plan.steps.map((planned) =>
      stepDocument(planned, state.steps[planned.index] as StepState, sight)
    ),
  };
}

/**
 * The folded state knows neither what admission holds back nor which code is loaded: where it says
 * that nothing runs, the task's row, written by its owner, knows why.
 */
function stateOf(
  { plan, state, summary }: TaskSight,
): Pick<TaskDocument, "state" | "blockedReason"> {
  const folded = rollup(plan, state);
  const isRowFitting = ["running", "waiting", "blocked"].includes(summary.state);
  const isHeld = folded.state === "waiting" && ["waiting", "blocked"].includes(summary.state);
  const { state: name, blockedReason } = isHeld || (folded.state === "blocked" && isRowFitting)
    ? summary
    : folded;
  return { state: name, ...(blockedReason === undefined ? {} : { blockedReason }) };
}

function stepDocument(planned: PlannedStep, step: StepState, sight: TaskSight): StepDocument {
  const { definition } = planned;
  const { attemptsMax } = sight.policyOf(sight.plan, planned.index);
  const nameOf = (index: number) => sight.plan.steps[index]?.name ?? "";
  const leftOut = sight.leftOut?.get(planned.index);
  return {
    name: planned.name,
    kind: definition.kind,
    state: step.state,
    owner: definition.owner,
    after: planned.parents.map(nameOf),
    when: definition.when,
    attempt: step.attempt,
    attemptsMax: attemptsMax + step.forgiven + step.interruptions,
    ...time("startedAt", step.startedAtMs),
    ...time("endedAt", step.endedAtMs),
    ...time(step.state === "waiting_for_retry" ? "nextAttemptAt" : "dueAt", step.dueAtMs),
    ...(step.result === undefined ? {} : { result: decodePayload(step.result) }),
    ...failureOf(step, leftOut),
    ...(leftOut === undefined ? {} : { leftOut }),
    ...(step.parkedReason === undefined ? {} : { parkedReason: step.parkedReason }),
    ...(step.choices === undefined ? {} : { choices: [...step.choices] }),
    ...(step.cause === undefined ? {} : { unreachedBecause: nameOf(step.cause) }),
  };
}

function failureOf(
  { state, failure }: StepState,
  leftOut: number | undefined,
): Pick<StepDocument, "error" | "errorClass"> {
  if (failure === undefined || !FAILING.includes(state)) return {};
  const error = leftOut === undefined ? { error: decodePayload(failure.error) } : {};
  return { ...error, errorClass: failure.class };
}

function time<Field extends string>(
  field: Field,
  atMs: number | undefined,
): { [Name in Field]?: string } {
  return (atMs === undefined ? {} : { [field]: timeText(atMs) }) as { [Name in Field]?: string };
}
