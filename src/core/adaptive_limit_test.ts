import assert from "node:assert/strict";
import {
  type AdaptiveLimit,
  beginAnew,
  hasRoom,
  newAdaptiveLimit,
  noteAnswer,
  noteTimeout,
  RELAX_MS,
} from "./adaptive_limit.ts";
import { OPEN_MS, RAMP_MAX } from "./breaker.ts";
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
  { count, ranMs, nowMs }: { count: number; ranMs: number; nowMs: number },
): void {
  for (let at = 0; at < count; at++) {
    noteAnswer(limit, { startedAtMs: nowMs - ranMs, nowMs, timeoutMs: TIMEOUT_MS, usualMs: 100 });
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
        noteDuration(known, ranMs, nowMs);
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

Deno.test("each quick answer lets one more attempt run, slow ones together one more", () => {
  const limit = limited(10_000, 80);

  answer(limit, { count: 40, ranMs: 600, nowMs: 10_500 });
  const afterSlow = limit.max;
  answer(limit, { count: 40, ranMs: 200, nowMs: 10_700 });

  assert.ok(afterSlow > 40 && afterSlow < 41, `${afterSlow}`);
  assert.equal(limit.max, afterSlow + 40);
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

Deno.test("after its circuit was open a system gets few attempts, whatever still runs there", () => {
  const limit = newAdaptiveLimit();
  limit.running = 1_000;

  beginAnew(limit, 5_000);

  assert.equal(limit.running, 0);
  assert.equal(hasRoom(limit, 5_000 + OPEN_MS), true);
  assert.equal(limit.max, RAMP_MAX);
});
