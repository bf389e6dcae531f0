import { deepEqual, equal } from "node:assert/strict";
import { Counts, type StatisticsCell } from "../core/statistics.ts";
import { MemoryPolicies } from "../journal/memory_stores.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { hold, stateOf } from "./holding.ts";
import { lastBefore } from "./judging.ts";
import { putChange } from "./overlay_change.ts";

function window(ended: number, failed: number) {
  const counts = new Counts();
  counts.addOutcome("completed", ended - failed);
  if (failed > 0) counts.addOutcome("failed", failed);
  return { fromMs: 0, untilMs: 60_000, counts };
}

Deno.test("four failures in a row say that the trouble is still there, twenty answers that it is not", () => {
  const usual = window(1_000, 15);

  equal(stateOf(window(4, 4), usual), "fails");
  equal(stateOf(window(3, 3), usual), "unclear");
  equal(stateOf(window(20, 0), usual), "works");
});

Deno.test("failures that were usual before do not keep a change", () => {
  equal(stateOf(window(40, 12), window(1_000, 300)), "works");
  equal(stateOf(window(40, 12), window(1_000, 15)), "fails");
});

Deno.test("what a change is measured by begins after the trouble did", () => {
  const cells = Array.from({ length: 12 }, (_, at): StatisticsCell => ({
    ...{ workflow: "shop/order", version: "1", step: "charge", policyVersion: 0 },
    ...{ fromMs: at * 10_000, untilMs: (at + 1) * 10_000 },
    counts: window(10, at < 8 ? 0 : 9).counts,
  }));

  const { counts } = lastBefore(cells, 120_000);

  equal(counts.failed / counts.ended, 0.9);
});

const MINUTE = 60_000;
const TRICKLE = {
  ...{ kind: "limit_system", system: "gateway", capability: "*", ratePerS: 0.05 },
  untilMs: 5 * MINUTE,
};
const CHANGE = {
  ...{ namespace: "", name: "gateway" },
  changes: [{ path: ["steps", "*", "ratePerS"], value: 0.05 }],
};
const FIGURES = {
  ...{ attempts: 60, perMinute: 60, failedShare: 0, timedOutShare: 0, retriedShare: 0 },
};

/** Looks at a trickle whose attempts fail, until it ends; returns the looks, and how it ended after how long. */
async function held() {
  let nowMs = 0;
  const policies = new MemoryPolicies();
  const put = { incident: "i1", change: CHANGE, why: "", nowMs };
  const { inverse } = await putChange(policies, put, {});
  const counts = new Counts();
  counts.starts = 1;
  counts.addOutcome("failed", 1);
  const deps = {
    policies,
    runtime: { now: () => nowMs },
    statistics: {
      read: ({ sinceMs, untilMs }: { readonly sinceMs: number; readonly untilMs: number }) =>
        Promise.resolve([{
          ...{ workflow: "shop/order", version: "1", step: "charge", policyVersion: 0, counts },
          ...{ fromMs: sinceMs, untilMs },
        }]),
    },
  } as unknown as HealerDeps;
  const degradation = {
    ...{ workflow: "shop/order", step: "charge", signal: "failures" as const, saturated: false },
    ...{ sinceMs: 0, windowMs: MINUTE, now: FIGURES, before: FIGURES, chance: 0 },
  };
  const proposal = {
    ...{ id: "p1", action: TRICKLE, change: CHANGE, tier: "T0" as const, evidence: [] },
    ...{ confidence: 0.9, expected: "", load: "reduces" as const, repeats: false },
    ...{ untilMs: 5 * MINUTE, blastRadius: { workflows: ["shop/order"], tasksPerHour: 60 } },
  };
  for (let look = 1;; look++) {
    const found = await hold(deps, {
      ...{ taskId: "i1", incident: { about: "it", number: 1, degradation } },
      proposed: { proposals: [proposal], chosen: "p1", notes: [] },
      applied: {
        isApplied: true,
        says: "",
        atMs: 0,
        version: 1,
        base: 0,
        inverse: inverse as never,
      },
      conclusion: { outcome: "kept", says: "", atMs: 0 },
      look,
    });
    if (!("laterMs" in found)) return { look, hours: nowMs / 3_600_000, outcome: found.outcome };
    nowMs += found.laterMs;
  }
}

Deno.test("a trickle holds for half a day, and that takes fewer looks than a step has attempts", async () => {
  deepEqual(await held(), { look: 841, hours: 12, outcome: "released" });
});
