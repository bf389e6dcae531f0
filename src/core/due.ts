/** Due: time-outs, ends of sleeps, the deadline, and attempts that died with their node. */

import type { RecordInterruption } from "./command.ts";
import {
  DEADLINE_PASSED,
  endFailed,
  endHung,
  endInterrupted,
  exhaust,
  failStep,
  failureOf,
  park,
  ranMs,
} from "./attempt.ts";
import { abortAfter, atMs, cancelSteps, type Context, endingOf } from "./decision.ts";
import type { Event } from "./event.ts";
import { NULL_TEXT } from "./payload.ts";
import { deadlineOf, hasEnded, isUnderWay, type StepState, type TaskState } from "./state.ts";

/** Events by which time ends a step. */
const ENDS: ReadonlySet<Event["kind"]> = new Set(["StepCompleted", "StepFailed", "StepCancelled"]);

/**
 * Decides all that is due at `context.nowMs`. Retries are not decided: they become ready.
 *
 * Whether something is due depends on the clock as it is, while the time of an event never goes back:
 * after a correction of the clock the two differ.
 */
export function decideDue(state: TaskState, context: Context): readonly Event[] {
  if (state.end !== undefined) return [];
  if (deadlineOf(state) <= context.nowMs) return abortAtDeadline(state, context);
  const events: Event[] = [];
  for (let step = 0; step < state.steps.length; step++) {
    const event = dueEvent(state, step, context);
    if (event === undefined) continue;
    const following = abortAfter(state, event, context);
    if (following.length > 1) return [...events, ...following].filter(firstEndOnly());
    events.push(event);
  }
  return events;
}

/** Steps whose retry is due and that are not in `ready` yet. Cost: O(steps). */
export function retriesDue(state: TaskState, nowMs: number): number[] {
  const due: number[] = [];
  state.steps.forEach((step, index) => {
    if (step.state !== "waiting_for_retry" || state.ready.has(index)) return;
    if (step.isDueAtOnce || step.nextAttemptAtMs <= nowMs) due.push(index);
  });
  return due;
}

/**
 * When something of the task is due next, Unix ms; undefined when only a command can change it.
 *
 * Cost: O(steps); called when a timer fires, not at each turn.
 */
export function nextDueAtMs(state: TaskState, context: Context): number | undefined {
  if (state.end !== undefined) return undefined;
  const deadlineAtMs = deadlineOf(state);
  let next = deadlineAtMs === Infinity ? undefined : deadlineAtMs;
  for (let step = 0; step < state.steps.length; step++) {
    const due = dueOf(state, step, context);
    if (due !== undefined && (next === undefined || due < next)) next = due;
  }
  return next;
}

/**
 * When a step is due: the earliest of its time-out, its heartbeat's and its queue's.
 *
 * A step that cannot start because the task is paused is not due: the task would wake for nothing.
 */
export function dueOf(state: TaskState, index: number, context: Context): number | undefined {
  const step = state.steps[index] as StepState;
  if (state.paused && (step.state === "pending" || step.state === "waiting_for_retry")) {
    return undefined;
  }
  const readySinceMs = state.ready.get(index);
  if (readySinceMs !== undefined) {
    const { queueTimeoutMs } = context.policyOf(index);
    return untilMs(readySinceMs, queueTimeoutMs, index, context);
  }
  const ends = endsAtMs(step, index, context);
  const silent = silentAtMs(step, index, context);
  if (ends === undefined || silent === undefined) return ends ?? silent;
  return Math.min(ends, silent);
}

/**
 * Since when a ready step could start: since the end of its last parent, the due time of its retry, or
 * the last resume of its task; never later than now, even if the clock was corrected.
 */
export function readySinceMs(state: TaskState, index: number, context: Context): number {
  const step = state.steps[index] as StepState;
  let at = state.resumedAtMs ?? state.createdAtMs;
  if (step.state === "waiting_for_retry") {
    return Math.min(Math.max(at, step.nextAttemptAtMs), context.nowMs);
  }
  for (const parent of context.plan.steps[index]?.parents ?? []) {
    const ended = state.steps[parent];
    if (ended !== undefined && hasEnded(ended)) at = Math.max(at, ended.endedAtMs);
  }
  return Math.min(at, context.nowMs);
}

/** Decides what follows for local attempts that died with their node. */
export function decideInterruption(
  state: TaskState,
  { steps, isHang = false }: Pick<RecordInterruption, "steps" | "isHang">,
  context: Context,
): readonly Event[] {
  if (state.end !== undefined) return [];
  const end = isHang ? endHung : endInterrupted;
  return steps
    .filter((step) => state.steps[step]?.state === "running")
    .map((step) => end(endingOf(state, step, context)));
}

/** The recorded due time of a step, moved by the outages during its attempt. */
function endsAtMs(step: StepState, index: number, context: Context): number | undefined {
  if (step.state === "waiting_for_retry") return step.nextAttemptAtMs;
  if (!isUnderWay(step) || step.dueAtMs === undefined) return undefined;
  const { startedAtMs, dueAtMs } = step;
  return context.postponed?.(index, startedAtMs, dueAtMs, step.system) ?? dueAtMs;
}

/** When a time of `lastsMs` is over, moved by outages; undefined: never. */
function untilMs(
  sinceMs: number,
  lastsMs: number | undefined,
  index: number,
  context: Context,
  system?: string,
): number | undefined {
  if (lastsMs === undefined) return undefined;
  const dueAtMs = sinceMs + lastsMs;
  return context.postponed?.(index, sinceMs, dueAtMs, system) ?? dueAtMs;
}

/** When a running attempt has been silent for too long; undefined without a heartbeat policy. */
function silentAtMs(step: StepState, index: number, context: Context): number | undefined {
  if (!isUnderWay(step)) return undefined;
  return untilMs(
    step.aliveAtMs ?? step.startedAtMs,
    context.policyOf(index).heartbeatMs,
    index,
    context,
    step.system,
  );
}

function dueEvent(
  state: TaskState,
  index: number,
  context: Context,
): Event | undefined {
  const step = state.steps[index] as StepState;
  if (hasEnded(step)) return undefined;
  if ((dueOf(state, index, context) ?? Infinity) > context.nowMs) return undefined;
  const ending = endingOf(state, index, context);
  if (state.ready.has(index)) {
    return exhaust(
      ending,
      failureOf("timed_out", "The step waited too long to be started", "queue_timed_out"),
    );
  }
  switch (step.state) {
    case "running":
      return endFailed(ending, timedOut(step, index, context), { retryable: true });
    case "waiting_for_reply":
      return endWaiting(state, index, context);
    default:
      return undefined;
  }
}

function endWaiting(state: TaskState, index: number, context: Context): Event {
  const step = state.steps[index] as StepState;
  const at = atMs(state, context);
  const ending = endingOf(state, index, context);
  const { kind, onTimeout } = ending.planned.definition;
  switch (kind) {
    case "sleep":
      return {
        kind: "StepCompleted",
        atMs: at,
        step: index,
        attempt: step.attempt,
        ranMs: ranMs(step, at),
        result: NULL_TEXT,
      };
    case "signal": {
      const failure = failureOf("timed_out", "Nobody sent the signal in time");
      return onTimeout === "park" ? park(ending, "timed_out", failure) : failStep(ending, failure);
    }
    default:
      return endFailed(ending, timedOut(step, index, context), { retryable: true });
  }
}

function timedOut(step: StepState, index: number, context: Context) {
  const isSilent = (endsAtMs(step, index, context) ?? Infinity) > context.nowMs;
  return isSilent
    ? failureOf("timed_out", "The attempt gave no sign of life in time", "heartbeat_timed_out")
    : failureOf("timed_out", "The attempt took too long");
}

/** At its deadline a task fails: running steps time out, all others are cancelled. */
function abortAtDeadline(state: TaskState, context: Context): readonly Event[] {
  const at = atMs(state, context);
  const running = state.steps.flatMap((step, index) =>
    isUnderWay(step) ? [failStep(endingOf(state, index, context), DEADLINE_PASSED)] : []
  );
  const cancelled = cancelSteps(state, context, (when) => when === "failed" || when === "always");
  return [{ kind: "TaskAborted", atMs: at, reason: "deadline" } as Event, ...running, ...cancelled]
    .filter(firstEndOnly());
}

/** Keeps only the first end of each step, and all events that are not ends. */
function firstEndOnly(): (event: Event) => boolean {
  const ended = new Set<number>();
  return (event) => {
    if (!("step" in event) || !ENDS.has(event.kind)) return true;
    if (ended.has(event.step)) return false;
    ended.add(event.step);
    return true;
  };
}
