/** Task loader: tasks on their way from the journal into memory, and the mail that waits for them. */

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

/** How long to wait before a database that did not answer is asked again. */
const READ_AGAIN_MS = 1_000;

/** Crashes while loading after which a task is set aside, so that the others go on. */
const LOADING_CRASHES_MAX = 3;

/** How soon a task that crashed is read again, in ms. */
const RESTART = { minMs: 50, maxMs: 10_000 };

/**
 * How long a task is left alone that takes Postgres too long, in ms. Each try costs the others a
 * time-out, so the times between them grow fast.
 */
const SLOW = { minMs: 1_000, maxMs: 600_000, factor: 4 };

/** What loading works with. */
export interface LoaderDeps {
  readonly runtime: Runtime;
  readonly journal: Journal;
  readonly plans: Plans;
  readonly log: Log;
  /** Takes a task that a newer version wrote; until its slot has left, it is set aside. */
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
  /** `isCareful`: the task crashed or was poisoned; decide its mail one by one. */
  loaded(loaded: LoadedState, mail: readonly QueuedCommand[], isCareful: boolean): void;
  /** The journal has no such task. */
  unknown(taskId: TaskId, mail: readonly QueuedCommand[]): void;
  /** The task is set aside. */
  quarantined(mail: readonly QueuedCommand[], reason: string): void;
}

/** A task on its way, and what waits for it. */
interface Expected {
  readonly taskId: TaskId;
  mail: Mailbox;
  /** It crashed or was poisoned: decide its mail one by one. */
  readonly isCareful: boolean;
}

/** Reads tasks in bulk, again and again while the database is away. */
export class TaskLoader {
  readonly #expected = new Map<TaskId, Expected>();
  readonly #crashes = new Map<TaskId, number>();
  readonly quarantined = new Map<TaskId, string>();
  #isStopped = false;

  constructor(readonly parts: LoaderDeps, readonly outcomes: LoaderOutcomes) {}

  /** Tasks on their way. */
  get size(): number {
    return this.#expected.size;
  }

  has(taskId: TaskId): boolean {
    return this.#expected.has(taskId);
  }

  /** Whether mail waits here for its task. A task set aside for a while keeps results only. */
  takes({ command }: QueuedCommand): boolean {
    const isRefused = "commandId" in command && this.quarantined.has(command.taskId);
    return this.has(command.taskId) && !isRefused;
  }

  /** Lets mail wait for a task that is being read. */
  put(mail: QueuedCommand): void {
    const expected = this.#expected.get(mail.command.taskId);
    if (expected !== undefined) putOrRefuse(expected.mail, mail);
  }

  /** Reads tasks; resolves when each was handed over, set aside or is to be read again. */
  load(taskIds: readonly TaskId[], mail: readonly QueuedCommand[] = []): Promise<void> {
    const expected = taskIds.map((taskId) =>
      this.#expect({ taskId, mail: newMailbox(), isCareful: false })
    );
    for (const one of mail) this.put(one);
    return this.#readAll(expected);
  }

  /** Reads a task that crashed or was poisoned again, after the back-off of its strategy. */
  reload(taskId: TaskId, waiting: readonly QueuedCommand[], { landed, whileLoading, reason }: {
    landed: Promise<void>;
    whileLoading: boolean;
    reason: string;
  }): void {
    const crashes = this.#crash(taskId);
    const expected = this.#expect({ taskId, mail: newMailbox(waiting), isCareful: true });
    if (whileLoading && crashes >= LOADING_CRASHES_MAX) return this.#setAside(expected, reason);
    void landed.then(() => this.#readAfter(exponentialMs(crashes, RESTART), [expected]));
  }

  /** Sets a task aside for a while that takes Postgres too long. Results wait, senders are told. */
  holdBack(taskId: TaskId, waiting: readonly QueuedCommand[], error: unknown): void {
    const reason = messageOf(error);
    const afterMs = exponentialMs(this.#crash(taskId), SLOW);
    this.parts.log.warn("task set aside for a while", { taskId, afterMs, error: reason });
    this.quarantined.set(taskId, reason);
    const { refused = [], kept = [] } = Object.groupBy(
      // What was interrupted is found anew when the task is read.
      waiting.filter(({ command }) => command.kind !== "RecordInterruption"),
      ({ command }) => "commandId" in command ? "refused" : "kept",
    );
    const expected = this.#expect({ taskId, mail: newMailbox(kept), isCareful: true });
    this.outcomes.quarantined(refused, reason);
    this.parts.runtime.after(afterMs, () => {
      if (!this.#isExpected(expected)) return;
      this.quarantined.delete(taskId);
      void this.#readAll([expected]);
    });
  }

  /** Gives up on tasks that leave this node; returns the mail that waited for them. */
  drop(isGone: (taskId: TaskId) => boolean): readonly QueuedCommand[] {
    const gone = [...this.#expected.values()].filter(({ taskId }) => isGone(taskId));
    for (const { taskId } of gone) this.#expected.delete(taskId);
    for (const taskId of this.quarantined.keys()) {
      if (isGone(taskId)) this.quarantined.delete(taskId);
    }
    return gone.flatMap(({ mail }) => mail.take(Infinity));
  }

  /** Forgets a task's crashes: it committed a turn. */
  recovered(taskId: TaskId): void {
    this.#crashes.delete(taskId);
  }

  /** Refuses all that waits. */
  stop(error: unknown): void {
    this.#isStopped = true;
    refuseAll(this.drop(() => true), error);
  }

  #expect(expected: Expected): Expected {
    this.#expected.set(expected.taskId, expected);
    return expected;
  }

  /** Whether a task is still waited for by this very reading, and not by none or by a later one. */
  #isExpected(expected: Expected): boolean {
    return this.#expected.get(expected.taskId) === expected;
  }

  #readAfter(ms: number, expected: readonly Expected[]): void {
    this.parts.runtime.after(ms, () => void this.#readAll(expected));
  }

  /** A task that cannot be read keeps no other from being read. */
  async #readAll(expected: readonly Expected[]): Promise<void> {
    const wanted = expected.filter((one) => this.#isExpected(one));
    const left = new Map(wanted.map((one) => [one.taskId, one]));
    try {
      for await (const loaded of this.parts.journal.load([...left.keys()])) {
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
      this.#setAside(expected, messageOf(error));
      return this.parts.unreadable(taskId);
    }
    this.holdBack(taskId, expected.mail.take(Infinity), error);
  }

  /** A task without a journal: a start may begin it, which takes its plan. */
  async #begin(expected: Expected): Promise<void> {
    for (const { command } of expected.mail) {
      if (command.kind === "StartTask") await this.parts.plans.byHash(command.definitionHash);
    }
    if (!this.#arrived(expected)) return;
    this.outcomes.unknown(expected.taskId, expected.mail.take(Infinity));
  }

  async #fold(expected: Expected, turns: readonly Turn[]): Promise<void> {
    const { taskId, mail, isCareful } = expected;
    const first = turns[0]?.events[0];
    const hash = first?.kind === "TaskStarted" ? first.definitionHash : "";
    const plan = this.parts.plans.cached(hash) ?? await this.parts.plans.byHash(hash);
    if (!this.#isExpected(expected)) return;
    try {
      if (plan === undefined) throw new Error(`its definition ${hash} is not stored`);
      const state = foldTask(taskId, plan, turns);
      this.#arrived(expected);
      this.outcomes.loaded({ taskId, plan, state }, mail.take(Infinity), isCareful);
    } catch (error) {
      this.#broken(expected, error);
    }
  }

  #broken(expected: Expected, error: unknown): void {
    const { taskId } = expected;
    const reason = messageOf(error);
    const crashes = this.#crash(taskId);
    if (crashes >= LOADING_CRASHES_MAX) return this.#setAside(expected, reason);
    this.parts.log.warn("cannot load a task", { taskId, error: reason });
    this.#readAfter(exponentialMs(crashes, RESTART), [this.#expect(expected)]);
  }

  #setAside({ taskId, mail }: Expected, reason: string): void {
    this.parts.log.error("task set aside", { taskId, error: reason });
    this.quarantined.set(taskId, reason);
    this.#expected.delete(taskId);
    this.outcomes.quarantined(mail.take(Infinity), reason);
  }

  /** The database did not answer: tasks are not to blame. Who waits is told; the inbox keeps its own. */
  #readAgain(expected: readonly Expected[], error: unknown): void {
    this.parts.log.warn("cannot read tasks", { tasks: expected.length, error: messageOf(error) });
    for (const one of expected) {
      // A result of code here has nobody who would send it again.
      const { refused = [], kept = [] } = Object.groupBy(
        one.mail.take(Infinity),
        ({ inbox, refuse }) => inbox === undefined && refuse !== undefined ? "refused" : "kept",
      );
      refuseAll(refused, error);
      one.mail = newMailbox(kept);
    }
    this.#readAfter(READ_AGAIN_MS, expected);
  }

  #crash(taskId: TaskId): number {
    const crashes = (this.#crashes.get(taskId) ?? 0) + 1;
    this.#crashes.set(taskId, crashes);
    return crashes;
  }

  /** Waits for a task no longer; false when nobody did. */
  #arrived(expected: Expected): boolean {
    return this.#isExpected(expected) && this.#expected.delete(expected.taskId);
  }
}

/** A mailbox of what waited before; what is too much is refused. */
function newMailbox(mail: readonly QueuedCommand[] = []): Mailbox {
  const mailbox = new Mailbox();
  for (const one of mail) putOrRefuse(mailbox, one);
  return mailbox;
}

function putOrRefuse(mailbox: Mailbox, mail: QueuedCommand): void {
  try {
    mailbox.put(mail);
  } catch (error) {
    refuseAll([mail], error);
  }
}
