/** Load: whether a step takes longer when more of it is under way. What adds load then makes it worse. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import { Survival } from "./survival.ts";

/** Attempts that are looked at. */
const ATTEMPTS_MIN = 60;

/** How much more has to be under way, and how much longer that has to take. */
const MORE_UNDER_WAY = 2;
const TIMES_LONGER = 1.5;

/**
 * Whether attempts take longer the more of them are under way: a median of half as much again while at
 * least twice as many are. Cost: O(n log n).
 */
export function slowsUnderLoad(attempts: readonly AttemptFact[]): boolean {
  if (attempts.length < ATTEMPTS_MIN) return false;
  const sorted = withUnderWay(attempts).sort((a, b) => a.underWay - b.underWay);
  const third = Math.floor(sorted.length / 3);
  const [few, many] = [sorted.slice(0, third), sorted.slice(-third)];
  const mean = (of: typeof sorted) =>
    of.reduce((sum, { underWay }) => sum + underWay, 0) / of.length;
  if (mean(many) < Math.max(mean(few) * MORE_UNDER_WAY, mean(few) + 1)) return false;
  const [fast, slow] = [medianMs(few), medianMs(many)];
  return fast !== undefined && (slow ?? Infinity) > fast * TIMES_LONGER;
}

/** How many others were under way when each attempt began. */
function withUnderWay(attempts: readonly AttemptFact[]) {
  const ends = attempts.map(({ endedAtMs }) => endedAtMs).sort((a, b) => a - b);
  let ended = 0;
  return attempts.toSorted((a, b) => a.startedAtMs - b.startedAtMs).map((attempt, begun) => {
    while ((ends[ended] ?? Infinity) <= attempt.startedAtMs) ended++;
    return { attempt, underWay: Math.max(0, begun - ended) };
  });
}

function medianMs(of: readonly { readonly attempt: AttemptFact }[]): number | undefined {
  return new Survival(of.map(({ attempt }) => observed(attempt))).quantile(0.5);
}

/** How long the work of an attempt took, as far as its fact says. */
export function observed({ outcome, ranMs }: Pick<AttemptFact, "outcome" | "ranMs">) {
  return { ms: ranMs, isCut: outcome !== "completed" };
}
