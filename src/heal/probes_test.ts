import { equal } from "node:assert/strict";
import { Counts } from "../core/statistics.ts";
import { probesFail } from "./probes.ts";

const MINUTE = 60_000;
const NOW = 1_000 * MINUTE;
const FIGURES = {
  ...{ attempts: 60, perMinute: 60, failedShare: 0.01 },
  ...{ timedOutShare: 0, retriedShare: 0 },
};
const DEGRADATION = {
  ...{ workflow: "shop/order", step: "charge", signal: "failures" as const, saturated: false },
  ...{ sinceMs: 0, windowMs: MINUTE, now: FIGURES, before: FIGURES, chance: 0 },
};

/** Whether probes fail of which so many ended well, or badly, a minute ago. */
function fails({ good = 0, bad = 0, untilMs = NOW }): Promise<boolean> {
  const counts = new Counts();
  counts.starts = good + bad;
  counts.addOutcome("completed", good);
  counts.addOutcome("failed", bad);
  const of = { workflow: "shop/order", version: "1.0.0", step: "charge", policyVersion: 0 };
  const cell = { ...of, fromMs: NOW - MINUTE, untilMs: NOW, counts };
  const statistics = { read: () => Promise.resolve(good + bad === 0 ? [] : [cell]) };
  return probesFail(
    { statistics, runtime: { now: () => NOW, after: () => () => {}, digest: () => "" } },
    DEGRADATION,
    untilMs,
  );
}

Deno.test("probes fail as long as one does, and until there are enough of them", async () => {
  equal(await fails({ good: 8, bad: 1 }), true);
  equal(await fails({ good: 3 }), true);
  equal(await fails({ good: 4 }), false);
});

Deno.test("nothing is probed where nobody sends anything, nor for half a day", async () => {
  equal(await fails({}), false);
  equal(await fails({ bad: 9, untilMs: NOW - 721 * MINUTE }), false);
});
