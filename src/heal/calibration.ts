/** Calibration: how often what was stated with some confidence turned out to be right. Pure. */

/** A confidence as it was stated, and whether it was right. */
export interface Stated {
  readonly confidence: number;
  readonly isRight: boolean;
}

/** How well confidences fit; absent numbers: nothing has turned out yet. */
export interface Calibration {
  /** How many turned out right or wrong. */
  readonly count: number;
  /** Expected calibration error: by bin, the distance of confidence and share, weighted by count. */
  readonly ece?: number;
  /** Brier score: the mean squared distance of confidence and outcome. */
  readonly brier?: number;
  /** By tenths of stated confidence, the lowest first. */
  readonly bins: readonly {
    readonly count: number;
    readonly right: number;
    readonly sum: number;
  }[];
}

const BINS = 10;

/** A stated confidence counts as much as this many outcomes: few outcomes change little. */
const PRIOR = 10;

/**
 * Counts outcomes in ten bins. Source: Naeini et al., "Obtaining Well Calibrated Probabilities Using
 * Bayesian Binning", AAAI 2015; Brier, Monthly Weather Review 78 (1950).
 */
export function calibrationOf(all: readonly Stated[]): Calibration {
  const bins = Array.from({ length: BINS }, () => ({ count: 0, right: 0, sum: 0 }));
  let squares = 0;
  for (const { confidence, isRight } of all) {
    const bin = bins[binOf(confidence)] as { count: number; right: number; sum: number };
    bin.count++;
    bin.sum += confidence;
    if (isRight) bin.right++;
    squares += (confidence - Number(isRight)) ** 2;
  }
  if (all.length === 0) return { count: 0, bins };
  const distance = bins.reduce((sum, { right, sum: stated }) => sum + Math.abs(stated - right), 0);
  return { count: all.length, ece: distance / all.length, brier: squares / all.length, bins };
}

/** Corrects a confidence by what became of those in its bin; without outcomes it stays as it is. */
export function calibrated(confidence: number, { bins }: Calibration): number {
  const { count, right } = bins[binOf(confidence)] ?? { count: 0, right: 0 };
  return (right + PRIOR * confidence) / (count + PRIOR);
}

function binOf(confidence: number): number {
  return Math.min(BINS - 1, Math.max(0, Math.floor(confidence * BINS)));
}
