/// <reference lib="deno.ns" />

import { deepEqual } from "node:assert/strict";
import { drawnOf, type Row } from "./arms.ts";

/** Statistics of one policy version: attempts that ended and failed, minute by minute. */
function row(policyVersion: number, minutes: readonly (readonly [number, number])[]) {
  const intervals: Row["intervals"] = minutes.map(([ended, failed], minute) => ({
    ...{ at: new Date(minute * 60_000).toISOString(), starts: ended, ended, failed },
    ...(ended > 0 && { ranMs: { p50: policyVersion * 1_000, p95: 2_000 } }),
  }));
  return { policyVersion, intervals };
}

const NOW_MS = 3 * 60_000;

Deno.test("a plot has tasks with the change apart from those without it", () => {
  const rows = [
    row(3, [[0, 0], [10, 5], [8, 4], [8, 8]]),
    row(4, [[0, 0], [0, 0], [2, 0], [4, 1]]),
    row(5, [[0, 0], [0, 0], [0, 0], [4, 1]]),
  ];

  const { times, failed, took } = drawnOf(rows, { version: 4, untilMs: Infinity }, NOW_MS);

  deepEqual(times, [60_000, 120_000, 180_000]);
  deepEqual(failed.map(({ label, values }) => [label, values]), [
    ["failed", [50, 50, 100]],
    ["failed, changed", [null, 0, 25]],
  ]);
  deepEqual(took.filter(({ label }) => label.startsWith("half")).map(({ values }) => values), [
    [3, 3, 3],
    [null, 4, 4],
  ]);
});

Deno.test("after a change was put back, attempts are again among those without it", () => {
  const rows = [row(3, [[10, 10]]), row(4, [[0, 0], [10, 5]]), row(5, [[0, 0], [0, 0], [10, 0]])];

  const { failed } = drawnOf(rows, { version: 4, untilMs: 120_000 }, NOW_MS);

  deepEqual(failed.map(({ values }) => values), [[100, null, 0], [null, 50, null]]);
});

Deno.test("without a change of the policy there is one line for all", () => {
  const rows = [row(0, [[10, 5]]), row(1, [[10, 0]])];

  deepEqual(drawnOf(rows, undefined, NOW_MS).failed.map(({ values }) => values), [[25]]);
});
