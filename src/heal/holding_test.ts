import { equal } from "node:assert/strict";
import { Counts, type StatisticsCell } from "../core/statistics.ts";
import { stateOf } from "./holding.ts";
import { lastBefore } from "./judging.ts";

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
