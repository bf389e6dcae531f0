/** Decisions: their context, and the parts that they have in common. */

import type { Ending } from "./attempt.ts";
import type { Decision } from "./command.ts";
import { describeFaults } from "./faults.ts";
import { TaskerError } from "./errors.ts";
import type { Event } from "./event.ts";
import { decodePayload, encodePayload, type JsonText } from "./payload.ts";
import type { Plan, PlannedStep } from "./plan.ts";
import type { FullPolicy } from "./policy.ts";
import { hasEnded, type TaskState } from "./state.ts";

/** What a decision depends on beside the state. */
export interface Context {
  readonly plan: Plan;
  /** Unix ms, by the clock as it is; see `atMs` for the time of events. */
  readonly nowMs: number;
  readonly policyVersion: number;
  policyOf(step: number): FullPolicy;
  /**
   * `dueAtMs` of something that began at `sinceMs`, moved by the outages of this node in which it could
   * not end; absent where outages are not known. `system` was chosen for it; absent: the step's owner.
   */
  postponed?(step: number, sinceMs: number, dueAtMs: number, system?: string): number;
}

/** Accepted, and nothing changes. */
export const NOTHING: Decision = { kind: "accepted", events: [] };

/** Accepts with events. */
export function accept(events: readonly Event[]): Decision {
  return events.length === 0 ? NOTHING : { kind: "accepted", events };
}

/** Refuses with an error. */
export function refuse(
  ...[code, message, details]: ConstructorParameters<typeof TaskerError>
): Decision {
  return { kind: "refused", error: new TaskerError(code, message, details) };
}

/**
 * Checks a result that a person or another system gives to a step: returns it with defaults filled
 * in, or the refusal of one that breaks the contract.
 */
export function givenResult(
  planned: PlannedStep,
  given: JsonText,
  what: string,
): JsonText | Decision {
  const kept = planned.check("success")(decodePayload(given));
  if (!kept.ok) {
    const { faults } = kept;
    const message = `Cannot take ${what}: it breaks the contract: ${describeFaults(faults)}`;
    return refuse("contract.violation", message, { faults });
  }
  try {
    return encodePayload(kept.value, what);
  } catch (error) {
    if (error instanceof TaskerError) return { kind: "refused", error };
    throw error;
  }
}

/** The time of the next event: now, but never before the last. */
export function atMs(state: TaskState, context: Context): number {
  return Math.max(context.nowMs, state.lastAtMs);
}

/** Returns what deciding the end of an attempt needs. */
export function endingOf(state: TaskState, step: number, context: Context): Ending {
  return {
    state,
    planned: context.plan.steps[step] as Ending["planned"],
    policy: context.policyOf(step),
    policyVersion: context.policyVersion,
    atMs: atMs(state, context),
    nowMs: context.nowMs,
  };
}

/**
 * Adds what follows from a failure when the workflow is fail_fast: every other step that has not
 * ended is cancelled, except those that run after a failure.
 */
export function abortAfter(
  state: TaskState,
  failed: Event,
  context: Context,
): readonly Event[] {
  const gaveUp = state.aborted !== undefined || state.cancelRequested;
  const isFast = context.plan.definition.failurePolicy === "fail_fast";
  if (failed.kind !== "StepFailed" || gaveUp || !isFast) return [failed];
  const at = atMs(state, context);
  return [
    failed,
    { kind: "TaskAborted", atMs: at, reason: "fail_fast" },
    ...cancelSteps(state, context, (when) => when === "failed" || when === "always")
      .filter((event) => !("step" in event) || event.step !== failed.step),
  ];
}

/** Cancels every step that has not ended, except those whose `when` asks for this end. */
export function cancelSteps(
  state: TaskState,
  context: Context,
  isKept: (when: string) => boolean,
): readonly Event[] {
  const at = atMs(state, context);
  const events: Event[] = [];
  state.steps.forEach((step, index) => {
    if (hasEnded(step)) return;
    if (isKept(context.plan.steps[index]?.definition.when ?? "succeeded")) return;
    events.push({ kind: "StepCancelled", atMs: at, step: index });
  });
  return events;
}
