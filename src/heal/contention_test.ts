import { deepEqual } from "node:assert/strict";
import { fillPolicy } from "../core/policy.ts";
import type { StepDefinition } from "../core/workflow.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import { factsOf } from "./_facts.ts";
import type { Case } from "./case.ts";
import { contentions } from "./contention.ts";

const MINUTE = 60_000;
const NOW = 1_000 * MINUTE;
const BEFORE = {
  ...{ attempts: 3_600, perMinute: 80, failedShare: 0, timedOutShare: 0, retriedShare: 0 },
  ...{ p50Ms: 700, p95Ms: 1_500, waitedP95Ms: 0 },
};

/** Attempts that come five together, each of which takes longer than those it comes after. */
function fives(tookMs: (others: number) => number) {
  return factsOf(200, (task) => [["ok", tookMs(task % 5)]], (task) => ({
    startMs: NOW - 30 * MINUTE + Math.floor(task / 5) * 10_000 + task % 5,
  }));
}

/** Transactions at one row: four at once are done most often. */
const CASE: Case = {
  degradation: {
    ...{ workflow: "shop/order", step: "book", signal: "latency" as const, saturated: true },
    ...{ sinceMs: NOW - MINUTE, windowMs: MINUTE, before: BEFORE, chance: 0 },
    now: { ...BEFORE, perMinute: 60, p50Ms: 6_000, waitedP95Ms: 30_000 },
  },
  finding: { failureType: "overload", confidence: 0, says: "it waits", evidence: [] },
  definition: definitionOf([{ name: "book" }]).steps[0] as StepDefinition,
  policy: fillPolicy(false, { timeoutMs: 8_000 }),
  bounds: { tier: "T1" },
  ...{ system: "seats", instances: [], alternatives: [], isIdempotent: false },
  recent: factsOf(60, () => [["ok", 6_000]], (task) => ({ startMs: NOW - MINUTE + task * 800 })),
  before: fives((others) => 600 * (1 + 0.12 * others + 0.05 * others ** 2)),
  seen: { recent: 1, before: 1, intervals: [], windowMs: 60_000 },
  demand: [
    {
      workflow: "shop/order",
      perMinute: 180,
      perMinuteBefore: 80,
      ...{ atOnce: 2, atOnceBefore: 1, callsPerMinuteBefore: 60 },
      priorities: [3],
      tier: "T1",
    },
  ],
  ...{ past: [], nowMs: NOW },
};

function limits(more: Partial<Case>): readonly (number | undefined)[] {
  return contentions({ ...CASE, ...more }).flatMap(({ action }) =>
    action.kind === "limit_system" ? [action.concurrencyMax] : []
  );
}

Deno.test("a system that does less of more tasks gets as many attempts at once as do most", () => {
  deepEqual(limits({}), [4]);
  deepEqual(limits({ before: fives((others) => 300 + 300 * others) }), [2], "no more are needed");
});

Deno.test("a system has no such limit that does what it did, or that is slow for another reason", () => {
  const now = { ...CASE.degradation.now, perMinute: 80 };
  deepEqual(limits({ degradation: { ...CASE.degradation, now } }), [], "it does what it did");
  const demand = CASE.demand.map((of) => ({ ...of, perMinute: 90 }));
  deepEqual(limits({ demand }), [], "no more tasks begin");
  const many = CASE.demand.map((of) => ({ ...of, perMinute: 300 }));
  deepEqual(limits({ demand: many }), [], "more begin than it can do");
  deepEqual(limits({ before: fives(() => 700) }), [], "many at once take no longer");
  const other = { ...CASE.demand[0], workflow: "shop/report" } as Case["demand"][number];
  deepEqual(limits({ demand: [...CASE.demand, other] }), [], "another workflow is there, too");
  const recent = CASE.recent.map((fact, at) =>
    at % 10 === 0 ? { ...fact, outcome: "thrown" as const } : fact
  );
  deepEqual(limits({ recent }), [], "some fail for another reason");
});
