/** Failures: what becomes of a task whose actor broke, or whose row was not inserted. */

import { messageOf, TaskerError } from "../src/core/errors.ts";
import type { Log } from "../src/telemetry/log.ts";
import { countFailedTry, failPoisoned, refuseAll } from "./answers.ts";
import type { QueuedCommand } from "./mailbox.ts";
import type { SentTurn, TaskActor } from "./task_actor.ts";
import type { TaskLoader } from "./task_loader.ts";
import { commandsOf, type CommitFailures } from "./turn_committer.ts";

/** A command is refused after this many failed tries. */
const FAILED_TRIES_MAX = 2;

/** What handling failures works with. */
export interface FailuresDeps {
  readonly log: Log;
  readonly loader: Pick<TaskLoader, "reload" | "holdBack">;
  /** Whether an actor is the one of its task: it was not let go or restarted. */
  isCurrent(actor: TaskActor): boolean;
  forget(actor: TaskActor): void;
  deliver(queued: QueuedCommand): void;
  /** Takes a command whose task turned out to be owned elsewhere. */
  reroute(queued: QueuedCommand): void;
  /** This node's row is gone: nothing it does counts any more. */
  fenced(): void;
  /** Readiness failed as a whole: no task of this node can take another turn. */
  broken(error: unknown): void;
}

/** Restarts tasks, quarantines them or gives them up; each sender learns what became of its command. */
export class Failures implements CommitFailures {
  /** How often an actor has broken since the start. */
  crashes = 0;

  constructor(readonly deps: FailuresDeps) {}

  /** An actor that broke: its state is dropped, its commands are decided again, one a turn. */
  crashed(actor: TaskActor, error: unknown): void {
    const { log, isCurrent, broken } = this.deps;
    if (!isCurrent(actor)) return;
    if (isLostCore(error)) return broken(error);
    this.crashes++;
    log.error("actor crashed", { taskId: actor.taskId, error: messageOf(error) });
    const built = actor.task.open === undefined ? [] : actor.decided.map(({ queued }) => queued);
    const failed = new Set([...actor.takenForTurn, ...built]);
    const waiting = actor.takeWaiting().filter((queued) => !failed.has(queued));
    this.#restart(actor, [...[...failed].map(countFailedTry), ...waiting], error);
  }

  /** Another task has the start's key: this one never was. */
  vanished(actor: TaskActor): void {
    this.deps.forget(actor);
  }

  /** Postgres refused a row: its only command is refused; several are decided one by one. */
  poisoned(actor: TaskActor, sent: SentTurn, error: TaskerError): void {
    const { isCurrent, deliver } = this.deps;
    if (!isCurrent(actor)) return this.#sendAgain(sent);
    const [first, ...others] = commandsOf(sent);
    const isLone = first !== undefined && others.length === 0;
    const again = isLone ? [] : commandsOf(sent);
    this.#restart(actor, [...again, ...actor.takeWaiting()], error);
    if (isLone) failPoisoned(first, error, (command) => deliver({ command, failedTries: 1 }));
  }

  /** Postgres takes too long for one task alone: it is quarantined for a while. */
  tooSlow(actor: TaskActor, sent: SentTurn, error: TaskerError): void {
    const { loader, isCurrent, forget } = this.deps;
    if (!isCurrent(actor)) return this.#sendAgain(sent);
    const waiting = [...commandsOf(sent), ...actor.takeWaiting()];
    forget(actor);
    loader.holdBack(actor.taskId, waiting, error);
  }

  /** Another node wrote the turn: the task's commands go to wherever it is now. */
  lost(actor: TaskActor, sent: SentTurn): void {
    const { log, isCurrent, forget, reroute } = this.deps;
    log.warn("task is owned elsewhere", { taskId: actor.taskId });
    this.#sendAgain(sent);
    if (!isCurrent(actor)) return;
    const waiting = actor.takeWaiting();
    forget(actor);
    for (const queued of waiting) reroute(countFailedTry(queued));
    // Should the task be here after all, it is read again, whether commands wait or not.
    reroute({ command: { kind: "Wake", taskId: actor.taskId }, failedTries: 0 });
  }

  fenced(): void {
    this.deps.fenced();
  }

  #restart(actor: TaskActor, commands: readonly QueuedCommand[], error: unknown): void {
    const { taskId, isJustLoaded: whileLoading, inFlight } = actor;
    this.deps.forget(actor);
    refuseAll(commands.filter(({ failedTries }) => failedTries >= FAILED_TRIES_MAX), error);
    // What was interrupted is found anew when the task is read.
    const again = commands.filter(({ failedTries, command }) =>
      failedTries < FAILED_TRIES_MAX && command.kind !== "RecordInterruption"
    );
    // The row in flight may still be inserted: reading before its outcome would miss it.
    const flushed = inFlight === undefined ? Promise.resolve() : actor.flushed;
    this.deps.loader.reload(taskId, again, { flushed, whileLoading, reason: messageOf(error) });
  }

  /** Brings the commands of a row that was not inserted to wherever their task is now. */
  #sendAgain(sent: SentTurn): void {
    for (const queued of commandsOf(sent)) this.deps.reroute(countFailedTry(queued));
  }
}

/** Whether readiness is lost for all tasks, and has not only refused the one at hand. */
function isLostCore(error: unknown): boolean {
  return error instanceof TaskerError && error.code === "ffi.broken";
}
