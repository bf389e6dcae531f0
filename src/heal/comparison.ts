/**
 * Comparisons: whether two groups of attempts differ by more than chance. Pure.
 *
 * Shares are compared by the two-proportion test; distributions by how many values of each group lie
 * above the same value, which is Mood's median test for the median and the like for other quantiles: it
 * needs no more of a sketch than counts.
 */

import type { Sketch } from "../core/sketch.ts";

/** Some of all. */
export interface Part {
  readonly count: number;
  readonly of: number;
}

/**
 * The one-sided chance that the first share is as far above the second one if both groups are alike.
 *
 * Source: the pooled two-proportion z test with Yates' correction; where it expects less than five in a
 * group, Chernoff's bound of the binomial tail, which is never less than the exact one.
 */
export function chanceAbove(one: Part, other: Part): number {
  if (one.of === 0 || other.of === 0) return 1;
  const pooled = (one.count + other.count) / (one.of + other.of);
  if (pooled <= 0 || pooled >= 1) return 1;
  const expected = Math.min(one.of, other.of) * Math.min(pooled, 1 - pooled);
  const difference = one.count / one.of - other.count / other.of;
  if (difference <= 0) return 1;
  const correction = (1 / one.of + 1 / other.of) / 2;
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / one.of + 1 / other.of));
  if (expected < 5) return tailBound(one, (other.count + 1) / (other.of + 2));
  return upperTail(Math.max(0, difference - correction) / deviation);
}

/** A bound of the chance of at least so many, where each comes with a probability. */
function tailBound({ count, of }: Part, probability: number): number {
  const share = count / of;
  if (share <= probability) return 1;
  const missing = share === 1 ? 0 : (1 - share) * Math.log((1 - share) / (1 - probability));
  return Math.exp(-of * (share * Math.log(share / probability) + missing));
}

/** The one-sided chance that values of the first group lie as far above a value as they do. */
export function chanceHigher(one: Sketch, other: Sketch, value: number): number {
  return chanceAbove(partAbove(one, value), partAbove(other, value));
}

/** How many values lie above one. */
function partAbove(sketch: Sketch, value: number): Part {
  return { count: sketch.count - sketch.countUpTo(value), of: sketch.count };
}

/**
 * The chance of a standard normal value above `z`.
 *
 * Source: Abramowitz and Stegun, 26.2.17; off by at most 7.5e-8, so what is less than 1e-7 is only
 * said to be small. Beyond 5 the bound of Mills' ratio is used, which is exact in the limit.
 */
function upperTail(z: number): number {
  if (z > 5) return Math.exp(-z * z / 2) / (z * Math.sqrt(2 * Math.PI));
  const t = 1 / (1 + 0.2316419 * z);
  const series = t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) * series;
}

/** How much more likely a change has to make what was seen: a factor of 3,000. */
const CHANGE_MIN = 8;

/**
 * Where the share of marked ones in a sequence rose: the split that makes it most likely, each part with a
 * share of its own; 0: it did not.
 *
 * Source: Hinkley, "Inference about the change-point in a sequence of binomial variables", 1970.
 */
export function riseIn(marks: readonly boolean[]): number {
  const total = marks.filter((mark) => mark).length;
  const whole = likelihood(total, marks.length);
  let [best, start, seen] = [CHANGE_MIN, 0, 0];
  marks.forEach((mark, index) => {
    const [left, right] = [likelihood(seen, index), likelihood(total - seen, marks.length - index)];
    const isRise = (total - seen) / (marks.length - index) > (index === 0 ? 1 : seen / index);
    if (isRise && left + right - whole > best) [best, start] = [left + right - whole, index];
    if (mark) seen++;
  });
  return start;
}

/** The logarithm of the greatest likelihood of `k` of `n`. */
function likelihood(k: number, n: number): number {
  if (k === 0 || k === n) return 0;
  return k * Math.log(k / n) + (n - k) * Math.log(1 - k / n);
}
