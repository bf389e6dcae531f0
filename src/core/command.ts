/** Commands: the only way to change a task. */

import type { TaskerError } from "./errors.ts";
import {
  type Event,
  type Failure,
  FIELDS_SIZE,
  type ForkedFrom,
  type OperatorAction,
} from "./event.ts";
import type { TaskId } from "./ids.ts";
import type { JsonText } from "./payload.ts";

interface Base<K extends string> {
  readonly kind: K;
  readonly taskId: TaskId;
}

/** A command from outside: a repeat gets the answer of the first. */
interface Outside<K extends string> extends Base<K> {
  readonly commandId: string;
}

export interface StartTask extends Outside<"StartTask"> {
  readonly namespace: string;
  readonly workflow: string;
  readonly version: string;
  /** The version that was asked for; absent: the highest at that time. */
  readonly versionAsked?: string;
  readonly definitionHash: string;
  readonly input: JsonText;
  readonly tags: readonly string[];
  /** Unique in the namespace; absent, the command id is the key. */
  readonly key?: string;
  readonly deadlineMs?: number;
  readonly priority?: number;
  readonly traceparent?: string;
  readonly fork?: ForkedStart;
}

/** A step of a task that is forked, whose end the new task takes. */
export interface KeptStep {
  readonly step: number;
  readonly state: "completed" | "resolved_manually" | "skipped";
  readonly result: JsonText;
}

/** What a start takes from another task; see fork.ts. */
export interface ForkedStart {
  readonly from: ForkedFrom;
  /** In an order in which parents come first. */
  readonly kept: readonly KeptStep[];
}

/** How an attempt ended. */
export type Outcome =
  | { readonly kind: "completed"; readonly result: JsonText }
  | {
    readonly kind: "failed";
    readonly failure: Failure;
    readonly retryable: boolean;
    readonly retryAfterMs?: number;
  };

export interface RecordStepResult extends Base<"RecordStepResult"> {
  readonly step: number;
  readonly attempt: number;
  readonly outcome: Outcome;
  /** The instance of the system that answers, as it says. */
  readonly instance?: string;
}

/** A running attempt is alive. Kept in memory only. */
export interface RecordProgress extends Base<"RecordProgress"> {
  readonly step: number;
  readonly attempt: number;
  readonly fraction?: number;
  readonly note?: string;
}

/** A computed sleep learned its length. */
export interface RecordSleep extends Base<"RecordSleep"> {
  readonly step: number;
  readonly ms: number;
}

/** Local attempts of an earlier owner of the task will have no result. */
export interface RecordInterruption extends Base<"RecordInterruption"> {
  readonly steps: readonly number[];
  /** The owner was ended because its event loop hung: one of these attempts may be the cause. */
  readonly isHang?: boolean;
}

/** Something may be due: a retry, a time-out, a sleep or the deadline. The state says what. */
export interface Wake extends Base<"Wake"> {}

/** Leave memory, unless something is going on. */
export interface Passivate extends Base<"Passivate"> {}

export interface CancelTask extends Outside<"CancelTask">, OperatorAction {}
export interface PauseTask extends Outside<"PauseTask">, OperatorAction {}
export interface ResumeTask extends Outside<"ResumeTask">, OperatorAction {}

export interface SendSignal extends Outside<"SendSignal"> {
  readonly name: string;
  readonly payload: JsonText;
}

export interface RetryStep extends Outside<"RetryStep">, OperatorAction {
  readonly step: string;
}

export interface ResolveStep extends Outside<"ResolveStep">, OperatorAction {
  readonly step: string;
  readonly result: JsonText;
}

export interface SkipStep extends Outside<"SkipStep">, OperatorAction {
  readonly step: string;
  readonly result?: JsonText;
}

/** How a parked step goes on, by the name of the choice. */
export interface ChooseStep extends Outside<"ChooseStep">, OperatorAction {
  readonly step: string;
  /** One of CHOICES, or the name of an alternative of the step. */
  readonly choice: string;
  /** For a choice that ends the step by hand. */
  readonly result?: JsonText;
  /** What the diagnosis states now; see StepChosen. */
  readonly diagnosed?: string;
  readonly confidence?: number;
  readonly cause?: string;
}

/** A request that a person or another system sends. */
export type OutsideCommand =
  | StartTask
  | CancelTask
  | PauseTask
  | ResumeTask
  | SendSignal
  | RetryStep
  | ResolveStep
  | SkipStep
  | ChooseStep;

/** A request to a task's actor. */
export type Command =
  | OutsideCommand
  | RecordStepResult
  | RecordProgress
  | RecordSleep
  | RecordInterruption
  | Wake
  | Passivate;

/** What the sender of an accepted command gets, once all turns it was decided on are committed. */
export interface Answer {
  readonly taskId: TaskId;
  /** The last turn of the state it was decided on, its own included. */
  readonly turn: number;
  /** Whether this command changed the task. A repeat gets the same. */
  readonly changed: boolean;
}

/** The result of deciding a command: events, or why it is refused. */
export type Decision =
  | { readonly kind: "accepted"; readonly events: readonly Event[] }
  | { readonly kind: "refused"; readonly error: TaskerError };

/** About how many characters a command leads to. Cost: O(1), of a fork O(kept steps). */
export function sizeOfCommand(command: Command): number {
  switch (command.kind) {
    case "StartTask":
      return FIELDS_SIZE + command.input.length +
        (command.fork === undefined ? 0 : sizeOfKept(command.fork));
    case "RecordStepResult": {
      const { outcome } = command;
      const text = outcome.kind === "completed" ? outcome.result : outcome.failure.error;
      return FIELDS_SIZE + text.length;
    }
    case "SendSignal":
      return FIELDS_SIZE + command.payload.length;
    case "ResolveStep":
    case "SkipStep":
    case "ChooseStep":
      return FIELDS_SIZE + (command.result?.length ?? 0);
    default:
      return FIELDS_SIZE;
  }
}

function sizeOfKept({ kept }: ForkedStart): number {
  return kept.reduce((sum, { result }) => sum + FIELDS_SIZE + result.length, 0);
}
