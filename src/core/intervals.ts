/** Intervals: between which values a share or a quantile lies, of which some cases were seen. Pure. */

/** Bounds that hold with 95 % confidence. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The 97.5th percentile of the normal distribution: intervals hold 95 %, two-sided. */
const Z = 1.959963984540054;

/** What may lie outside an interval, on each side. */
const OUTSIDE = 0.025;

/** With more values than this the normal distribution is close enough to the binomial one. */
const EXACT_MAX = 10_000;

/**
 * Returns where a share lies, 0..1, given `hits` of `n`. Of nothing it is anything.
 * Source: Wilson, J. Amer. Statist. Assoc. 22 (1927).
 */
export function wilson(hits: number, n: number): Interval {
  if (n === 0) return { low: 0, high: 1 };
  const share = hits / n;
  const z2 = Z * Z;
  const middle = (share + z2 / (2 * n)) / (1 + z2 / n);
  const reach = Z * Math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n);
  return { low: Math.max(0, middle - reach), high: Math.min(1, middle + reach) };
}

/**
 * Returns the ranks, 0..1, of those among `n` values between which the quantile at `rank` lies,
 * whatever their distribution. A side is absent where there are too few values to bound it.
 *
 * Source: order statistics; Conover, Practical Nonparametric Statistics, §3.2. Cost: O(n), at most
 * 10,000 steps.
 */
export function rankInterval(rank: number, n: number): Partial<Interval> {
  if (n < 2) return {};
  // How many values lie below the quantile is binomial: the bounds are of that number.
  const [below, above] = n > EXACT_MAX ? normalBounds(rank, n) : binomialBounds(rank, n);
  return {
    ...(below > 0 && { low: (below - 1) / (n - 1) }),
    ...(above < n && { high: above / (n - 1) }),
  };
}

/** The most values of which too few lie below, and the fewest of which enough do. */
function binomialBounds(rank: number, n: number): readonly [below: number, above: number] {
  let [below, sum] = [0, 0];
  for (let count = 0; count <= n; count++) {
    sum += Math.exp(
      logChoose(n, count) + count * Math.log(rank) + (n - count) * Math.log1p(-rank),
    );
    if (sum <= OUTSIDE) below = count + 1;
    if (sum >= 1 - OUTSIDE) return [below, count];
  }
  return [below, n];
}

function normalBounds(rank: number, n: number): readonly [below: number, above: number] {
  const reach = Z * Math.sqrt(n * rank * (1 - rank));
  return [Math.max(0, Math.floor(n * rank - reach)), Math.min(n, Math.ceil(n * rank + reach))];
}

const LOG_FACTORIALS = [0];

function logChoose(n: number, count: number): number {
  for (let next = LOG_FACTORIALS.length; next <= n; next++) {
    LOG_FACTORIALS.push((LOG_FACTORIALS[next - 1] as number) + Math.log(next));
  }
  const of = (number: number) => LOG_FACTORIALS[number] as number;
  return of(n) - of(count) - of(n - count);
}
