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
import {
  failedShare,
  figuresOf,
  spanOf,
  sumOf,
  type Window,
  windowOf,
  windowsOf,
} from "./window.ts";

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

/**
 * What gets worse by a little in each window differs from none of those before it, and has become a part of
 * the measure by the time it differs from that. So the last windows are compared together with those before
 * as many others; over more attempts half of a change says as much (Google, "The Site Reliability
 * Workbook", chapter 5: long windows have lower thresholds, and a short one says that it is not over).
 */
const SLOW = { windows: 5, gap: 5, part: 0.5 };

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
  const measured = measuredOf(look, past.slice(1 + GAP));
  if (window === undefined || measured === undefined) return undefined;
  const { windows, measure } = measured;
  const found = signals(window, [measure, ...seasonsOf(look)], windows)
    .toSorted((one, other) => one.chance - other.chance);
  const [worst] = found;
  if (worst === undefined) return slowly(look, past);
  const isWaiting = found.some(({ signal }) => signal === "waiting");
  return degradationOf(look, worst, {
    window,
    measure,
    saturated: isWaiting || isSaturated(window, measure),
  });
}

/** Finds what fails more by a little in each window; what was known to do badly lately says nothing. */
function slowly(
  look: Look,
  past: readonly Window[],
): Omit<Degradation, "workflow" | "step"> | undefined {
  const last = past.slice(0, SLOW.windows);
  const [newest] = last;
  const least = SLOW.part * WORSE.share;
  // Nearly all looks end here: to add up an hour costs more.
  if (newest === undefined || failedShare(newest) < least) return undefined;
  const window = sumOf(last);
  if (window.counts.ended < ATTEMPTS_MIN || last.some((of) => isIll(look, of))) return undefined;
  const measured = measuredOf(look, past.slice(SLOW.windows + SLOW.gap));
  if (measured === undefined) return undefined;
  const { windows, measure } = measured;
  if (failedShare(newest) < failedShare(measure) + least) return undefined;
  if (failedShare(window) <= highest(windows, failedShare)) return undefined;
  const measures = [measure, ...seasonsOf(look)];
  const chance = Math.max(...measures.map((of) => shareWorse(failed, window, of, SLOW.part)));
  if (chance > CHANCE_MAX) return undefined;
  const signal = isMostlyLate(window) ? "timeouts" : "failures";
  const saturated = isSaturated(newest, measure);
  return degradationOf(look, { signal, chance }, { window, measure, saturated });
}

/** What a look is measured by; undefined: too little. */
function measuredOf(look: Look, past: readonly Window[]) {
  // Windows without an attempt are from before its first one: they would make rates too small.
  const windows = past.filter((of) => of.counts.starts > 0 && !isIll(look, of));
  if (windows.length === 0) return undefined;
  const spans = windows.map(spanOf);
  const measure = { ...sumOf(windows), fromMs: 0, untilMs: spans.reduce((sum, ms) => sum + ms) };
  return measure.counts.ended < MEASURE_MIN ? undefined : { windows, measure };
}

function degradationOf(
  look: Look,
  { signal, chance }: Signal,
  { window, measure, saturated }: {
    readonly window: Window;
    readonly measure: Window;
    readonly saturated: boolean;
  },
): Omit<Degradation, "workflow" | "step"> {
  const error = [...window.counts.errors].toSorted(([, a], [, b]) => b - a)[0]?.[0];
  const usualUntilMs = usualUntil(look, window.fromMs);
  return {
    signal,
    ...(error !== undefined && { error }),
    saturated,
    sinceMs: window.fromMs,
    windowMs: look.windowMs,
    ...(usualUntilMs !== undefined && { usualUntilMs }),
    now: figuresOf(window),
    before: figuresOf(measure),
    chance,
  };
}

/** So many windows between two troubles show what is usual. */
const USUAL_MIN = 5;

/**
 * Until when the step did as usual, where it was known to do badly lately: else an incident that is the next
 * about the same trouble would take that for usual, find that nothing has changed, and that it is over.
 */
function usualUntil({ ill, windowMs }: Look, sinceMs: number): number | undefined {
  const lastMs = sinceMs - windowMs;
  const untilMs = ill.toSorted((one, other) => other.untilMs - one.untilMs).reduce(
    (untilMs, span) =>
      span.fromMs < untilMs && span.untilMs > untilMs - USUAL_MIN * windowMs
        ? span.fromMs
        : untilMs,
    lastMs,
  );
  return untilMs < lastMs ? untilMs : undefined;
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
  const parkedShare = (of: Window) => parked(of).count / Math.max(1, parked(of).of);
  const isParking = parkedShare(window) > highest(measured, parkedShare);
  const isLate = isMostlyLate(window);
  return [
    ...isFailing && isLate ? worse("timeouts", (of) => shareWorse(timedOut, window, of)) : [],
    ...isFailing && !isLate ? worse("failures", (of) => shareWorse(failed, window, of)) : [],
    ...isSlow ? worse("latency", (of) => slower(window, of)) : [],
    ...isWaiting ? worse("waiting", (of) => waitsLonger(window, of)) : [],
    ...isParking ? worse("parked", (of) => shareWorse(parked, window, of)) : [],
  ];
}

/** Whether a step that did worse does as before again: it fails, takes and waits no more than that. */
export function isOver({ now, before }: Pick<Degradation, "now" | "before">): boolean {
  const { share, tailRatio, waitedMs } = WORSE;
  return now.failedShare < before.failedShare + share / 2 &&
    (now.p95Ms ?? Infinity) < (before.p95Ms ?? 0) * Math.sqrt(tailRatio) &&
    (now.waitedP95Ms ?? 0) < Math.max(waitedMs, (before.waitedP95Ms ?? 0) * tailRatio);
}

function timedOut({ counts }: Window): Part {
  return { count: counts.outcome("timed_out"), of: counts.ended };
}

function failed({ counts }: Window): Part {
  return { count: counts.failed, of: counts.ended };
}

/** Of those that are done with the step, whatever attempts it took, the part that waits for a person. */
function parked({ counts }: Window): Part {
  return { count: counts.parked, of: counts.parked + counts.outcome("completed") };
}

function isMostlyLate(window: Window): boolean {
  return timedOut(window).count * 2 > failed(window).count;
}

/** The chance that a share is as much above the usual one; 1: by less than a part of what matters. */
function shareWorse(
  part: (of: Window) => Part,
  window: Window,
  measure: Window,
  least = 1,
): number {
  const [now, before] = [part(window), part(measure)];
  const share = now.count / now.of;
  const shareBefore = before.count / before.of;
  const isWorse = share >= shareBefore + least * WORSE.share &&
    share >= shareBefore * WORSE.shareRatio;
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
  const rate = (count: number, of: Window) => count / Math.max(1, spanOf(of));
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
