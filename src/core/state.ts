/** The state of a task, folded from its events. */

import type { Elsewhere } from "./alternative.ts";
import type { Choice, Failure, ForkedFrom, TaskEnd } from "./event.ts";
import type { TaskId } from "./ids.ts";
import { type JsonText, NULL_TEXT } from "./payload.ts";

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

/** The first of `STEP_STATES` that is an end; all after it are. */
const FIRST_END = STEP_STATES.indexOf("completed");

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
export function isEnded(state: StepStateName): boolean {
  return STEP_STATES.indexOf(state) >= FIRST_END;
}

/** Whether a task has ended. */
export function isTerminal(state: TaskStateName): boolean {
  return state === "completed" || state === "failed" || state === "cancelled";
}

/** What a step keeps from state to state. */
export interface StepHistory {
  /** The newest attempt, from 1; 0 before the first. Only rises. */
  readonly attempt: number;
  /** Attempts that a node's death ended. */
  readonly interruptions: number;
  /** Attempts made before a person asked for another try; they do not count against attemptsMax. */
  readonly forgiven: number;
  /** When the newest attempt started, Unix ms. */
  readonly startedAtMs: number | undefined;
  /** Of the last attempt that failed. */
  readonly failure: Failure | undefined;
  /** The system that was chosen for the newest attempt; absent: the step's owner. */
  readonly system?: string;
  /** The overlay that the newest attempt began under; 0: none. */
  readonly policyVersion: number;
  /** Where a person sent its next attempts; absent: where it is defined to go. */
  readonly elsewhere?: Elsewhere;
}

/** Its parents have not ended, or it waits to be started. */
export interface PendingStep extends StepHistory {
  readonly state: "pending";
}

/** An attempt is under way: code here, or another system, the clock or a person. */
export interface RunningStep extends StepHistory {
  readonly state: "running" | "waiting_for_reply";
  readonly startedAtMs: number;
  /** When the attempt times out, or the sleep ends, Unix ms. */
  readonly dueAtMs: number | undefined;
  /** The last sign of life, Unix ms; kept in memory only. */
  aliveAtMs: number | undefined;
}

/** An attempt failed, and the next one waits for its time. */
export interface RetryingStep extends StepHistory {
  readonly state: "waiting_for_retry";
  readonly nextAttemptAtMs: number;
  /** Due at once, whatever the clock says: a person asked for the retry, or a node died. */
  readonly isDueAtOnce: boolean;
}

/** A person has to choose. */
export interface ParkedStep extends StepHistory {
  readonly state: "parked";
  readonly reason: string;
  readonly choices: readonly Choice[];
}

/** The step ended with a result. */
export interface SucceededStep extends StepHistory {
  readonly state: "completed" | "skipped" | "resolved_manually";
  readonly endedAtMs: number;
  readonly result: JsonText;
}

/** The step failed for good. */
export interface FailedStep extends StepHistory {
  readonly state: "failed";
  readonly endedAtMs: number;
  readonly failure: Failure;
}

/** The step was cancelled. */
export interface CancelledStep extends StepHistory {
  readonly state: "cancelled";
  readonly endedAtMs: number;
}

/** The step's `when` can no longer hold. */
export interface UnreachedStep extends StepHistory {
  readonly state: "unreached";
  readonly endedAtMs: number;
  /** The parent whose end decided that. */
  readonly cause: number;
}

/** A step that has ended. */
export type EndedStep = SucceededStep | FailedStep | CancelledStep | UnreachedStep;

/** Where a step stands. Replaced by `evolve` at each change, never edited. */
export type StepState = PendingStep | RunningStep | RetryingStep | ParkedStep | EndedStep;

/** Whether an attempt is under way. */
export function isUnderWay(step: StepState): step is RunningStep {
  return step.state === "running" || step.state === "waiting_for_reply";
}

/** Whether a step has ended, in whatever way. */
export function hasEnded(step: StepState): step is EndedStep {
  return isEnded(step.state);
}

/** Whether a step ended with a result. */
export function hasResult(step: StepState): step is SucceededStep {
  return step.state === "completed" || step.state === "skipped" ||
    step.state === "resolved_manually";
}

/** How many attempts of a step have failed, or more. */
export function failedAttempts(step: StepState): number {
  const hasNotFailed = step.state === "running" || step.state === "waiting_for_reply" ||
    step.state === "completed";
  return hasNotFailed ? Math.max(0, step.attempt - 1) : step.attempt;
}

/** Characters of the values that a step keeps. */
export function valuesSize(step: StepState): number {
  return (hasResult(step) ? step.result.length : 0) + (step.failure?.error.length ?? 0);
}

/** The step with null for each value that it keeps. */
export function withoutValues<Step extends StepState>(step: Step): Step {
  const failure = step.failure && { ...step.failure, error: NULL_TEXT };
  return { ...step, failure, ...(hasResult(step) ? { result: NULL_TEXT } : {}) };
}

/** Where a task stands. Changed by `evolve` alone, in place. */
export interface TaskState {
  readonly taskId: TaskId;
  readonly definitionHash: string;
  readonly input: JsonText;
  readonly tags: readonly string[];
  readonly key: string | undefined;
  readonly traceparent: string | undefined;
  readonly createdAtMs: number;
  readonly deadlineAtMs: number | undefined;
  /** 1 is high, 5 low; undefined: the start named none. */
  readonly priority: number | undefined;
  /** The task that it was forked from, and the first step that ran again. */
  readonly forkedFrom: ForkedFrom | undefined;
  /** The last turn folded in. */
  turn: number;
  /** When its first attempt started, Unix ms. */
  startedAtMs: number | undefined;
  /** The time of the last event: the next one is not earlier. */
  lastAtMs: number;
  readonly steps: StepState[];
  /** Steps that have ended, in that order: what readiness concludes from them depends on it. */
  readonly ended: number[];
  /** How many steps are in each of `STEP_STATES`. */
  readonly counts: number[];
  /**
   * Steps that readiness answered as ready and that have not started, and since when they could start,
   * Unix ms. In memory only.
   */
  readonly ready: Map<number, number>;
  /** Signals that came before their step waited for them, by step. */
  readonly signals: Map<number, JsonText>;
  /** Ids of outside commands → the turn that decided them. */
  readonly commands: Map<string, number>;
  /** Those among them that changed nothing. */
  readonly idleCommands: Set<string>;
  /** Steps about which a person decided while they were parked; undefined: none. */
  decided: Set<number> | undefined;
  paused: boolean;
  /** When it was last resumed, Unix ms: ready steps could not start before. */
  resumedAtMs: number | undefined;
  cancelRequested: boolean;
  aborted: "deadline" | "fail_fast" | undefined;
  end: TaskEnd | undefined;
  /** What the task gave when it completed; undefined: its workflow has no output. */
  output: JsonText | undefined;
  /** Why it failed although its steps did not: its output could not be made. */
  failure: Failure | undefined;
  endedAtMs: number | undefined;
  /** Present while the task is out of memory; `wakeAtMs`: when it is to be woken, Unix ms. */
  passivated: { wakeAtMs: number | undefined } | undefined;
}

/** When the task is over whatever its steps do, Unix ms; Infinity: never, or it gave up before. */
export function deadlineOf({ deadlineAtMs, aborted, cancelRequested }: TaskState): number {
  const gaveUp = aborted !== undefined || cancelRequested;
  return gaveUp || deadlineAtMs === undefined ? Infinity : deadlineAtMs;
}
