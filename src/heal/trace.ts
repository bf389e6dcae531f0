/** Traces: what the journal of an ended task says about when its steps ran. */

import { type AttemptFact, attemptFacts } from "../core/attempt_fact.ts";
import type { Event, TaskEnd, Turn } from "../core/event.ts";
import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import type { Playback } from "../core/ports.ts";

/** A step that was started and has ended. */
export interface StepTrace {
  readonly step: number;
  /** In order; a sleep, a signal and a transform are attempts as well. */
  readonly attempts: readonly AttemptFact[];
  /** When it could have started, Unix ms. */
  readonly readyAtMs: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** It completed by itself. */
  readonly isCompleted: boolean;
  /** It failed for good. */
  readonly isFailed: boolean;
}

/** How a task came to its end; "parked": nothing moves until a person decides. */
export type TraceEnd = TaskEnd | "parked";

/** A task in which nothing moves any more. Steps that were never started are absent. */
export interface TaskTrace {
  readonly taskId: TaskId;
  readonly plan: Plan;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly end: TraceEnd;
  /** The newest overlay that an attempt began under; 0: none. */
  readonly policyVersion: number;
  /** Whether a person decided something about it. */
  readonly isTouched: boolean;
  readonly steps: ReadonlyMap<number, StepTrace>;
}

/** A task as its journal has it. */
export interface StoredTask {
  readonly taskId: TaskId;
  readonly plan: Plan;
  readonly turns: readonly Turn[];
}

/** Derives the trace of a task; undefined: something of it still moves. Cost: O(events). */
export function traceOf({ taskId, plan, turns }: StoredTask): TaskTrace | undefined {
  const events = turns.flatMap((turn) => turn.events);
  const [first] = events;
  if (first?.kind !== "TaskStarted") return undefined;
  const newest = newestOfSteps(events);
  const end = endOf(events, newest);
  if (end === undefined) return undefined;
  const facts = attemptFacts(plan, taskId, first.tags, turns);
  return {
    taskId,
    plan,
    startedAtMs: first.atMs,
    endedAtMs: events.findLast(({ kind }) => kind !== "TaskPassivated")?.atMs ?? first.atMs,
    end,
    policyVersion: facts.reduce((newest, { policyVersion }) => Math.max(newest, policyVersion), 0),
    isTouched: events.some((event) => "by" in event),
    steps: stepTraces(plan, facts, newest),
  };
}

function newestOfSteps(events: readonly Event[]): ReadonlyMap<number, Event> {
  return new Map(events.flatMap((event) => "step" in event ? [[event.step, event]] : []));
}

/** Events after which an attempt is under way, or another one comes by itself. */
const MOVING: ReadonlySet<Event["kind"]> = new Set([
  "StepStarted",
  "StepSlept",
  "StepAttemptFailed",
  "StepInterrupted",
  "StepRetried",
]);

function endOf(
  events: readonly Event[],
  newest: ReadonlyMap<number, Event>,
): TraceEnd | undefined {
  const ended = events.findLast((event) => event.kind === "TaskEnded");
  if (ended !== undefined) return ended.end;
  const kinds = [...newest.values()].map(({ kind }) => kind);
  const isParked = kinds.includes("StepParked") && !kinds.some((kind) => MOVING.has(kind));
  return isParked ? "parked" : undefined;
}

function stepTraces(
  plan: Plan,
  facts: readonly AttemptFact[],
  ends: ReadonlyMap<number, Event>,
): ReadonlyMap<number, StepTrace> {
  const traces = new Map<number, StepTrace>();
  for (const [name, attempts] of Map.groupBy(facts, ({ step }) => step)) {
    const step = plan.indexOf.get(name);
    const [first] = attempts;
    const end = step === undefined ? undefined : ends.get(step);
    if (step === undefined || first === undefined || end === undefined) continue;
    traces.set(step, {
      step,
      attempts,
      readyAtMs: first.startedAtMs - first.waitedMs,
      startedAtMs: first.startedAtMs,
      endedAtMs: end.atMs,
      isCompleted: end.kind === "StepCompleted",
      isFailed: end.kind === "StepFailed",
    });
  }
  return traces;
}

/** Tasks that are worked on at once: a few milliseconds. */
const TASKS_AT_ONCE = 50;

/** Works on one after the other, and lets the event loop go on in between. */
export async function eachInTurn<T, R>(
  items: Iterable<T>,
  { rest, work, atOnce = TASKS_AT_ONCE }: Pick<Playback, "rest"> & {
    readonly work: (item: T) => R;
    readonly atOnce?: number;
  },
): Promise<R[]> {
  const found: R[] = [];
  for (const item of items) {
    found.push(work(item));
    if (found.length % atOnce === 0) await rest();
  }
  return found;
}
