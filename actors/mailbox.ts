/** Mailboxes: the bounded queues in which commands wait for their actor's next turn. */

import { type Answer, type Command, sizeOfCommand } from "../src/core/command.ts";
import { TaskerError } from "../src/core/errors.ts";

/** Commands from outside, or signs of life, that may wait at one actor. Results do not count. */
export const MAILBOX_MAX = 4096;

/** Their payloads together, in characters. */
export const MAILBOX_SIZE_MAX = 16 * 1024 * 1024;

/** Commands that one turn takes. */
export const TURN_COMMANDS_MAX = 1024;

/** When a refused sender should try again. */
const RETRY_AFTER_MS = 1_000;

/** A command, and who waits for its answer. */
export interface QueuedCommand {
  readonly command: Command;
  /** Absent when nobody waits: results of attempts, wakes. */
  readonly answer?: (answer: Answer) => void;
  readonly refuse?: (error: unknown) => void;
  /** Set when it came through the inbox: its row is deleted with the turn that decides it. */
  readonly inbox?: { readonly commandId: string; readonly wantsAnswer: boolean };
  /** How often its actor has crashed, or its row was refused, since it was sent. */
  readonly failedTries: number;
}

/**
 * A first-in, first-out queue.
 *
 * Only commands from outside can be refused because it is full. Each attempt that was sent out has
 * one result, and a task can always take the results that it waits for.
 */
export class Mailbox {
  #commands: QueuedCommand[] = [];
  #outside = 0;
  #outsideSize = 0;

  get size(): number {
    return this.#commands.length;
  }

  /** @throws {TaskerError} mailbox.full */
  put(queued: QueuedCommand): void {
    if (isBounded(queued)) {
      const size = this.#outsideSize + sizeOfCommand(queued.command);
      const isTooLarge = this.#outside > 0 && size > MAILBOX_SIZE_MAX;
      if (this.#outside >= MAILBOX_MAX || isTooLarge) {
        throw full(queued.command.taskId, this.#outside);
      }
      this.#outside++;
      this.#outsideSize = size;
    }
    this.#commands.push(queued);
  }

  /** What waits, in order. */
  [Symbol.iterator](): IterableIterator<QueuedCommand> {
    return this.#commands[Symbol.iterator]();
  }

  /** Takes the first `limit` in order, as far as they fit into `sizeMax`; the first one always does. */
  take(limit: number, sizeMax: number = Infinity): readonly QueuedCommand[] {
    let size = 0;
    const end = this.#commands.findIndex(({ command }, at) => {
      size += sizeOfCommand(command);
      return at >= limit || (at > 0 && size > sizeMax);
    });
    const taken = end === -1 ? this.#commands : this.#commands.slice(0, end);
    this.#commands = end === -1 ? [] : this.#commands.slice(end);
    for (const queued of taken) if (isBounded(queued)) this.#leave(queued);
    return taken;
  }

  #leave({ command }: QueuedCommand): void {
    this.#outside--;
    this.#outsideSize -= sizeOfCommand(command);
  }
}

/**
 * Puts wakes after all other commands that were taken, or back into the mailbox while a result waits
 * there: a result that has arrived comes before its time-out.
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

/** Whether a command can come any number of times, and not once for each attempt. */
function isBounded({ command }: QueuedCommand): boolean {
  return "commandId" in command || command.kind === "RecordProgress";
}

function full(taskId: string, waiting: number): TaskerError {
  return new TaskerError(
    "mailbox.full",
    `Cannot queue a command for task "${taskId}": ${waiting} are waiting, ` +
      `the limit is ${MAILBOX_MAX} commands and ${MAILBOX_SIZE_MAX} characters`,
    { retryAfterMs: RETRY_AFTER_MS, ids: { taskId } },
  );
}
