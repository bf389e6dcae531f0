/** A candidate: something that might help. And what all who look for some need. Pure. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import type { HealingAction, Tier } from "../core/healing.ts";
import type { Case } from "./case.ts";
import type { Part } from "./comparison.ts";

/** Something that might help. */
export interface Candidate {
  readonly action: HealingAction;
  readonly tier: Tier;
  /** That it helps, 0..1, by what is known before it is tried. */
  readonly confidence: number;
  /** Why, in one sentence with figures. */
  readonly because: string;
  readonly expected: string;
  /** Whether it may make a step's effect happen again. */
  readonly repeats?: boolean;
}

/** How long what ends by itself holds at first; again as long for each earlier incident about the same. */
const HOLD_MS = 20 * 60_000;
const HOLD_MS_MAX = 2 * 3_600_000;

/** Attempts that ended lately; fewer say nothing about a part of them. */
export const GROUP_MIN = 8;

/** Failures of one kind, of all attempts of a step; that it does worse is certain already. */
export const KIND_MIN = 4;

/** The last attempts, which say how a step does now. */
export const LAST = 24;

/** The greatest change of a value, as a ratio. */
export const STEP_MAX = 2;

/** Until when what ends by itself holds. */
export function holdUntil({ past, nowMs, degradation }: Case): number {
  const alike =
    past.filter(({ apply, degradation: { workflow, step } }) =>
      apply?.isApplied && workflow === degradation.workflow && step === degradation.step
    ).length;
  return nowMs + Math.min(HOLD_MS * 2 ** alike, HOLD_MS_MAX);
}

/** The attempts that ended last. */
export function newest(facts: readonly AttemptFact[], count: number): readonly AttemptFact[] {
  return facts.toSorted((a, b) => a.endedAtMs - b.endedAtMs).slice(-count);
}

export function shown({ count, of }: Part): string {
  return `${count} of ${of} attempts`;
}

export function percent({ count, of }: Part): string {
  return `${Math.round(count / Math.max(1, of) * 100)} %`;
}
