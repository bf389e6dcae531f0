import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { noPaint } from "./format.ts";
import { plotOf } from "./format.ts";
import { STATS, SYSTEM_STATS } from "./stats.ts";
import { UsageError } from "./verb.ts";

type Answer = Parameters<NonNullable<typeof STATS.lines>>[0];

const AT = "2026-01-01T10:00:00.000Z";

const ROW: Answer["statistics"][number] = {
  workflow: "shop/order",
  starts: 120,
  startsPerS: 0.0333,
  retries: 0,
  parked: 0,
  ended: 118,
  outcomes: { completed: 118 },
  failedShare: { share: 0, low: 0, high: 0.03 },
  errors: [],
  intervals: [1, 2].map((starts) => ({ at: AT, starts, ended: 1, failed: 0 })),
};

function lines(statistics: Answer["statistics"], input: object = { workflow: "shop/order" }) {
  const answer = { since: AT, until: "2026-01-01T11:00:00.000Z", everyMs: 150_000 };
  return STATS.lines?.({ ...answer, statistics, omitted: 0 }, { paint: noPaint, input });
}

Deno.test("stats shows tasks and steps in a table, with plots and errors", () => {
  const durations = { count: 9, mean: 5, p50: 5, p95: 1_500, p99: 61_000, max: 70_000 };
  const step = {
    ...ROW,
    step: "pay",
    retries: 4,
    parked: 1,
    outcomes: { completed: 100, cancelled: 2, timed_out: 10, failed: 6 },
    failedShare: { share: 0.136, low: 0.085, high: 0.21 },
    errors: ["timed_out", "E1", "E2", "E3"].map((code, at) => ({ code, count: 10 - at })),
    waitedMs: durations,
    ranMs: durations,
    intervals: [{ ...ROW.intervals[0]!, ranMs: { p50: 1, p95: 2 } }, ROW.intervals[1]!],
  };

  const parked = lines([{ ...ROW, parked: 2 }])?.[4] ?? "";
  match(parked, /^\(tasks\) +120 +2 parked +▅█$/);
  deepEqual(lines([ROW, step]), [
    "shop/order  2026-01-01 10:00:00 to 2026-01-01 11:00:00 UTC",
    "a character of a plot is 2 m 30 s; the highest is full",
    "",
    "STEP     STARTS  RETRIES  FAILED (95 %)              WAITED p50 p95  RAN p50 p95 p99  " +
    "STARTS OVER TIME  RAN p95 OVER TIME  ERRORS",
    "(tasks)  120                                                                          ▅█",
    "pay      120     4        16 (8.5 %–21 %), 1 parked  5ms 1.5s        5ms 1.5s 1m1s    " +
    "▅█                █                  timed_out ×10, E1 ×9, E2 ×8 and 1 more",
  ]);
});

Deno.test("stats without anything counted says where to look", () => {
  ok(lines([])?.[0]?.includes("--since 7d"));
});

Deno.test("stats of all workflows names each", () => {
  ok(lines([ROW], {})?.some((line) => line.startsWith("shop/order  120")));
});

Deno.test("stats systems says how much of each system failed, and how long it took", () => {
  const { workflow, ...counted } = ROW;
  const ranMs = { count: 9, mean: 5, p50: 5, p95: 1_500, p99: 61_000, max: 70_000 };
  const failed = {
    outcomes: { completed: 108, failed: 10 },
    failedShare: { share: 0.08, low: 0.05, high: 0.15 },
  };
  const system = { system: "payments", workflows: [workflow], ...counted, ...failed, ranMs };
  const window = { since: AT, until: "2026-01-01T11:00:00.000Z", everyMs: 150_000 };
  const drawn = (answer: Parameters<NonNullable<typeof SYSTEM_STATS.lines>>[0]) =>
    SYSTEM_STATS.lines?.(answer, { paint: noPaint, input: {} });

  const [head, , , , row, , left] = drawn({ ...window, statistics: [system], omitted: 3 }) ?? [];

  equal(head, "systems  2026-01-01 10:00:00 to 2026-01-01 11:00:00 UTC");
  match(row ?? "", /^payments +120 +10 \(5.0 %–15 %\) +5ms 1.5s 1m1s +▅█/);
  equal(left, "3 workflows with fewer starts are not counted");
  match(drawn({ ...window, statistics: [], omitted: 0 })?.[0] ?? "", /^no step asked a system/);
});

Deno.test("stats reads times and durations, and refuses what is neither", () => {
  const read = (since: string) => STATS.composed?.read({ options: new Map([["since", since]]) });

  equal(read(AT)?.since, AT);
  const since = Date.parse(read("1h")?.since ?? "");
  const agoMs = Date.now() - since;
  ok(agoMs >= 3_600_000 && agoMs < 3_700_000);
  throws(() => read("yesterday-ish"), UsageError);
});

Deno.test("a plot has one character a value, and a gap where there is none", () => {
  equal(plotOf([0, 1, undefined, 7]), "▁▂ █");
  equal(plotOf([0, 0]), "  ");
});
