/** Advance: what follows from what was decided, once readiness has answered. */

import { atMs, type Context } from "./decision.ts";
import { readySinceMs } from "./due.ts";
import { assert } from "./errors.ts";
import type { Event } from "./event.ts";
import { ReadinessInput } from "./readiness.ts";
import { endOf } from "./rollup.ts";
import { isSettled, type StepState, type TaskState } from "./state.ts";

/** What an event tells readiness about its step or task; undefined: nothing. */
export function inputOf(event: Event): { input: ReadinessInput; step: number } | undefined {
  switch (event.kind) {
    case "StepCompleted":
    case "StepResolved":
    case "StepSkipped":
      return { input: ReadinessInput.succeeded, step: event.step };
    case "StepFailed":
      return { input: ReadinessInput.failed, step: event.step };
    case "StepCancelled":
      return { input: ReadinessInput.cancelled, step: event.step };
    case "StepStarted":
    case "StepParked":
    case "StepRetried": // takes back an earlier `due`; being due, it is told so again at once
      return { input: ReadinessInput.started, step: event.step };
    case "TaskStarted":
      return { input: ReadinessInput.opened, step: 0 };
    case "TaskPaused":
      return { input: ReadinessInput.paused, step: 0 };
    case "TaskResumed":
      return { input: ReadinessInput.resumed, step: 0 };
    case "TaskCancelRequested":
      return { input: ReadinessInput.cancelling, step: 0 };
    default:
      return undefined;
  }
}

/** What readiness is told of a task that was folded from its journal: ends as they happened. */
export function inputsOfState(state: TaskState): { input: ReadinessInput; step: number }[] {
  const records = [{ input: ReadinessInput.opened as ReadinessInput, step: 0 }];
  if (state.paused) records.push({ input: ReadinessInput.paused, step: 0 });
  if (state.cancelRequested) records.push({ input: ReadinessInput.cancelling, step: 0 });
  state.steps.forEach(({ state }, step) => {
    if (state !== "pending" && !isSettled(state)) {
      records.push({ input: ReadinessInput.started, step });
    }
  });
  for (const step of state.ended) {
    const input = inputOfEnd(state.steps[step] as StepState);
    if (input !== undefined) records.push({ input, step });
  }
  return records;
}

function inputOfEnd(step: StepState): ReadinessInput | undefined {
  switch (step.state) {
    case "completed":
    case "resolved_manually":
    case "skipped":
      return ReadinessInput.succeeded;
    case "failed":
      return ReadinessInput.failed;
    case "cancelled":
      return ReadinessInput.cancelled;
    default:
      return undefined; // unreached steps follow from their parents' ends
  }
}

/** Returns the event of a step that can no longer be reached, if it is news. */
export function unreached(
  state: TaskState,
  step: number,
  cause: number,
  context: Context,
): Event | undefined {
  const known = state.steps[step];
  assert(known !== undefined, `Readiness answered step ${step} of task "${state.taskId}"`);
  if (isSettled(known.state)) return undefined;
  return { kind: "StepUnreached", atMs: atMs(state, context), step, cause };
}

/** Notes that readiness answered a step as ready, unless it is known or has moved on. */
export function noteReady(state: TaskState, step: number, context: Context): void {
  const known = state.steps[step]?.state;
  if (known !== "pending" && known !== "waiting_for_retry") return;
  if (!state.ready.has(step)) state.ready.set(step, readySinceMs(state, step, context));
}

/** Notes that an attempt has begun: silence counts from here, by the clock as it is. */
export function noteStarted(state: TaskState, step: number, { nowMs }: Context): void {
  (state.steps[step] as StepState).aliveAtMs = nowMs;
}

/**
 * Starts a ready step that admission granted. A signal that came early completes its step at once.
 */
export function startStep(state: TaskState, index: number, context: Context): readonly Event[] {
  const planned = context.plan.steps[index];
  const step = state.steps[index];
  assert(
    planned !== undefined && step !== undefined,
    `Task "${state.taskId}" has no step ${index}`,
  );
  const at = atMs(state, context);
  const attempt = step.attempt + 1;
  const dueAtMs = startedDueAtMs(index, context);
  const started: Event = {
    kind: "StepStarted",
    atMs: at,
    step: index,
    attempt,
    waitedMs: Math.max(0, context.nowMs - (state.ready.get(index) ?? context.nowMs)),
    policyVersion: context.policyVersion,
    ...(dueAtMs === undefined ? {} : { dueAtMs }),
  };
  const early = state.signals.get(index);
  if (planned.definition.kind !== "signal" || early === undefined) return [started];
  return [started, {
    kind: "StepCompleted",
    atMs: at,
    step: index,
    attempt,
    ranMs: 0,
    result: early,
  }];
}

/** Ends the task when all of its steps have. */
export function endTask(state: TaskState, context: Context): Event | undefined {
  if (state.end !== undefined) return undefined;
  const end = endOf(state);
  return end === undefined ? undefined : { kind: "TaskEnded", atMs: atMs(state, context), end };
}

function startedDueAtMs(index: number, context: Context): number | undefined {
  const { nowMs } = context;
  const definition = context.plan.steps[index]?.definition;
  if (definition?.kind === "sleep") {
    return definition.sleepMs === undefined ? undefined : nowMs + definition.sleepMs;
  }
  const { timeoutMs } = context.policyOf(index);
  return timeoutMs === undefined ? undefined : nowMs + timeoutMs;
}
