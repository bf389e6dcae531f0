/** Settling mail: telling senders, here or on other nodes, what became of their commands. */

import type { Answer, Command } from "../src/core/command.ts";
import { type ErrorCode, ERRORS, messageOf, TaskerError } from "../src/core/errors.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { RemoteAnswer } from "../src/core/ports.ts";
import type { TaskState } from "../src/core/state.ts";
import { failureOf } from "../src/core/attempt.ts";
import type { QueuedCommand } from "./mailbox.ts";

/** Mail that was decided; its answer waits for a commit. */
export interface Decided {
  readonly mail: QueuedCommand;
  readonly changed: boolean;
  /** Of a repeat: the turn of its first answer. */
  readonly turn?: number | undefined;
  readonly error?: unknown;
}

/** The state a decision was made on. */
export interface SettledAt {
  readonly taskId: TaskId;
  readonly turn: number;
}

/** What a command seen before was answered with. */
export function firstAnswerOf(
  state: TaskState | undefined,
  command: Command,
): Pick<Decided, "changed" | "turn"> | undefined {
  if (state === undefined || !("commandId" in command)) return undefined;
  const turn = state.commands.get(command.commandId);
  return turn === undefined
    ? undefined
    : { turn, changed: !state.idleCommands.has(command.commandId) };
}

/** Answers mail whose commit is known. */
export function settleMail(decided: readonly Decided[], at: SettledAt): void {
  for (const one of decided) {
    if (one.error !== undefined) one.mail.refuse?.(one.error);
    else one.mail.answer?.(answerOf(one, at));
  }
}

/** Refuses mail that was not decided. Mail out of the inbox stays there and comes again. */
export function refuseAll(mail: readonly QueuedCommand[], error: unknown): void {
  for (const one of mail) one.refuse?.(error);
}

/** Answers to leave in the database for senders on other nodes. */
export function remoteAnswers(decided: readonly Decided[], at: SettledAt): readonly RemoteAnswer[] {
  return decided.flatMap((one) => {
    const { mail: { inbox }, error } = one;
    if (!inbox?.wantsAnswer) return [];
    const body = error === undefined ? writeAnswer(answerOf(one, at)) : writeError(error);
    return [{ commandId: inbox.commandId, body }];
  });
}

function answerOf({ changed, turn }: Decided, at: SettledAt): Answer {
  return { taskId: at.taskId, turn: turn ?? at.turn, changed };
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
 * Deals with the one command whose row Postgres refuses: its sender is refused; a step's result,
 * for which nobody waits, becomes a failure of the step.
 */
export function failPoisoned(
  mail: QueuedCommand,
  error: TaskerError,
  deliver: (command: Command) => void,
): void {
  const { command } = mail;
  mail.refuse?.(error);
  if (command.kind !== "RecordStepResult" || mail.strikes > 0) return;
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

/** Mail that once more had to be decided again. */
export function strike(mail: QueuedCommand): QueuedCommand {
  return { ...mail, strikes: mail.strikes + 1 };
}
