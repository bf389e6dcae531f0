import { deepEqual, equal, ok } from "node:assert/strict";
import { mulberry32 } from "./bootstrap.ts";
import { type Observation, Survival } from "./survival.ts";

const SEED = 7;

/** Times 1, 2, … ms, none cut off. */
function counted(n: number): Observation[] {
  return Array.from({ length: n }, (_, at) => ({ ms: at + 1, isCut: false }));
}

Deno.test("a quantile without cuts is that of the sorted times", () => {
  const survival = new Survival(counted(1_000));

  equal(survival.quantile(0.5), 500);
  equal(survival.quantile(0.99), 990);
});

Deno.test("a quantile whose times were cut off before it is not known", () => {
  const cut = counted(100).map(({ ms }) =>
    ms > 40 ? { ms: 40, isCut: true } : { ms, isCut: false }
  );

  const survival = new Survival(cut);

  equal(survival.quantile(0.4), 40);
  equal(survival.quantile(0.5), undefined);
});

Deno.test("times that are cut off make the quantile longer, as Kaplan and Meier say", () => {
  // By hand: at 2, 3 of 3 left, one ends; at 4, 1 of 1 left ends.
  const survival = new Survival([
    { ms: 1, isCut: true },
    { ms: 2, isCut: false },
    { ms: 3, isCut: true },
    { ms: 4, isCut: false },
  ]);

  const shares = [1, 2, 3, 4].map((ms) => survival.longerThan(ms).toFixed(6));
  deepEqual(shares, ["1.000000", "0.666667", "0.666667", "0.000000"]);
});

Deno.test("a bound of the p99 takes 299 attempts, one of the p95 takes 59", () => {
  equal(new Survival(counted(298)).quantileMax(0.99), undefined);
  equal(new Survival(counted(299)).quantileMax(0.99), 299);
  equal(new Survival(counted(58)).quantileMax(0.95), undefined);
  equal(new Survival(counted(59)).quantileMax(0.95), 59);
});

Deno.test(`a bound is below the true quantile in at most 5 % of samples (seed ${SEED})`, () => {
  const random = mulberry32(SEED);
  const truth = -Math.log(0.1); // the p90 of an exponential time with mean 1
  let [low, known] = [0, 0];
  for (let sample = 0; sample < 1_000; sample++) {
    const observations = Array.from({ length: 200 }, () => {
      const [ms, cutMs] = [-Math.log(1 - random()), -3 * Math.log(1 - random())];
      return cutMs < ms ? { ms: cutMs, isCut: true } : { ms, isCut: false };
    });
    const bound = new Survival(observations).quantileMax(0.9);
    if (bound === undefined) continue;
    known++;
    if (bound < truth) low++;
  }

  ok(known > 900, `only ${known} samples have a bound`);
  ok(low / known <= 0.05, `${low} of ${known}`);
});

Deno.test("a draw beyond what was seen is assumed, and one within it is not", () => {
  const survival = new Survival([
    ...counted(70),
    ...Array.from({ length: 30 }, () => ({ ms: 100, isCut: true })),
  ]);

  equal(survival.drawAbove(50, 0.1).isAssumed, false);
  const beyond = survival.drawAbove(100, 0.5);
  ok(beyond.ms > 100 && beyond.ms < Infinity);
  equal(beyond.isAssumed, true);
});

Deno.test("an attempt that was cut off long after the others had ended is taken as one that hangs", () => {
  const survival = new Survival([
    ...counted(95),
    ...Array.from({ length: 5 }, () => ({ ms: 30_000, isCut: true })),
  ]);

  equal(survival.hangs, true);
  equal(survival.drawAbove(30_000, 0.5).ms, Infinity);
});

Deno.test("one attempt that was stalled does not decide how those that were cut off end", () => {
  const usual = [
    ...Array.from({ length: 50 }, (_, at) => ({ ms: 50 + 2 * at, isCut: false })),
    ...Array.from({ length: 50 }, () => ({ ms: 150, isCut: true })),
  ];
  const draws = (survival: Survival) => [0.1, 0.5, 0.9].map((u) => survival.drawAbove(150, u).ms);

  const stalled = new Survival([...usual, { ms: 9_000, isCut: true }]);

  for (const [at, ms] of draws(new Survival(usual)).entries()) {
    ok(Math.abs((draws(stalled)[at] ?? 0) / ms - 1) < 0.05);
  }
});
