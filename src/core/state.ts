/** The state of a task: what its events fold into. */

import type { Choice, Failure, TaskEnd } from "./event.ts";
import type { TaskId } from "./ids.ts";
import type { JsonText } from "./payload.ts";

/** Every state a step can be in; the index is its number in `TaskState.counts`. */
export const STEP_STATES = [
  "pending",
  "running",
  "waiting_for_reply",
  "waiting_for_retry",
  "parked",
  "completed",
  "failed",
  "cancelled",
  "skipped",
  "resolved_manually",
  "unreached",
] as const;

/** The state of a step. */
export type StepStateName = (typeof STEP_STATES)[number];

/** Every state a task can be in; the last three are its `TaskEnd`s. */
export const TASK_STATES = [
  "running",
  "waiting",
  "blocked",
  "paused",
  "completed",
  "failed",
  "cancelled",
] as const;

/** The state of a task. */
export type TaskStateName = (typeof TASK_STATES)[number];

/** Whether a step has ended, in whatever way. */
export function isSettled(state: StepStateName): boolean {
  return STEP_STATES.indexOf(state) >= 5;
}

/** Whether a task has ended. */
export function isTerminal(state: TaskStateName): boolean {
  return state === "completed" || state === "failed" || state === "cancelled";
}

/** Where a step stands. Optional fields are absent until the step has had such a moment. */
export interface StepState {
  state: StepStateName;
  /** The newest attempt, from 1; 0 before the first. Only rises. */
  attempt: number;
  /** Attempts that a node's death ended. */
  interruptions: number;
  /** Attempts made before a person asked for another try; they count no more. */
  forgiven: number;
  startedAtMs?: number;
  endedAtMs?: number;
  /** When a running attempt times out, a sleep ends or a retry is due. */
  dueAtMs?: number;
  /** Its retry is due, whatever the clock says: a person asked for it, or a node died. */
  isDueAtOnce?: true;
  /** Last sign of life of a running attempt; kept in memory only. */
  aliveAtMs?: number;
  result?: JsonText;
  failure?: Failure;
  parkedReason?: string;
  choices?: readonly Choice[];
  /** The parent that made it unreached. */
  cause?: number;
}

/** Where a task stands. Mutated by `evolve` alone. */
export interface TaskState {
  readonly taskId: TaskId;
  readonly definitionHash: string;
  readonly input: JsonText;
  readonly tags: readonly string[];
  readonly key: string | undefined;
  readonly traceparent: string | undefined;
  readonly createdAtMs: number;
  readonly deadlineAtMs: number | undefined;
  /** The last turn folded in. */
  turn: number;
  /** When its first attempt started, Unix ms. */
  startedAtMs: number | undefined;
  /** The time of the last event: the next one is not earlier. */
  lastAtMs: number;
  readonly steps: StepState[];
  /** Steps that have ended, in the order in which they did: what readiness makes of them depends on it. */
  readonly ended: number[];
  /** How many steps are in each of `STEP_STATES`. */
  readonly counts: number[];
  /**
   * Pending or due steps that readiness answered and admission has not granted, and since when they
   * could start, Unix ms. In memory only.
   */
  readonly ready: Map<number, number>;
  /** Signals that came before their step waited for them, by step. */
  readonly signals: Map<number, JsonText>;
  /** Outside commands seen → the turn that decided them. */
  readonly commands: Map<string, number>;
  /** Those among them that changed nothing: a repeat gets the first answer. */
  readonly idleCommands: Set<string>;
  paused: boolean;
  /** When it was last resumed; what was ready before could not start until then. */
  resumedAtMs: number | undefined;
  cancelRequested: boolean;
  aborted: "deadline" | "fail_fast" | undefined;
  end: TaskEnd | undefined;
  endedAtMs: number | undefined;
  /** Unix ms at which it wants to be woken while out of memory; undefined = resident. */
  passivated: { wakeAtMs: number | undefined } | undefined;
}
