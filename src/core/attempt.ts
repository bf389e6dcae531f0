/** Ends of attempts: what follows for a step from a failure, a time-out or the death of a node. */

import type { Choice, Event, Failure, FailureClass } from "./event.ts";
import { stepKey } from "./ids.ts";
import type { JsonText } from "./payload.ts";
import type { PlannedStep } from "./plan.ts";
import { backoffMs, type FullPolicy, INTERRUPTIONS_MAX, RETRY_AFTER_MS_MAX } from "./policy.ts";
import { ruleFor } from "./retry_rule.ts";
import { deadlineOf, isUnderWay, type StepState, type TaskState } from "./state.ts";

const CHOICES: readonly Choice[] = ["retry", "resolve", "skip", "cancel"];

/** What ending an attempt needs to know. */
export interface Ending {
  readonly state: TaskState;
  readonly planned: PlannedStep;
  readonly policy: FullPolicy;
  readonly policyVersion: number;
  /** The time of the event that ends it. */
  readonly atMs: number;
  /** The clock as it is; due times are computed from it. */
  readonly nowMs: number;
  /** The instance of the system that answered. */
  readonly instance?: string;
}

/** Makes a failure that the step's own contract does not describe. */
export function failureOf(kind: FailureClass, message: string, code: string = kind): Failure {
  return {
    class: kind,
    error: JSON.stringify({ error_code: code, error_message: message }) as JsonText,
  };
}

/** Attempts that count against attemptsMax. */
export function attemptsUsed(step: StepState): number {
  return step.attempt - step.forgiven - step.interruptions;
}

/** The failure of an attempt that ran when its task's deadline passed. */
export const DEADLINE_PASSED = failureOf(
  "timed_out",
  "The task's deadline passed",
  "deadline_exceeded",
);

/**
 * What the end of an attempt says about the system that was asked; undefined: nothing, as it was not
 * even asked, or nobody waited until it had the time to answer.
 */
export type AttemptEnd =
  | "answered" // in time: with a result, or with a failure by contract
  | "failed" // with something else
  | "timed_out" // not in time
  | "late"; // with the result of an earlier attempt, which had timed out

/** Returns what a failed attempt says about the system that was asked. */
export function endByFailure(failure: Failure | undefined): AttemptEnd | undefined {
  switch (failure?.class) {
    case undefined:
    case "undeliverable":
      return undefined;
    case "failed":
      return "answered";
    case "timed_out":
      return failure?.error === DEADLINE_PASSED.error ? undefined : "timed_out";
    default:
      return "failed";
  }
}

/**
 * Decides what a failed attempt leads to: another try, the step's failure, or a person.
 *
 * A rule of the policy for this failure goes before the policy. An at-most-once step whose outcome is
 * unknown (it threw, or timed out) parks at once. A try that would only be due after the task's deadline
 * is not waited for.
 */
export function endFailed(
  ending: Ending,
  failure: Failure,
  how: { retryable: boolean; retryAfterMs?: number | undefined },
): Event {
  const { state, planned } = ending;
  const step = state.steps[planned.index] as StepState;
  const rule = ending.policy.by &&
    ruleFor(ending.policy.by, failure, planned.definition.http?.origin);
  const policy = rule === undefined ? ending.policy : { ...ending.policy, ...rule };
  if (!how.retryable) {
    return rule?.parksAll ? park(ending, "not_retryable", failure) : failStep(ending, failure);
  }
  const isUnknown = failure.class === "thrown" || failure.class === "timed_out";
  if (planned.definition.atMostOnce && isUnknown) return park(ending, "at_most_once", failure);
  // It comes from code or another system: a fraction is rounded up, and NaN is ignored.
  const retryAfterMs = Math.ceil(how.retryAfterMs ?? 0) || 0;
  if (retryAfterMs > RETRY_AFTER_MS_MAX) return park(ending, "retry_after_too_long", failure);
  if (attemptsUsed(step) >= policy.attemptsMax) return exhaust({ ...ending, policy }, failure);
  const delayMs = backoffMs(policy, {
    key: stepKey(state.taskId, planned.name),
    attempt: attemptsUsed(step),
    retryAfterMs,
  });
  const nextAttemptAtMs = ending.nowMs + delayMs;
  if (nextAttemptAtMs >= deadlineOf(state)) {
    return exhaust({ ...ending, policy }, failure, "deadline_before_retry");
  }
  return {
    kind: "StepAttemptFailed",
    ...common(ending),
    failure,
    nextAttemptAtMs,
    policyVersion: ending.policyVersion,
  };
}

/** Ends a step for good with a failure. */
export function failStep(ending: Ending, failure: Failure): Event {
  return {
    kind: "StepFailed",
    ...common(ending),
    failure,
    policyVersion: ending.policyVersion,
  };
}

/** Why a step waits for a person. */
export type ParkReason =
  | "attempts_exhausted"
  | "deadline_before_retry"
  | "at_most_once"
  | "not_retryable"
  | "retry_after_too_long"
  | "interrupted_too_often"
  | "hung_twice"
  | "timed_out";

/** Parks a step: a person has to choose. */
export function park(ending: Ending, reason: ParkReason, failure?: Failure): Event {
  return {
    kind: "StepParked",
    ...common(ending),
    reason,
    choices: CHOICES,
    ...(failure === undefined ? {} : { failure }),
    policyVersion: ending.policyVersion,
  };
}

/** Ends a step that may not be tried again: its policy says whether it parks or fails. */
export function exhaust(
  ending: Ending,
  failure: Failure,
  reason: ParkReason = "attempts_exhausted",
): Event {
  return ending.policy.onExhausted === "park"
    ? park(ending, reason, failure)
    : failStep(ending, failure);
}

/**
 * Decides what follows after a node was ended because its event loop hung. The failure is kept with
 * the step: a second hang in a row parks the step, so that it does not end one node after another.
 */
export function endHung(ending: Ending): Event {
  const step = ending.state.steps[ending.planned.index] as StepState;
  const failure = failureOf(
    "interrupted",
    "The event loop of the node that ran the attempt hung, and the node was ended: " +
      "look for an endless loop, or for a computation that never awaits",
  );
  if (ending.planned.definition.atMostOnce) return park(ending, "at_most_once", failure);
  if (step.failure?.class === "interrupted") return park(ending, "hung_twice", failure);
  return {
    kind: "StepAttemptFailed",
    ...common(ending),
    failure,
    nextAttemptAtMs: ending.atMs,
    policyVersion: ending.policyVersion,
  };
}

/** Decides what follows after the node that ran an attempt died. */
export function endInterrupted(ending: Ending): Event {
  const step = ending.state.steps[ending.planned.index] as StepState;
  const failure = failureOf("interrupted", "The node that ran the attempt died");
  if (ending.planned.definition.atMostOnce) return park(ending, "at_most_once", failure);
  if (step.interruptions + 1 >= INTERRUPTIONS_MAX) {
    return park(ending, "interrupted_too_often", failure);
  }
  return {
    kind: "StepInterrupted",
    atMs: ending.atMs,
    step: ending.planned.index,
    attempt: step.attempt,
  };
}

function common(
  ending: Ending,
): { atMs: number; step: number; attempt: number; ranMs: number; instance?: string } {
  const step = ending.state.steps[ending.planned.index] as StepState;
  return {
    atMs: ending.atMs,
    step: ending.planned.index,
    attempt: step.attempt,
    ranMs: ranMs(step, ending.atMs),
    ...(ending.instance !== undefined && { instance: ending.instance }),
  };
}

/** How long the running attempt took; 0 when none ran. */
export function ranMs(step: StepState, atMs: number): number {
  return isUnderWay(step) ? Math.max(0, atMs - step.startedAtMs) : 0;
}
