/** Classification: the type of a failure and how sure that is, out of the weights of evidence. Pure. */

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
 * labelled failures that are used for tuning have a calibration error of at most 0.05. Those that are
 * held out were not looked at for it.
 */
const SHARPNESS = 1.3;

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
