/** Confidence: the type of a failure, how sure that is, and how such confidences turned out. Pure. */

import type { AttemptOutcome } from "../core/attempt_fact.ts";
import { FAILURE_TYPES, type FailureType } from "../core/healing.ts";
import type { Evidence } from "./evidence.ts";
import { entriesOf, sum } from "./symptoms.ts";

/** A type, and how likely it is. */
export interface Candidate {
  readonly type: FailureType;
  /** 0..1; those of all types together are 1. */
  readonly confidence: number;
}

/** What speaks for "novel" at the start: any other type needs more. */
const NOVEL_WEIGHT = 3;

/** More, where nothing in the error itself is known. */
const UNKNOWN_TEXT_WEIGHT = 1.5;

/**
 * Weights are judged carefully and claim less than they show. This is the least factor with which the
 * labelled failures that are used for tuning have a calibration error of at most 0.05.
 */
const SHARPNESS = 1.35;

/** Below this, the most likely of the known types is not named: it is hardly better than the next. */
const NAMED_MIN = 0.35;

/** What the error itself has to say for a type, for its words to name it. */
const WORDS_MIN = 4;

/**
 * How far the sum of weights is believed, by what a diagnosis rests on: it is sure only if all evidence is
 * independent, and what decides is recorded. Chosen by the calibration error on scenarios, under rules that
 * had not been made on them as well, and on texts that are held out.
 */
const BELIEVED = {
  /** The error's own words or status name the type. */
  words: 1,
  /** What surrounds it speaks for the type: who fails, since when, for how long. A time-out has no words. */
  surroundings: 0.95,
  /** No known kind fits: there are more words than are known. */
  nothing: 0.85,
};

/** What is not sure goes to what else is likely: the same weights, taken far less seriously. */
const DOUBTFUL = 0.3;

/**
 * Ranks all types, the most likely first.
 *
 * Method: the weights of each type add up, as logarithms of odds do, and become shares (softmax), of
 * which a part is doubted, by what the first rests on.
 */
export function classify(
  evidence: readonly Evidence[],
  outcome: AttemptOutcome,
): readonly Candidate[] {
  const weights = sum(evidence.map(({ weights }) => weights));
  const ofError = evidence.find(({ id }) => id === "error")?.weights ?? {};
  const isUnknown = entriesOf(ofError).every(([, weight]) => weight < 2);
  const novel = NOVEL_WEIGHT + (isUnknown ? UNKNOWN_TEXT_WEIGHT : 0);
  const weightOf = (type: FailureType) => type === "novel" ? novel : weights[type] ?? 0;
  const sure = sharesOf((type) => SHARPNESS * weightOf(type));
  const doubtful = sharesOf((type) => DOUBTFUL * weightOf(type));
  const ranked = FAILURE_TYPES.toSorted((a, b) => sure[b] - sure[a] || (a < b ? -1 : 1));
  const [likeliest] = ranked as [FailureType];
  const first = sure[likeliest] < NAMED_MIN ? "novel" : likeliest;
  const isNamed = outcome !== "timed_out" && (ofError[first] ?? 0) >= WORDS_MIN;
  const believed = first === "novel"
    ? BELIEVED.nothing
    : isNamed
    ? BELIEVED.words
    : BELIEVED.surroundings;
  return [first, ...ranked.filter((type) => type !== first)].map((type) => ({
    type,
    confidence: believed * sure[type] + (1 - believed) * doubtful[type],
  }));
}

/** Shares of scores that are logarithms of odds. */
function sharesOf(scoreOf: (type: FailureType) => number): Readonly<Record<FailureType, number>> {
  const odds = FAILURE_TYPES.map((type) => [type, Math.exp(scoreOf(type))] as const);
  const total = odds.reduce((sum, [, of]) => sum + of, 0);
  return Object.fromEntries(odds.map(([type, of]) => [type, of / total])) as Record<
    FailureType,
    number
  >;
}

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
