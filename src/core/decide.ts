/**
 * Decide: the events that follow from a command, given a task's state and the time. Pure, but for
 * RecordProgress: it sets `aliveAtMs` of its step, which is kept in memory only.
 */

import { endFailed, ranMs } from "./attempt.ts";
import type {
  Command,
  Decision,
  ForkedStart,
  Outcome,
  RecordStepResult,
  SendSignal,
  StartTask,
} from "./command.ts";
import {
  abortAfter,
  accept,
  atMs,
  type Context,
  endingOf,
  givenResult,
  NOTHING,
  refuse,
} from "./decision.ts";
import { decideDue, decideInterruption, nextDueAtMs } from "./due.ts";
import type { Event } from "./event.ts";
import { decideOperatorAction } from "./operator_action.ts";
import { hasEnded, isUnderWay, type StepState, type TaskState } from "./state.ts";

/**
 * Decides one command.
 *
 * A task that has ended ignores results and wakes, and refuses what people send. Repeats do not come
 * here: `LiveTask.decide` gives them the answer of the first.
 *
 * Cost: O(1); O(steps) for Wake, Passivate, CancelTask and an abort.
 */
export function decide(state: TaskState | undefined, command: Command, context: Context): Decision {
  if (state === undefined) return decideFirst(command, context);
  switch (command.kind) {
    case "StartTask":
      return NOTHING;
    case "RecordStepResult":
      return decideResult(state, command, context);
    case "RecordProgress":
      return noteProgress(state, command, context);
    case "RecordSleep":
      return decideSleep(state, command, context);
    case "RecordInterruption":
      return accept(decideInterruption(state, command, context));
    case "Wake":
      return accept(decideDue(state, context));
    case "Passivate":
      return decidePassivation(state, context);
    case "SendSignal":
      return decideSignal(state, command, context);
    default:
      return decideOperatorAction(state, command, context);
  }
}

function decideFirst(command: Command, context: Context): Decision {
  if (command.kind !== "StartTask") {
    return refuse("task.not_found", `Cannot find task "${command.taskId}"`);
  }
  const { fork } = command;
  if (fork === undefined) return accept([started(command, context)]);
  return accept([started(command, context), ...keptEvents(fork, context)]);
}

/** The ends of the steps that a fork takes from the other task; nothing of them runs here. */
function keptEvents({ from: { id, by }, kept }: ForkedStart, { nowMs }: Context): readonly Event[] {
  return kept.map(({ step, state, result }): Event => {
    const at = { atMs: nowMs, step, result };
    if (state === "completed") return { kind: "StepCompleted", ...at, attempt: 0, ranMs: 0 };
    const decided = { by, reason: `as in task ${id}` };
    return { kind: state === "skipped" ? "StepSkipped" : "StepResolved", ...at, ...decided };
  });
}

function started(command: StartTask, context: Context): Event {
  const deadlineMs = command.deadlineMs ?? context.plan.definition.deadlineMs;
  return {
    kind: "TaskStarted",
    atMs: context.nowMs,
    definitionHash: command.definitionHash,
    input: command.input,
    tags: command.tags,
    ...(command.key === undefined ? {} : { key: command.key }),
    ...(deadlineMs === undefined ? {} : { deadlineAtMs: context.nowMs + deadlineMs }),
    ...(command.traceparent === undefined ? {} : { traceparent: command.traceparent }),
    ...(command.priority === undefined ? {} : { priority: command.priority }),
    ...(command.fork && { forkedFrom: command.fork.from }),
  };
}

/** A `completed` of any attempt counts until the step has ended; a failure only of the newest one. */
function decideResult(state: TaskState, command: RecordStepResult, context: Context): Decision {
  const step = state.steps[command.step];
  if (step === undefined) {
    return refuse(
      "step.not_found",
      `Cannot record a result of task "${state.taskId}": no step ${command.step}`,
    );
  }
  if (state.end !== undefined || hasEnded(step)) return NOTHING;
  if (command.attempt < 1 || command.attempt > step.attempt) return NOTHING;
  if (command.outcome.kind === "completed") {
    return accept([completed(state, command.step, command, context)]);
  }
  const isCurrent = command.attempt === step.attempt && isUnderWay(step);
  return isCurrent ? accept(failed(state, command, command.outcome, context)) : NOTHING;
}

function completed(
  state: TaskState,
  step: number,
  command: RecordStepResult & { outcome: Outcome },
  context: Context,
): Event {
  const at = atMs(state, context);
  const result = (command.outcome as Extract<Outcome, { kind: "completed" }>).result;
  return {
    kind: "StepCompleted",
    atMs: at,
    step,
    attempt: command.attempt,
    ranMs: ranMs(state.steps[step] as StepState, at),
    result,
    ...(command.instance !== undefined && { instance: command.instance }),
  };
}

function failed(
  state: TaskState,
  { step, instance }: RecordStepResult,
  outcome: Extract<Outcome, { kind: "failed" }>,
  context: Context,
): readonly Event[] {
  const event = endFailed(
    { ...endingOf(state, step, context), ...(instance !== undefined && { instance }) },
    outcome.failure,
    outcome,
  );
  return abortAfter(state, event, context);
}

function noteProgress(
  state: TaskState,
  command: Extract<Command, { kind: "RecordProgress" }>,
  context: Context,
): Decision {
  const step = state.steps[command.step];
  if (step !== undefined && step.attempt === command.attempt && isUnderWay(step)) {
    step.aliveAtMs = context.nowMs;
  }
  return NOTHING;
}

function decideSleep(
  state: TaskState,
  command: Extract<Command, { kind: "RecordSleep" }>,
  context: Context,
): Decision {
  const step = state.steps[command.step];
  if (step?.state !== "waiting_for_reply" || step.dueAtMs !== undefined) return NOTHING;
  const at = atMs(state, context);
  return accept([{
    kind: "StepSlept",
    atMs: at,
    step: command.step,
    dueAtMs: Math.min(step.startedAtMs, context.nowMs) + Math.ceil(Math.max(0, command.ms)),
  }]);
}

function decideSignal(state: TaskState, command: SendSignal, context: Context): Decision {
  const index = context.plan.indexOf.get(command.name);
  const planned = index === undefined ? undefined : context.plan.steps[index];
  if (index === undefined || planned?.definition.kind !== "signal") {
    return refuse(
      "signal.not_awaited",
      `Cannot signal task "${state.taskId}": it has no signal step "${command.name}"`,
    );
  }
  const step = state.steps[index] as StepState;
  if (state.end !== undefined || hasEnded(step)) {
    return refuse(
      "signal.not_awaited",
      `Cannot signal "${command.name}": the step is ${step.state}`,
    );
  }
  const payload = givenResult(planned, command.payload, `signal "${command.name}"`);
  if (typeof payload !== "string") return payload;
  const at = atMs(state, context);
  if (step.state === "pending") {
    if (state.signals.has(index)) {
      return refuse(
        "signal.not_awaited",
        `Cannot signal "${command.name}": it was sent before, and waits for its step`,
      );
    }
    return accept([{ kind: "SignalReceived", atMs: at, step: index, payload }]);
  }
  return accept([{
    kind: "StepCompleted",
    atMs: at,
    step: index,
    attempt: step.attempt,
    ranMs: ranMs(step, at),
    result: payload,
  }]);
}

/**
 * Lets a task leave memory, which is a turn, if only time or a command can change it.
 *
 * Signs of life are kept in memory only, and so are the places that limit attempts: a task that needs
 * either stays.
 */
function decidePassivation(state: TaskState, context: Context): Decision {
  if (state.end !== undefined || state.passivated !== undefined || state.ready.size > 0) {
    return NOTHING;
  }
  const isHeld = state.steps.some((step, index) => {
    if (step.state === "running") return true;
    if (step.state !== "waiting_for_reply") return false;
    const { heartbeatMs, concurrencyMax } = context.policyOf(index);
    return heartbeatMs !== undefined || concurrencyMax !== undefined;
  });
  if (isHeld) return NOTHING;
  const wakeAtMs = nextDueAtMs(state, context);
  return accept([{
    kind: "TaskPassivated",
    atMs: atMs(state, context),
    ...(wakeAtMs === undefined ? {} : { wakeAtMs }),
  }]);
}
