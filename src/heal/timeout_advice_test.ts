import { deepEqual, equal } from "node:assert/strict";
import { factsOf, type Went } from "./_facts.ts";
import { timeoutAdvice } from "./timeout_advice.ts";

/** What is advised, in one value. */
function adviceOf(
  tasks: number,
  went: (task: number) => Went,
  timeoutMs: number,
  startMs?: (task: number) => number,
) {
  const facts = factsOf(
    tasks,
    (task) => [went(task)],
    (task) => startMs === undefined ? {} : { startMs: startMs(task) },
  );
  const advice = timeoutAdvice(facts, timeoutMs);
  return advice?.kind === "set" ? [advice.why, advice.timeoutMs] : advice?.reason;
}

/** Durations spread evenly up to a longest one, cut off at 30 s. */
function spread(longestMs: number): (task: number) => Went {
  return (task) => {
    const ms = 1_000 + (task * 7_919 % 1_000) / 1_000 * (longestMs - 1_000);
    return ms > 30_000 ? ["timed_out", 30_000] : ["ok", ms];
  };
}

Deno.test("a time-out that cuts attempts off is doubled, and not more", () => {
  deepEqual(adviceOf(500, spread(45_000), 30_000), ["cuts", 60_000]);
  deepEqual(adviceOf(500, spread(300_000), 30_000), ["cuts", 60_000]);
});

Deno.test("a time-out that cuts nothing off stays", () => {
  equal(adviceOf(500, spread(29_000), 30_000), "fits");
});

Deno.test("nothing is advised of fewer than 299 attempts", () => {
  equal(adviceOf(298, spread(45_000), 30_000), "too_few");
});

Deno.test("attempts that hang long after all others are given up sooner, by half at most", () => {
  const went = (task: number): Went =>
    task % 10 === 0 ? ["timed_out", 60_000] : ["ok", 500 + task % 100];

  deepEqual(adviceOf(500, went, 60_000), ["hangs", 30_000]);
});

Deno.test("attempts of two kinds get no advice", () => {
  const went = (task: number): Went =>
    task % 3 === 0
      ? spread(45_000)(task).length > 0 && task % 2 === 0
        ? ["timed_out", 30_000]
        : ["ok", 20_000 + task]
      : ["ok", 100 + task % 50];

  equal(adviceOf(600, went, 30_000), "two_modes");
});

Deno.test("a step that takes longer under load is not waited for longer", () => {
  const went = (task: number): Went => {
    const ms = 1_000 + 900 * (task % 40);
    return ms > 30_000 ? ["timed_out", 30_000] : ["ok", ms];
  };

  equal(
    adviceOf(800, went, 30_000, (task) => Math.floor(task / 40) * 600_000 + task % 40),
    "saturation",
  );
});
