/** Task actors: one task, the commands that wait for it, and what waits for its commits. */

import type { TaskId } from "../src/core/ids.ts";
import type { Plan } from "../src/core/plan.ts";
import { countOf, rollup } from "../src/core/rollup.ts";
import type { TaskState, TaskStateName } from "../src/core/state.ts";
import { LiveTask } from "../src/core/live_task.ts";
import type { OpenTurn, TurnDeps, TurnTaker } from "../src/core/turn.ts";
import type { DecidedCommand } from "./answers.ts";
import { Mailbox, type QueuedCommand, timeLast, TURN_COMMANDS_MAX } from "./mailbox.ts";

/** A turn on its way to the journal, and the commands whose senders are answered at its commit. */
export interface SentTurn {
  readonly turn: OpenTurn;
  readonly decided: readonly DecidedCommand[];
}

/** One task. The supervisor calls it; nothing else changes it. */
export class TaskActor implements TurnTaker {
  readonly mailbox = new Mailbox();
  readonly task: LiveTask;
  /**
   * Commands that were decided and are in no row in flight. They are answered with the commit of the
   * turn being built; where they have changed nothing and there is none, after the next flush.
   */
  readonly decided: DecidedCommand[] = [];
  inFlight: SentTurn | undefined;
  /** Resolves when the outcome of the row in flight is known and handled. */
  flushed: Promise<void> = Promise.resolve();
  /** Commands that this turn decides: a crash in it must not lose them. */
  takenForTurn: readonly QueuedCommand[] = [];
  /** The task's state as of the last turn that is committed. */
  committed: TaskStateName = "running";
  /** One command a turn: after a crash, or a row that Postgres refused or was too slow for. */
  decidesOneByOne = false;
  /** True until the first turn after loading is closed: a crash until then is a loading failure. */
  isJustLoaded = false;
  /** Steps that ended before their newest attempt was started. */
  readonly unstarted = new Set<number>();
  /** Unix ms at which its timer is set. */
  armedAtMs: number | undefined;
  /** Monotonic ms of the last turn with events; what idleness counts from. */
  busyAtMs = 0;

  constructor(readonly taskId: TaskId, readonly plan: Plan, deps: TurnDeps) {
    this.task = new LiveTask(taskId, plan, deps);
  }

  get state(): TaskState | undefined {
    return this.task.state;
  }

  /** Whether a command or an answer waits, or a turn is on its way. */
  get isBusy(): boolean {
    return this.mailbox.size > 0 || this.decided.length > 0 || this.isWriting;
  }

  /** Whether the task cannot leave memory: it is busy, a step of it runs here or waits to start. */
  get mustStay(): boolean {
    const { state } = this;
    if (this.isBusy || state === undefined) return true;
    return state.ready.size > 0 || countOf(state, "running") > 0;
  }

  /** Whether something that was decided is not yet committed. */
  get isWriting(): boolean {
    return this.task.open !== undefined || this.inFlight !== undefined;
  }

  /** Whether a turn can be taken now; if not, the row on its way comes first. */
  get canTurn(): boolean {
    return !this.isWriting || (!this.decidesOneByOne && this.#room > 0 && this.task.sizeLeft > 0);
  }

  /** Commands that the turn being built still takes. */
  get #room(): number {
    return TURN_COMMANDS_MAX - this.decided.length;
  }

  /** Continues a task that was read from its journal. */
  resume(nowMs: number): void {
    const { task, plan, state } = this;
    task.resume(nowMs);
    // Why ready steps wait is not known yet; a task that has them was not blocked.
    if (state !== undefined) this.committed = rollup(plan, state).state;
  }

  /** Takes waiting commands and decides them: the first part of a turn. */
  decide(nowMs: number): void {
    const { task, mailbox } = this;
    const taken = mailbox.take(this.decidesOneByOne ? 1 : this.#room, task.sizeLeft);
    this.takenForTurn = timeLast(taken, mailbox);
    task.begin(nowMs);
    for (const queued of this.takenForTurn) {
      this.decided.push({ queued, ...task.decide(queued.command) });
    }
    task.pushDue();
  }

  /**
   * Closes the turn: the last part. Commands whose senders expect no answer are dropped if there is
   * no row.
   */
  close(): void {
    this.takenForTurn = [];
    this.isJustLoaded = false;
    this.task.close();
    if (this.task.open !== undefined) return;
    const waiting = this.decided.splice(0).filter(({ queued: { answer, inbox } }) =>
      answer !== undefined || inbox !== undefined
    );
    this.decided.push(...waiting);
  }

  /** Takes the turn that was built, and all that waits for its commit. */
  send(turn: OpenTurn): SentTurn {
    this.task.open = undefined;
    return this.inFlight = { turn, decided: this.decided.splice(0) };
  }

  /** Takes all commands that no row in flight carries; the turn being built is dropped. */
  takeWaiting(): readonly QueuedCommand[] {
    this.task.open = undefined;
    return [
      ...this.decided.splice(0).map(({ queued }) => queued),
      ...this.mailbox.take(Infinity),
    ];
  }
}
