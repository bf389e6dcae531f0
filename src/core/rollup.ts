/** Rollup: what the states of all steps make of the task. */

import type { TaskEnd } from "./event.ts";
import type { Plan } from "./plan.ts";
import type { RouteReason } from "./system_directory.ts";
import { STEP_STATES, type StepStateName, type TaskState, type TaskStateName } from "./state.ts";

/** Why a step that is ready has not started. */
export type WaitReason =
  | RouteReason
  | "no_worker" // no worker has ever asked for commands of its system
  | "retry_budget" // its system was sent, or it has made, as many retries as it may
  | "concurrency_max" // its policy's places on this node are taken
  | "node_full" // all places for local steps of this node are taken
  | "circuit_open" // its system has failed too often
  | "system_saturated" // as many attempts of its system run as that can answer in time
  | "deadline_too_near" // an attempt would be cut off by the task's deadline
  | "system_held" // nothing may be sent to its system before a time: `holdUntilMs` of its limits
  | "system_concurrency" // as many attempts of its system or capability run as may, on all nodes
  | "system_rate" // its system or capability was sent as many attempts as it may be, by all nodes
  | "node_draining" // this node stops, or gives the task away; the next owner starts it
  | "code_not_loaded"; // this node does not serve its workflow's version

/** A task's state and, when it is blocked or waits to start a step, why. */
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
  if (state.ended.length < state.steps.length) return undefined;
  if (state.cancelRequested) return "cancelled";
  return state.aborted !== undefined || countOf(state, "failed") > 0 ? "failed" : "completed";
}

/**
 * Rolls a task up.
 *
 * Invariant: a task that has not ended has a ready step, a running attempt, a timer, an awaited
 * reply or a person to wait for; otherwise it is blocked with a named reason. `waitsFor` says why a
 * ready step has not started; such a task waits, with that reason. Cost: O(1), O(steps) when it is
 * blocked.
 */
export function rollup(
  plan: Plan,
  state: TaskState,
  waitsFor: (step: number) => WaitReason | undefined = () => undefined,
): Rollup {
  if (state.end !== undefined) return { state: state.end, blockedReason: undefined };
  if (state.paused) return { state: "paused", blockedReason: undefined };
  if (countOf(state, "running") > 0) return { state: "running", blockedReason: undefined };
  let uncoded: number | undefined;
  for (const step of state.ready.keys()) {
    const reason = waitsFor(step);
    if (reason === undefined) return { state: "running", blockedReason: undefined };
    if (reason !== "code_not_loaded") {
      return { state: "waiting", blockedReason: reasonText(plan, step, reason) };
    }
    uncoded ??= step;
  }
  if (countOf(state, "waiting_for_reply") + countOf(state, "waiting_for_retry") > 0) {
    if (!onlyReadyRetries(state)) return { state: "waiting", blockedReason: undefined };
  }
  return { state: "blocked", blockedReason: reasonOf(plan, state, uncoded) };
}

/** Whether nothing waits but retries that are due already, and so are in `ready`. */
function onlyReadyRetries(state: TaskState): boolean {
  if (state.ready.size === 0 || countOf(state, "waiting_for_reply") > 0) return false;
  let due = 0;
  for (const step of state.ready.keys()) {
    if (state.steps[step]?.state === "waiting_for_retry") due++;
  }
  return due === countOf(state, "waiting_for_retry");
}

function reasonOf(plan: Plan, state: TaskState, uncoded: number | undefined): string {
  if (uncoded !== undefined) return reasonText(plan, uncoded, "code_not_loaded");
  for (const [index, step] of state.steps.entries()) {
    if (step.state === "parked") {
      return `step "${plan.steps[index]?.name}" is parked: ${step.reason}`;
    }
  }
  return "no step can go on";
}

function reasonText(plan: Plan, step: number, reason: WaitReason): string {
  return `step "${plan.steps[step]?.name}": ${reason}`;
}
