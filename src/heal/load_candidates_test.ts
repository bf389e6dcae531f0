import { deepEqual, equal } from "node:assert/strict";
import { fillPolicy } from "../core/policy.ts";
import type { StepDefinition } from "../core/workflow.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import { factsOf } from "./_facts.ts";
import type { Case, Demand } from "./case.ts";
import { pauses } from "./load_candidates.ts";

const MINUTE = 60_000;
const NOW = 1_000 * MINUTE;
const BEFORE = {
  ...{ attempts: 3_600, perMinute: 60, failedShare: 0.01, timedOutShare: 0, retriedShare: 0 },
  ...{ p50Ms: 100, p95Ms: 400, waitedP95Ms: 0 },
};
const OWN: Demand = {
  workflow: "shop/order",
  perMinute: 150,
  perMinuteBefore: 60,
  ...{ atOnce: 0.25, atOnceBefore: 0.1, callsPerMinuteBefore: 60 },
  priorities: [1, 1, 4, 4, 4],
  tier: "T1",
};

/** A step at which more waits the longer it lasts, though its system is as quick as ever. */
const CASE: Case = {
  degradation: {
    ...{ workflow: "shop/order", step: "charge", signal: "waiting" as const, saturated: false },
    ...{ sinceMs: NOW - MINUTE, windowMs: MINUTE, before: BEFORE, chance: 0 },
    now: { ...BEFORE, perMinute: 90, waitedP95Ms: 60_000 },
  },
  finding: { failureType: "overload", confidence: 0, says: "it waits", evidence: [] },
  definition: definitionOf([{ name: "charge" }]).steps[0] as StepDefinition,
  policy: fillPolicy(false, { timeoutMs: 2_000 }),
  bounds: { tier: "T1" },
  ...{ system: "payments", instances: [], alternatives: [], isIdempotent: false },
  recent: factsOf(60, () => [["ok", 100]], (task) => ({ startMs: NOW - (60 - task) * 1_000 })),
  ...{
    before: [],
    seen: { recent: 1, before: 1, intervals: [], windowMs: 60_000 },
    past: [],
    nowMs: NOW,
  },
  demand: [OWN],
};

function found(more: Partial<Case>) {
  return pauses({ ...CASE, ...more }).map(({ action, tier }) => [
    tier,
    action.kind === "pause_starts" && [action.workflow, action.ratePerS],
  ]);
}

/** A less urgent workflow that asks for ten times as much as before. */
const BATCH = {
  ...OWN,
  workflow: "shop/report",
  ...{
    perMinute: 60,
    perMinuteBefore: 6,
    atOnce: 0.1,
    atOnceBefore: 0.01,
    callsPerMinuteBefore: 60,
    priorities: [5],
  },
};
const URGENT = { ...OWN, priorities: [1] };

Deno.test("a line of its own tasks is left to the engine, which serves it by priority", () => {
  deepEqual(found({}), []);
  deepEqual(found({ demand: [URGENT, BATCH] }), [["T0", ["shop/report", 0.1]]]);
});

Deno.test("what is less urgent and asks for more than before is held to that, for those who do worse", () => {
  const orders = { ...OWN, perMinute: 60, atOnce: 0.1, priorities: [1] };
  const degradation = { ...CASE.degradation, saturated: true };
  deepEqual(found({ demand: [orders, BATCH], degradation }), [["T0", ["shop/report", 0.1]]]);
  const other = { ...degradation, workflow: "shop/report" };
  deepEqual(found({ demand: [orders, BATCH], degradation: other }), []);
  deepEqual(found({ demand: [orders, { ...BATCH, tier: "none" }], degradation })[0]?.[0], "T2");
  const usual = { ...BATCH, perMinute: 6, atOnce: 0.01 };
  deepEqual(found({ demand: [{ ...orders, perMinute: 200 }, usual] }), []);
});

Deno.test("what takes far more of a system with as many tasks as before is held to what it took", () => {
  const orders = { ...OWN, perMinute: 60, atOnce: 0.1, priorities: [1] };
  const statement = {
    ...{ ...OWN, workflow: "shop/statement", priorities: [4] },
    ...{
      perMinute: 90,
      perMinuteBefore: 90,
      atOnce: 20,
      atOnceBefore: 1,
      callsPerMinuteBefore: 60,
    },
  };
  const degradation = { ...CASE.degradation, saturated: true };
  deepEqual(found({ demand: [orders, statement], degradation }), [["T0", [
    "shop/statement",
    0.08,
  ]]]);
  // A system that is slower for all of them.
  const slow = { ...orders, atOnce: 1.5 };
  deepEqual(found({ demand: [slow, statement], degradation }), []);
});

Deno.test("a rival is held back where those who are served first are cut off at the system", () => {
  const cut = CASE.recent.map((fact, index) =>
    index % 2 === 0 ? { ...fact, outcome: "timed_out" as const } : fact
  );
  const { now } = CASE.degradation;
  const degradation = { ...CASE.degradation, now: { ...now, waitedP95Ms: 0 } };
  const demand = [URGENT, BATCH];

  equal(found({ demand, degradation, recent: cut }).length, 1);
  equal(found({ demand, degradation }).length, 0);
});

Deno.test("nothing is held back where a system fails, is slow by itself, or takes all that begins", () => {
  const failing = CASE.recent.map((fact, index) =>
    index % 2 === 0 ? { ...fact, outcome: "thrown" as const } : fact
  );
  const demand = [URGENT, BATCH];
  equal(found({ demand, recent: failing }).length, 0);
  equal(found({ demand: [{ ...URGENT, perMinute: 90 }, BATCH] }).length, 0);
  const stopped = { ...CASE.degradation, now: { ...CASE.degradation.now, perMinute: 20 } };
  equal(found({ demand, degradation: stopped }).length, 0);
});
