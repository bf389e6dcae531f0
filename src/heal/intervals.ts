/** Intervals: how far a share may be from what was counted. Pure. */

/** The 97.5th percentile of the normal distribution: intervals hold 95 %. */
const Z = 1.959964;

/** Bounds of a share, 0..1. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * The interval of a share, 95 %. Source: Wilson, J. Amer. Statist. Assoc. 22 (1927).
 *
 * Shape: `count` of `of`, from 0; without any it is everything, 0 to 1.
 */
export function wilson(count: number, of: number): Interval {
  if (of === 0) return { low: 0, high: 1 };
  const share = count / of;
  const scale = 1 + Z * Z / of;
  const middle = (share + Z * Z / (2 * of)) / scale;
  const half = Z * Math.sqrt(share * (1 - share) / of + Z * Z / (4 * of * of)) / scale;
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}
