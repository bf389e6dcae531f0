/** Effects: what a committed turn starts and stops. Nothing of it happens before the commit. */

import { askedOf } from "../src/core/alternative.ts";
import { dueOf } from "../src/core/due.ts";
import type { Event } from "../src/core/event.ts";
import { needsOf } from "../src/core/given.ts";
import type { Plan, PlannedStep } from "../src/core/plan.ts";
import type { Runner } from "../src/core/ports.ts";
import { deadlineOf, isUnderWay, type StepState, type TaskState } from "../src/core/state.ts";
import type { QueuedCommand } from "./mailbox.ts";
import type { SupervisorDeps } from "./supervisor.ts";
import type { TaskActor } from "./task_actor.ts";

/** The task whose turn is committed. */
export interface Committed {
  readonly plan: Plan;
  readonly state: TaskState;
  /** Steps that ended before their newest attempt was started. Kept from turn to turn. */
  readonly unstarted: Set<number>;
}

/** Starts and stops the attempts that a turn's events are about. */
export function performEffects(
  runner: Runner,
  { plan, state, unstarted }: Committed,
  events: readonly Event[],
): void {
  for (const event of events) {
    if (event.kind === "StepStarted") {
      const { step, attempt } = event;
      if (isCurrent(state, step, attempt)) startAttempt(runner, plan, state, step);
      else unstarted.add(step);
    } else if (isUnwanted(event) || isOvertaken(state, event)) {
      const { step } = event;
      const { attempt, system } = state.steps[step] as StepState;
      const wasStarted = attempt > 0 && !unstarted.delete(step);
      if (wasStarted) runner.stop(state.taskId, plan, step, system);
    }
  }
}

/** Sends the attempts of a task that was loaded again: they wait for another system, or for code here. */
export function resumeEffects(runner: Runner, plan: Plan, state: TaskState): void {
  if (state.end !== undefined) return;
  state.steps.forEach((step, index) => {
    if (step.state === "waiting_for_reply") startAttempt(runner, plan, state, index);
  });
}

/** Steps whose code was running and is not any more, unless a result of it waits to be decided. */
export function interruptedSteps(
  runner: Runner,
  plan: Plan,
  { taskId, steps }: TaskState,
  waiting: readonly QueuedCommand[],
): readonly number[] {
  const reported = new Set(
    waiting.flatMap(({ command }) =>
      command.kind === "RecordStepResult" ? [`${command.step}/${command.attempt}`] : []
    ),
  );
  return steps.flatMap(({ state, attempt }, index) => {
    const isGone = state === "running" && !reported.has(`${index}/${attempt}`) &&
      !runner.isRunning(taskId, plan, index, attempt);
    return isGone ? [index] : [];
  });
}

/**
 * Sends again the attempts whose envelope may have expired during an outage that was added to their
 * time-out. Safe to repeat: the envelope has the same id and the new end.
 */
export function resendPostponed(
  { runner, runtime, contextOf }: Pick<SupervisorDeps, "runner" | "runtime" | "contextOf">,
  { plan, taskId, state, isWriting }: Pick<TaskActor, "plan" | "taskId" | "state" | "isWriting">,
): void {
  // Attempts of a turn that is not committed are sent with its commit.
  if (state === undefined || state.end !== undefined || isWriting) return;
  const context = contextOf({ plan, taskId }, runtime.now());
  state.steps.forEach((step, index) => {
    if (step.state !== "waiting_for_reply" || (step.dueAtMs ?? Infinity) > context.nowMs) return;
    if (plan.steps[index]?.definition.kind !== "remote") return;
    if ((dueOf(state, index, context) ?? Infinity) <= context.nowMs) return;
    startAttempt(runner, plan, state, index);
  });
}

/** Attempts that are remembered as sent again; with more, some may be sent once more. */
const RESENT_MAX = 200_000;

/** Sends again the attempts at a system whose envelopes a broker has lost; returns how many. */
export function resendLost(
  runner: Runner,
  { plan, state, isWriting }: Pick<TaskActor, "plan" | "state" | "isWriting">,
  { system, startedBeforeMs, resent }: {
    readonly system: string;
    readonly startedBeforeMs: number;
    /** Attempts that were sent again before; those that are now are added. */
    readonly resent: Set<string>;
  },
): number {
  if (state === undefined || state.end !== undefined || isWriting) return 0;
  // What the bus has not confirmed is on its way.
  if (runner.unconfirmed(state.taskId) > 0) return 0;
  if (resent.size > RESENT_MAX) resent.clear();
  let count = 0;
  state.steps.forEach((step, index) => {
    if (step.state !== "waiting_for_reply" || (step.startedAtMs ?? Infinity) >= startedBeforeMs) {
      return;
    }
    const { kind, owner, atMostOnce } = (plan.steps[index] as PlannedStep).definition;
    if (kind !== "remote" || atMostOnce || (step.system ?? owner) !== system) return;
    const id = `${state.taskId}/${index}/${step.attempt}`;
    if (resent.has(id)) return;
    resent.add(id);
    startAttempt(runner, plan, state, index);
    count++;
  });
  return count;
}

/** Whether an event ends an attempt that does not know it: it has to hear of it. */
function isUnwanted(event: Event): event is Extract<Event, { step: number }> {
  switch (event.kind) {
    case "StepCancelled":
    case "StepResolved":
    case "StepSkipped":
      return true;
    case "StepAttemptFailed":
    case "StepFailed":
      return event.failure.class === "timed_out";
    case "StepParked":
      return event.failure?.class === "timed_out";
    default:
      return false;
  }
}

/** Whether a late result of an earlier attempt ended the step while a newer one was made. */
function isOvertaken(state: TaskState, event: Event): event is Extract<Event, { step: number }> {
  return event.kind === "StepCompleted" &&
    event.attempt < (state.steps[event.step] as StepState).attempt;
}

/** Whether an attempt is still the current one: it may have ended in the same turn or a later one. */
function isCurrent(state: TaskState, index: number, attempt: number): boolean {
  const step = state.steps[index] as StepState;
  return step.attempt === attempt && isUnderWay(step);
}

/** Starts the attempt that is under way; not what only time or a person ends. */
function startAttempt(runner: Runner, plan: Plan, state: TaskState, index: number): void {
  const step = state.steps[index];
  const planned = plan.steps[index];
  if (step === undefined || planned === undefined || !isUnderWay(step)) return;
  const { kind } = planned.definition;
  if (kind === "signal" || (kind === "sleep" && step.dueAtMs !== undefined)) return;
  const { attempt, startedAtMs, dueAtMs, system, elsewhere } = step;
  const { event } = askedOf(planned.definition, elsewhere);
  const { taskId, traceparent, input } = state;
  const needs = needsOf(planned, state);
  const deadlineAtMs = deadlineOf(state);
  runner.start({
    taskId,
    plan,
    step: index,
    attempt,
    startedAtMs,
    dueAtMs,
    ...(deadlineAtMs < Infinity && { deadlineAtMs }),
    traceparent,
    ...(system !== undefined && { system }),
    ...(elsewhere !== undefined && event !== undefined && { event }),
    input,
    needs,
  });
}
