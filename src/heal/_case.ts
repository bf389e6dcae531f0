/** The case of a step that fails, for tests of what is proposed. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import { fillPolicy } from "../core/policy.ts";
import type { StepDefinition } from "../core/workflow.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import { factsOf } from "./_facts.ts";
import type { Case } from "./case.ts";

export const MINUTE = 60_000;
export const NOW = 1_000 * MINUTE;
export const BEFORE = {
  ...{ attempts: 3_600, perMinute: 60, failedShare: 0.01, timedOutShare: 0, retriedShare: 0 },
  ...{ p50Ms: 100, p95Ms: 400 },
};
/** Nothing is wrong yet: a test says what. */
export const CASE: Case = {
  degradation: {
    ...{ workflow: "shop/order", step: "charge", signal: "failures" as const, saturated: false },
    ...{ sinceMs: NOW - MINUTE, windowMs: MINUTE, now: BEFORE, before: BEFORE, chance: 0 },
  },
  finding: { failureType: "novel", confidence: 0, says: "it fails", evidence: [] },
  definition: definitionOf([{ name: "charge" }]).steps[0] as StepDefinition,
  policy: fillPolicy(false, { timeoutMs: 2_000 }),
  bounds: { tier: "T1", timeoutMs: [500, 30_000], attemptsMax: [1, 8] },
  system: "payments",
  ...{
    instances: [],
    alternatives: [],
    isIdempotent: false,
    recent: [],
    before: [],
    seen: { recent: 1, before: 1, intervals: [], windowMs: 60_000 },
    demand: [],
    past: [],
    nowMs: NOW,
  },
};

/** One attempt a second until now, each of another task; `of` says what is different about it. */
export function attempts(
  count: number,
  of: (index: number) => Partial<AttemptFact>,
): AttemptFact[] {
  const facts = factsOf(count, () => [["ok", 100]], (task) => ({
    startMs: NOW - (count - task) * 1_000,
  }));
  return facts.map((fact, index) => ({ ...fact, step: "charge", ...of(index) }));
}

/** An attempt that was cut off. */
export const CUT = { outcome: "timed_out", isRetried: true, ranMs: 2_000 } as const;
