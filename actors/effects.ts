/** Effects: what a committed turn releases. Nothing here happens before the commit. */

import type { Event } from "../src/core/event.ts";
import type { JsonText } from "../src/core/payload.ts";
import type { Plan } from "../src/core/plan.ts";
import type { Attempt, ParentOutcome, Runner } from "../src/core/ports.ts";
import type { StepState, TaskState } from "../src/core/state.ts";
import type { Mail } from "./mailbox.ts";

/** Starts and stops what a turn's events ask for. */
export function releaseEffects(
  runner: Runner,
  plan: Plan,
  state: TaskState,
  events: readonly Event[],
): void {
  for (const event of events) {
    if (event.kind === "StepStarted") startAttempt(runner, plan, state, event.step, event.attempt);
    else if (isUnwanted(event) || isOvertaken(state, event)) {
      runner.stop(state.taskId, plan, event.step);
    }
  }
}

/** Starts again, after a load, what waits for code that computes or for another system's answer. */
export function resumeEffects(runner: Runner, plan: Plan, state: TaskState): void {
  if (state.end !== undefined) return;
  state.steps.forEach((step, index) => {
    if (step.state === "waiting_for_reply") startAttempt(runner, plan, state, index, step.attempt);
  });
}

/** Steps whose code was running and does no more, unless its result is in the mail. */
export function interruptedSteps(
  runner: Runner,
  plan: Plan,
  { taskId, steps }: TaskState,
  mail: readonly Mail[],
): readonly number[] {
  const reported = new Set(
    mail.flatMap(({ command }) =>
      command.kind === "RecordStepResult" ? [`${command.step}/${command.attempt}`] : []
    ),
  );
  return steps.flatMap(({ state, attempt }, index) => {
    const isGone = state === "running" && !reported.has(`${index}/${attempt}`) &&
      !runner.isRunning(taskId, plan, index, attempt);
    return isGone ? [index] : [];
  });
}

/** An attempt that ended without its own result has to be told. */
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

/** Skips what a later turn has ended meanwhile, and what only time or a person ends. */
function startAttempt(
  runner: Runner,
  plan: Plan,
  state: TaskState,
  index: number,
  attempt: number,
): void {
  const step = state.steps[index] as StepState;
  const isCurrent = step.attempt === attempt &&
    (step.state === "running" || step.state === "waiting_for_reply");
  const kind = plan.steps[index]?.definition.kind;
  if (!isCurrent || kind === "signal" || (kind === "sleep" && step.dueAtMs !== undefined)) return;
  runner.start(attemptOf(plan, state, index));
}

function attemptOf(plan: Plan, state: TaskState, index: number): Attempt {
  const planned = plan.steps[index] as Plan["steps"][number];
  const step = state.steps[index] as StepState;
  const readsResults = planned.definition.when === "succeeded";
  const needs: Record<string, JsonText | ParentOutcome> = {};
  for (const [alias, parent] of planned.needs) {
    const ended = state.steps[parent] as StepState;
    needs[alias] = readsResults ? ended.result as JsonText : outcomeOf(ended);
  }
  return {
    taskId: state.taskId,
    plan,
    step: index,
    attempt: step.attempt,
    dueAtMs: step.dueAtMs,
    traceparent: state.traceparent,
    input: state.input,
    needs,
  };
}

function outcomeOf(step: StepState): ParentOutcome {
  return {
    state: step.state,
    ...(step.result === undefined ? {} : { result: step.result }),
    ...(step.state === "failed" && step.failure !== undefined ? { error: step.failure.error } : {}),
  };
}
