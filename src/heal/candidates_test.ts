import { deepEqual, equal } from "node:assert/strict";
import type { AttemptFact } from "../core/attempt_fact.ts";
import { fillPolicy } from "../core/policy.ts";
import type { StepDefinition } from "../core/workflow.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import { factsOf } from "./_facts.ts";
import { candidatesOf } from "./candidates.ts";
import type { Case } from "./case.ts";

const MINUTE = 60_000;
const NOW = 1_000 * MINUTE;
const BEFORE = {
  ...{ attempts: 3_600, perMinute: 60, failedShare: 0.01, timedOutShare: 0, retriedShare: 0 },
  ...{ p50Ms: 100, p95Ms: 400 },
};
const CASE: Case = {
  degradation: {
    ...{ workflow: "shop/order", step: "charge", signal: "failures" as const, saturated: false },
    ...{ sinceMs: NOW - MINUTE, windowMs: MINUTE, now: BEFORE, before: BEFORE, chance: 0 },
  },
  finding: { failureType: "novel", confidence: 0, says: "it fails", evidence: [] },
  definition: definitionOf([{ name: "charge" }]).steps[0] as StepDefinition,
  policy: fillPolicy(false, { timeoutMs: 2_000 }),
  bounds: { tier: "T1", timeoutMs: [500, 30_000], attemptsMax: [1, 8] },
  system: "payments",
  ...{ instances: [], alternatives: [], recent: [], before: [], past: [], nowMs: NOW },
};

/** One attempt a second until now, each of another task; `of` says what is different about it. */
function attempts(count: number, of: (index: number) => Partial<AttemptFact>): AttemptFact[] {
  const facts = factsOf(count, () => [["ok", 100]], (task) => ({
    startMs: NOW - (count - task) * 1_000,
  }));
  return facts.map((fact, index) => ({ ...fact, step: "charge", ...of(index) }));
}

const LOST = { outcome: "failed", isRetried: false } as const;

function kinds(more: Partial<Case>): readonly string[] {
  return candidatesOf({ ...CASE, ...more }).map(({ action }) => action.kind);
}

Deno.test("where tasks are lost, a trickle of attempts goes on and the others wait", () => {
  const [first] = candidatesOf({ ...CASE, recent: attempts(40, () => LOST) });
  equal(first?.tier, "T0");
  deepEqual(first?.action, {
    ...{ kind: "limit_system", system: "payments", capability: "*", ratePerS: 0.05 },
    untilMs: NOW + 5 * MINUTE,
  });
});

Deno.test("half of the tasks lost is enough for a trickle, half of the attempts retried is not", () => {
  const half = (isRetried: boolean) =>
    attempts(40, (index) => index % 2 === 0 ? { ...LOST, isRetried } : {});
  equal(kinds({ recent: half(false) })[0], "limit_system");
  equal(kinds({ recent: half(true) }).includes("limit_system"), false);
});

Deno.test("what failed as often before is no reason to hold anything back", () => {
  const degradation = { ...CASE.degradation, before: { ...BEFORE, failedShare: 0.3 } };
  const recent = attempts(40, (index) => index % 2 === 0 ? LOST : {});
  equal(kinds({ recent, degradation }).includes("limit_system"), false);
});
