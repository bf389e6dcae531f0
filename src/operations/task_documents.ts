/** Task documents: tasks and their journals as JSON shows them. */

import type { DeepReadonly } from "../core/json.ts";
import type { z } from "zod";
import { optionsFor } from "../core/alternative.ts";
import type { Event, Failure, ForkedFrom, Turn } from "../core/event.ts";
import type { TaskId } from "../core/ids.ts";
import { decodePayload, type JsonText } from "../core/payload.ts";
import type { Plan, PlannedStep } from "../core/plan.ts";
import type { FullPolicy } from "../core/policy.ts";
import type { CommittedTurn, TaskSummary } from "../core/ports.ts";
import { rollup } from "../core/rollup.ts";
import { readLabels } from "../core/search.ts";
import { SensitiveValues, withoutSensitive } from "../core/sensitive.ts";
import {
  hasEnded,
  hasResult,
  type StepState,
  type StepStateName,
  type TaskState,
} from "../core/state.ts";

import type { JsonSchema } from "../core/workflow.ts";
import { timeText } from "./schema.ts";
import type * as schemas from "./task_schemas.ts";

/** A step in JSON. */
export type StepDocument = DeepReadonly<z.output<typeof schemas.StepDocument>>;
/** A task in a list. */
export type SummaryDocument = DeepReadonly<z.output<typeof schemas.SummaryDocument>>;
/** A task with its steps. */
export type TaskDocument = DeepReadonly<z.output<typeof schemas.TaskDocument>>;
/** An event in JSON. */
export type JournalEntry = DeepReadonly<z.output<typeof schemas.JournalEntry>>;

/** A turn in the feed of all tasks. */
export type CommittedTurnDocument = DeepReadonly<z.output<typeof schemas.CommittedTurn>>;

/** Characters that are written at once: a millisecond. */
const PIECE_SIZE = 64 * 1024;

/** States in which the last failure still matters. */
const FAILING: readonly StepStateName[] = ["waiting_for_retry", "parked", "failed", "cancelled"];

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
    tags: summary.tags,
    createdAt: timeText(summary.createdAtMs),
    ...time("endedAt", summary.endedAtMs),
    ...(summary.labels.length > 0 ? labelled(summary.labels) : {}),
  };
}

function labelled(labels: readonly string[]): Partial<SummaryDocument> {
  const { attributes, times, needs, failedSteps, parkedSteps, errorClasses, errorCodes, priority } =
    readLabels(labels);
  const dated = Object.entries(times).map(([name, ms]) => [name, timeText(ms)] as const);
  const all = { ...attributes, ...Object.fromEntries(dated) };
  const failure = {
    failed: failedSteps,
    parked: parkedSteps,
    classes: errorClasses,
    codes: errorCodes,
  };
  return {
    ...(Object.keys(all).length > 0 && { attributes: all }),
    ...(needs.length > 0 && { needs }),
    ...(Object.values(failure).some((list) => list.length > 0) && { failure }),
    ...(priority !== undefined && { priority }),
  };
}

/** Shows a committed turn. */
export function committedTurnDocument(
  { taskId, plan, turn, state, newest }: CommittedTurn,
): CommittedTurnDocument {
  const { namespace, name, version } = plan.definition;
  const shown = mayRepeat(turn) ? SensitiveValues.of(plan, newest) : new SensitiveValues(plan);
  const events = entriesOf(plan, turn, shown);
  return { id: taskId, namespace, workflow: name, version, state, turn: turn.turn, events };
}

/**
 * What a reader is shown of a task's values: all, or all but what contracts mark, which is hidden where
 * errors and reasons repeat it as well.
 */
export type Shown = "all" | SensitiveValues;

/** What a task document is made of. */
export interface DocumentSource {
  readonly plan: Plan;
  /** Its row: of the same turn as `state`, or read before it. */
  readonly summary: TaskSummary;
  readonly isSameTurn: boolean;
  readonly state: TaskState;
  /** By step: characters of values that the state lacks, because the task has too many to show. */
  readonly leftOut?: ReadonlyMap<number, number>;
  policyOf(of: { plan: Plan; taskId: TaskId }, step: number): FullPolicy;
  readonly shown: Shown;
  /** Where traces are shown, with `{traceId}` in it. */
  readonly traceUrl?: string | undefined;
}

/** Decodes a payload for readers; `schema` is its contract, which says what of it is hidden. */
function shownPayload(schema: JsonSchema | undefined, text: JsonText, shown: Shown): unknown {
  const value = decodePayload(text);
  return shown === "all" ? value : withoutSensitive(schema, value);
}

/** Decodes an error for readers. */
function shownError(schema: JsonSchema | undefined, text: JsonText, shown: Shown): unknown {
  return withoutRepeats(shownPayload(schema, text, shown), shown);
}

/** What a program or a person wrote, without what it repeats. */
function withoutRepeats(value: unknown, shown: Shown): unknown {
  return shown === "all" ? value : shown.hideIn(value);
}

/** Whether a turn has what may repeat a value of its task. */
export function mayRepeat({ events }: Turn): boolean {
  return events.some((event) => "failure" in event || "reason" in event || "forkedFrom" in event);
}

/** Shows a task with its steps. Cost: O(steps), and of each value a parse. */
export function taskDocument(source: DocumentSource): TaskDocument {
  return {
    ...taskHead(source),
    steps: source.plan.steps.map((step) => stepDocument(step, source)),
  };
}

/** Shows a task without its steps. */
export function taskHead(source: DocumentSource): TaskDocument {
  const { summary, state, shown } = source;
  const { input, output } = source.plan.definition;
  const { blockedReason: _, ...listed } = summaryDocument(summary);
  return {
    ...listed,
    ...stateOf(source),
    turn: state.turn,
    input: shownPayload(input, state.input, shown),
    ...(state.key === undefined ? {} : { key: state.key }),
    ...traceOf(source),
    ...(state.forkedFrom && { forkedFrom: forkDocument(state.forkedFrom, shown) }),
    ...time("startedAt", state.startedAtMs),
    ...time("endedAt", state.endedAtMs),
    ...time("deadlineAt", state.deadlineAtMs),
    ...(state.output === undefined
      ? {}
      : { output: shownPayload(output?.success, state.output, shown) }),
    ...(state.failure === undefined ? {} : {
      error: shownError(undefined, state.failure.error, shown),
      errorClass: state.failure.class,
    }),
    steps: [],
  };
}

function forkDocument(from: ForkedFrom, shown: Shown): ForkedFrom {
  return shown === "all" ? from : { ...from, reason: shown.hide(from.reason) };
}

/** The trace that the start of a task was part of. */
function traceOf({ state, traceUrl }: DocumentSource): Pick<TaskDocument, "trace"> {
  const [, id] = state.traceparent?.split("-") ?? [];
  if (id === undefined) return {};
  return { trace: { id, ...(traceUrl && { url: traceUrl.replaceAll("{traceId}", id) }) } };
}

/** Writes the JSON of a task document in pieces of about `PIECE_SIZE` characters, or of one step. */
export function* taskTexts(source: DocumentSource): Generator<string> {
  let piece = JSON.stringify(taskHead(source)).slice(0, -"]}".length);
  for (const planned of source.plan.steps) {
    if (planned.index > 0) piece += ",";
    piece += JSON.stringify(stepDocument(planned, source));
    if (piece.length < PIECE_SIZE) continue;
    yield piece;
    piece = "";
  }
  yield `${piece}]}`;
}

/**
 * The folded state knows neither what admission holds back nor which code is loaded: where it says
 * that nothing runs, the task's row, written by its owner, knows why, even one of an earlier turn.
 */
function stateOf(
  { plan, state, summary, isSameTurn }: DocumentSource,
): Pick<TaskDocument, "state" | "blockedReason"> {
  const folded = rollup(plan, state);
  const isRowFitting = ["running", "waiting", "blocked"].includes(summary.state);
  const isHeld = folded.state === "waiting" && ["waiting", "blocked"].includes(summary.state);
  const isRowBetter = isHeld || (folded.state === "blocked" && isRowFitting);
  const { state: name, blockedReason } = isSameTurn || isRowBetter ? summary : folded;
  return { state: name, ...(blockedReason === undefined ? {} : { blockedReason }) };
}

function stepDocument(planned: PlannedStep, source: DocumentSource): StepDocument {
  const { definition } = planned;
  const step = source.state.steps[planned.index] as StepState;
  const { attemptsMax } = source.policyOf(
    { plan: source.plan, taskId: source.summary.taskId },
    planned.index,
  );
  const nameOf = (index: number) => source.plan.steps[index]?.name ?? "";
  const leftOut = source.leftOut?.get(planned.index);
  const { contract } = definition;
  return {
    name: planned.name,
    kind: definition.kind,
    state: step.state,
    owner: definition.owner,
    ...systemOf(step),
    after: planned.parents.map(nameOf),
    when: definition.when,
    attempt: step.attempt,
    attemptsMax: attemptsMax + step.forgiven + step.interruptions,
    ...time("startedAt", step.startedAtMs),
    ...stateFields(step, nameOf),
    ...formOf(planned, step),
    ...(hasResult(step) && leftOut === undefined
      ? { result: shownPayload(contract.success, step.result, source.shown) }
      : {}),
    ...failureDocument(step, leftOut, contract.error, source.shown),
    ...optionsOf(planned, step, source.summary.taskId),
    ...(leftOut === undefined ? {} : { leftOut }),
  };
}

/** What a document shows of a step beside its values, by its state. */
function stateFields(step: StepState, nameOf: (index: number) => string): Partial<StepDocument> {
  if (hasEnded(step)) {
    const cause = step.state === "unreached" ? { unreachedBecause: nameOf(step.cause) } : {};
    return { ...time("endedAt", step.endedAtMs), ...cause };
  }
  switch (step.state) {
    case "pending":
      return {};
    case "running":
    case "waiting_for_reply":
      return time("dueAt", step.dueAtMs);
    case "waiting_for_retry":
      return time("nextAttemptAt", step.nextAttemptAtMs);
    case "parked":
      return { parkedReason: step.reason, choices: [...step.choices] };
    default:
      return step satisfies never;
  }
}

/** What a signal that is awaited takes. */
function formOf({ definition }: PlannedStep, step: StepState): Pick<StepDocument, "form"> {
  const { kind, contract: { success } } = definition;
  const isAwaited = kind === "signal" && step.state === "waiting_for_reply";
  return isAwaited && success !== undefined ? { form: success } : {};
}

/** The system of the newest attempt; of a step that waits for the next, the one that was chosen for it. */
function systemOf({ state, system, elsewhere }: StepState): Pick<StepDocument, "system"> {
  const chosen = state === "waiting_for_retry" ? elsewhere?.system ?? system : system;
  return chosen === undefined ? {} : { system: chosen };
}

/** What a person may do about a step, and where they read what is wrong with it. */
function optionsOf(
  { name, definition: { alternatives = [] } }: PlannedStep,
  step: StepState,
  taskId: string,
): Pick<StepDocument, "options" | "diagnosis"> {
  if (step.failure === undefined || !FAILING.includes(step.state)) return {};
  const diagnosis = `/v1/tasks/${taskId}/diagnosis?step=${name}`;
  if (step.state !== "parked") return { diagnosis };
  return { diagnosis, options: optionsFor(step.choices, alternatives) };
}

function failureDocument(
  { state, failure }: StepState,
  leftOut: number | undefined,
  schema: JsonSchema | undefined,
  shown: Shown,
): Pick<StepDocument, "error" | "errorClass"> {
  if (failure === undefined || !FAILING.includes(state)) return {};
  const error = leftOut === undefined ? { error: shownError(schema, failure.error, shown) } : {};
  return { ...error, errorClass: failure.class };
}

function time<Field extends string>(
  field: Field,
  atMs: number | undefined,
): { [Name in Field]?: string } {
  return (atMs === undefined ? {} : { [field]: timeText(atMs) }) as { [Name in Field]?: string };
}

/** Fields that hold the index of a step; the cause of a choice is a text. */
const STEP_FIELDS: readonly string[] = ["step", "cause"];
/** Fields that hold the text of a payload. */
const PAYLOAD_FIELDS: readonly string[] = ["input", "output", "result", "payload"];
/** Fields that a person wrote, and may have copied from a payload. */
const REPEATING_FIELDS: readonly string[] = ["reason"];

/** Shows the events of a turn, in order. */
export function entriesOf(plan: Plan, { turn, events }: Turn, shown: Shown): JournalEntry[] {
  return events.map((event, index) => {
    const { kind, atMs, ...rest } = event;
    const fields = Object.entries(rest)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => field({ plan, event, shown }, name, value));
    return {
      ...{ turn, number: index + 1, kind, at: timeText(atMs) },
      ...Object.fromEntries(fields),
    };
  });
}

/** An event, whose payloads are shown. */
interface FieldSource {
  readonly plan: Plan;
  readonly event: Event;
  readonly shown: Shown;
}

/** The contract of a payload of an event. */
function contractOf({ plan, event }: FieldSource, name: string): JsonSchema | undefined {
  if (name === "input") return plan.definition.input;
  if (name === "output") return plan.definition.output?.success;
  const contract = "step" in event ? plan.steps[event.step]?.definition.contract : undefined;
  return name === "failure" ? contract?.error : contract?.success;
}

function field(source: FieldSource, name: string, value: unknown): readonly [string, unknown] {
  const { plan, shown } = source;
  const contract = contractOf(source, name);
  if (STEP_FIELDS.includes(name) && typeof value === "number") {
    return [name, plan.steps[value]?.name];
  }
  if (PAYLOAD_FIELDS.includes(name)) {
    return [name, shownPayload(contract, value as JsonText, shown)];
  }
  if (name.endsWith("AtMs")) return [name.slice(0, -"Ms".length), timeText(value as number)];
  if (REPEATING_FIELDS.includes(name)) return [name, withoutRepeats(value, shown)];
  if (name === "forkedFrom") return [name, forkDocument(value as ForkedFrom, shown)];
  if (name !== "failure") return [name, value];
  const failure = value as Failure;
  return [name, { class: failure.class, error: shownError(contract, failure.error, shown) }];
}
