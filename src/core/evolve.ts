/** Evolve: folds events into state, one at a time. */

import { assert } from "./errors.ts";
import type { Event, Turn } from "./event.ts";
import type { TaskId } from "./ids.ts";
import { NULL_TEXT } from "./payload.ts";
import type { Plan } from "./plan.ts";
import {
  isSettled,
  STEP_STATES,
  type StepState,
  type StepStateName,
  type TaskState,
} from "./state.ts";

/** Folds a journal. Returns undefined when it has no turns. Cost: O(events). */
export function foldTask(
  taskId: TaskId,
  plan: Plan,
  turns: readonly Turn[],
): TaskState | undefined {
  let state: TaskState | undefined;
  for (const turn of turns) state = foldTurn(taskId, plan, state, turn);
  return state;
}

/** Folds one turn: its events, then the commands it decided. */
export function foldTurn(
  taskId: TaskId,
  plan: Plan,
  before: TaskState | undefined,
  turn: Turn,
): TaskState | undefined {
  let state = before;
  for (const event of turn.events) state = evolve(taskId, plan, state, event);
  if (state === undefined) return undefined;
  // A turn without events brings a task back into memory too; see TaskActor.
  if (turn.events.length === 0) state.passivated = undefined;
  state.turn = turn.turn;
  const idleIds = new Set(turn.idleIds);
  for (const commandId of turn.commandIds) {
    rememberCommand(state, commandId, !idleIds.has(commandId));
  }
  return state;
}

/** Remembers that the state's newest turn decided a command. */
export function rememberCommand(state: TaskState, commandId: string, changed: boolean): void {
  state.commands.set(commandId, state.turn);
  if (!changed) state.idleCommands.add(commandId);
}

/**
 * Folds one event into the state, in place, and returns it. The first event makes the state.
 *
 * Cost: O(1), but O(steps) for TaskStarted.
 */
export function evolve(
  taskId: TaskId,
  plan: Plan,
  before: TaskState | undefined,
  event: Event,
): TaskState {
  if (event.kind === "TaskStarted") {
    assert(before === undefined, `Task "${taskId}" started twice`);
    return newTask(taskId, plan, event);
  }
  assert(before !== undefined, `Task "${taskId}" has ${event.kind} before TaskStarted`);
  before.lastAtMs = event.atMs;
  before.passivated = undefined;
  if ("step" in event) evolveStep(before, plan, event);
  else evolveTask(before, event);
  return before;
}

function newTask(
  taskId: TaskId,
  plan: Plan,
  event: Extract<Event, { kind: "TaskStarted" }>,
): TaskState {
  const counts = STEP_STATES.map(() => 0);
  counts[0] = plan.steps.length;
  return {
    taskId,
    definitionHash: event.definitionHash,
    input: event.input,
    tags: event.tags,
    key: event.key,
    traceparent: event.traceparent,
    createdAtMs: event.atMs,
    deadlineAtMs: event.deadlineAtMs,
    turn: 0,
    startedAtMs: undefined,
    lastAtMs: event.atMs,
    steps: plan.steps.map(() => ({ state: "pending", attempt: 0, interruptions: 0, forgiven: 0 })),
    ended: [],
    counts,
    ready: new Map(),
    signals: new Map(),
    commands: new Map(),
    idleCommands: new Set(),
    paused: false,
    resumedAtMs: undefined,
    cancelRequested: false,
    aborted: undefined,
    end: undefined,
    endedAtMs: undefined,
    passivated: undefined,
  };
}

type TaskEvent = Exclude<Event, { step: number } | { kind: "TaskStarted" }>;
type StepEvent = Extract<Event, { step: number }>;

function evolveTask(state: TaskState, event: TaskEvent): void {
  switch (event.kind) {
    case "TaskPaused":
      state.paused = true;
      state.ready.clear(); // readiness answers them again at the resume
      return;
    case "TaskResumed":
      state.paused = false;
      state.resumedAtMs = event.atMs;
      return;
    case "TaskCancelRequested":
      state.cancelRequested = true;
      return;
    case "TaskAborted":
      state.aborted = event.reason;
      return;
    case "TaskPassivated":
      state.passivated = { wakeAtMs: event.wakeAtMs };
      return;
    case "TaskEnded":
      state.end = event.end;
      state.endedAtMs = event.atMs;
      return;
    default:
      event satisfies never;
  }
}

function evolveStep(state: TaskState, plan: Plan, event: StepEvent): void {
  const step = state.steps[event.step];
  assert(step !== undefined, `Task "${state.taskId}" has no step ${event.step}`);
  switch (event.kind) {
    case "StepStarted":
      step.attempt = event.attempt;
      step.startedAtMs = event.atMs;
      state.startedAtMs ??= event.atMs;
      delete step.aliveAtMs;
      setDue(step, event.dueAtMs);
      return move(state, event.step, isLocal(plan, event.step) ? "running" : "waiting_for_reply");
    case "StepSlept":
      return setDue(step, event.dueAtMs);
    case "StepAttemptFailed":
      if (event.failure.class === "interrupted") step.interruptions++; // it counts as no attempt
      step.failure = event.failure;
      setDue(step, event.nextAttemptAtMs);
      return move(state, event.step, "waiting_for_retry");
    case "StepInterrupted":
      step.interruptions++;
      setDueAtOnce(step, event.atMs);
      return move(state, event.step, "waiting_for_retry");
    case "StepRetried":
      step.forgiven = step.attempt;
      step.interruptions = 0;
      delete step.parkedReason;
      delete step.choices;
      setDueAtOnce(step, event.atMs);
      return move(state, event.step, "waiting_for_retry");
    case "StepParked":
      if (event.failure !== undefined) step.failure = event.failure;
      step.parkedReason = event.reason;
      step.choices = event.choices;
      setDue(step, undefined);
      return move(state, event.step, "parked");
    case "SignalReceived":
      state.signals.set(event.step, event.payload);
      return;
    default:
      settle(state, step, event);
  }
}

type EndEvent = Extract<
  Event,
  {
    kind:
      | "StepCompleted"
      | "StepFailed"
      | "StepResolved"
      | "StepSkipped"
      | "StepCancelled"
      | "StepUnreached";
  }
>;

function settle(state: TaskState, step: StepState, event: EndEvent): void {
  step.endedAtMs = event.atMs;
  state.ended.push(event.step);
  setDue(step, undefined);
  delete step.parkedReason;
  delete step.choices;
  switch (event.kind) {
    case "StepCompleted":
      step.result = event.result;
      return move(state, event.step, "completed");
    case "StepFailed":
      step.failure = event.failure;
      return move(state, event.step, "failed");
    case "StepResolved":
      step.result = event.result;
      return move(state, event.step, "resolved_manually");
    case "StepSkipped":
      step.result = event.result ?? NULL_TEXT;
      return move(state, event.step, "skipped");
    case "StepCancelled":
      return move(state, event.step, "cancelled");
    case "StepUnreached":
      step.cause = event.cause;
      return move(state, event.step, "unreached");
    default:
      event satisfies never;
  }
}

function move(state: TaskState, index: number, to: StepStateName): void {
  const step = state.steps[index] as StepState;
  assert(!isSettled(step.state), `Step ${index} of task "${state.taskId}" ended twice`);
  count(state, step.state, -1);
  count(state, to, 1);
  step.state = to;
  state.ready.delete(index);
}

function count(state: TaskState, name: StepStateName, by: number): void {
  const index = STEP_STATES.indexOf(name);
  state.counts[index] = (state.counts[index] as number) + by;
}

function setDueAtOnce(step: StepState, atMs: number): void {
  setDue(step, atMs);
  step.isDueAtOnce = true;
}

function setDue(step: StepState, dueAtMs: number | undefined): void {
  delete step.isDueAtOnce;
  if (dueAtMs === undefined) delete step.dueAtMs;
  else step.dueAtMs = dueAtMs;
}

function isLocal(plan: Plan, step: number): boolean {
  return plan.steps[step]?.definition.kind === "local";
}
