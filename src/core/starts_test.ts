import assert from "node:assert/strict";
import { StartLeverFields } from "./fields.ts";
import { heldBackMs, newStartBudget, type StartLever } from "./starts.ts";

const HOUR_MS = 3_600_000;

/** Offers `perS` starts a second of each priority for a minute; returns how many of each began. */
function begun(lever: StartLever, perS: number, share = 1): readonly number[] {
  const budget = newStartBudget((lever.ratePerS ?? 0) * share, 0);
  const counts = [0, 0, 0, 0, 0];
  for (let tick = 0; tick < 60 * perS; tick++) {
    const nowMs = tick * 1_000 / perS;
    for (let priority = 5; priority >= 1; priority--) {
      const held = heldBackMs(lever, { priority, budget, share, nowMs, random: 0 });
      if (held === undefined) counts[priority - 1]!++;
    }
  }
  return counts;
}

Deno.test("starts below the priority of the lever are held back, and no others", () => {
  assert.deepEqual(begun({ pausedBelow: 2, untilMs: HOUR_MS }, 10), [600, 600, 0, 0, 0]);
  assert.deepEqual(begun({ pausedBelow: 0, untilMs: HOUR_MS }, 10), [0, 0, 0, 0, 0]);
});

Deno.test("a lever ends by itself", () => {
  assert.deepEqual(begun({ pausedBelow: 0, untilMs: 30_000 }, 10), [300, 300, 300, 300, 300]);
});

Deno.test("of a rate, the urgent are served first, and all together get no more than it", () => {
  const [first = 0, second = 0, ...others] = begun({ ratePerS: 50, untilMs: HOUR_MS }, 40);
  const all = [first, second, ...others].reduce((sum, count) => sum + count, 0);

  assert.equal(first, 2_400); // all of them
  assert.ok(second > 500 && second <= 650, `${second}`);
  assert.ok(others.every((count) => count < 60), `${others}`);
  assert.ok(all <= 50 * 60 + 50, `${all}`);
});

Deno.test("of a rate that the urgent nearly fill, they find a start although they come in bursts", () => {
  const lever = { ratePerS: 1.1, untilMs: HOUR_MS };
  const budget = newStartBudget(lever.ratePerS, 0);
  const begun = [0, 0];
  for (let tick = 0; tick < 600; tick++) {
    const at = { budget, share: 1, nowMs: tick * 1_000, random: 0 };
    for (let low = 0; low < 2; low++) {
      if (heldBackMs(lever, { ...at, priority: 4 }) === undefined) begun[1]!++;
    }
    const urgent = tick % 5 === 0 ? 5 : 0;
    for (let count = 0; count < urgent; count++) {
      if (heldBackMs(lever, { ...at, priority: 1 }) === undefined) begun[0]!++;
    }
  }

  assert.ok(begun[0]! >= 590, `${begun}`);
  assert.ok(begun[1]! > 0 && begun[0]! + begun[1]! <= 1.1 * 600 + 2, `${begun}`);
});

Deno.test("the more are held back, the later they are to come again; the urgent come soon", () => {
  const lever = { ratePerS: 1, untilMs: HOUR_MS };
  const budget = newStartBudget(1, 0);
  budget.starts = 0;
  const ask = (priority: number) =>
    heldBackMs(lever, { budget, share: 1, nowMs: 0, random: 0, priority });

  const times = Array.from({ length: 20 }, () => ask(4));

  assert.deepEqual([times[0], times[19], ask(1)], [6_400, 20_000, 1_000]);
  for (let count = 0; count < 100; count++) ask(4);
  assert.equal(ask(4), 30_000);
});

Deno.test("a rate below one a second still lets one through now and then", () => {
  assert.deepEqual(begun({ ratePerS: 0.1, untilMs: HOUR_MS }, 1), [0, 0, 0, 0, 6]);
});

Deno.test("nodes that share a rate let through their part of it", () => {
  const total = begun({ ratePerS: 50, untilMs: HOUR_MS }, 40, 0.25)
    .reduce((sum, count) => sum + count, 0);

  assert.ok(total >= 740 && total <= 765, `${total}`);
});

Deno.test("who is held back gets a time to come again: within half a minute, and not the same for all", () => {
  const given = (untilMs: number, random: number) =>
    heldBackMs({ pausedBelow: 0, untilMs }, {
      priority: 3,
      budget: newStartBudget(0, 0),
      share: 1,
      nowMs: 0,
      random,
    });

  assert.deepEqual([given(HOUR_MS, 0), given(HOUR_MS, 0.5)], [30_000, 31_500]);
  assert.deepEqual([given(5_000, 0), given(5_000, 0.999)], [5_000, 5_500]);
  assert.equal(given(1, 0), 1_000);
});

Deno.test("a lever that holds nothing back is refused", () => {
  const isTaken = (lever: object) => StartLeverFields.safeParse(lever).success;

  assert.ok(isTaken({ pausedBelow: 0, untilMs: 1 }));
  assert.ok(isTaken({ ratePerS: 0.5, untilMs: 1 }));
  assert.ok(!isTaken({ untilMs: 1 }));
  assert.ok(!isTaken({ pausedBelow: 5, untilMs: 1 }));
  assert.ok(!isTaken({ pausedBelow: 2 }));
});
