/**
 * Critical paths: which steps a task's duration was made of, and what is saved if one took no time.
 * Source: CRISP (Zhang et al., USENIX ATC 2022): walk back from what ended last to what it waited for.
 */

import type { Plan } from "../core/plan.ts";
import type { StepTrace, TaskTrace } from "./trace.ts";

/** One step on the critical path of one task, in ms of the task's duration. */
export interface PathPiece {
  readonly step: number;
  /** From when it could have started to its end, without what the step before it covers. */
  readonly ms: number;
  /** Waited for a limit, before its first attempt and before others that were due. */
  readonly waitedMs: number;
  /** Attempts under way. */
  readonly ranMs: number;
  /** Between attempts, until the next one was due. */
  readonly betweenMs: number;
}

/** A step over the critical paths of many tasks. */
export interface PathStep {
  readonly step: string;
  /** Tasks in which it is on the path. */
  readonly onPath: number;
  /** Of the duration of all tasks, 0..1. */
  readonly share: number;
  /** Means over the tasks in which it is on the path, ms. */
  readonly meanMs: number;
  readonly waitedMs: number;
  readonly ranMs: number;
  readonly betweenMs: number;
  /** Mean duration of a task that would be saved if the step took no time, ms. */
  readonly freeSavesMs: number;
}

/** Steps whose saving is computed: each costs a pass over all tasks. */
const FREED_MAX = 12;

/** Returns the steps that a task's duration was made of, the first first. Cost: O(edges). */
export function criticalPathOf({ plan, startedAtMs, steps }: TaskTrace): readonly PathPiece[] {
  const path: PathPiece[] = [];
  let step = latest(steps.values());
  while (step !== undefined) {
    const before = parentOnPath(plan, step, steps);
    const sinceMs = before?.endedAtMs ?? startedAtMs;
    path.push(pieceOf(step, sinceMs));
    step = before;
  }
  return path.reverse();
}

function pieceOf({ step, startedAtMs, endedAtMs, attempts }: StepTrace, sinceMs: number) {
  const ms = Math.max(0, endedAtMs - sinceMs);
  const firstMs = Math.max(0, startedAtMs - sinceMs);
  const waitedMs = Math.min(ms, firstMs + sumOf(attempts.slice(1), ({ waitedMs }) => waitedMs));
  const ranMs = Math.min(ms - waitedMs, sumOf(attempts, ({ ranMs }) => ranMs));
  return { step, ms, waitedMs, ranMs, betweenMs: ms - waitedMs - ranMs };
}

function latest(steps: Iterable<StepTrace>): StepTrace | undefined {
  let found: StepTrace | undefined;
  for (const step of steps) {
    if (found === undefined || step.endedAtMs >= found.endedAtMs) found = step;
  }
  return found;
}

/** What a step waited for last: the parent that ended last before it started. */
function parentOnPath(plan: Plan, step: StepTrace, steps: TaskTrace["steps"]) {
  const parents = plan.steps[step.step]?.parents ?? [];
  return latest(
    parents.flatMap((parent) => {
      const trace = steps.get(parent);
      return trace !== undefined && trace.endedAtMs <= step.startedAtMs ? [trace] : [];
    }),
  );
}

/**
 * Adds up the critical paths of tasks of one plan, the largest share first.
 *
 * Cost: O(tasks × edges), and the same again for each of the first FREED_MAX steps.
 */
export function criticalPath(traces: readonly TaskTrace[]): readonly PathStep[] {
  const [first] = traces;
  if (first === undefined) return [];
  const bySteps = new Map<number, PathPiece[]>();
  for (const trace of traces) {
    for (const piece of criticalPathOf(trace)) {
      const pieces = bySteps.get(piece.step);
      if (pieces === undefined) bySteps.set(piece.step, [piece]);
      else pieces.push(piece);
    }
  }
  const totalMs = sumOf(traces, ({ startedAtMs, endedAtMs }) => endedAtMs - startedAtMs);
  return [...bySteps].map(([step, pieces]) => ({ step, pieces, ms: sumOf(pieces, ({ ms }) => ms) }))
    .sort((a, b) => b.ms - a.ms)
    .map(({ step, pieces, ms }, rank) => ({
      step: first.plan.steps[step]?.name ?? String(step),
      onPath: pieces.length,
      share: totalMs === 0 ? 0 : Math.min(1, ms / totalMs),
      meanMs: ms / pieces.length,
      waitedMs: sumOf(pieces, ({ waitedMs }) => waitedMs) / pieces.length,
      ranMs: sumOf(pieces, ({ ranMs }) => ranMs) / pieces.length,
      betweenMs: sumOf(pieces, ({ betweenMs }) => betweenMs) / pieces.length,
      freeSavesMs: rank < FREED_MAX ? freeSavesMs(traces, step) : 0,
    }));
}

function sumOf<T>(of: readonly T[], value: (one: T) => number): number {
  return of.reduce((sum, one) => sum + value(one), 0);
}

/** Mean duration saved if a step took no time: other branches may then be the longest. */
function freeSavesMs(traces: readonly TaskTrace[], freed: number): number {
  return sumOf(traces, (trace) => makespanMs(trace) - makespanMs(trace, freed)) / traces.length;
}

/** How long a task takes if each step begins when its parents have ended. Cost: O(edges). */
function makespanMs({ plan, startedAtMs, steps }: TaskTrace, freed?: number): number {
  const endMs = new Map<number, number>();
  let lastMs = 0;
  for (const trace of [...steps.values()].sort((a, b) => a.startedAtMs - b.startedAtMs)) {
    const parents = (plan.steps[trace.step]?.parents ?? []).flatMap((parent) =>
      steps.get(parent) ?? []
    );
    const before = parents.filter(({ endedAtMs }) => endedAtMs <= trace.startedAtMs);
    const sinceMs = before.reduce((ms, { endedAtMs }) => Math.max(ms, endedAtMs), startedAtMs);
    const beginMs = before.reduce((ms, { step }) => Math.max(ms, endMs.get(step) ?? 0), 0);
    const ms = trace.step === freed ? 0 : Math.max(0, trace.endedAtMs - sinceMs);
    endMs.set(trace.step, beginMs + ms);
    lastMs = Math.max(lastMs, beginMs + ms);
  }
  return lastMs;
}
