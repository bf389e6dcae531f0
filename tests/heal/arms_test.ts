import { deepEqual, equal, ok } from "node:assert/strict";
import type { ArmMetric } from "../../src/core/arms.ts";
import { compareArms } from "../../src/heal/arms.ts";
import { type TaskTrace, traceOf } from "../../src/heal/trace.ts";
import { plant } from "./planted.ts";

const OVERLAY = {
  version: 2,
  by: "ada",
  reason: "try it",
  atMs: 0,
  steps: {},
  canary: { percent: 20, salt: "s", base: { version: 1, steps: {} } },
};

/** Tasks of one step that fails with a chance and takes a time, under an overlay. */
async function tracesOf(
  policyVersion: number,
  { tasks, chance, ms }: { readonly tasks: number; readonly chance: number; readonly ms: number },
): Promise<readonly TaskTrace[]> {
  const planted = await plant({
    name: "arm",
    seed: policyVersion,
    tasks,
    steps: [{
      name: "call",
      policy: { retry: { attemptsMax: 1 } },
      behaves: ({ random }) =>
        random() < chance ? { ms, error: "flaky" } : { ms: ms * (0.9 + 0.2 * random()) },
    }],
  });
  return planted.tasks.flatMap((task) => {
    const trace = traceOf(task);
    return trace === undefined ? [] : [{ ...trace, policyVersion }];
  });
}

async function verdictOf(
  before: Parameters<typeof tracesOf>[1],
  after: Parameters<typeof tracesOf>[1],
  metric: ArmMetric,
) {
  const traces = [...await tracesOf(1, before), ...await tracesOf(2, after)];
  return compareArms(traces, OVERLAY, metric);
}

const USUAL = { tasks: 400, chance: 0.2, ms: 500 };

Deno.test("an overlay under which more tasks complete does better", async () => {
  const report = await verdictOf(USUAL, { ...USUAL, tasks: 150, chance: 0.02 }, "completed");

  equal(report.verdict, "better");
  ok(report.low > 0.05 && report.high < 0.3, JSON.stringify(report));
  deepEqual(
    report.arms.map(({ policyVersion, percent, tasks }) => [policyVersion, percent, tasks]),
    [
      [1, 80, 400],
      [2, 20, 150],
    ],
  );
});

Deno.test("an overlay under which tasks take longer does worse", async () => {
  const report = await verdictOf(USUAL, { ...USUAL, ms: 600 }, "duration");

  equal(report.verdict, "worse");
});

Deno.test("arms that are alike decide nothing, and small arms neither", async () => {
  equal((await verdictOf(USUAL, USUAL, "completed")).verdict, "undecided");
  equal(
    (await verdictOf(USUAL, { ...USUAL, tasks: 99, chance: 0 }, "completed")).verdict,
    "too_few",
  );
});
