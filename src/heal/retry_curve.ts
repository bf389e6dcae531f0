/** Retry curves: how often each attempt succeeds where those before it had failed, and when to stop. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import type { FailureClass } from "../core/event.ts";
import type { Effect } from "./effect.ts";
import { type Interval, wilson } from "../core/intervals.ts";

/** One attempt number over all runs of a step. */
export interface CurvePoint {
  readonly attempt: number;
  /** Runs that made it. */
  readonly reached: number;
  readonly succeeded: number;
  /** Where its success share lies with 95 %. */
  readonly share: Interval;
  /** What it takes: the wait before it and its own time, a mean in ms. */
  readonly costMs: number;
}

/** Which failures a rule of `retry.by` is for. */
type ErrorMatch = { readonly code: string } | { readonly class: FailureClass };

/** How repeats go after one kind of error. */
export interface ErrorCurve {
  /** The code of the error, or its class where it has none. Others' text. */
  readonly error: string;
  readonly match: ErrorMatch;
  /** Repeats that followed it. */
  readonly repeated: number;
  readonly succeeded: number;
  readonly share: Interval;
  readonly costMs: number;
}

/** What is known of the attempts of a step. */
export interface RetryEvidence {
  readonly attemptsMax: number;
  /** Runs: a step of a task, from its first attempt to its end. */
  readonly runs: number;
  /** Runs that were left out: the step was down. */
  readonly inOutages: number;
  readonly curve: readonly CurvePoint[];
  readonly errors: readonly ErrorCurve[];
}

/** Why nothing is advised. */
export type NoRetryReason =
  | "fits"
  | "too_few"
  | "outages" // most runs fell into times in which the step was down
  | "at_most_once" // an attempt is never repeated by itself
  | "not_idempotent" // another attempt may have its effect twice
  | "saturation"; // the step takes longer under load: more attempts add load

/** What to do about the retries of a step. */
export type RetryAdvice =
  & { readonly evidence: RetryEvidence }
  & (
    | { readonly kind: "attempts"; readonly attemptsMax: number }
    /** Not to be repeated at all. */
    | { readonly kind: "error"; readonly error: string; readonly match: ErrorMatch }
    | { readonly kind: "none"; readonly reason: NoRetryReason }
  );

/** What has to be known beside the attempts. */
export interface RetrySetting {
  readonly attemptsMax: number;
  readonly atMostOnce: boolean;
  /** What a repeat does, as far as it is declared. */
  readonly effect: Effect | undefined;
  readonly slowsUnderLoad: boolean;
}

const RUNS_MIN = 100;

/** A step that gives up costs this: about the time of a person who looks at it. */
const FAILURE_COST_MS = 15 * 60_000;

/** Steps that give up more often get another attempt, if attempts still help. */
const GIVEN_UP_MAX = 0.01;

/** Repeats after an error that are enough to call it hopeless. */
const REPEATS_MIN = 60;

/** The most by which one change raises the attempts. */
const FACTOR_MAX = 2;

/**
 * Chooses how often to try: an attempt is worth it while its chance times the cost of giving up is more
 * than it takes. What is cut has to be useless by the upper bound of its chance, and what is added has
 * to help by the lower bound.
 */
export function retryAdvice(
  attempts: readonly AttemptFact[],
  setting: RetrySetting,
): RetryAdvice {
  const outages = outagesOf(attempts);
  const all = runsOf(attempts);
  const runs = all.filter((run) => !run.some((attempt) => isInside(attempt, outages)));
  const evidence: RetryEvidence = {
    attemptsMax: setting.attemptsMax,
    runs: runs.length,
    inOutages: all.length - runs.length,
    curve: curveOf(runs),
    errors: errorCurves(runs),
  };
  const none = (reason: NoRetryReason) => ({ kind: "none", reason, evidence } as const);
  if (setting.atMostOnce) return none("at_most_once");
  if (evidence.inOutages > runs.length) return none("outages");
  if (runs.length < RUNS_MIN) return none("too_few");
  const hopeless = hopelessError(evidence);
  if (hopeless !== undefined) return { kind: "error", ...hopeless, evidence };
  const fewer = usefulAttempts(evidence);
  if (fewer < setting.attemptsMax) return { kind: "attempts", attemptsMax: fewer, evidence };
  const more = attemptsWanted(evidence);
  if (more === setting.attemptsMax) return none("fits");
  if (!mayRepeat(setting)) return none("not_idempotent");
  if (setting.slowsUnderLoad) return none("saturation");
  return { kind: "attempts", attemptsMax: more, evidence };
}

/** Where attempts are repeated already, they may be; one that never was may have an effect each time. */
function mayRepeat({ effect, attemptsMax }: RetrySetting): boolean {
  if (effect !== undefined) return effect !== "external";
  return attemptsMax > 1;
}

/** The attempts of a step of a task, up to where the engine gave up; a person's retry begins anew. */
function runsOf(attempts: readonly AttemptFact[]): readonly (readonly AttemptFact[])[] {
  const byTask = Map.groupBy(attempts, ({ taskId }) => taskId);
  return [...byTask.values()].flatMap((of) => {
    const runs: AttemptFact[][] = [[]];
    for (const attempt of of) {
      // The death of a node is no failure of the step.
      if (attempt.outcome !== "interrupted") runs.at(-1)?.push(attempt);
      if (!attempt.isRetried) runs.push([]);
    }
    return runs.filter(({ length }) => length > 0);
  });
}

function curveOf(runs: readonly (readonly AttemptFact[])[]): readonly CurvePoint[] {
  const longest = runs.reduce((most, { length }) => Math.max(most, length), 0);
  return Array.from({ length: longest }, (_, at) => {
    const made = runs.filter(({ length }) => length > at);
    const succeeded = made.filter((run) => run[at]?.outcome === "completed").length;
    return {
      attempt: at + 1,
      reached: made.length,
      succeeded,
      share: wilson(succeeded, made.length),
      costMs: mean(made.map((run) => costMs(run, at))),
    };
  });
}

/** What an attempt took, with the wait before it. */
function costMs(run: readonly AttemptFact[], at: number): number {
  const { startedAtMs, ranMs } = run[at] as AttemptFact;
  return ranMs + (at === 0 ? 0 : startedAtMs - (run[at - 1] as AttemptFact).endedAtMs);
}

function errorCurves(runs: readonly (readonly AttemptFact[])[]): readonly ErrorCurve[] {
  const repeats = runs.flatMap((run) =>
    run.slice(1).map((attempt, at) => ({
      attempt,
      costMs: costMs(run, at + 1),
      error: run[at]?.error,
    }))
  );
  const keyOf = (error: AttemptFact["error"]) => error?.code ?? error?.class ?? "";
  return [...Map.groupBy(repeats, ({ error }) => keyOf(error))].map(([error, of]) => {
    const succeeded = of.filter(({ attempt }) => attempt.outcome === "completed").length;
    return {
      error,
      match: matchOf(of[0]?.error),
      repeated: of.length,
      succeeded,
      share: wilson(succeeded, of.length),
      costMs: mean(of.map(({ costMs }) => costMs)),
    };
  }).sort((a, b) => b.repeated - a.repeated);
}

/** An error after which repeats are useless, while others are worth it. */
function hopelessError({ errors }: RetryEvidence) {
  const isUseless = ({ share, costMs }: ErrorCurve) => share.high * FAILURE_COST_MS < costMs;
  const useless = errors.find((one) => one.repeated >= REPEATS_MIN && isUseless(one));
  const isAlone = errors.every((one) => one === useless || one.succeeded === 0);
  return useless === undefined || isAlone
    ? undefined
    : { error: useless.error, match: useless.match };
}

function matchOf(error: AttemptFact["error"]): ErrorMatch {
  if (error?.code !== undefined) return { code: error.code };
  return { class: error?.class ?? "failed" };
}

/** How many attempts are worth what they take; those beyond are useless. */
function usefulAttempts({ curve, attemptsMax }: RetryEvidence): number {
  let useful = attemptsMax;
  for (let from = Math.min(attemptsMax, curve.length); from >= 2; from--) {
    const beyond = curve.slice(from - 1);
    const reached = beyond[0]?.reached ?? 0;
    const succeeded = beyond.reduce((sum, one) => sum + one.succeeded, 0);
    const cost = beyond.reduce((sum, one) => sum + one.costMs * one.reached, 0) / reached;
    const isUseless = reached >= REPEATS_MIN &&
      wilson(succeeded, reached).high * FAILURE_COST_MS < cost;
    if (!isUseless) break;
    useful = from - 1;
  }
  return useful;
}

/** How many attempts it takes until few enough give up; as many as now where more do not help. */
function attemptsWanted({ curve, attemptsMax, runs }: RetryEvidence): number {
  const last = curve[attemptsMax - 1];
  if (last === undefined || last.reached < GIVEN_UP_MIN) return attemptsMax;
  const givenUp = (last.reached - last.succeeded) / runs;
  const isWorth = last.share.low * FAILURE_COST_MS > FACTOR_MAX * last.costMs;
  if (wilson(last.reached - last.succeeded, runs).low < GIVEN_UP_MAX || !isWorth) {
    return attemptsMax;
  }
  const left = 1 - last.succeeded / last.reached;
  const more = Math.ceil(Math.log(GIVEN_UP_MAX / givenUp) / Math.log(left));
  return Math.min(attemptsMax + Math.max(1, more), attemptsMax * FACTOR_MAX);
}

/** Runs that reached the last attempt: enough to know whether it helps. */
const GIVEN_UP_MIN = 20;

/** A time in which a step was down, Unix ms. */
interface Outage {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Attempts that are looked at together, in the order of their starts. */
const OUTAGE_GROUP = 20;

/** The share of failures that makes a group an outage, where it is otherwise below. */
const DOWN_SHARE = 0.8;
const UP_SHARE_MAX = 0.4;

/**
 * Finds when a step was down, which says nothing about other times. A step that fails that often at all times has no outage: it is like that.
 * Cost: O(n log n).
 */
function outagesOf(attempts: readonly AttemptFact[]): readonly Outage[] {
  const sorted = attempts.toSorted((a, b) => a.startedAtMs - b.startedAtMs);
  const groups = Array.from(
    { length: Math.floor(sorted.length / OUTAGE_GROUP) },
    (_, at) => sorted.slice(at * OUTAGE_GROUP, (at + 1) * OUTAGE_GROUP),
  );
  const down = groups.filter((group) => failureShare(group) >= DOWN_SHARE);
  const up = groups.filter((group) => failureShare(group) < DOWN_SHARE);
  if (down.length === 0 || up.length === 0 || failureShare(up.flat()) > UP_SHARE_MAX) return [];
  return down.map((group) => ({
    sinceMs: (group[0] as AttemptFact).startedAtMs,
    untilMs: group.reduce((ms, { endedAtMs }) => Math.max(ms, endedAtMs), 0),
  }));
}

/** Whether an attempt was under way while its step was down. */
function isInside(
  { startedAtMs, endedAtMs }: AttemptFact,
  outages: readonly Outage[],
): boolean {
  return outages.some(({ sinceMs, untilMs }) => endedAtMs >= sinceMs && startedAtMs <= untilMs);
}

function failureShare(attempts: readonly AttemptFact[]): number {
  if (attempts.length === 0) return 0;
  return attempts.filter(({ outcome }) => outcome !== "completed").length / attempts.length;
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
