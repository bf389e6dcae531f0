/** Turn committer: turns on their way to the journal, and the answers that wait for their commit. */

import { TaskerError } from "../src/core/errors.ts";
import { appendIdOf, type Incarnation, type TaskId } from "../src/core/ids.ts";
import type {
  Appended,
  InboxRow,
  Journal,
  RowlessEntry,
  Runtime,
  TurnRow,
} from "../src/core/ports.ts";
import type { AnnouncedTurn } from "../src/core/announcer.ts";
import type { OpenTurn } from "../src/core/turn.ts";
import {
  answerAll,
  type DecidedCommand,
  type DecidedOn,
  fenced,
  refuseAll,
  remoteAnswers,
} from "./answers.ts";
import type { QueuedCommand } from "./mailbox.ts";
import type { SentTurn, TaskActor } from "./task_actor.ts";

/** Whom a turn is reported to that was not committed. */
export interface CommitFailures {
  /** Another task has the start's key: this one never was. */
  vanished(actor: TaskActor): void;
  /** Postgres refused the row. */
  poisoned(actor: TaskActor, sent: SentTurn, error: TaskerError): void;
  /** Alone it took Postgres too long, which serves the others. */
  tooSlow(actor: TaskActor, sent: SentTurn, error: TaskerError): void;
  /** Another node wrote this turn. */
  lost(actor: TaskActor, sent: SentTurn): void;
  crashed(actor: TaskActor, error: unknown): void;
  /** This node's row is gone. */
  fenced(): void;
}

/** What a committer works with. */
export interface CommitterDeps {
  readonly runtime: Runtime;
  readonly journal: Journal;
  /** This node. */
  readonly incarnation: Incarnation;
  /** The commands that a turn sends with its commit; absent: none. */
  sendsOf?(turn: AnnouncedTurn): readonly InboxRow[];
}

/** Sends turns to the journal, one row of an actor at a time. */
export class TurnCommitter {
  constructor(
    readonly deps: CommitterDeps,
    readonly outcomes: {
      readonly failures: CommitFailures;
      committed(actor: TaskActor, sent: SentTurn): void;
    },
  ) {}

  /**
   * Sends the turn that an actor has built; without one, answers what changed nothing.
   *
   * Does nothing while a row of the actor is in flight: such a row is part of what was decided on.
   * If it fails, what was decided on it is decided again.
   */
  commit(actor: TaskActor): void {
    if (actor.inFlight !== undefined) return;
    const { open } = actor.task;
    if (open !== undefined) return this.#append(actor, actor.send(open));
    if (actor.decided.length === 0) return;
    const on = { taskId: actor.taskId, turn: actor.state?.turn ?? 0 };
    this.#confirm(actor.decided.splice(0), on);
  }

  /**
   * Refuses a command of a task without an actor; its row in the inbox is removed durably.
   *
   * The fence is checked even where no row of the inbox is removed: a node that was taken over may
   * know nothing of a task that exists by now.
   */
  refuse(queued: QueuedCommand, error: TaskerError): void {
    const { taskId } = queued.command;
    this.#confirm([{ queued, changed: false, error }], { taskId, turn: 0 });
  }

  #append(actor: TaskActor, sent: SentTurn): void {
    const { runtime, journal, incarnation } = this.deps;
    actor.busyAtMs = runtime.monotonic();
    const appendId = appendIdOf(incarnation, runtime.uuid());
    const row = { ...rowOf(actor, sent, appendId), ...this.#sends(actor, sent.turn) };
    actor.flushed = journal.append(row).then(
      (appended) => this.#appended(actor, sent, appended),
      (error) => {
        refuseAll(commandsOf(sent), error);
        this.outcomes.failures.crashed(actor, error);
      },
    );
  }

  #sends(
    { taskId, plan, committed: before, state }: TaskActor,
    { turn, birth, change, events }: OpenTurn,
  ): Pick<TurnRow, "sends"> {
    if (this.deps.sendsOf === undefined || state === undefined) return {};
    const sends = this.deps.sendsOf({ taskId, plan, turn, before, birth, change, events, state });
    return sends.length === 0 ? {} : { sends };
  }

  /** Answers commands once a flush that begins now has found this node alive. */
  #confirm(decided: readonly DecidedCommand[], on: DecidedOn): void {
    const commands = decided.map(({ queued }) => queued);
    this.deps.journal.confirm(entryOf(decided, on.taskId, on)).then(
      (isAlive) => isAlive ? answerAll(decided, on) : this.#fenced(commands),
      (error) => refuseAll(commands, error),
    );
  }

  /** Nothing of it was written, and nothing of this node will be. */
  #fenced(commands: readonly QueuedCommand[]): void {
    refuseAll(commands, fenced());
    this.outcomes.failures.fenced();
  }

  #appended(actor: TaskActor, sent: SentTurn, appended: Appended): void {
    const { failures, committed } = this.outcomes;
    actor.inFlight = undefined;
    switch (appended.kind) {
      case "inserted":
        return committed(actor, sent);
      case "key_taken":
        return this.#keyTaken(actor, sent, appended);
      case "poison":
        return failures.poisoned(actor, sent, appended.error);
      case "too_slow":
        return failures.tooSlow(actor, sent, appended.error);
      case "ownership_lost":
        return failures.lost(actor, sent);
      case "fenced":
        return this.#fenced(commandsOf(sent));
      default:
        appended satisfies never;
    }
  }

  /** The sender of the start gets the task that has the key, or a conflict; the rest is refused. */
  #keyTaken(
    actor: TaskActor,
    sent: SentTurn,
    taken: Extract<Appended, { kind: "key_taken" }>,
  ): void {
    const conflict = new TaskerError(
      "journal.conflict",
      `Cannot start the task: its key belongs to task "${taken.taskId}", which has other input`,
      { ids: { taskId: taken.taskId } },
    );
    const decided = [...commandsOf(sent), ...actor.takeWaiting()].map((queued): DecidedCommand => {
      const isSame = queued.command.kind === "StartTask" && taken.sameBody;
      return isSame ? { queued, changed: false } : { queued, changed: false, error: conflict };
    });
    this.outcomes.failures.vanished(actor);
    const on = { taskId: taken.taskId, turn: 1 };
    const entry = entryOf(decided, actor.taskId, on);
    // What stays in the inbox because this fails is decided again, to the same end.
    if (entry.inbox.length > 0) this.deps.journal.confirm(entry).catch(() => {});
    answerAll(decided, on);
  }
}

/** The commands that a turn decided. */
export function commandsOf({ decided }: SentTurn): readonly QueuedCommand[] {
  return decided.map(({ queued }) => queued);
}

function rowOf(actor: TaskActor, { turn, decided }: SentTurn, appendId: string): TurnRow {
  const { taskId } = actor;
  return {
    ...entryOf(decided, taskId, { taskId, turn: turn.turn }),
    turn: turn.turn,
    appendId,
    commandIds: turn.commandIds,
    ...(turn.idleIds.length > 0 && { idleIds: turn.idleIds }),
    events: turn.events,
    ...(actor.decidesOneByOne ? { isAlone: true } : {}),
    ...(turn.birth === undefined ? {} : { birth: turn.birth }),
    ...(turn.change === undefined ? {} : { change: turn.change }),
  };
}

/** What a flush does for decided commands beside their turn, if they have one. */
function entryOf(decided: readonly DecidedCommand[], taskId: TaskId, on: DecidedOn): RowlessEntry {
  return {
    taskId,
    inbox: decided.flatMap(({ queued: { inbox } }) => inbox === undefined ? [] : [inbox.commandId]),
    answers: remoteAnswers(decided, on),
  };
}
