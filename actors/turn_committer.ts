/** Turn committer: turns on their way to the journal, and the answers that wait for their commit. */

import { TaskerError } from "../src/core/errors.ts";
import type { Appended, Journal, RowlessEntry, Runtime, TurnRow } from "../src/core/ports.ts";
import type { QueuedCommand } from "./mailbox.ts";
import { type Decided, refuseAll, remoteAnswers, type SettledAt, settleMail } from "./answers.ts";
import { fenced } from "./refusals.ts";
import type { OpenTurn, TaskActor } from "./task_actor.ts";

/** What may become of a handed turn. */
export interface HandoverOutcomes {
  committed(actor: TaskActor, turn: OpenTurn): void;
  /** Another task has the start's key: this one never was. */
  vanished(actor: TaskActor): void;
  poisoned(actor: TaskActor, turn: OpenTurn, error: TaskerError): void;
  /** Alone it took Postgres too long, which serves the others. */
  tooSlow(actor: TaskActor, turn: OpenTurn, error: TaskerError): void;
  lost(actor: TaskActor, turn: OpenTurn): void;
  crashed(actor: TaskActor, error: unknown): void;
  fenced(): void;
}

/** Hands turns to the journal, one row of an actor at a time. */
export class TurnCommitter {
  constructor(
    readonly runtime: Runtime,
    readonly journal: Journal,
    readonly outcomes: HandoverOutcomes,
  ) {}

  /** Hands over the turn an actor has built. */
  hand(actor: TaskActor): void {
    const turn = actor.open as OpenTurn;
    actor.inFlight = turn;
    actor.open = undefined;
    actor.busyAtMs = this.runtime.monotonic();
    actor.landed = this.journal.append(rowOf(actor, turn, this.runtime.uuid())).then(
      (appended) => this.#appended(actor, turn, appended),
      (error) => {
        refuseAll(mailOf(turn), error);
        this.outcomes.crashed(actor, error);
      },
    );
  }

  /**
   * Answers what changed nothing, after a flush that begins now found this node alive.
   *
   * Only for an actor without a row in flight: such a row is part of what was decided on. When it
   * fails, what was decided on it is decided again.
   */
  confirm(actor: TaskActor): void {
    const decided = actor.rowless.splice(0);
    const at = { taskId: actor.taskId, turn: actor.state?.turn ?? 0 };
    const entry = {
      taskId: actor.taskId,
      inbox: inboxOf(decided),
      answers: remoteAnswers(decided, at),
    };
    this.#confirm(entry, decided, at);
  }

  /**
   * Refuses mail of a task without an actor, out of the inbox durably.
   *
   * The fence is checked even where no row of the inbox is removed: a node that was taken over may
   * know nothing of a task that exists by now.
   */
  refuse(mail: QueuedCommand, error: TaskerError): void {
    const { taskId } = mail.command;
    const at = { taskId, turn: 0 };
    const decided = [{ mail, changed: false, error }];
    const entry = { taskId, inbox: inboxOf(decided), answers: remoteAnswers(decided, at) };
    this.#confirm(entry, decided, at);
  }

  /** Settles mail once a flush that begins now has found this node alive. */
  #confirm(entry: RowlessEntry, decided: readonly Decided[], at: SettledAt): void {
    const mail = decided.map((one) => one.mail);
    this.journal.confirm(entry).then(
      (isAlive) => isAlive ? settleMail(decided, at) : this.#fenced(mail),
      (error) => refuseAll(mail, error),
    );
  }

  /** Nothing of it was written, and nothing of this node will be. */
  #fenced(mail: readonly QueuedCommand[]): void {
    refuseAll(mail, fenced());
    this.outcomes.fenced();
  }

  #appended(actor: TaskActor, turn: OpenTurn, appended: Appended): void {
    actor.inFlight = undefined;
    switch (appended.kind) {
      case "inserted":
        return this.outcomes.committed(actor, turn);
      case "key_taken":
        return this.#keyTaken(actor, turn, appended);
      case "poison":
        return this.outcomes.poisoned(actor, turn, appended.error);
      case "too_slow":
        return this.outcomes.tooSlow(actor, turn, appended.error);
      case "ownership_lost":
        return this.outcomes.lost(actor, turn);
      case "fenced":
        return this.#fenced(mailOf(turn));
      default:
        appended satisfies never;
    }
  }

  /** The sender of the start gets the task that has the key, or a conflict; the rest is refused. */
  #keyTaken(
    actor: TaskActor,
    turn: OpenTurn,
    taken: Extract<Appended, { kind: "key_taken" }>,
  ): void {
    const conflict = new TaskerError(
      "journal.conflict",
      `Cannot start the task: its key belongs to task "${taken.taskId}", which has other input`,
      { ids: { taskId: taken.taskId } },
    );
    const all = [...mailOf(turn), ...waitingMail(actor)];
    this.outcomes.vanished(actor);
    const at = { taskId: taken.taskId, turn: 1 };
    const decided = all.map((mail): Decided => {
      const isSame = mail.command.kind === "StartTask" && taken.sameBody;
      return isSame ? { mail, changed: false } : { mail, changed: false, error: conflict };
    });
    const entry = {
      taskId: actor.taskId,
      inbox: inboxOf(decided),
      answers: remoteAnswers(decided, at),
    };
    // What stays in the inbox because this fails is decided again, to the same end.
    if (entry.inbox.length > 0) this.journal.confirm(entry).catch(() => {});
    settleMail(decided, at);
  }
}

/** The mail that a turn decided. */
export function mailOf(turn: OpenTurn): readonly QueuedCommand[] {
  return turn.mail.map((one) => one.mail);
}

/** All mail of an actor that no row in flight carries; the actor has none afterwards. */
export function waitingMail(actor: TaskActor): readonly QueuedCommand[] {
  const decided = [...(actor.open?.mail ?? []), ...actor.rowless.splice(0)].map((one) => one.mail);
  actor.open = undefined;
  return [...decided, ...actor.mailbox.take(Infinity)];
}

function rowOf(actor: TaskActor, turn: OpenTurn, appendId: string): TurnRow {
  return {
    taskId: actor.taskId,
    turn: turn.turn,
    appendId,
    commandIds: turn.commandIds,
    ...(turn.idleIds.length > 0 && { idleIds: turn.idleIds }),
    events: turn.events,
    inbox: inboxOf(turn.mail),
    answers: remoteAnswers(turn.mail, { taskId: actor.taskId, turn: turn.turn }),
    ...(actor.isCareful ? { isAlone: true } : {}),
    ...(turn.birth === undefined ? {} : { birth: turn.birth }),
    ...(turn.change === undefined ? {} : { change: turn.change }),
  };
}

function inboxOf(decided: readonly Decided[]): readonly string[] {
  return decided.flatMap(({ mail }) => mail.inbox === undefined ? [] : [mail.inbox.commandId]);
}
