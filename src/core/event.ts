/** Events: the facts a journal holds, in past tense. Steps are named by their index. */

import type { NodeMark, TaskId } from "./ids.ts";
import type { JsonText } from "./payload.ts";

/** Why an attempt did not complete; circuit breakers and diagnosis depend on it. */
export const FAILURE_CLASSES = [
  "failed", // by its contract
  "thrown", // the code threw
  "timed_out", // attempt, heartbeat, queue, signal or task deadline
  "contract_violation", // its value broke the contract
  "interrupted", // the node running it died
  "undeliverable", // no envelope could be sent or mapped
] as const;

/** Why an attempt did not complete. */
export type FailureClass = (typeof FAILURE_CLASSES)[number];

/** A failure as it is recorded. */
export interface Failure {
  readonly class: FailureClass;
  /** An error by the step's contract, or `{error_code, error_message}`. */
  readonly error: JsonText;
}

/** Everything that a person may do with a parked step. */
export const CHOICES = ["retry", "resolve", "skip", "cancel"] as const;

/** What a person may do with a parked step. */
export type Choice = (typeof CHOICES)[number];

/** Who asked by hand, and why. */
export interface OperatorAction {
  readonly by: string;
  readonly reason: string;
}

/** How a task ended. */
export type TaskEnd = "completed" | "failed" | "cancelled";

interface Base<K extends string> {
  readonly kind: K;
  /** Unix time in milliseconds; never goes back within a task. */
  readonly atMs: number;
}

interface OfStep<K extends string> extends Base<K> {
  readonly step: number;
}

export interface TaskStarted extends Base<"TaskStarted"> {
  readonly definitionHash: string;
  readonly input: JsonText;
  readonly tags: readonly string[];
  readonly key?: string;
  readonly deadlineAtMs?: number;
  /** W3C trace context of the request that started it. */
  readonly traceparent?: string;
  /** 1 is high, 5 low; absent: the start named none. */
  readonly priority?: number;
  /** The task that this one was forked from, and the first step that ran again. */
  readonly forkedFrom?: ForkedFrom;
}

/** Where a task was forked from. */
export interface ForkedFrom extends OperatorAction {
  readonly id: TaskId;
  readonly step: string;
}

export interface StepStarted extends OfStep<"StepStarted"> {
  readonly attempt: number;
  /** From ready to started. */
  readonly waitedMs: number;
  readonly policyVersion: number;
  /** When the attempt times out, or a sleep is over. */
  readonly dueAtMs?: number;
  /** The system that was chosen for the attempt; absent: the step's owner. */
  readonly system?: string;
}

/** A computed sleep learned its end. */
export interface StepSlept extends OfStep<"StepSlept"> {
  readonly dueAtMs: number;
}

export interface StepCompleted extends OfStep<"StepCompleted"> {
  /** 0: the task was forked from another, and this is the result of the step there. */
  readonly attempt: number;
  readonly ranMs: number;
  readonly result: JsonText;
  /** The instance of the system that answered, as it says; absent: it does not say. */
  readonly instance?: string;
}

/**
 * An attempt failed and the step will be tried again. If the failure's class is "interrupted", the
 * node hung, and the attempt does not count against attemptsMax.
 */
export interface StepAttemptFailed extends OfStep<"StepAttemptFailed"> {
  readonly attempt: number;
  readonly ranMs: number;
  readonly failure: Failure;
  readonly nextAttemptAtMs: number;
  readonly policyVersion: number;
  /** The instance of the system that answered, as it says; absent: it does not say. */
  readonly instance?: string;
}

/** A node died during an attempt; it does not count against attemptsMax. */
export interface StepInterrupted extends OfStep<"StepInterrupted"> {
  readonly attempt: number;
}

/** The step failed for good. */
export interface StepFailed extends OfStep<"StepFailed"> {
  readonly attempt: number;
  readonly ranMs: number;
  readonly failure: Failure;
  readonly policyVersion: number;
  /** The instance of the system that answered, as it says; absent: it does not say. */
  readonly instance?: string;
}

/** The step waits for a person. */
export interface StepParked extends OfStep<"StepParked"> {
  readonly attempt: number;
  readonly ranMs: number;
  readonly reason: string;
  readonly choices: readonly Choice[];
  readonly failure?: Failure;
  readonly policyVersion: number;
  /** The instance of the system that answered, as it says; absent: it does not say. */
  readonly instance?: string;
}

/** A person asked for another try; it is due at once. */
export interface StepRetried extends OfStep<"StepRetried">, OperatorAction {}

export interface StepResolved extends OfStep<"StepResolved">, OperatorAction {
  readonly result: JsonText;
}

export interface StepSkipped extends OfStep<"StepSkipped">, OperatorAction {
  readonly result?: JsonText;
}

/**
 * A person chose how a parked step goes on; what follows from that are the next events of the turn.
 * Attempts go where the last choice said.
 */
export interface StepChosen extends OfStep<"StepChosen">, OperatorAction {
  /** One of CHOICES, or the name of an alternative of the step. */
  readonly choice: string;
  /** Where the alternative runs the step: in another system, or by another capability. */
  readonly system?: string;
  /** `name` or `name@range`. */
  readonly capability?: string;
  /** The type of failure that the diagnosis stated then, and how sure it was, 0..1. */
  readonly diagnosed?: string;
  readonly confidence?: number;
  /** The type of failure that it was, as the person says. */
  readonly cause?: string;
}

export interface StepCancelled extends OfStep<"StepCancelled"> {}

/** The step's `when` can no longer hold, because of how `cause` ended. */
export interface StepUnreached extends OfStep<"StepUnreached"> {
  readonly cause: number;
}

/** A signal came before its step waited for it. */
export interface SignalReceived extends OfStep<"SignalReceived"> {
  readonly payload: JsonText;
}

export interface TaskPaused extends Base<"TaskPaused">, OperatorAction {}
export interface TaskResumed extends Base<"TaskResumed">, OperatorAction {}
export interface TaskCancelRequested extends Base<"TaskCancelRequested">, OperatorAction {}

/** The task's deadline passed, or fail_fast ended it: steps that have not ended are cancelled. */
export interface TaskAborted extends Base<"TaskAborted"> {
  readonly reason: "deadline" | "fail_fast";
}

/** The task left memory until `wakeAtMs` or the next command; absent: until the next command. */
export interface TaskPassivated extends Base<"TaskPassivated"> {
  readonly wakeAtMs?: number;
}

/** A task that completed has its workflow's output; `failure` says why it could not be made. */
export interface TaskEnded extends Base<"TaskEnded"> {
  readonly end: TaskEnd;
  readonly failure?: Failure;
  readonly output?: JsonText;
}

/** Any fact of a task. */
export type Event =
  | TaskStarted
  | StepStarted
  | StepSlept
  | StepCompleted
  | StepAttemptFailed
  | StepInterrupted
  | StepFailed
  | StepParked
  | StepRetried
  | StepResolved
  | StepSkipped
  | StepChosen
  | StepCancelled
  | StepUnreached
  | SignalReceived
  | TaskPaused
  | TaskResumed
  | TaskCancelRequested
  | TaskAborted
  | TaskPassivated
  | TaskEnded;

/** One row of the journal, decoded. */
export interface Turn {
  readonly turn: number;
  /** Ids of the outside commands it decided, in order. */
  readonly commandIds: readonly string[];
  /** Those among them that changed nothing; absent: none. */
  readonly idleIds?: readonly string[];
  readonly events: readonly Event[];
  /** The node that appended it, and so runs the attempts that it starts; absent: not known. */
  readonly node?: NodeMark;
}

/** About how many characters an event or a command has beside its payload. */
export const FIELDS_SIZE = 64;

/** About how many characters an event takes. Cost: O(1). */
export function sizeOfEvent(event: Event): number {
  switch (event.kind) {
    case "TaskStarted":
      return FIELDS_SIZE + event.input.length;
    case "SignalReceived":
      return FIELDS_SIZE + event.payload.length;
    case "StepCompleted":
    case "StepResolved":
    case "StepSkipped":
      return FIELDS_SIZE + (event.result?.length ?? 0);
    case "StepAttemptFailed":
    case "StepFailed":
    case "StepParked":
      return FIELDS_SIZE + (event.failure?.error.length ?? 0);
    case "TaskEnded":
      return FIELDS_SIZE + (event.output?.length ?? 0) + (event.failure?.error.length ?? 0);
    default:
      return FIELDS_SIZE;
  }
}
