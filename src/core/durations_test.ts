import assert from "node:assert/strict";
import { neededMs, newDurations, noteDuration, usualMs } from "./durations.ts";
import { hash32 } from "./ids.ts";

/** Uniform numbers between 0 and 1. */
function randomOf(seed: string): () => number {
  let draws = 0;
  return () => hash32(`${seed}/${draws++}`) / 2 ** 32;
}

/** Durations by shape, as a function of a uniform number: their own quantile function. */
const SHAPES: Readonly<Record<string, (share: number) => number>> = {
  constant: () => 100,
  uniform: (share) => 50 + 100 * share,
  exponential: (share) => -200 * Math.log(1 - share),
  "two peaks": (share) => share < 0.3 ? 20 + share : 900 + 100 * share,
};

Deno.test("what is needed and usual settles near a tenth and nine tenths of any durations", () => {
  for (const [name, shape] of Object.entries(SHAPES)) {
    const known = newDurations();
    const random = randomOf(name);
    for (let at = 0; at < 5_000; at++) noteDuration(known, shape(random()), { nowMs: at * 1_000 });

    const [needed, usual] = [neededMs(known, 5_000_000), usualMs(known) ?? 0];

    assert.ok(needed >= shape(0.02) && needed <= shape(0.2) * 1.1, `${name}: needs ${needed}`);
    assert.ok(usual >= shape(0.8) * 0.9 && usual <= shape(0.98) * 1.1, `${name}: ${usual}`);
  }
});

Deno.test("nothing is known of few answers, nor of what was long ago", () => {
  const known = newDurations();
  for (let at = 0; at < 19; at++) noteDuration(known, 1_000, { nowMs: 0 });
  assert.deepEqual([neededMs(known, 0), usualMs(known)], [0, undefined]);

  noteDuration(known, 1_000, { nowMs: 0 });

  assert.deepEqual([neededMs(known, 0), usualMs(known)], [1_000, 1_000]);
  assert.equal(neededMs(known, 10_001), 0);
});

Deno.test("a burst of slow answers does not become usual in less than a minute", () => {
  const known = newDurations();
  for (let at = 0; at < 1_000; at++) noteDuration(known, 100, { nowMs: at * 10 });

  for (let at = 1_000; at < 4_000; at++) noteDuration(known, 5_000, { nowMs: at * 10 });
  assert.ok((usualMs(known) ?? 0) < 150);
  for (let at = 4_000; at < 60_000; at++) noteDuration(known, 5_000, { nowMs: at * 10 });

  assert.ok((usualMs(known) ?? 0) > 4_500);
});

Deno.test("what a slower system takes is usual after minutes, however few answers there are", () => {
  const known = newDurations();
  for (let at = 0; at < 1_000; at++) noteDuration(known, 500, { nowMs: at * 1_000 });

  for (let at = 1; at <= 45; at++) noteDuration(known, 4_000, { nowMs: 999_000 + at * 4_000 });

  assert.ok((usualMs(known) ?? 0) > 3_500, `${usualMs(known)}`);
});

Deno.test("what waits at the system is not usual, however much of it there is", () => {
  const known = newDurations();
  for (let at = 0; at < 1_000; at++) noteDuration(known, 100, { nowMs: at * 10 });

  for (let at = 1_000; at < 60_000; at++) {
    noteDuration(known, 5_000, { nowMs: at * 10, isUsual: false });
  }

  assert.equal(usualMs(known), 100);
});

Deno.test("what surely did not wait is usual within some answers, not within minutes", () => {
  const known = newDurations();
  for (let at = 0; at < 1_000; at++) noteDuration(known, 100, { nowMs: at * 10 });

  for (let at = 0; at < 20; at++) noteDuration(known, 500, { nowMs: 10_000 + at, isSure: true });

  assert.ok((usualMs(known) ?? 0) > 450, `${usualMs(known)}`);
});
