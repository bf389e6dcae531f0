/**
 * Bootstrap: how far a figure would move if other tasks had been seen.
 * Source: Efron, Annals of Statistics 7 (1979); the interval is of percentiles.
 */

/** A difference and where it lies with 95 % confidence. */
export interface Difference {
  readonly difference: number;
  readonly low: number;
  readonly high: number;
}

/** Resamples of a mean, and of a quantile, which has to be sorted. */
const MEANS = 1_000;
const QUANTILES = 300;

/** Values that are resampled for a quantile at most; more are thinned. */
const VALUES_MAX = 2_000;

/** Estimates the mean of differences of pairs. Cost: 1,000 draws for each pair. */
export function meanDifference(differences: readonly number[], seed: number): Difference {
  return resampled(differences, { statistic: mean, times: MEANS, seed });
}

/** Bounds how far the mean of a second group lies above that of a first one, with 95 %. */
export function meansDifference(
  before: readonly number[],
  after: readonly number[],
  seed: number,
): Pick<Difference, "low" | "high"> {
  const means = (of: readonly number[], salt: number) =>
    resamples(of, { statistic: mean, times: MEANS, seed: seed + salt });
  const [was, is] = [means(before, 0), means(after, 1)];
  const found = is.map((value, at) => value - (was[at] ?? 0));
  return { low: quantileOf(found, 0.025), high: quantileOf(found, 0.975) };
}

/** Estimates how a quantile differs between the two sides of pairs. */
export function quantileDifference(
  pairs: readonly (readonly [before: number, after: number])[],
  share: number,
  seed: number,
): Difference {
  const every = Math.ceil(pairs.length / VALUES_MAX);
  const statistic = (of: readonly (readonly [number, number])[]) =>
    quantileOf(of.map(([, after]) => after), share) -
    quantileOf(of.map(([before]) => before), share);
  const kept = pairs.filter((_, index) => index % every === 0);
  return {
    ...resampled(kept, { statistic, times: QUANTILES, seed }),
    difference: statistic(pairs),
  };
}

/** A quantile of values, by rank; 0 of none. */
export function quantileOf(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

interface Resampling<T> {
  readonly statistic: (of: readonly T[]) => number;
  readonly times: number;
  readonly seed: number;
}

function resampled<T>(values: readonly T[], how: Resampling<T>): Difference {
  if (values.length === 0) return { difference: 0, low: 0, high: 0 };
  const found = resamples(values, how);
  return {
    difference: how.statistic(values),
    low: quantileOf(found, 0.025),
    high: quantileOf(found, 0.975),
  };
}

/** A statistic of as many values, drawn again and again. */
function resamples<T>(
  values: readonly T[],
  { statistic, times, seed }: Resampling<T>,
): readonly number[] {
  const random = mulberry32(seed);
  const drawn = new Array<T>(values.length);
  return Array.from({ length: times }, () => {
    for (let at = 0; at < drawn.length; at++) {
      drawn[at] = values[Math.floor(random() * values.length)] as T;
    }
    return statistic(drawn);
  });
}

function mean(of: readonly number[]): number {
  return of.length === 0 ? 0 : of.reduce((sum, one) => sum + one, 0) / of.length;
}

/** Uniform numbers in [0, 1) of a seed. Source: Tommy Ettinger's mulberry32 (public domain). */
export function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
