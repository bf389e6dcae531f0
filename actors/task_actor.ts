/** Task actors: one task's state, mailbox and turns. Decides; does no I/O. */

import {
  endTask,
  inputOf,
  noteReady,
  noteStarted,
  startStep,
  unreached,
} from "../src/core/advance.ts";
import { attemptsUsed, hasAnswered } from "../src/core/attempt.ts";
import type { StartTask } from "../src/core/command.ts";
import { decide } from "../src/core/decide.ts";
import type { Context } from "../src/core/decision.ts";
import { dueOf, nextDueAtMs, retriesDue } from "../src/core/due.ts";
import type { Event } from "../src/core/event.ts";
import { evolve, rememberCommand } from "../src/core/evolve.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { Plan } from "../src/core/plan.ts";
import type { Admission, Runner, TaskBirth, TaskChange } from "../src/core/ports.ts";
import {
  type Instance,
  type Readiness,
  ReadinessInput,
  ReadinessOutput,
  type Template,
} from "../src/core/readiness.ts";
import { countOf, rollup, type WaitReason } from "../src/core/rollup.ts";
import type { StepState, TaskState, TaskStateName } from "../src/core/state.ts";
import {
  Mailbox,
  type QueuedCommand,
  timeLast,
  TURN_COMMANDS_MAX,
  TURN_SIZE_MAX,
} from "./mailbox.ts";
import { type Decided, firstAnswerOf, settleMail } from "./answers.ts";
import { sizeOfEvent } from "./size.ts";

/** A turn on its way to the journal: its facts, and the mail that waits for its commit. */
export interface OpenTurn {
  readonly turn: number;
  readonly events: Event[];
  readonly commandIds: string[];
  readonly idleIds: string[];
  readonly mail: Decided[];
  /** About how many characters its events have. */
  size: number;
  birth?: TaskBirth;
  change?: TaskChange;
}

/** What a turn works with, the same for all actors of a node. */
export interface TurnDeps {
  readonly readiness: Readiness;
  readonly runner: Runner;
  readonly admission: Admission;
  /** The plan's policies at a time. */
  contextOf(plan: Plan, nowMs: number): Context;
  /** The plan's graph in readiness, interned once. */
  templateOf(plan: Plan): Template;
  birthOf(command: StartTask, nowMs: number): TaskBirth;
}

/** One task. The supervisor calls it; nothing else changes it. */
export class TaskActor {
  readonly mailbox = new Mailbox();
  state: TaskState | undefined;
  instance: Instance | undefined;
  /** Built by turns while a row is in flight. */
  open: OpenTurn | undefined;
  inFlight: OpenTurn | undefined;
  /** Resolves when what became of the row in flight is known and dealt with. */
  landed: Promise<void> = Promise.resolve();
  /** Answers that wait for a flush without a row, which waits for the row in flight. */
  readonly rowless: Decided[] = [];
  /** Taken for this turn: what a crash in it must not lose. */
  inHand: readonly QueuedCommand[] = [];
  /** The task row as the last turn left it. */
  written: TaskChange | undefined;
  /** The task's state as of the last turn that is committed. */
  committed: TaskStateName = "running";
  /** One command a turn: after a crash, or a row that Postgres refused or was too slow for. */
  isCareful = false;
  /** The turn was full before all that is ready was asked for: it needs another. */
  isCutShort = false;
  /** Read from its journal, and no turn taken since: a crash is one of its loading. */
  isFresh = false;
  /** Let go: what it may still be asked in the turn at hand is for nothing. */
  isForgotten = false;
  /** Ready steps to ask admission for: newly ready, or granted after a wait. */
  readonly #asking = new Set<number>();
  /** Steps that ended before their newest attempt was started. */
  readonly unstarted = new Set<number>();
  /** Steps that were refused in this turn. */
  readonly #refused: number[] = [];
  /** Unix ms of its entry in the wheel. */
  armedAtMs: number | undefined;
  /** Monotonic ms of the last turn with events; what idleness counts from. */
  busyAtMs = 0;

  constructor(readonly taskId: TaskId, readonly plan: Plan, readonly parts: TurnDeps) {}

  /** Whether mail or an answer waits, or a turn is on its way. */
  get isBusy(): boolean {
    return this.mailbox.size > 0 || this.rowless.length > 0 || this.open !== undefined ||
      this.inFlight !== undefined;
  }

  /** Whether the task cannot leave memory: it is busy, a step of it runs here or waits to start. */
  get mustStay(): boolean {
    const { state } = this;
    if (this.isBusy || state === undefined) return true;
    return state.ready.size > 0 || countOf(state, "running") > 0;
  }

  /** Whether something that was decided is not yet committed. */
  get isWriting(): boolean {
    return this.open !== undefined || this.inFlight !== undefined;
  }

  /** Whether a turn can be taken now; if not, the row on its way comes first. */
  get canTurn(): boolean {
    if (this.open === undefined && this.inFlight === undefined) return true;
    return !this.isCareful && this.#room > 0 && this.#sizeLeft > 0;
  }

  /** Commands that the turn being built still takes. */
  get #room(): number {
    return TURN_COMMANDS_MAX - (this.open?.mail.length ?? 0) - this.rowless.length;
  }

  /** Characters that the turn being built still takes. */
  get #sizeLeft(): number {
    return TURN_SIZE_MAX - (this.open?.size ?? 0);
  }

  /** First part of a turn: decides waiting mail and tells readiness. */
  takeMail(nowMs: number): void {
    this.#refused.length = 0;
    this.isCutShort = false;
    const context = this.parts.contextOf(this.plan, nowMs);
    const taken = this.mailbox.take(this.isCareful ? 1 : this.#room, this.#sizeLeft);
    this.inHand = timeLast(taken, this.mailbox);
    for (const mail of this.inHand) this.#decide(mail, context);
    if (this.state !== undefined) this.#pushDue(this.state, nowMs);
  }

  /** Second part: takes one answer of readiness. */
  takeAnswer(kind: number, step: number, cause: number, nowMs: number): void {
    const state = this.state as TaskState;
    const context = this.parts.contextOf(this.plan, nowMs);
    if (kind === ReadinessOutput.ready) {
      noteReady(state, step, context);
      return this.ask(step);
    }
    const event = unreached(state, step, cause, context);
    if (event !== undefined) this.#record([event]);
  }

  /** Asks admission for a step at the next turn. */
  ask(step: number): void {
    this.#asking.add(step);
  }

  /**
   * Third part: starts what is ready and admitted, ends the task when all steps have.
   *
   * @returns whether readiness was told something new and has to be asked again
   */
  advance(nowMs: number): boolean {
    const { state } = this;
    if (state === undefined || state.end !== undefined || this.isForgotten) return false;
    const context = this.parts.contextOf(this.plan, nowMs);
    let isTold = false;
    for (const step of this.#asking) {
      // A signal that came early is recorded again, as the result of its step.
      this.isCutShort = this.#sizeLeft <= 0;
      if (this.isCutShort) break;
      this.#asking.delete(step);
      // Whatever took it out of `ready`, such as a pause, has released it.
      if (!state.ready.has(step)) continue;
      if (!this.#mayStart(state, step, context)) {
        this.#refused.push(step);
        continue;
      }
      const events = startStep(state, step, context);
      this.#record(events);
      noteStarted(state, step, context);
      isTold ||= events.length > 1;
    }
    const end = endTask(state, context);
    if (end !== undefined) this.#record([end]);
    return isTold;
  }

  /**
   * Last part: notes what changes in the task row. Answers without a row go with a row there is.
   *
   * Why a step waits to be started is such a change: a turn without events tells it if need be. So
   * is that a task is back in memory: one that is due, but held back, would be found due for ever.
   */
  closeTurn(nowMs: number): void {
    const { state } = this;
    this.inHand = [];
    this.isFresh = false;
    if (state === undefined) return;
    if (isBack(state, nowMs)) this.#openTurn();
    if (this.open?.events.length === 0) state.passivated = undefined; // as foldTurn does
    if (this.open === undefined && this.#refused.length === 0) return;
    const change = this.#changeOf(state);
    const isNews = this.written === undefined || !isSame(this.written, change);
    if (this.open === undefined && (!isNews || change.blockedReason === null)) return;
    const open = this.#openTurn();
    state.turn = open.turn;
    if (this.rowless.length > 0) open.mail.push(...this.rowless.splice(0));
    if (!isNews) return;
    open.change = change;
    this.written = change;
  }

  /** Answers the mail of a turn that is committed. */
  settle(turn: OpenTurn): void {
    this.isCareful &&= this.mailbox.size > 0;
    if (turn.change !== undefined) this.committed = turn.change.state;
    settleMail(turn.mail, { taskId: this.taskId, turn: turn.turn });
  }

  /**
   * When something is due next, as far as this turn changed it.
   *
   * Cost: O(events of the turn); O(steps) when the wheel holds no entry of this task, or when it
   * was resumed: the wheel knows nothing of what waited while it was paused.
   */
  dueAtMs(nowMs: number): number | undefined {
    const { open, state } = this;
    if (state === undefined || state.end !== undefined) return undefined;
    const context = this.parts.contextOf(this.plan, nowMs);
    if (this.armedAtMs === undefined) return nextDueAtMs(state, context);
    let earliest: number | undefined;
    for (const event of open?.events ?? []) {
      if (event.kind === "TaskResumed") return nextDueAtMs(state, context);
      const due = "step" in event ? dueOf(state, event.step, context) : undefined;
      if (due !== undefined && (earliest === undefined || due < earliest)) earliest = due;
    }
    for (const step of this.#refused) {
      const due = dueOf(state, step, context);
      if (due !== undefined && (earliest === undefined || due < earliest)) earliest = due;
    }
    return earliest;
  }

  #decide(mail: QueuedCommand, context: Context): void {
    const { command } = mail;
    const first = firstAnswerOf(this.state, command);
    if (first !== undefined) return this.#join({ mail, ...first });
    const decision = decide(this.state, command, context);
    if (decision.kind === "refused") {
      return this.#join({ mail, changed: false, error: decision.error });
    }
    const changed = decision.events.length > 0;
    if (changed) this.#record(decision.events);
    if (decision.events[0]?.kind === "TaskStarted" && command.kind === "StartTask") {
      this.#openTurn().birth = this.parts.birthOf(command, context.nowMs);
    }
    if ("commandId" in command) this.#remember(command.commandId, changed);
    this.#join({ mail, changed });
  }

  /**
   * Keeps the id of an accepted command, in a turn without events if it changed nothing: sent again
   * after the task has changed, it must not do then what it had no need to do before.
   */
  #remember(commandId: string, changed: boolean): void {
    const state = this.state as TaskState;
    if (state.end !== undefined) return;
    const open = this.#openTurn();
    open.commandIds.push(commandId);
    if (!changed) open.idleIds.push(commandId);
    state.turn = open.turn;
    rememberCommand(state, commandId, changed);
  }

  /** Waits for the turn being built, or for a flush without a row when there is none. */
  #join(decided: Decided): void {
    if (this.open !== undefined) this.open.mail.push(decided);
    else if (decided.mail.answer !== undefined || decided.mail.inbox !== undefined) {
      this.rowless.push(decided);
    }
  }

  #record(events: readonly Event[]): void {
    const open = this.#openTurn();
    for (const event of events) {
      this.state = evolve(this.taskId, this.plan, this.state, event);
      open.events.push(event);
      open.size += sizeOfEvent(event);
      this.#push(event);
      this.#giveBack(event);
    }
    this.state!.turn = open.turn;
  }

  #push(event: Event): void {
    this.instance ??= this.parts.readiness.open(this.parts.templateOf(this.plan));
    const record = inputOf(event);
    if (record !== undefined) this.parts.readiness.push(this.instance, record.input, record.step);
  }

  /** An attempt that ended gives its place back and tells its owner's circuit. */
  #giveBack(event: Event): void {
    switch (event.kind) {
      case "StepCompleted":
        return this.#release(event.step, true);
      case "StepAttemptFailed":
      case "StepFailed":
      case "StepParked":
        return this.#release(event.step, hasAnswered(event.failure));
      case "StepInterrupted":
      case "StepCancelled":
      case "StepResolved":
      case "StepSkipped":
      case "StepRetried":
        return this.#release(event.step);
      case "TaskPaused":
        return this.#leaveLines();
    }
  }

  /** Gives up all that steps hold that have not started. Cost: O(steps). */
  #leaveLines(): void {
    this.state?.steps.forEach(({ state }, step) => {
      if (state === "pending" || state === "waiting_for_retry") this.#release(step);
    });
  }

  #release(step: number, answered?: boolean): void {
    this.parts.admission.release(this.taskId, step, answered);
  }

  #pushDue(state: TaskState, nowMs: number): void {
    if (countOf(state, "waiting_for_retry") === 0) return;
    for (const step of retriesDue(state, nowMs)) {
      this.parts.readiness.push(this.instance as Instance, ReadinessInput.due, step);
    }
  }

  #mayStart(state: TaskState, step: number, context: Context): boolean {
    if (!this.parts.runner.canStart(this.plan, step)) return false;
    const reason = this.parts.admission.admit({
      taskId: this.taskId,
      plan: this.plan,
      step,
      isRetry: attemptsUsed(state.steps[step] as StepState) > 0,
      concurrencyMax: context.policyOf(step).concurrencyMax,
    });
    return reason === undefined;
  }

  /** Why a step that is ready has not started. */
  #waitsFor(step: number): WaitReason | undefined {
    return this.parts.runner.canStart(this.plan, step)
      ? this.parts.admission.waitsFor(this.taskId, step)
      : "code_not_loaded";
  }

  #openTurn(): OpenTurn {
    return this.open ??= {
      turn: (this.state?.turn ?? 0) + 1,
      events: [],
      commandIds: [],
      idleIds: [],
      mail: [],
      size: 0,
    };
  }

  #changeOf(state: TaskState): TaskChange {
    const rolled = rollup(this.plan, state, (step) => this.#waitsFor(step));
    const wakeAtMs = state.passivated?.wakeAtMs;
    return {
      state: rolled.state,
      blockedReason: rolled.blockedReason ?? null,
      resident: state.passivated === undefined,
      ...(wakeAtMs === undefined ? {} : { wakeAtMs }),
      ...(state.endedAtMs === undefined ? {} : { endedAtMs: state.endedAtMs }),
    };
  }
}

/** Whether a task that had left memory has something to do, and no event that says so. */
function isBack({ end, passivated, ready }: TaskState, nowMs: number): boolean {
  if (end !== undefined || passivated === undefined) return false;
  return ready.size > 0 || (passivated.wakeAtMs ?? Infinity) <= nowMs;
}

function isSame(a: TaskChange, b: TaskChange): boolean {
  return a.state === b.state && a.blockedReason === b.blockedReason && a.resident === b.resident &&
    a.wakeAtMs === b.wakeAtMs && a.endedAtMs === b.endedAtMs;
}
