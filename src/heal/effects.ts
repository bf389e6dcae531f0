/** Effects: how the same tasks differ between two plays, with intervals. */

import type { Playback } from "../core/ports.ts";
import type { Estimate, ReplayError, WhatifEffects } from "../core/whatif.ts";
import { doesWork } from "../core/workflow.ts";
import { meanDifference, quantileDifference, quantileOf } from "./bootstrap.ts";
import type { StepTrace, TaskTrace } from "./trace.ts";

/** Seeds the resampling: the same plays give the same intervals. */
const SEED = 1;

/** Returns how far tasks that were played are from what they did. */
export function replayError(
  recorded: readonly TaskTrace[],
  played: readonly TaskTrace[],
): ReplayError {
  const pairs = pairsOf(recorded, played);
  const same = pairs.filter(([before, after]) => before.end === after.end).length;
  const ended = pairs.filter(([before, after]) => isByItself(before) && isByItself(after));
  const [was, is] = [0, 1].map((side) => ended.map((pair) => durationMs(pair[side] as TaskTrace)));
  const error = (of: (ms: readonly number[]) => number) => {
    const [a, b] = [of(was ?? []), of(is ?? [])];
    return a === 0 ? b === 0 ? 0 : 1 : b / a - 1;
  };
  return {
    sameEnds: recorded.length === 0 ? 0 : same / recorded.length,
    meanDuration: error(mean),
    p95Duration: error((ms) => quantileOf(ms, 0.95)),
  };
}

/** Attempts of steps that do work. */
export function attemptsIn(traces: readonly TaskTrace[]): number {
  return sum(traces.flatMap(workIn).map(({ attempts }) => attempts.length));
}

/** Ends of attempts that certainly had no effect. */
const NO_EFFECT: ReadonlySet<string> = new Set(["failed", "undeliverable", "contract_violation"]);

/** The time that attempts of a task were under way. */
export function busyMsIn(trace: TaskTrace): number {
  return sum(workIn(trace).flatMap(({ attempts }) => attempts.map(({ ranMs }) => ranMs)));
}

/** Attempts of a task beyond the first of a step that may have had an effect. */
export function duplicatesIn(trace: TaskTrace): number {
  return sum(
    workIn(trace).map(({ attempts }) => {
      const effects = attempts.filter(({ outcome }) => !NO_EFFECT.has(outcome)).length;
      return Math.max(0, effects - 1);
    }),
  );
}

function workIn({ plan, steps }: TaskTrace): readonly StepTrace[] {
  return [...steps.values()].filter(({ step }) => doesWork(plan.steps[step]?.definition.kind));
}

/** Returns how tasks differ between two plays of them. Cost: O(attempts), and 50 ms between rests. */
export async function effectsOf(
  before: readonly TaskTrace[],
  after: readonly TaskTrace[],
  rest: Playback["rest"],
): Promise<WhatifEffects> {
  const pairs = pairsOf(before, after);
  const paired = async (of: (trace: TaskTrace) => number, some = pairs) => {
    await rest();
    return estimate(some, of);
  };
  const ended = pairs.filter(([was, is]) => isByItself(was) && isByItself(is));
  const durations = ended.map(([was, is]) => [durationMs(was), durationMs(is)] as const);
  const quantile = async (share: number): Promise<Estimate> => {
    await rest();
    return {
      before: quantileOf(durations.map(([was]) => was), share),
      after: quantileOf(durations.map(([, is]) => is), share),
      ...quantileDifference(durations, share, SEED),
    };
  };
  return {
    completed: await paired(({ end }) => Number(end === "completed")),
    parked: await paired(({ end }) => Number(end === "parked")),
    meanMs: await paired(durationMs, ended),
    p50Ms: await quantile(0.5),
    p95Ms: await quantile(0.95),
    attempts: await paired((trace) => attemptsIn([trace])),
    busyMs: await paired(busyMsIn),
    duplicates: await paired(duplicatesIn),
  };
}

type Pair = readonly [before: TaskTrace, after: TaskTrace];

function pairsOf(before: readonly TaskTrace[], after: readonly TaskTrace[]): readonly Pair[] {
  const played = new Map(after.map((trace) => [trace.taskId, trace]));
  return before.flatMap((was) => {
    const is = played.get(was.taskId);
    return is === undefined ? [] : [[was, is] as const];
  });
}

function estimate(pairs: readonly Pair[], of: (trace: TaskTrace) => number): Estimate {
  const values = pairs.map(([was, is]) => [of(was), of(is)] as const);
  return {
    before: mean(values.map(([was]) => was)),
    after: mean(values.map(([, is]) => is)),
    ...meanDifference(values.map(([was, is]) => is - was)),
  };
}

/** Whether its duration is that of the workflow, not that of a person. */
function isByItself({ end, isTouched }: TaskTrace): boolean {
  return end === "completed" && !isTouched;
}

function durationMs({ startedAtMs, endedAtMs }: TaskTrace): number {
  return endedAtMs - startedAtMs;
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
