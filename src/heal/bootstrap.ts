/**
 * Bootstrap: how far a quantile would move if other tasks had been seen, and the like of means.
 * Source: Efron, Annals of Statistics 7 (1979); the interval is of percentiles.
 */

/** A difference and where it lies with 95 % confidence. */
export interface Difference {
  readonly difference: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 300;

/** Values that are resampled at most, since they have to be sorted each time; more are thinned. */
const VALUES_MAX = 1_000;

/** The 97.5th percentile of the normal distribution. */
const Z = 1.96;

/** Estimates a mean by the central limit theorem: to resample 10,000 tasks would take seconds. */
export function meanDifference(differences: readonly number[]): Difference {
  const { mean, error } = meanOf(differences);
  return { difference: mean, low: mean - Z * error, high: mean + Z * error };
}

/** Bounds how far the mean of a second group lies above that of a first one. Source: Welch, 1947. */
export function meansDifference(
  before: readonly number[],
  after: readonly number[],
): Pick<Difference, "low" | "high"> {
  const [was, is] = [meanOf(before), meanOf(after)];
  const [difference, error] = [is.mean - was.mean, Math.hypot(was.error, is.error)];
  return { low: difference - Z * error, high: difference + Z * error };
}

/** A mean and its standard error. */
function meanOf(values: readonly number[]) {
  const n = Math.max(1, values.length);
  const mean = values.reduce((sum, one) => sum + one, 0) / n;
  const squares = values.reduce((sum, one) => sum + (one - mean) ** 2, 0);
  return { mean, error: Math.sqrt(squares / Math.max(1, n - 1) / n) };
}

/** Estimates how a quantile differs between the two sides of pairs. Cost: some 50 ms at most. */
export function quantileDifference(
  pairs: readonly (readonly [before: number, after: number])[],
  share: number,
  seed: number,
): Difference {
  const difference = (of: typeof pairs) =>
    quantileOf(of.map(([, after]) => after), share) -
    quantileOf(of.map(([before]) => before), share);
  const every = Math.ceil(pairs.length / VALUES_MAX);
  const kept = pairs.filter((_, index) => index % every === 0);
  const random = mulberry32(seed);
  const drawn = Array.from(
    { length: kept.length === 0 ? 0 : RESAMPLES },
    () => difference(kept.map(() => kept[Math.floor(random() * kept.length)] as typeof kept[0])),
  );
  return {
    difference: difference(pairs),
    low: quantileOf(drawn, 0.025),
    high: quantileOf(drawn, 0.975),
  };
}

/** A quantile of values, by rank; 0 of none. */
export function quantileOf(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
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
