/** Task loader: reads tasks from the journal into memory, and keeps the commands that wait for them. */

import { exponentialMs } from "../src/core/backoff.ts";
import { messageOf } from "../src/core/errors.ts";
import type { Turn } from "../src/core/event.ts";
import { foldTask } from "../src/core/evolve.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { Journal, LoadedTask, Plans, Runtime } from "../src/core/ports.ts";
import type { Plan } from "../src/core/plan.ts";
import type { TaskState } from "../src/core/state.ts";
import type { Log } from "../src/telemetry/log.ts";
import { Mailbox, type QueuedCommand } from "./mailbox.ts";
import { refuseAll } from "./answers.ts";

/** How long to wait after a read failed because the database did not answer, in ms. */
const READ_AGAIN_MS = 1_000;

/** A task that crashes this often while it is loaded is quarantined. */
const LOADING_CRASHES_MAX = 3;

/** How long to wait before a task that crashed is read again, in ms. */
const RESTART = { minMs: 50, maxMs: 10_000 };

/**
 * How long a task is left alone after Postgres took too long for it, in ms. Each try costs the other
 * tasks a time-out, so the waits between tries grow fast.
 */
const SLOW = { minMs: 1_000, maxMs: 600_000, factor: 4 };

/** What a loader works with. */
export interface LoaderDeps {
  readonly runtime: Runtime;
  readonly journal: Journal;
  readonly plans: Plans;
  readonly log: Log;
  /** Called with a task that a newer version wrote. It is quarantined until its slot has moved. */
  unreadable(taskId: TaskId): void;
}

/** A task as its journal has it. */
export interface LoadedState {
  readonly taskId: TaskId;
  readonly plan: Plan;
  readonly state: TaskState | undefined;
}

/** What becomes of a loaded task. */
export interface LoaderOutcomes {
  /** `decidesOneByOne`: the task crashed, or its row was refused; decide its commands one by one. */
  loaded(loaded: LoadedState, waiting: readonly QueuedCommand[], decidesOneByOne: boolean): void;
  /** The journal has no such task. */
  unknown(taskId: TaskId, waiting: readonly QueuedCommand[]): void;
  /** The task is quarantined. */
  quarantined(waiting: readonly QueuedCommand[], reason: string): void;
}

/** A task that is being read, and the commands that wait for it. */
interface Expected {
  readonly taskId: TaskId;
  mailbox: Mailbox;
  /** It crashed, or its row was refused: decide its commands one by one. */
  readonly decidesOneByOne: boolean;
}

/** Reads tasks in bulk, again and again while the database is away. */
export class TaskLoader {
  readonly #expected = new Map<TaskId, Expected>();
  readonly #crashes = new Map<TaskId, number>();
  readonly quarantined = new Map<TaskId, string>();
  #isStopped = false;

  constructor(readonly deps: LoaderDeps, readonly outcomes: LoaderOutcomes) {}

  /** Tasks that are being read, or are to be read again. */
  get size(): number {
    return this.#expected.size;
  }

  has(taskId: TaskId): boolean {
    return this.#expected.has(taskId);
  }

  /** Whether a command can wait here for its task. A quarantined one keeps results only. */
  takes({ command }: QueuedCommand): boolean {
    const isRefused = "commandId" in command && this.quarantined.has(command.taskId);
    return this.has(command.taskId) && !isRefused;
  }

  /** Lets a command wait for a task that is being read. */
  put(queued: QueuedCommand): void {
    const expected = this.#expected.get(queued.command.taskId);
    if (expected !== undefined) putOrRefuse(expected.mailbox, queued);
  }

  /** Reads tasks; resolves when each was handed over, quarantined or is to be read again. */
  load(taskIds: readonly TaskId[], waiting: readonly QueuedCommand[] = []): Promise<void> {
    const expected = taskIds.map((taskId) =>
      this.#expect({ taskId, mailbox: newMailbox(), decidesOneByOne: false })
    );
    for (const queued of waiting) this.put(queued);
    return this.#readAll(expected);
  }

  /** Reads a task again, after a delay, that crashed or whose row was refused. */
  reload(taskId: TaskId, waiting: readonly QueuedCommand[], { flushed, whileLoading, reason }: {
    flushed: Promise<void>;
    whileLoading: boolean;
    reason: string;
  }): void {
    const crashes = this.#crash(taskId);
    const expected = this.#expect({ taskId, mailbox: newMailbox(waiting), decidesOneByOne: true });
    if (whileLoading && crashes >= LOADING_CRASHES_MAX) return this.#quarantine(expected, reason);
    void flushed.then(() => this.#readAfter(exponentialMs(crashes, RESTART), [expected]));
  }

  /** Quarantines a task that is too slow in Postgres for a while: only results wait for it. */
  holdBack(taskId: TaskId, waiting: readonly QueuedCommand[], error: unknown): void {
    const reason = messageOf(error);
    const afterMs = exponentialMs(this.#crash(taskId), SLOW);
    this.deps.log.warn("task quarantined for a while", { taskId, afterMs, error: reason });
    this.quarantined.set(taskId, reason);
    const { refused = [], kept = [] } = Object.groupBy(
      // Interrupted attempts are found again when the task is read.
      waiting.filter(({ command }) => command.kind !== "RecordInterruption"),
      ({ command }) => "commandId" in command ? "refused" : "kept",
    );
    const expected = this.#expect({ taskId, mailbox: newMailbox(kept), decidesOneByOne: true });
    this.outcomes.quarantined(refused, reason);
    this.deps.runtime.after(afterMs, () => {
      if (!this.#isExpected(expected)) return;
      this.quarantined.delete(taskId);
      void this.#readAll([expected]);
    });
  }

  /** Forgets tasks that leave this node; returns the commands that waited for them. */
  drop(isGone: (taskId: TaskId) => boolean): readonly QueuedCommand[] {
    const gone = [...this.#expected.values()].filter(({ taskId }) => isGone(taskId));
    for (const { taskId } of gone) this.#expected.delete(taskId);
    for (const taskId of this.quarantined.keys()) {
      if (isGone(taskId)) this.quarantined.delete(taskId);
    }
    return gone.flatMap(({ mailbox }) => mailbox.take(Infinity));
  }

  /** Forgets a task's crashes: it committed a turn. */
  recovered(taskId: TaskId): void {
    this.#crashes.delete(taskId);
  }

  /** Refuses all commands that wait. */
  stop(error: unknown): void {
    this.#isStopped = true;
    refuseAll(this.drop(() => true), error);
  }

  #expect(expected: Expected): Expected {
    this.#expected.set(expected.taskId, expected);
    return expected;
  }

  /** Whether this reading of a task is still wanted: the task was not dropped, or read again since. */
  #isExpected(expected: Expected): boolean {
    return this.#expected.get(expected.taskId) === expected;
  }

  #readAfter(ms: number, expected: readonly Expected[]): void {
    this.deps.runtime.after(ms, () => void this.#readAll(expected));
  }

  /** Reads tasks; one that cannot be read does not stop the others. */
  async #readAll(expected: readonly Expected[]): Promise<void> {
    const wanted = expected.filter((one) => this.#isExpected(one));
    const left = new Map(wanted.map((one) => [one.taskId, one]));
    try {
      for await (const loaded of this.deps.journal.load([...left.keys()])) {
        const one = left.get(loaded.taskId);
        if (one !== undefined && this.#isExpected(one)) await this.#take(one, loaded);
        left.delete(loaded.taskId);
        if (this.#isStopped) return;
      }
      for (const one of left.values()) await this.#begin(one);
    } catch (error) {
      this.#readAgain([...left.values()].filter((one) => this.#isExpected(one)), error);
    }
  }

  async #take(expected: Expected, loaded: LoadedTask): Promise<void> {
    if (!("error" in loaded)) return await this.#fold(expected, loaded.turns);
    const { taskId, error } = loaded;
    if (error.code === "journal.format_unknown") {
      this.#quarantine(expected, messageOf(error));
      return this.deps.unreadable(taskId);
    }
    this.holdBack(taskId, expected.mailbox.take(Infinity), error);
  }

  /** A task without a journal: it may be started by a command that waits, for which its plan is read. */
  async #begin(expected: Expected): Promise<void> {
    for (const { command } of expected.mailbox) {
      if (command.kind === "StartTask") await this.deps.plans.byHash(command.definitionHash);
    }
    if (!this.#arrived(expected)) return;
    this.outcomes.unknown(expected.taskId, expected.mailbox.take(Infinity));
  }

  async #fold(expected: Expected, turns: readonly Turn[]): Promise<void> {
    const { taskId, mailbox, decidesOneByOne } = expected;
    const first = turns[0]?.events[0];
    const hash = first?.kind === "TaskStarted" ? first.definitionHash : "";
    const plan = this.deps.plans.cached(hash) ?? await this.deps.plans.byHash(hash);
    if (!this.#isExpected(expected)) return;
    try {
      if (plan === undefined) throw new Error(`its definition ${hash} is not stored`);
      const state = foldTask(taskId, plan, turns);
      this.#arrived(expected);
      this.outcomes.loaded({ taskId, plan, state }, mailbox.take(Infinity), decidesOneByOne);
    } catch (error) {
      this.#broken(expected, error);
    }
  }

  #broken(expected: Expected, error: unknown): void {
    const { taskId } = expected;
    const reason = messageOf(error);
    const crashes = this.#crash(taskId);
    if (crashes >= LOADING_CRASHES_MAX) return this.#quarantine(expected, reason);
    this.deps.log.warn("cannot load a task", { taskId, error: reason });
    this.#readAfter(exponentialMs(crashes, RESTART), [this.#expect(expected)]);
  }

  #quarantine({ taskId, mailbox }: Expected, reason: string): void {
    this.deps.log.error("task quarantined", { taskId, error: reason });
    this.quarantined.set(taskId, reason);
    this.#expected.delete(taskId);
    this.outcomes.quarantined(mailbox.take(Infinity), reason);
  }

  /**
   * Reads tasks again after the database did not answer. Senders here are refused meanwhile; commands
   * out of the inbox, and results of code here, which nobody would send again, go on waiting.
   */
  #readAgain(expected: readonly Expected[], error: unknown): void {
    this.deps.log.warn("cannot read tasks", { tasks: expected.length, error: messageOf(error) });
    for (const one of expected) {
      const { refused = [], kept = [] } = Object.groupBy(
        one.mailbox.take(Infinity),
        ({ inbox, refuse }) => inbox === undefined && refuse !== undefined ? "refused" : "kept",
      );
      refuseAll(refused, error);
      one.mailbox = newMailbox(kept);
    }
    this.#readAfter(READ_AGAIN_MS, expected);
  }

  #crash(taskId: TaskId): number {
    const crashes = (this.#crashes.get(taskId) ?? 0) + 1;
    this.#crashes.set(taskId, crashes);
    return crashes;
  }

  /** Notes that a task has been read; false when nobody waits for it any more. */
  #arrived(expected: Expected): boolean {
    return this.#isExpected(expected) && this.#expected.delete(expected.taskId);
  }
}

/** A mailbox with commands that waited before; those that do not fit are refused. */
function newMailbox(waiting: readonly QueuedCommand[] = []): Mailbox {
  const mailbox = new Mailbox();
  for (const queued of waiting) putOrRefuse(mailbox, queued);
  return mailbox;
}

function putOrRefuse(mailbox: Mailbox, queued: QueuedCommand): void {
  try {
    mailbox.put(queued);
  } catch (error) {
    refuseAll([queued], error);
  }
}
