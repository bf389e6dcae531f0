/** Figures: one JSON line each, for people and scripts. */

/** One measured value under a fixed name. */
export interface Figure {
  readonly bench: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
}

/** Prints a figure, rounded to four significant digits. */
export function print({ bench, metric, value, unit }: Figure): void {
  console.log(JSON.stringify({ bench, metric, value: Number(value.toPrecision(4)), unit }));
}

/** The value below which a share of the sorted samples lies. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
