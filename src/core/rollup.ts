/** Rollup: what the states of all steps make of the task. */

import type { TaskEnd } from "./event.ts";
import type { Plan } from "./plan.ts";
import { STEP_STATES, type StepStateName, type TaskState, type TaskStateName } from "./state.ts";

/** A task's state and, when it is blocked, why. */
export interface Rollup {
  readonly state: TaskStateName;
  readonly blockedReason: string | undefined;
}

/** How many steps are in a state. */
export function countOf(state: TaskState, name: StepStateName): number {
  return state.counts[STEP_STATES.indexOf(name)] as number;
}

/** How the task ends, once every step has; undefined while one has not. Cost: O(1). */
export function endOf(state: TaskState): TaskEnd | undefined {
  const settled = state.counts.slice(5).reduce((sum, one) => sum + one, 0);
  if (settled < state.steps.length) return undefined;
  if (state.cancelRequested) return "cancelled";
  return state.aborted !== undefined || countOf(state, "failed") > 0 ? "failed" : "completed";
}

/**
 * Rolls a task up.
 *
 * Invariant: a task that has not ended has a ready step, a running attempt, a timer, an awaited
 * reply or a person to wait for; otherwise it is blocked with a named reason. `canStart` says
 * whether this node has the code of a step. Cost: O(1), O(steps) when it is blocked or ready.
 */
export function rollup(
  plan: Plan,
  state: TaskState,
  canStart: (step: number) => boolean = () => true,
): Rollup {
  if (state.end !== undefined) return { state: state.end, blockedReason: undefined };
  if (state.paused) return { state: "paused", blockedReason: undefined };
  if (countOf(state, "running") > 0) return { state: "running", blockedReason: undefined };
  let uncoded: number | undefined;
  for (const step of state.ready) {
    if (canStart(step)) return { state: "running", blockedReason: undefined };
    uncoded ??= step;
  }
  if (countOf(state, "waiting_for_reply") + countOf(state, "waiting_for_retry") > 0) {
    if (!onlyReadyRetries(state)) return { state: "waiting", blockedReason: undefined };
  }
  return { state: "blocked", blockedReason: reasonOf(plan, state, uncoded) };
}

/** Whether all that waits is retries that are due already, and so in `ready`. */
function onlyReadyRetries(state: TaskState): boolean {
  if (state.ready.size === 0 || countOf(state, "waiting_for_reply") > 0) return false;
  let due = 0;
  for (const step of state.ready) if (state.steps[step]?.state === "waiting_for_retry") due++;
  return due === countOf(state, "waiting_for_retry");
}

function reasonOf(plan: Plan, state: TaskState, uncoded: number | undefined): string {
  if (uncoded !== undefined) return `step "${plan.steps[uncoded]?.name}": code_not_loaded`;
  const parked = state.steps.findIndex((step) => step.state === "parked");
  if (parked < 0) return "no step can go on";
  return `step "${plan.steps[parked]?.name}" is parked: ${state.steps[parked]?.parkedReason}`;
}
