/** Mailboxes: the bounded queues in which commands wait for their actor's next turn. */

import { type Answer, type Command, sizeOfCommand } from "../src/core/command.ts";
import { TaskerError } from "../src/core/errors.ts";

/** Commands from outside, or signs of life, that may wait at one actor. Results have own places. */
export const MAILBOX_MAX = 4096;

/** Their payloads together, in characters. */
export const MAILBOX_SIZE_MAX = 16 * 1024 * 1024;

/** Commands that one turn takes. */
export const TURN_COMMANDS_MAX = 1024;

/** When a refused sender should come back. */
const RETRY_AFTER_MS = 1_000;

/** A command with somebody who may wait for its answer. */
export interface QueuedCommand {
  readonly command: Command;
  /** Absent when nobody waits: results of attempts, wakes. */
  readonly answer?: (answer: Answer) => void;
  readonly refuse?: (error: unknown) => void;
  /** Set when it came through the inbox: its row goes with the turn that decides it. */
  readonly inbox?: { readonly commandId: string; readonly wantsAnswer: boolean };
  /** How often deciding it has crashed or poisoned its actor. */
  readonly strikes: number;
}

/**
 * A first-in, first-out queue.
 *
 * Each dispatched attempt has the place of its own result: "full" refuses outside commands only, so
 * a task can always take the results it waits for.
 */
export class Mailbox {
  #mail: QueuedCommand[] = [];
  #outside = 0;
  #outsideSize = 0;

  get size(): number {
    return this.#mail.length;
  }

  /** @throws {TaskerError} mailbox.full */
  put(mail: QueuedCommand): void {
    if (isBounded(mail)) {
      const size = this.#outsideSize + sizeOfCommand(mail.command);
      const isTooLarge = this.#outside > 0 && size > MAILBOX_SIZE_MAX;
      if (this.#outside >= MAILBOX_MAX || isTooLarge) {
        throw full(mail.command.taskId, this.#outside);
      }
      this.#outside++;
      this.#outsideSize = size;
    }
    this.#mail.push(mail);
  }

  /** What waits, in order. */
  [Symbol.iterator](): IterableIterator<QueuedCommand> {
    return this.#mail[Symbol.iterator]();
  }

  /** Takes the first `limit` in order, as far as they fit into `sizeMax`; the first one always does. */
  take(limit: number, sizeMax: number = Infinity): readonly QueuedCommand[] {
    let size = 0;
    const end = this.#mail.findIndex(({ command }, at) => {
      size += sizeOfCommand(command);
      return at >= limit || (at > 0 && size > sizeMax);
    });
    const taken = end === -1 ? this.#mail : this.#mail.slice(0, end);
    this.#mail = end === -1 ? [] : this.#mail.slice(end);
    for (const mail of taken) if (isBounded(mail)) this.#leave(mail);
    return taken;
  }

  #leave({ command }: QueuedCommand): void {
    this.#outside--;
    this.#outsideSize -= sizeOfCommand(command);
  }
}

/**
 * Puts wakes behind all else that was taken, and back into the mailbox while a result waits there:
 * a result that has arrived wins over its time-out.
 */
export function timeLast(
  taken: readonly QueuedCommand[],
  mailbox: Mailbox,
): readonly QueuedCommand[] {
  const wakes = taken.filter(({ command }) => command.kind === "Wake");
  if (wakes.length === 0) return taken;
  const others = taken.filter(({ command }) => command.kind !== "Wake");
  const isEarly = [...mailbox].some(({ command }) => command.kind === "RecordStepResult");
  if (!isEarly) return [...others, ...wakes];
  for (const wake of wakes) mailbox.put(wake);
  return others;
}

/** Whether mail comes as often as somebody likes, and not once for each attempt. */
function isBounded({ command }: QueuedCommand): boolean {
  return "commandId" in command || command.kind === "RecordProgress";
}

function full(taskId: string, waiting: number): TaskerError {
  return new TaskerError(
    "mailbox.full",
    `Cannot queue a command for task "${taskId}": ${waiting} wait already, ` +
      `at most ${MAILBOX_MAX} of ${MAILBOX_SIZE_MAX} characters may`,
    { retryAfterMs: RETRY_AFTER_MS, ids: { taskId } },
  );
}
