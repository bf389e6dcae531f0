import { deepEqual, equal } from "node:assert/strict";
import { fillPolicy } from "../core/policy.ts";
import { Counts } from "../core/statistics.ts";
import { MemoryPolicies } from "../journal/memory_stores.ts";
import type { StepDefinition } from "../core/workflow.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import { factsOf } from "./_facts.ts";
import type { Case } from "./case.ts";
import { crowds, followLimit, nextLimit } from "./crowd.ts";
import type { Window } from "./window.ts";

const MINUTE = 60_000;
const NOW = 1_000 * MINUTE;
const BEFORE = {
  ...{ attempts: 3_600, perMinute: 120, failedShare: 0, timedOutShare: 0, retriedShare: 0 },
  ...{ p50Ms: 1_000, p95Ms: 1_500, waitedP95Ms: 0 },
};

/** Two tasks a second, of a second each; then some come together and are cut off, and so again. */
const CASE: Case = {
  degradation: {
    ...{ workflow: "shop/order", step: "book", signal: "timeouts" as const, saturated: true },
    ...{ sinceMs: NOW - MINUTE, windowMs: MINUTE, before: BEFORE, chance: 0 },
    now: { ...BEFORE, timedOutShare: 0.6, failedShare: 0.6, retriedShare: 0.5 },
  },
  finding: { failureType: "overload", confidence: 0, says: "it waits", evidence: [] },
  definition: definitionOf([{ name: "book" }]).steps[0] as StepDefinition,
  policy: fillPolicy(false, { timeoutMs: 4_000 }),
  bounds: { tier: "T1" },
  ...{ system: "seats", instances: [], alternatives: [], isIdempotent: false },
  recent: factsOf(
    104,
    (task) => isCut(task) ? [["timed_out", 4_000]] : [["ok", 1_100]],
    (task) => ({ startMs: NOW - MINUTE + startOf(task) }),
  ),
  before: factsOf(120, () => [["ok", 1_000]], (task) => ({
    startMs: NOW - 30 * MINUTE + task * 500,
  })),
  seen: { recent: 1, before: 1, intervals: [], windowMs: 60_000 },
  demand: [
    {
      workflow: "shop/order",
      perMinute: 100,
      perMinuteBefore: 100,
      ...{ atOnce: 2, atOnceBefore: 1, callsPerMinuteBefore: 60 },
      priorities: [3],
      tier: "T1",
    },
  ],
  ...{ past: [], nowMs: NOW },
};

function isCut(task: number): boolean {
  return (task >= 40 && task < 60) || task >= 80;
}

/** Those that were cut off are gone when the ones that follow them begin. */
function startOf(task: number): number {
  if (task < 40) return task * 500;
  return task < 60 ? 20_000 + (task - 40) * 250 : 40_000 + (task - 60) * 400;
}

function limits(more: Partial<Case>): readonly (number | undefined)[] {
  return crowds({ ...CASE, ...more }).flatMap(({ action }) =>
    action.kind === "limit_system" ? [action.concurrencyMax] : []
  );
}

Deno.test("a system whose attempts are cut off and tried again has as many at once as when it did them", () => {
  // Two run at once before, by Little's law.
  deepEqual(limits({}), [4]);
  deepEqual(limits({ recent: CASE.before }), [], "none is cut off");
  const now = { ...CASE.degradation.now, retriedShare: 0.05 };
  deepEqual(limits({ degradation: { ...CASE.degradation, now } }), [], "few are tried again");
  const demand = CASE.demand.map((of) => ({ ...of, perMinute: 240 }));
  deepEqual(limits({ demand }), [], "more tasks begin");
  const other = { ...CASE.demand[0], workflow: "shop/report" } as Case["demand"][number];
  deepEqual(limits({ demand: [...CASE.demand, other] }), [], "another workflow is there, too");
  const thrown = CASE.recent.map((fact, at) =>
    at % 10 === 0 ? { ...fact, outcome: "thrown" as const } : fact
  );
  deepEqual(limits({ recent: thrown }), [], "some fail for another reason");
});

function windowOf(count: number, { ranMs, waitedMs = 0, cut = 0 }: {
  readonly ranMs: number;
  readonly waitedMs?: number;
  readonly cut?: number;
}): Window {
  const counts = new Counts();
  counts.starts = count;
  counts.addOutcome("completed", count - cut);
  counts.addOutcome("timed_out", cut);
  counts.waited.add(waitedMs);
  counts.ran.add(ranMs);
  return { fromMs: 0, untilMs: MINUTE, counts };
}

Deno.test("attempts that hang by chance are many at once, and no crowd", () => {
  const recent = factsOf(
    100,
    (task) => task % 3 === 0 ? [["timed_out", 4_000], ["ok", 1_000]] : [["ok", 1_000]],
    (task) => ({ startMs: NOW - MINUTE + task * 500 }),
  );
  const { now } = CASE.degradation;

  deepEqual(
    limits({ recent, degradation: { ...CASE.degradation, now: { ...now, p95Ms: 1_500 } } }),
    [],
  );
});

Deno.test("attempts that are cut off as often beside few others are no crowd", () => {
  const cut = ["timed_out", 4_000] as const;
  const recent = factsOf(
    120,
    (task) => task % 4 === 0 ? [cut, cut, cut, ["ok", 1_000]] : [["ok", 1_000]],
    (task) => ({ startMs: NOW - MINUTE + task * 500 }),
  );

  deepEqual(limits({ recent }), []);
});

Deno.test("a limit is raised while attempts wait longer and longer, and lowered while they are cut off", () => {
  const usual = windowOf(1_000, { ranMs: 1_000 });
  const earlier = windowOf(100, { ranMs: 1_500, waitedMs: 10_000 });
  const next = (is: number, last: Window) => nextLimit(is, { first: 4, last, earlier, usual });

  equal(next(8, windowOf(100, { ranMs: 1_500, waitedMs: 20_000 })), 10);
  equal(next(8, windowOf(100, { ranMs: 1_500, waitedMs: 9_000 })), 8, "what waits is worked off");
  equal(next(8, windowOf(100, { ranMs: 1_500, waitedMs: 20_000, cut: 10 })), 6);
  equal(next(4, windowOf(100, { ranMs: 4_000 })), 4, "no less than at first");
  equal(next(8, windowOf(100, { ranMs: 1_000, waitedMs: 500 })), undefined, "it is over");
});

Deno.test("a limit under which more is done is kept though a line grows, and taken back where no more is", async () => {
  const path = ["steps", "*", "concurrencyMax"];
  const followed = async (done: number) => {
    const cellOf = (fromMs: number, completed: number, waitedMs: number) => {
      const { counts } = windowOf(completed, { ranMs: 1_500, waitedMs });
      return {
        ...{ workflow: "shop/order", version: "1", step: "book", policyVersion: 0, counts },
        ...{ fromMs, untilMs: fromMs + MINUTE },
      };
    };
    const cells = [
      ...Array.from({ length: 30 }, (_, ago) => cellOf(NOW - (ago + 4) * MINUTE, 80, 0)),
      cellOf(NOW - 3 * MINUTE, 50, 5_000),
      cellOf(NOW - 2 * MINUTE, done, 20_000),
      cellOf(NOW - MINUTE, done, 30_000),
    ];
    const statistics = {
      read: ({ sinceMs, untilMs }: { readonly sinceMs: number; readonly untilMs: number }) =>
        Promise.resolve(cells.filter(({ fromMs }) => fromMs >= sinceMs && fromMs < untilMs)),
    };
    const deps = { statistics, policies: new MemoryPolicies(), runtime: { now: () => NOW } };
    return await followLimit(deps, {
      action: { concurrencyMax: 4 },
      degradation: { ...CASE.degradation, sinceMs: NOW - 3 * MINUTE },
      change: { namespace: "systems", name: "seats", changes: [{ path, value: 4 }] },
      sinceMs: NOW - 2 * MINUTE,
    });
  };

  deepEqual(await followed(150), [{ path, value: 5 }]);
  deepEqual(await followed(50), "more comes in than 4 at once do");
});
