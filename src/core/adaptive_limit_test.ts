import assert from "node:assert/strict";
import {
  type AdaptiveLimit,
  beginAnew,
  hasRoom,
  isKnown,
  newAdaptiveLimit,
  noteAnswer,
  noteLate,
  noteTimeout,
  RELAX_MS,
} from "./adaptive_limit.ts";
import { OPEN_MS } from "./breaker.ts";
import { newDurations, noteDuration, usualMs } from "./durations.ts";
import { hash32 } from "./ids.ts";

const TIMEOUT_MS = 1_000;

/** Limited by its time-outs at a time, with so many attempts under way. */
function limited(nowMs: number, running: number): AdaptiveLimit {
  const limit = newAdaptiveLimit();
  limit.running = running;
  answer(limit, { count: 30, ranMs: 900, nowMs });
  noteTimeout(limit, { startedAtMs: nowMs - TIMEOUT_MS, nowMs });
  return limit;
}

function answer(
  limit: AdaptiveLimit,
  { count, ranMs, nowMs, usualMs = 100 }: {
    count: number;
    ranMs: number;
    nowMs: number;
    usualMs?: number;
  },
): void {
  for (let at = 0; at < count; at++) {
    noteAnswer(limit, { startedAtMs: nowMs - ranMs, nowMs, timeoutMs: TIMEOUT_MS, usualMs });
  }
}

Deno.test("a system is not limited whose durations are what they always were, however they spread", () => {
  const shapes: Readonly<Record<string, (share: number) => number>> = {
    constant: () => 900,
    uniform: (share) => 1_100 * share,
    heavy: (share) => 120 / (1 - share) ** 1.2,
    "two peaks": (share) => share < 0.6 ? 5 : 990,
    "one peer hangs": (share) => share < 0.8 ? 50 : Infinity,
  };
  for (const [name, shape] of Object.entries(shapes)) {
    const limit = newAdaptiveLimit();
    const known = newDurations();
    for (let at = 0; at < 20_000; at++) {
      const nowMs = at * 20;
      const ranMs = shape(hash32(`${name}/${at}`) / 2 ** 32);
      const call = { startedAtMs: nowMs - Math.min(ranMs, TIMEOUT_MS), nowMs };
      if (ranMs >= TIMEOUT_MS) noteTimeout(limit, call);
      else {
        noteAnswer(limit, { ...call, timeoutMs: TIMEOUT_MS, usualMs: usualMs(known) });
        noteDuration(known, ranMs, { nowMs });
      }

      assert.equal(limit.max, Infinity, `${name}: ${at}`);
    }
  }
});

Deno.test("a time-out among slow answers halves what runs, once for all that were under way", () => {
  const limit = limited(10_000, 80);
  assert.equal(limit.max, 40);

  for (let at = 0; at < 20; at++) noteTimeout(limit, { startedAtMs: 9_900, nowMs: 10_900 });
  assert.equal(limit.max, 40);
  limit.running = 40;
  noteTimeout(limit, { startedAtMs: 10_001, nowMs: 11_001 });

  assert.equal(limit.max, 20);
});

Deno.test("a quick answer lets one more run, and from half of what was too much all together do", () => {
  const limit = newAdaptiveLimit();
  beginAnew(limit, 10_000);
  limit.running = 32;
  answer(limit, { count: 30, ranMs: 600, nowMs: 10_600, usualMs: 600 });
  assert.equal(limit.max, 32);
  noteTimeout(limit, { startedAtMs: 10_700, nowMs: 11_700 });
  assert.equal(limit.max, 16);

  answer(limit, { count: 16, ranMs: 200, nowMs: 11_500 });
  const afterQuick = limit.max;
  answer(limit, { count: 16, ranMs: 600, nowMs: 12_100 });

  assert.ok(afterQuick > 16.9 && afterQuick < 17, `${afterQuick}`);
  assert.ok(limit.max > afterQuick && limit.max < afterQuick + 0.5, `${limit.max}`);
});

Deno.test("a part of the attempts that is lost does not limit a system that answers the others quickly", () => {
  const limit = newAdaptiveLimit();
  beginAnew(limit, 10_000);
  for (let at = 0; at < 20; at++) {
    answer(limit, { count: 2, ranMs: 100, nowMs: 10_100 + at });
    noteTimeout(limit, { startedAtMs: 10_001 + at, nowMs: 11_001 + at });
  }

  assert.equal(limit.max, 42);
});

Deno.test("a limit that refuses nobody for a while ends", () => {
  const limit = limited(10_000, 80);
  limit.running = 40;
  assert.equal(hasRoom(limit, 10_100), false);
  limit.running = 3;

  assert.equal(hasRoom(limit, 10_100 + RELAX_MS - 1), true);
  assert.notEqual(limit.max, Infinity);
  assert.equal(hasRoom(limit, 10_100 + RELAX_MS), true);
  assert.equal(limit.max, Infinity);
});

Deno.test("a limit is doubled by time alone while answers are quick, so long attempts do not keep it", () => {
  const limit = limited(10_000, 80);
  answer(limit, { count: 30, ranMs: 100, nowMs: 10_100 });
  limit.max = limit.running = 10;
  assert.equal(hasRoom(limit, 10_200), false);
  assert.equal(hasRoom(limit, 19_000), false);

  assert.equal(hasRoom(limit, 10_000 + RELAX_MS), true);

  assert.equal(limit.max, 20);
});

Deno.test("a limit is not doubled by time where twice as many might be answered too late", () => {
  const limit = limited(10_000, 80);
  answer(limit, { count: 30, ranMs: 450, nowMs: 10_100, usualMs: 400 });
  limit.max = limit.running = 10;
  assert.equal(hasRoom(limit, 10_200), false);

  assert.equal(hasRoom(limit, 10_000 + RELAX_MS), false);

  assert.equal(limit.max, 10);
});

Deno.test("answers that come too late show that attempts wait, though none was slow in time", () => {
  const limit = newAdaptiveLimit();
  limit.running = 10;
  noteTimeout(limit, { startedAtMs: 0, nowMs: 1_000 });
  assert.equal(limit.max, Infinity);

  for (let at = 0; at < 12; at++) noteLate(limit);
  noteTimeout(limit, { startedAtMs: 500, nowMs: 1_500 });

  assert.equal(limit.max, 5);
  assert.equal(isKnown(limit, 1_400), true);
  assert.equal(isKnown(limit, 1_500), false);
});

Deno.test("after its circuit was open a system gets few attempts, whatever still runs there", () => {
  const limit = newAdaptiveLimit();
  limit.running = 1_000;

  beginAnew(limit, 5_000);

  assert.equal(limit.running, 0);
  assert.equal(hasRoom(limit, 5_000 + OPEN_MS), true);
  assert.equal(limit.max, 2);
});

Deno.test("where few at once take as long, time-outs do not keep a system that has become slower limited", () => {
  const limit = limited(10_000, 8);
  limit.running = 1;
  limit.max = 2;
  answer(limit, { count: 40, ranMs: 700, nowMs: 15_000, usualMs: 690 });
  const learned = limit.max;

  noteTimeout(limit, { startedAtMs: 15_000, nowMs: 16_000 });
  assert.equal(limit.max, learned);
  limit.running = Math.ceil(learned);
  assert.equal(hasRoom(limit, 17_000), false);
  assert.equal(hasRoom(limit, 10_000 + RELAX_MS), true);
  assert.equal(limit.max, 2 * learned);

  answer(limit, { count: 40, ranMs: 900, nowMs: 21_000, usualMs: 690 });
  noteTimeout(limit, { startedAtMs: 21_000, nowMs: 22_000 });
  assert.ok(limit.max < learned, "together they take longer than few do");
});
