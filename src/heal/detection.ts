/**
 * Detection: which steps do worse than they did. Pure.
 *
 * A step is compared with itself: with the hour before, and with the same time a day and a week before
 * where there is history, so that what comes back every day is not news. What must hold, all of it:
 * enough attempts, an effect that matters, a chance far below what the number of looks could give, and
 * more than any single window of the hour before has shown, because failures come in bursts and tests
 * of shares believe that they do not.
 */

import type { Degradation } from "../core/incident.ts";
import type { StatisticsCell } from "../core/statistics.ts";
import { chanceAbove, chanceHigher, type Part } from "./comparison.ts";
import { failedShare, figuresOf, sumOf, type Window, windowOf, windowsOf } from "./window.ts";

/** What a look needs. */
export interface Look {
  readonly nowMs: number;
  /** The span of one window, ms. */
  readonly windowMs: number;
  /** Cells of one step, by time, of the hour before at least. */
  readonly cells: readonly StatisticsCell[];
  /** Cells of the same hour of other days; empty: there is no such history. */
  readonly seasons: readonly (readonly StatisticsCell[])[];
  /** Spans in which the step was known to do badly: they are no measure. */
  readonly ill: readonly { readonly fromMs: number; readonly untilMs: number }[];
}

/** Fewer attempts in a window say nothing. */
const ATTEMPTS_MIN = 20;

/** Fewer attempts before are no measure. */
const MEASURE_MIN = 50;

/** With fewer attempts in a window, up to this many windows are looked at together. */
const WINDOWS_MAX = 5;

/** Windows that lie between what is looked at and what it is measured by. */
const GAP = 1;

/** How many windows the measure is made of: an hour of minutes. */
const MEASURE_WINDOWS = 60;

/**
 * The chance that a look may have to be wrong. A watcher looks at a step 1,000 times a day, by five
 * signals; with 200 steps that is a million looks, most of them at overlapping windows.
 */
const CHANCE_MAX = 1e-6;

/** More comes in than is done when so much of what began in a window has not ended. */
const PILING_SHARE = 0.12;

/** How much more is worse: shares by difference and ratio, durations by ratio. */
const WORSE = { share: 0.1, shareRatio: 2, medianRatio: 1.5, tailRatio: 2, waitedMs: 1_000 };

/** Finds how a step does worse than it did; undefined: it does not, or there is not enough history. */
export function detect(look: Look): Omit<Degradation, "workflow" | "step"> | undefined {
  const count = MEASURE_WINDOWS + 1 + GAP;
  const past = windowsOf(look.cells, { ...look, count });
  const window = newestOf(past);
  // Windows without an attempt are from before its first one: they would make rates too small.
  const measured = past.slice(1 + GAP)
    .filter((of) => of.counts.starts > 0 && !isIll(look, of));
  if (measured.length === 0) return undefined;
  const measure = { ...sumOf(measured), fromMs: 0, untilMs: measured.length * look.windowMs };
  if (window === undefined || measure.counts.ended < MEASURE_MIN) return undefined;
  const measures = [measure, ...seasonsOf(look)];
  const found = signals(window, measures, measured)
    .toSorted((one, other) => one.chance - other.chance);
  const [worst] = found;
  if (worst === undefined) return undefined;
  const error = [...window.counts.errors].toSorted(([, a], [, b]) => b - a)[0]?.[0];
  return {
    signal: worst.signal,
    ...(error !== undefined && { error }),
    saturated: found.some(({ signal }) => signal === "waiting") || isSaturated(window, measure),
    sinceMs: window.fromMs,
    windowMs: look.windowMs,
    now: figuresOf(window),
    before: figuresOf(measure),
    chance: worst.chance,
  };
}

interface Signal {
  readonly signal: Degradation["signal"];
  readonly chance: number;
}

/** What is worse than each of the measures, with the greatest chance among them. */
function signals(
  window: Window,
  measures: readonly Window[],
  measured: readonly Window[],
): Signal[] {
  const worse = (
    signal: Degradation["signal"],
    judge: (measure: Window) => number,
  ): Signal[] => {
    const chance = Math.max(...measures.map(judge));
    return chance <= CHANCE_MAX ? [{ signal, chance }] : [];
  };
  const isFailing = failedShare(window) > highest(measured, failedShare);
  const p95 = (of: Window) => of.counts.ran.quantile(0.95) ?? 0;
  const isSlow = p95(window) > highest(measured, p95);
  const wait = (of: Window) => of.counts.waited.quantile(0.95) ?? 0;
  const isWaiting = wait(window) > highest(measured, wait);
  const timedOut = (of: Window): Part => ({
    count: of.counts.outcome("timed_out"),
    of: of.counts.ended,
  });
  const failed = (of: Window): Part => ({ count: of.counts.failed, of: of.counts.ended });
  const parked = (of: Window): Part => ({ count: of.counts.parked, of: of.counts.ended });
  const isMostlyLate = timedOut(window).count * 2 > failed(window).count;
  return [
    ...isFailing && isMostlyLate ? worse("timeouts", (of) => shareWorse(timedOut, window, of)) : [],
    ...isFailing && !isMostlyLate ? worse("failures", (of) => shareWorse(failed, window, of)) : [],
    ...isSlow ? worse("latency", (of) => slower(window, of)) : [],
    ...isWaiting ? worse("waiting", (of) => waitsLonger(window, of)) : [],
    ...isFailing ? worse("parked", (of) => shareWorse(parked, window, of)) : [],
  ];
}

/** Whether a step that did worse does as before again: it fails, takes and waits no more than that. */
export function isOver({ now, before }: Pick<Degradation, "now" | "before">): boolean {
  const { share, tailRatio, waitedMs } = WORSE;
  return now.failedShare < before.failedShare + share / 2 &&
    (now.p95Ms ?? Infinity) < (before.p95Ms ?? 0) * Math.sqrt(tailRatio) &&
    (now.waitedP95Ms ?? 0) < Math.max(waitedMs, (before.waitedP95Ms ?? 0) * tailRatio);
}

function shareWorse(part: (of: Window) => Part, window: Window, measure: Window): number {
  const [now, before] = [part(window), part(measure)];
  const share = now.count / now.of;
  const shareBefore = before.count / before.of;
  const isWorse = share >= shareBefore + WORSE.share && share >= shareBefore * WORSE.shareRatio;
  return isWorse ? chanceAbove(now, before) : 1;
}

/** The chance that durations are as much longer if nothing has changed; 1: they are not. */
export function slower({ counts: now }: Window, { counts: before }: Window): number {
  const [p50, p50Before] = [now.ran.quantile(0.5), before.ran.quantile(0.5)];
  const [p95, p95Before] = [now.ran.quantile(0.95), before.ran.quantile(0.95)];
  if (p50 === undefined || p50Before === undefined || p95 === undefined) return 1;
  if (p95Before === undefined || now.ran.count < ATTEMPTS_MIN) return 1;
  const median = p50 >= p50Before * WORSE.medianRatio
    ? chanceHigher(now.ran, before.ran, p50Before)
    : 1;
  const tail = p95 >= p95Before * WORSE.tailRatio
    ? chanceHigher(now.ran, before.ran, p95Before)
    : 1;
  return Math.min(median, tail);
}

function waitsLonger({ counts: now }: Window, { counts: before }: Window): number {
  const [p95, p95Before] = [now.waited.quantile(0.95), before.waited.quantile(0.95)];
  if (p95 === undefined || p95Before === undefined || now.waited.count < ATTEMPTS_MIN) return 1;
  if (p95 < Math.max(WORSE.waitedMs, p95Before * WORSE.tailRatio)) return 1;
  return chanceHigher(now.waited, before.waited, Math.max(p95Before, WORSE.waitedMs / 2));
}

/**
 * Whether more comes in than is done: attempts are started at least as often as before, and less of
 * them complete, or they wait much longer before they start.
 */
export function isSaturated(window: Window, measure: Window): boolean {
  const rate = (count: number, of: Window) => count / Math.max(1, of.untilMs - of.fromMs);
  const started = rate(window.counts.starts, window) /
    rate(Math.max(1, measure.counts.starts), measure);
  const done = (of: Window) => rate(of.counts.outcome("completed"), of);
  const waited = window.counts.waited.quantile(0.95) ?? 0;
  const waitedBefore = measure.counts.waited.quantile(0.95) ?? 0;
  const isRetried = window.counts.retries > 0.2 * window.counts.starts;
  const isStorm = isRetried && started >= 1.1 && done(window) < 0.8 * done(measure);
  const { starts, ended } = window.counts;
  const isPiling = starts >= ATTEMPTS_MIN && ended < starts * (1 - PILING_SHARE);
  return isStorm || isPiling || waited >= Math.max(2 * WORSE.waitedMs, 5 * waitedBefore);
}

/** The newest windows with enough attempts, as few as possible; undefined: too few in all. */
function newestOf(past: readonly Window[]): Window | undefined {
  for (let count = 1; count <= WINDOWS_MAX; count++) {
    const window = sumOf(past.slice(0, count));
    if (window.counts.ended >= ATTEMPTS_MIN) return window;
  }
  return undefined;
}

function seasonsOf({ seasons, nowMs }: Look): Window[] {
  return seasons.flatMap((cells) => {
    const window = windowOf(cells, { fromMs: 0, untilMs: nowMs });
    return window.counts.ended >= MEASURE_MIN ? [window] : [];
  });
}

function isIll({ ill }: Look, { fromMs, untilMs }: Window): boolean {
  return ill.some((span) => fromMs < span.untilMs && untilMs > span.fromMs);
}

/** The highest that a figure was in any single window of the measure. */
function highest(measured: readonly Window[], figure: (of: Window) => number): number {
  return Math.max(
    0,
    ...measured.filter(({ counts }) => counts.ended >= ATTEMPTS_MIN / 2).map(figure),
  );
}
