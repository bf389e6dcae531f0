/** Durations: how long the attempts of a step usually take, learned from those that were answered. */

/** Answers without which nothing is known. */
const COUNT_MIN = 20;

/** Answers after which what is known has settled. */
const SETTLED_COUNT = 50;

/**
 * By how much of itself a quantile moves at most at each answer, once it has settled. What is usual is learned
 * from few answers while a system is limited, and must follow one that has become slower: time bounds it.
 */
const RATE_MAX = { low: 0.02, high: 0.2 };

/** What is usual takes this long to double: a burst of slow answers does not become usual. */
const DOUBLING_MS = 60_000;

/** What is known is out of date after this long without an answer, or after four durations. */
const FRESH_MS = 10_000;

/** Two quantiles of the durations of a step's answered attempts. Units: milliseconds. */
export interface Durations {
  /** One in ten takes less. */
  low: number;
  /** Nine in ten take less, where they do not wait at the system. */
  high: number;
  count: number;
  /** When the newest was noted. */
  atMs: number;
}

/** Nothing is known. */
export function newDurations(): Durations {
  return { low: 0, high: 0, count: 0, atMs: -Infinity };
}

/**
 * Notes how long an attempt took that was answered in time; unless `isUsual`, it may have waited at the
 * system, which says nothing about what is usual; `isSure`: it surely did not wait, however unusual it is.
 *
 * Each quantile moves towards the duration, further on its rarer side, so that it settles where the
 * share of shorter ones is right: Ma, Muthukrishnan, Sandler, "Frugal streaming for estimating
 * quantiles" (2014), with steps in proportion. Cost: O(1), no memory.
 */
export function noteDuration(
  known: Durations,
  ranMs: number,
  { nowMs, isUsual = true, isSure = false }: {
    readonly nowMs: number;
    readonly isUsual?: boolean;
    readonly isSure?: boolean;
  },
): void {
  const ms = Math.max(1, ranMs);
  const inTime = isSure ? Infinity : 2 * Math.LN2 * (nowMs - known.atMs) / DOUBLING_MS;
  const rate = (max: number) =>
    known.count < SETTLED_COUNT ? 1 / (known.count + 1) : Math.min(max, inTime);
  known.low = known.count === 0
    ? ms
    : moved(known.low, ms, { share: 0.1, rate: rate(RATE_MAX.low) });
  if (isUsual) {
    const { high } = known;
    known.high = known.count === 0
      ? ms
      : moved(high, ms, { share: 0.9, rate: rate(RATE_MAX.high) / 1.8 });
  }
  known.count++;
  known.atMs = nowMs;
}

/** What nine in ten attempts need at least; 0: not known, or not any more. */
export function neededMs({ low, count, atMs }: Durations, nowMs: number): number {
  if (count < COUNT_MIN || nowMs - atMs > Math.max(FRESH_MS, 4 * low)) return 0;
  return low;
}

/** What nine in ten attempts need at most; undefined: not known. */
export function usualMs({ high, count }: Durations): number | undefined {
  return count < COUNT_MIN ? undefined : high;
}

function moved(
  quantile: number,
  ms: number,
  { share, rate }: { share: number; rate: number },
): number {
  return ms > quantile
    ? Math.min(ms, quantile * (1 + rate * share))
    : Math.max(ms, quantile * (1 - rate * (1 - share)));
}
