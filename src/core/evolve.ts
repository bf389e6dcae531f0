/** Evolve: folds events into state, one at a time. */

import type { Elsewhere } from "./alternative.ts";
import { assert } from "./errors.ts";
import type { Event, Turn } from "./event.ts";
import type { TaskId } from "./ids.ts";
import { NULL_TEXT } from "./payload.ts";
import type { Plan } from "./plan.ts";
import {
  type EndedStep,
  hasEnded,
  isUnderWay,
  type RetryingStep,
  STEP_STATES,
  type StepHistory,
  type StepState,
  type StepStateName,
  type TaskState,
} from "./state.ts";
import { runsHere } from "./workflow.ts";

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
  // A turn without events also brings a task back into memory; see LiveTask.close.
  if (turn.events.length === 0) state.passivated = undefined;
  state.turn = turn.turn;
  const idleIds = new Set(turn.idleIds);
  for (const commandId of turn.commandIds) {
    rememberCommand(state, commandId, !idleIds.has(commandId));
  }
  return state;
}

/** Notes that the state's newest turn decided a command. */
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

const NO_HISTORY: StepHistory = {
  attempt: 0,
  interruptions: 0,
  forgiven: 0,
  startedAtMs: undefined,
  failure: undefined,
  policyVersion: 0,
};

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
    priority: event.priority,
    forkedFrom: event.forkedFrom,
    turn: 0,
    startedAtMs: undefined,
    lastAtMs: event.atMs,
    steps: plan.steps.map(() => ({ state: "pending", ...NO_HISTORY })),
    ended: [],
    counts,
    ready: new Map(),
    signals: new Map(),
    commands: new Map(),
    idleCommands: new Set(),
    decided: undefined,
    paused: false,
    resumedAtMs: undefined,
    cancelRequested: false,
    aborted: undefined,
    end: undefined,
    output: undefined,
    failure: undefined,
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
      state.steps.forEach((step, index) => noteDecision(state, step, index));
      return;
    case "TaskAborted":
      state.aborted = event.reason;
      return;
    case "TaskPassivated":
      state.passivated = { wakeAtMs: event.wakeAtMs };
      return;
    case "TaskEnded":
      state.end = event.end;
      state.output = event.output;
      state.failure = event.failure;
      state.endedAtMs = event.atMs;
      return;
    default:
      event satisfies never;
  }
}

function evolveStep(state: TaskState, plan: Plan, event: StepEvent): void {
  const { step: index } = event;
  const step = state.steps[index];
  assert(step !== undefined, `Task "${state.taskId}" has no step ${index}`);
  if (event.kind === "SignalReceived") {
    state.signals.set(index, event.payload);
    return;
  }
  assert(!hasEnded(step), `Step ${index} of task "${state.taskId}" ended twice`);
  if (event.kind === "StepStarted") state.startedAtMs ??= event.atMs;
  if (event.kind !== "StepCancelled") noteDecision(state, step, index);
  const isHere = runsHere(plan.steps[index]?.definition.kind);
  const next = nextOf(step, event, { isHere });
  count(state, step.state, -1);
  count(state, next.state, 1);
  state.steps[index] = next;
  state.ready.delete(index);
  if (hasEnded(next)) state.ended.push(index);
}

/** What a parked step is moved by is a decision, of a person or of who decides for them. */
function noteDecision(state: TaskState, step: StepState, index: number): void {
  if (step.state === "parked") (state.decided ??= new Set()).add(index);
}

/** The state of a step after an event. */
function nextOf(
  step: StepState,
  event: Exclude<StepEvent, { kind: "SignalReceived" }>,
  { isHere }: { isHere: boolean },
): StepState {
  switch (event.kind) {
    case "StepStarted": {
      const { interruptions, forgiven, failure, elsewhere } = step;
      // Each attempt names its system, unless that is the step's owner.
      const { attempt, policyVersion, atMs: startedAtMs, dueAtMs, system } = event;
      const state = isHere ? "running" : "waiting_for_reply";
      return sentTo({
        attempt,
        interruptions,
        forgiven,
        startedAtMs,
        failure,
        policyVersion,
        state,
        dueAtMs,
        aliveAtMs: undefined,
      }, { system, elsewhere });
    }
    case "StepSlept":
      assert(isUnderWay(step), `Step ${event.step} sleeps, but was not started`);
      return { ...step, dueAtMs: event.dueAtMs };
    case "StepAttemptFailed":
    case "StepInterrupted":
    case "StepRetried":
      return retryOf(step, event);
    case "StepChosen":
      return chosen(step, event);
    case "StepParked": {
      const { reason, choices, failure = step.failure } = event;
      return { ...historyOf(step), state: "parked", reason, choices, failure };
    }
    default:
      return endOf(step, event);
  }
}

/** Attempts go where the last choice said. */
function chosen(
  step: StepState,
  { system, capability }: Extract<StepEvent, { kind: "StepChosen" }>,
): StepState {
  const { elsewhere: _, ...rest } = step;
  if (system === undefined && capability === undefined) return rest;
  const elsewhere = {
    ...(system !== undefined && { system }),
    ...(capability !== undefined && { capability }),
  };
  return { ...rest, elsewhere };
}

/** An interruption, by a hang or a death of the node, counts as no attempt. */
function retryOf(
  step: StepState,
  event: Extract<Event, { kind: "StepAttemptFailed" | "StepInterrupted" | "StepRetried" }>,
): RetryingStep {
  const past = { ...historyOf(step), state: "waiting_for_retry" as const };
  const atOnce = { nextAttemptAtMs: event.atMs, isDueAtOnce: true };
  switch (event.kind) {
    case "StepAttemptFailed": {
      const { failure, nextAttemptAtMs } = event;
      const interruptions = step.interruptions + (failure.class === "interrupted" ? 1 : 0);
      return { ...past, failure, interruptions, nextAttemptAtMs, isDueAtOnce: false };
    }
    case "StepInterrupted":
      return { ...past, interruptions: step.interruptions + 1, ...atOnce };
    case "StepRetried":
      return { ...past, forgiven: step.attempt, interruptions: 0, ...atOnce };
    default:
      return event satisfies never;
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

function endOf(step: StepState, event: EndEvent): EndedStep {
  const ended = { ...historyOf(step), endedAtMs: event.atMs };
  switch (event.kind) {
    case "StepCompleted":
      return { ...ended, state: "completed", result: event.result };
    case "StepFailed":
      return { ...ended, state: "failed", failure: event.failure };
    case "StepResolved":
      return { ...ended, state: "resolved_manually", result: event.result };
    case "StepSkipped":
      return { ...ended, state: "skipped", result: event.result ?? NULL_TEXT };
    case "StepCancelled":
      return { ...ended, state: "cancelled" };
    case "StepUnreached":
      return { ...ended, state: "unreached", cause: event.cause };
    default:
      return event satisfies never;
  }
}

function historyOf(step: StepState): StepHistory {
  const { attempt, interruptions, forgiven, startedAtMs, failure, policyVersion } = step;
  return sentTo({ attempt, interruptions, forgiven, startedAtMs, failure, policyVersion }, step);
}

/** Adds where attempts go, if that is not the step's owner: most steps are spared a copy. */
function sentTo<S extends StepHistory>(
  step: S,
  { system, elsewhere }: {
    system?: string | undefined;
    elsewhere?: Elsewhere | undefined;
  },
): S {
  if (system === undefined && elsewhere === undefined) return step;
  return {
    ...step,
    ...(system !== undefined && { system }),
    ...(elsewhere !== undefined && { elsewhere }),
  };
}

function count(state: TaskState, name: StepStateName, by: number): void {
  const index = STEP_STATES.indexOf(name);
  state.counts[index] = (state.counts[index] as number) + by;
}
