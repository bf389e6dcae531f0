/** Loading: tasks on their way from the journal into memory, and the mail that waits for them. */

import { messageOf } from "../src/core/errors.ts";
import { foldTask } from "../src/core/evolve.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { Journal, Plans, Runtime } from "../src/core/ports.ts";
import { toldByState } from "../src/core/advance.ts";
import type { Log } from "../src/telemetry/log.ts";
import type { Mail } from "./mailbox.ts";
import { refuseAll } from "./mail_settling.ts";
import { onCrash } from "./strategies.ts";
import { TaskActor, type TurnParts } from "./task_actor.ts";

/** How long to wait before a database that did not answer is asked again. */
const READ_AGAIN_MS = 1_000;

/** Tasks read by one statement. */
const TASKS_PER_READ = 500;

/** What loading works with. */
export interface LoadingParts extends TurnParts {
  readonly runtime: Runtime;
  readonly journal: Journal;
  readonly plans: Plans;
  readonly log: Log;
}

/** What becomes of a loaded task. */
export interface LoadingOutcomes {
  /** `isCareful`: the task crashed or was poisoned; decide its mail one by one. */
  loaded(actor: TaskActor, mail: readonly Mail[], isCareful: boolean): void;
  /** The journal has no such task. */
  unknown(taskId: TaskId, mail: readonly Mail[]): void;
  /** The task is set aside. */
  quarantined(taskId: TaskId, mail: readonly Mail[], reason: string): void;
}

/** Reads tasks in bulk, again and again while the database is away. */
export class Loading {
  readonly #mail = new Map<TaskId, Mail[]>();
  readonly #crashes = new Map<TaskId, number>();
  readonly quarantined = new Map<TaskId, string>();
  #isStopped = false;

  constructor(readonly parts: LoadingParts, readonly outcomes: LoadingOutcomes) {}

  has(taskId: TaskId): boolean {
    return this.#mail.has(taskId);
  }

  /** Lets mail wait for a task that is being read. */
  put(mail: Mail): void {
    this.#mail.get(mail.command.taskId)?.push(mail);
  }

  /** Reads tasks; resolves when each was handed over, set aside or is to be read again. */
  async load(
    taskIds: readonly TaskId[],
    mail: readonly Mail[] = [],
    isCareful = false,
  ): Promise<void> {
    for (const taskId of taskIds) if (!this.has(taskId)) this.#mail.set(taskId, []);
    for (const one of mail) this.put(one);
    for (let from = 0; from < taskIds.length && !this.#isStopped; from += TASKS_PER_READ) {
      await this.#read(taskIds.slice(from, from + TASKS_PER_READ), isCareful);
    }
  }

  /** Reads a task that crashed again, after the back-off of its strategy. */
  reload(taskId: TaskId, mail: readonly Mail[], whenIdle: Promise<void>): void {
    const crashes = this.#crash(taskId);
    const choice = onCrash({ crashes, whileLoading: false });
    this.#mail.set(taskId, [...mail]);
    const afterMs = choice.kind === "restart" ? choice.afterMs : 0;
    void whenIdle.then(() =>
      this.parts.runtime.after(afterMs, () => void this.load([taskId], [], true))
    );
  }

  /** Forgets a task's crashes: it committed a turn. */
  recovered(taskId: TaskId): void {
    this.#crashes.delete(taskId);
  }

  /** Refuses all that waits. */
  stop(error: unknown): void {
    this.#isStopped = true;
    for (const mail of this.#mail.values()) refuseAll(mail, error);
    this.#mail.clear();
  }

  async #read(taskIds: readonly TaskId[], isCareful: boolean): Promise<void> {
    try {
      const journals = await this.parts.journal.load(taskIds);
      for (const taskId of taskIds) {
        const turns = journals.get(taskId);
        if (this.#isStopped) return;
        if (turns === undefined) this.outcomes.unknown(taskId, this.#takeMail(taskId));
        else await this.#fold(taskId, turns, isCareful);
      }
    } catch (error) {
      this.#readAgain(taskIds.filter((taskId) => this.has(taskId)), error);
    }
  }

  async #fold(
    taskId: TaskId,
    turns: Parameters<typeof foldTask>[2],
    isCareful: boolean,
  ): Promise<void> {
    const first = turns[0]?.events[0];
    const hash = first?.kind === "TaskStarted" ? first.definitionHash : "";
    const plan = this.parts.plans.cached(hash) ?? await this.parts.plans.byHash(hash);
    if (this.#isStopped) return;
    try {
      if (plan === undefined) throw new Error(`its definition ${hash} is not stored`);
      const actor = new TaskActor(taskId, plan, this.parts);
      actor.state = foldTask(taskId, plan, turns);
      this.#open(actor);
      this.outcomes.loaded(actor, this.#takeMail(taskId), isCareful);
    } catch (error) {
      this.#broken(taskId, error);
    }
  }

  /** Tells readiness where the task stands, and takes the places its attempts hold. */
  #open(actor: TaskActor): void {
    const { state, plan, taskId } = actor;
    if (state === undefined || state.end !== undefined) return;
    const { readiness, admission, templateOf } = this.parts;
    actor.instance = readiness.open(templateOf(plan));
    for (const { told, step } of toldByState(state)) readiness.tell(actor.instance, told, step);
    state.steps.forEach((step, index) => {
      if (step.state === "running" || step.state === "waiting_for_reply") {
        admission.hold(taskId, plan, index);
      }
    });
  }

  #broken(taskId: TaskId, error: unknown): void {
    const reason = messageOf(error);
    const choice = onCrash({ crashes: this.#crash(taskId), whileLoading: true });
    if (choice.kind === "quarantine") {
      this.parts.log.error("task set aside", { taskId, error: reason });
      this.quarantined.set(taskId, reason);
      return this.outcomes.quarantined(taskId, this.#takeMail(taskId), reason);
    }
    this.parts.log.warn("cannot load a task", { taskId, error: reason });
    this.parts.runtime.after(choice.afterMs, () => void this.load([taskId]));
  }

  /** The database did not answer: tasks are not to blame. Who waits is told; the inbox keeps its own. */
  #readAgain(taskIds: readonly TaskId[], error: unknown): void {
    if (this.#isStopped) return;
    this.parts.log.warn("cannot read tasks", { tasks: taskIds.length, error: messageOf(error) });
    for (const taskId of taskIds) {
      const mail = this.#mail.get(taskId) ?? [];
      refuseAll(mail.filter((one) => one.inbox === undefined), error);
      this.#mail.set(taskId, mail.filter((one) => one.inbox !== undefined));
    }
    this.parts.runtime.after(READ_AGAIN_MS, () => void this.load(taskIds));
  }

  #crash(taskId: TaskId): number {
    const crashes = (this.#crashes.get(taskId) ?? 0) + 1;
    this.#crashes.set(taskId, crashes);
    return crashes;
  }

  #takeMail(taskId: TaskId): readonly Mail[] {
    const mail = this.#mail.get(taskId) ?? [];
    this.#mail.delete(taskId);
    return mail;
  }
}
