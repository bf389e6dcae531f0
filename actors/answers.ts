/** Answers: to senders, here or on other nodes, about what became of their commands. */

import type { Answer, Command } from "../src/core/command.ts";
import { type ErrorCode, ERRORS, messageOf, TaskerError } from "../src/core/errors.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { RemoteAnswer } from "../src/core/ports.ts";
import type { Verdict } from "../src/core/turn.ts";
import { failureOf } from "../src/core/attempt.ts";
import type { QueuedCommand } from "./mailbox.ts";

/** A command that was decided; its sender is answered once that is committed. */
export interface DecidedCommand extends Verdict {
  readonly queued: QueuedCommand;
}

/** The state a decision was made on. */
export interface DecidedOn {
  readonly taskId: TaskId;
  readonly turn: number;
}

/** Answers commands whose commit is known. */
export function answerAll(decided: readonly DecidedCommand[], on: DecidedOn): void {
  for (const one of decided) {
    if (one.error !== undefined) one.queued.refuse?.(one.error);
    else one.queued.answer?.(answerOf(one, on));
  }
}

/** Refuses commands that were not decided. Those out of the inbox stay there and come again. */
export function refuseAll(commands: readonly QueuedCommand[], error: unknown): void {
  for (const queued of commands) queued.refuse?.(error);
}

/** Answers to leave in the database for senders on other nodes. */
export function remoteAnswers(
  decided: readonly DecidedCommand[],
  on: DecidedOn,
): readonly RemoteAnswer[] {
  return decided.flatMap((one) => {
    const { queued: { inbox }, error } = one;
    if (!inbox?.wantsAnswer) return [];
    const body = error === undefined ? writeAnswer(answerOf(one, on)) : writeError(error);
    return [{ commandId: inbox.commandId, body }];
  });
}

function answerOf({ changed, turn }: DecidedCommand, on: DecidedOn): Answer {
  return { taskId: on.taskId, turn: turn ?? on.turn, changed };
}

/** Reads what `remoteAnswers` wrote. @throws {TaskerError} the error that it carries */
export function readAnswer(body: string): Answer {
  const read = JSON.parse(body) as
    | { answer: Answer }
    | {
      error: {
        code: string;
        message: string;
        retryAfterMs?: number;
        faults?: TaskerError["faults"];
      };
    };
  if ("answer" in read) return read.answer;
  const { code, message, retryAfterMs, faults } = read.error;
  const known: ErrorCode = code in ERRORS ? code as ErrorCode : "journal.unavailable";
  throw new TaskerError(known, message, {
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(faults === undefined ? {} : { faults }),
  });
}

/**
 * Handles the only command of a row that Postgres refuses. Its sender is refused; the result of a
 * step, for which no sender waits, becomes a failure of the step.
 */
export function failPoisoned(
  queued: QueuedCommand,
  error: TaskerError,
  deliver: (command: Command) => void,
): void {
  const { command } = queued;
  queued.refuse?.(error);
  if (command.kind !== "RecordStepResult" || queued.failedTries > 0) return;
  const failure = failureOf("contract_violation", `Postgres refused the result: ${error.code}`);
  deliver({ ...command, outcome: { kind: "failed", failure, retryable: false } });
}

function writeAnswer(answer: Answer): string {
  return JSON.stringify({ answer });
}

function writeError(error: unknown): string {
  const { code, retryAfterMs, faults } = error instanceof TaskerError
    ? error
    : { code: "journal.unavailable", retryAfterMs: undefined, faults: [] };
  return JSON.stringify({ error: { code, message: messageOf(error), retryAfterMs, faults } });
}

/** Counts that a command had to be decided again. */
export function countFailedTry(queued: QueuedCommand): QueuedCommand {
  return { ...queued, failedTries: queued.failedTries + 1 };
}

/** Within this long this node has joined again, or another one has its tasks. */
const REJOIN_MS = 1_000;

/** The journal has no such task. */
export function unknownTask({ command: { taskId } }: QueuedCommand): TaskerError {
  return new TaskerError("task.not_found", `Cannot find task "${taskId}"`);
}

/** The task is quarantined. */
export function quarantined(taskId: TaskId, reason: string): TaskerError {
  return new TaskerError(
    "task.quarantined",
    `Cannot send to task "${taskId}": it is quarantined: ${reason}`,
  );
}

/** The node stops. */
export function draining(taskId: TaskId): TaskerError {
  return new TaskerError("node.draining", `Cannot reach task "${taskId}": this node is stopping`);
}

/** The node was taken over: it cannot write any more. */
export function fenced(): TaskerError {
  return new TaskerError(
    "journal.fenced",
    "Cannot decide the command: another node has taken over the tasks of this node",
    { retryAfterMs: REJOIN_MS },
  );
}

/** The node cannot work any more, and starts again. */
export function broken(error: unknown): TaskerError {
  return new TaskerError(
    "journal.fenced",
    `Cannot decide the command: this node failed and starts again: ${messageOf(error)}`,
    { retryAfterMs: REJOIN_MS, cause: error },
  );
}
