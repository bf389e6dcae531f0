import { equal } from "node:assert/strict";
import { Counts } from "../core/statistics.ts";
import { nextRate, probesFail, type RateSeen } from "./following.ts";

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
function fails({ good = 0, bad = 0, windowMs = MINUTE }): Promise<boolean> {
  const counts = new Counts();
  counts.starts = good + bad;
  counts.addOutcome("completed", good);
  counts.addOutcome("failed", bad);
  const of = { workflow: "shop/order", version: "1.0.0", step: "charge", policyVersion: 0 };
  const cell = { ...of, fromMs: NOW - MINUTE, untilMs: NOW, counts };
  const statistics = {
    read: ({ sinceMs }: { readonly sinceMs: number }) =>
      Promise.resolve(good + bad === 0 || sinceMs > cell.fromMs ? [] : [cell]),
  };
  return probesFail(
    { statistics, runtime: { now: () => NOW, after: () => () => {}, digest: () => "" } },
    { ...DEGRADATION, windowMs },
  );
}

Deno.test("a window in which no probe is due does not say that nobody sends anything", async () => {
  equal(await fails({ bad: 2, windowMs: 10_000 }), true);
});

Deno.test("probes fail as long as one does, and until there are enough of them", async () => {
  equal(await fails({ good: 8, bad: 1 }), true);
  equal(await fails({ good: 5 }), true);
  equal(await fails({ good: 6 }), false);
});

Deno.test("nothing is probed where nobody sends anything", async () => {
  equal(await fails({}), false);
});

Deno.test("what a version of the workflow brought is over once that begins no more", async () => {
  const cell = (version: string, fromMs: number, step?: string) => {
    const counts = new Counts();
    counts.starts = 60;
    counts.addOutcome(version === "2.0.0" ? "failed" : "completed", 60);
    const of = { workflow: "shop/order", version, policyVersion: 0, counts };
    return { ...of, ...(step !== undefined && { step }), fromMs, untilMs: fromMs + MINUTE };
  };
  const isOver = async (begins: string, usual: string) => {
    const before = cell(usual, -5 * MINUTE, "charge");
    const cells = [before, cell("2.0.0", NOW - MINUTE, "charge"), cell(begins, NOW - MINUTE)];
    const statistics = {
      read: (of: { readonly step?: string; readonly sinceMs: number; readonly untilMs: number }) =>
        Promise.resolve(
          cells.filter(({ step, fromMs, untilMs }) =>
            step === of.step && untilMs > of.sinceMs && fromMs < of.untilMs
          ),
        ),
    };
    const runtime = { now: () => NOW, after: () => () => {}, digest: () => "" };
    return !await probesFail({ statistics, runtime }, DEGRADATION);
  };

  equal(await isOver("1.0.0", "1.0.0"), true);
  equal(await isOver("2.0.0", "1.0.0"), false, "it goes on");
  equal(await isOver("3.0.0", "2.0.0"), false, "it did well before");
});

/** One task a second begins, as many as may, and all are done at once. */
function next({ waitsMs = 0, ranMs = 100, done = 60, failed = 0, ...more }: Partial<RateSeen> & {
  readonly waitsMs?: number;
  readonly ranMs?: number;
  readonly done?: number;
  readonly failed?: number;
}): number | undefined {
  const counts = new Counts();
  for (let at = 0; at < done; at++) {
    counts.waited.add(waitsMs);
    counts.ran.add(ranMs);
  }
  counts.addOutcome("completed", done);
  counts.addOutcome("failed", failed);
  return nextRate({
    ratePerS: 1,
    firstPerS: 1,
    begun: [60, 60],
    last: { fromMs: 0, untilMs: MINUTE, counts },
    usualShare: 0.01,
    usualMs: 100,
    ...more,
  });
}

Deno.test("more may begin while the others do as usual, and all may once nobody is held back", () => {
  equal(next({}), 1.1);
  equal(next({ begun: [30, 30] }), undefined);
  equal(next({ begun: [30, 60] }), 1.1);
});

Deno.test("a rate gives way at once where others wait or fail, and not below the first", () => {
  equal(next({ waitsMs: 20_000, ratePerS: 4 }), 2);
  equal(next({ failed: 3, ratePerS: 4 }), 2);
  equal(next({ failed: 1, ratePerS: 4, begun: [240, 240] }), 4.4);
  equal(next({ waitsMs: 20_000, ratePerS: 1.5 }), 1);
});

Deno.test("no more begin while attempts take far longer: they may wait at the system", () => {
  equal(next({ ranMs: 180 }), 1.1);
  equal(next({ ranMs: 250 }), 1);
  equal(next({ ranMs: 250, waitsMs: 20_000, ratePerS: 4 }), 2);
  equal(next({ ranMs: 250, usualMs: undefined }), 1.1);
});
