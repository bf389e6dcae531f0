import { deepEqual, equal } from "node:assert/strict";
import type { AttemptFact } from "../core/attempt_fact.ts";
import type { TaskId } from "../core/ids.ts";
import { planOf } from "../core/plan.ts";
import { criticalPath, criticalPathOf } from "./critical_path.ts";
import type { StepTrace, TaskTrace } from "./trace.ts";

/** A step: its name, its parents, when it could start, started and ended. */
type Line = readonly [
  string,
  readonly string[],
  readyMs: number,
  startedMs: number,
  endedMs: number,
];

function traceOf(...lines: readonly Line[]): TaskTrace {
  const plan = planOf("hash", {
    namespace: "shop",
    name: "checkout",
    version: "1.0.0",
    failurePolicy: "continue_independent",
    steps: lines.map(([name, after]) => ({
      name,
      kind: "local",
      owner: "shop",
      needs: {},
      after,
      when: "succeeded",
      contract: {},
      atMostOnce: false,
      policy: {},
    })),
  });
  const steps = new Map(
    lines.map(([, , readyAtMs, startedAtMs, endedAtMs], step): [number, StepTrace] => [step, {
      step,
      attempts: [],
      readyAtMs,
      startedAtMs,
      endedAtMs,
      isCompleted: true,
      isFailed: false,
    }]),
  );
  const endedAtMs = Math.max(...lines.map((line) => line[4]));
  return {
    taskId: "t" as TaskId,
    plan,
    startedAtMs: 0,
    endedAtMs,
    end: "completed",
    policyVersion: 0,
    isTouched: false,
    steps,
  };
}

/** Two branches between `a` and `d`. */
const DIAMOND = traceOf(
  ["a", [], 0, 0, 10],
  ["b", ["a"], 10, 10, 30],
  ["c", ["a"], 10, 15, 40],
  ["d", ["b", "c"], 40, 40, 45],
);

Deno.test("the critical path is what each step waited for last", () => {
  const path = criticalPathOf(DIAMOND);

  deepEqual(
    path.map(({ step, ms, waitedMs }) => [DIAMOND.plan.steps[step]?.name, ms, waitedMs]),
    [["a", 10, 0], ["c", 30, 5], ["d", 5, 0]],
  );
});

Deno.test("what a retry waits for a limit is no pause between attempts", () => {
  const trace = traceOf(["a", [], 0, 10, 100]);
  const of = (waitedMs: number, ranMs: number) => ({ waitedMs, ranMs }) as AttemptFact;
  const step = { ...trace.steps.get(0) as StepTrace, attempts: [of(10, 20), of(30, 20)] };

  const [piece] = criticalPathOf({ ...trace, steps: new Map([[0, step]]) });

  deepEqual(piece, { step: 0, ms: 100, waitedMs: 40, ranMs: 40, betweenMs: 20 });
});

Deno.test("a step that takes no time saves only what the other branch leaves", () => {
  const found = criticalPath([DIAMOND]);

  const saved = Object.fromEntries(found.map(({ step, freeSavesMs }) => [step, freeSavesMs]));
  deepEqual(saved, { c: 10, a: 10, d: 5 });
});

Deno.test("the shares of the critical paths add up to all durations", () => {
  const other = traceOf(
    ["a", [], 0, 0, 10],
    ["b", ["a"], 10, 10, 90],
    ["c", ["a"], 10, 10, 20],
    ["d", ["b", "c"], 90, 90, 100],
  );

  const found = criticalPath([DIAMOND, other]);

  equal(found.reduce((sum, { share }) => sum + share, 0), 1);
  deepEqual(found.map(({ step, onPath }) => [step, onPath]), [
    ["b", 1],
    ["c", 1],
    ["a", 2],
    ["d", 2],
  ]);
});
