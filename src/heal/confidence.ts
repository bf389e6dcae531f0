/** Confidence: the type of a failure, how sure that is, and how such confidences turned out. Pure. */

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

/**
 * Ranks all types, the most likely first.
 *
 * Method: the weights of each type add up, as logarithms of odds do, and become shares (softmax).
 */
export function classify(evidence: readonly Evidence[]): Candidate[] {
  const weights = sum(evidence.map(({ weights }) => weights));
  const ofError = evidence.find(({ id }) => id === "error")?.weights ?? {};
  const isUnknown = entriesOf(ofError).every(([, weight]) => weight < 2);
  const scores = FAILURE_TYPES.map((type) => {
    const novel = type === "novel" ? NOVEL_WEIGHT + (isUnknown ? UNKNOWN_TEXT_WEIGHT : 0) : 0;
    return { type, score: SHARPNESS * (novel + (weights[type] ?? 0)) };
  });
  const total = scores.reduce((all, { score }) => all + Math.exp(score), 0);
  return scores.map(({ type, score }) => ({ type, confidence: Math.exp(score) / total }))
    .sort((a, b) => b.confidence - a.confidence || (a.type < b.type ? -1 : 1));
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
