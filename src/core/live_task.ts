/** Live tasks: a task in memory, and the turn that it is building. No I/O. */

import { type AttemptEnd, attemptsUsed, endByFailure } from "./attempt.ts";
import type { Command } from "./command.ts";
import { decide } from "./decide.ts";
import { atMs, type Context } from "./decision.ts";
import { dueOf, nextDueAtMs, readySinceMs, retriesDue } from "./due.ts";
import { assert } from "./errors.ts";
import { type Event, sizeOfEvent } from "./event.ts";
import { evolve, rememberCommand } from "./evolve.ts";
import type { TaskId } from "./ids.ts";
import type { Plan } from "./plan.ts";
import type { TaskChange } from "./ports.ts";
import {
  inputOf,
  inputsOfState,
  type Instance,
  ReadinessInput,
  ReadinessOutput,
} from "./readiness.ts";
import { countOf, endOf, type WaitReason } from "./rollup.ts";
import {
  deadlineOf,
  hasEnded,
  isUnderWay,
  type RunningStep,
  type StepState,
  type TaskState,
} from "./state.ts";
import { birthOf, changeOf, isSameChange } from "./task_row.ts";
import { endedEvent } from "./output.ts";
import { TaskLabels } from "./search.ts";
import { decideTransform } from "./transform.ts";
import type { OpenTurn, TurnDeps, Verdict } from "./turn.ts";

/** A turn takes no more commands once its events have about this many characters: one row. */
export const TURN_SIZE_MAX = 1024 * 1024;

/**
 * A task in memory: its state, and the turn it is building.
 *
 * A turn is `begin`, `decide` of each command, `pushDue`, `takeOutput` for each answer of readiness,
 * `admit` and `close`. While an earlier row is on its way to the journal, several turns build one row.
 */
export class LiveTask {
  state: TaskState | undefined;
  /** Its place in readiness; absent before its first event and after its end. */
  instance: Instance | undefined;
  /** Absent when nothing was decided since the last row. */
  open: OpenTurn | undefined;
  /** The row was full before all ready steps were admitted: another turn is needed. */
  isCutShort = false;
  /** Ready steps to ask admission for: newly ready, or granted after a wait. */
  readonly #asking = new Set<number>();
  /** Steps that were refused in this turn. */
  readonly #refused: number[] = [];
  /** The task row as the last turn left it. */
  row: TaskChange | undefined;
  readonly #labels: TaskLabels;
  /** Whether its row has labels. */
  #isLabelled = false;
  /** Set by `begin`. */
  #context!: Context;

  constructor(readonly taskId: TaskId, readonly plan: Plan, readonly deps: TurnDeps) {
    this.#labels = new TaskLabels(plan);
  }

  /** Characters that the row still takes. */
  get sizeLeft(): number {
    return TURN_SIZE_MAX - (this.open?.size ?? 0);
  }

  /** Begins a turn at a time. */
  begin(nowMs: number): void {
    this.#context = this.deps.contextOf(this, nowMs);
    this.#refused.length = 0;
    this.isCutShort = false;
  }

  /** Decides one command. A repeat gets its first answer. */
  decide(command: Command): Verdict {
    const first = firstVerdict(this.state, command);
    if (first !== undefined) return first;
    const context = this.#context;
    const decision = decide(this.state, command, context);
    if (decision.kind === "refused") return { changed: false, error: decision.error };
    const changed = decision.events.length > 0;
    if (changed) this.#record(decision.events);
    if (changed && command.kind === "StartTask") {
      this.#openTurn().birth = birthOf(command, {
        nowMs: context.nowMs,
        digest: this.deps.digest,
      });
    }
    if ("commandId" in command) this.#remember(command.commandId, changed);
    return { changed };
  }

  /** Pushes to readiness which retries are due. Cost: O(1), O(steps) while a step waits for a retry. */
  pushDue(): void {
    const { state } = this;
    if (state === undefined || countOf(state, "waiting_for_retry") === 0) return;
    for (const step of retriesDue(state, this.#context.nowMs)) {
      this.#push(ReadinessInput.due, step);
    }
  }

  /**
   * Continues a task that was read from its journal: pushes its state to readiness, and takes the places
   * of its running attempts. Signs of life are kept in memory only, so their silence counts from now.
   * Cost: O(steps).
   */
  resume(nowMs: number): void {
    const { state, taskId, plan } = this;
    if (state === undefined || state.end !== undefined) return;
    this.#isLabelled = this.#labels.of(state).length > 0;
    for (const { input, step } of inputsOfState(state)) this.#push(input, step);
    state.steps.forEach((known, step) => {
      if (!isUnderWay(known)) return;
      const { system, elsewhere } = known;
      this.deps.admission.hold({ taskId, plan, step, system, elsewhere });
      known.aliveAtMs = nowMs;
    });
  }

  /** Takes one answer of readiness. */
  takeOutput(kind: number, step: number, cause: number): void {
    assert(kind !== ReadinessOutput.fault, `Readiness refused a record: fault ${step}`);
    const state = this.state as TaskState;
    const known = state.steps[step];
    assert(known !== undefined, `Readiness answered step ${step} of task "${this.taskId}"`);
    const context = this.#context;
    if (kind === ReadinessOutput.unreached) {
      if (hasEnded(known)) return;
      return this.#record([{ kind: "StepUnreached", atMs: atMs(state, context), step, cause }]);
    }
    const isWaiting = known.state === "pending" || known.state === "waiting_for_retry";
    if (isWaiting && !state.ready.has(step)) {
      state.ready.set(step, readySinceMs(state, step, context));
    }
    this.ask(step);
  }

  /** Asks admission for a step in the next turn, or in this one if it is not over. */
  ask(step: number): void {
    this.#asking.add(step);
  }

  /**
   * Starts what is ready and admitted; ends the task when all its steps have ended.
   *
   * @returns whether something new was pushed to readiness and has to be asked again
   */
  admit(): boolean {
    const { state } = this;
    if (state === undefined || state.end !== undefined) return false;
    const context = this.#context;
    let isPushed = false;
    for (const step of this.#asking) {
      // Transforms and signals that came early end here: the row may grow beyond its size.
      this.isCutShort = this.sizeLeft <= 0;
      if (this.isCutShort) break;
      this.#asking.delete(step);
      // It may have been paused or ended since it asked; then it holds no place either.
      if (!state.ready.has(step)) continue;
      if (this.#mayStart(state, step)) isPushed = this.#start(state, step) || isPushed;
      else this.#refused.push(step);
    }
    const end = endOf(state);
    if (end !== undefined) this.#record([endedEvent(state, end, context)]);
    return isPushed;
  }

  /**
   * Ends the turn: notes what changes in the task row.
   *
   * If only the reason changes for which a step waits, or a task comes back into memory without an
   * event, a turn without events records that. Otherwise a task that is due, but whose step may not
   * start yet, would be found due again and again.
   */
  close(): void {
    const { state } = this;
    if (state === undefined) return;
    if (isBack(state, this.#context.nowMs)) this.#openTurn();
    if (this.open?.events.length === 0) state.passivated = undefined; // as foldTurn does
    if (this.open === undefined && this.#refused.length === 0) return;
    const labels = this.#labels.of(state);
    const change = changeOf(this.plan, state, {
      waitsFor: (step) => this.#waitsFor(step),
      labels: labels.length > 0 || this.#isLabelled ? labels : undefined,
    });
    const isNews = this.row === undefined || !isSameChange(this.row, change);
    if (this.open === undefined && (!isNews || change.blockedReason === null)) return;
    const open = this.#openTurn();
    state.turn = open.turn;
    if (!isNews) return;
    open.change = change;
    this.row = change;
    this.#isLabelled = labels.length > 0;
  }

  /**
   * When something is due next, Unix ms. If a timer is set for the task, only what this turn changed
   * is looked at.
   *
   * Cost: O(events of the turn); O(steps) without a timer, or when the task was resumed: timers do not
   * include what waited while it was paused.
   */
  dueAtMs({ isTimerSet }: { isTimerSet: boolean }): number | undefined {
    const { open, state } = this;
    if (state === undefined || state.end !== undefined) return undefined;
    const context = this.#context;
    const events = open?.events ?? [];
    if (!isTimerSet || events.some(({ kind }) => kind === "TaskResumed")) {
      return nextDueAtMs(state, context);
    }
    let earliest: number | undefined;
    const look = (step: number) => {
      const due = dueOf(state, step, context);
      if (due !== undefined && (earliest === undefined || due < earliest)) earliest = due;
    };
    for (const event of events) if ("step" in event) look(event.step);
    for (const step of this.#refused) look(step);
    return earliest;
  }

  /**
   * Keeps the id of an accepted command; if it changed nothing, in a turn without events. If it is sent
   * again after the task has changed, it must still change nothing.
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

  #record(events: readonly Event[]): void {
    const open = this.#openTurn();
    for (const event of events) {
      const state = this.state = evolve(this.taskId, this.plan, this.state, event);
      open.events.push(event);
      open.size += sizeOfEvent(event);
      const input = inputOf(state, event);
      if (input !== undefined) this.#push(input, "step" in event ? event.step : 0);
      this.#giveBack(state, event);
    }
    this.state!.turn = open.turn;
  }

  #push(input: ReadinessInput, step: number): void {
    this.instance ??= this.deps.openInstance(this);
    this.deps.readiness.push(this.instance, input, step);
  }

  /** Starts a granted step. A transform, or a signal that came early, ends its step at once. */
  #start(state: TaskState, index: number): boolean {
    const context = this.#context;
    const { attempt } = state.steps[index] as StepState;
    const dueAtMs = startedDueAtMs(index, context);
    const { taskId, plan } = this;
    const system = this.deps.admission.chosenFor({ taskId, plan, step: index });
    const start = { atMs: atMs(state, context), step: index, attempt: attempt + 1 };
    this.#record([{
      kind: "StepStarted",
      ...start,
      waitedMs: Math.max(0, context.nowMs - (state.ready.get(index) ?? context.nowMs)),
      policyVersion: context.policyVersion,
      ...(dueAtMs === undefined ? {} : { dueAtMs }),
      ...(system === undefined ? {} : { system }),
    }]);
    const started = state.steps[index] as RunningStep;
    started.aliveAtMs = context.nowMs; // silence counts from here, by the clock as it is
    if (this.plan.steps[index]?.definition.kind === "transform") {
      this.#record(decideTransform(state, index, context));
      return true;
    }
    const result = state.signals.get(index);
    if (result === undefined) return false;
    this.#record([{ kind: "StepCompleted", ...start, ranMs: 0, result }]);
    return true;
  }

  #mayStart(state: TaskState, step: number): boolean {
    const known = state.steps[step] as StepState;
    const { nowMs, policyOf } = this.#context;
    const { concurrencyMax, system, timeoutMs, queueTimeoutMs = Infinity } = policyOf(step);
    const leftMs = deadlineOf(state) - nowMs;
    const reason = this.deps.admission.admit({
      taskId: this.taskId,
      plan: this.plan,
      step,
      isRetry: attemptsUsed(known) > 0,
      concurrencyMax,
      priority: state.priority,
      lastSystem: known.system,
      switchTo: system,
      elsewhere: known.elsewhere,
      timeoutMs,
      leftMs,
      waitLeftMs: Math.min(leftMs, (state.ready.get(step) ?? nowMs) + queueTimeoutMs - nowMs),
    });
    return reason === undefined;
  }

  /** Gives back the place of an attempt that ended, and notes whether its owner answered. */
  #giveBack(state: TaskState, event: Event): void {
    switch (event.kind) {
      case "StepCompleted":
        return this.#release(event.step, isLate(state, event) ? "late" : "answered");
      case "StepAttemptFailed":
      case "StepFailed":
      case "StepParked":
        return this.#release(event.step, endByFailure(event.failure));
      case "StepInterrupted":
      case "StepCancelled":
      case "StepResolved":
      case "StepSkipped":
      case "StepRetried":
        return this.#release(event.step);
      case "TaskPaused": // steps that have not started wait no longer
        state.steps.forEach((step, index) => {
          if (step.state === "pending" || step.state === "waiting_for_retry") this.#release(index);
        });
    }
  }

  #waitsFor(step: number): WaitReason | undefined {
    const { taskId, plan, deps } = this;
    return deps.admission.waitsFor({ taskId, plan, step });
  }

  #release(step: number, end?: AttemptEnd): void {
    this.deps.admission.release(this.taskId, step, end);
  }

  #openTurn(): OpenTurn {
    return this.open ??= {
      turn: (this.state?.turn ?? 0) + 1,
      events: [],
      commandIds: [],
      idleIds: [],
      size: 0,
    };
  }
}

/** The answer to a command that was decided before. */
function firstVerdict(state: TaskState | undefined, command: Command): Verdict | undefined {
  if (state === undefined || !("commandId" in command)) return undefined;
  const turn = state.commands.get(command.commandId);
  if (turn === undefined) return undefined;
  return { turn, changed: !state.idleCommands.has(command.commandId) };
}

/** Whether a step was completed by an attempt before its newest. */
function isLate({ steps }: TaskState, event: Extract<Event, { kind: "StepCompleted" }>): boolean {
  return event.attempt < (steps[event.step] as StepState).attempt;
}

function startedDueAtMs(index: number, { plan, nowMs, policyOf }: Context): number | undefined {
  const definition = plan.steps[index]?.definition;
  const lastsMs = definition?.kind === "sleep" ? definition.sleepMs : policyOf(index).timeoutMs;
  return lastsMs === undefined ? undefined : nowMs + lastsMs;
}

/** Whether a task that had left memory is back, without an event that says so. */
function isBack({ end, passivated, ready }: TaskState, nowMs: number): boolean {
  if (end !== undefined || passivated === undefined) return false;
  return ready.size > 0 || (passivated.wakeAtMs ?? Infinity) <= nowMs;
}
