import { deepEqual, equal } from "node:assert/strict";
import { Counts, type StatisticsCell } from "../core/statistics.ts";
import { detect, isOver, type Look } from "./detection.ts";

const WINDOW = 60_000;
const NOW = 100 * WINDOW;

/** Attempts of one window, by the same few durations again and again. */
function cellOf(
  age: number,
  { ended = 60, failed = 0, parked = 0, ms = 100, waitedMs = 0 }: {
    readonly ended?: number;
    readonly failed?: number;
    readonly parked?: number;
    readonly ms?: number;
    readonly waitedMs?: number;
  },
): StatisticsCell {
  const counts = new Counts();
  [counts.starts, counts.parked] = [ended, parked];
  counts.addOutcome("completed", ended - failed);
  if (failed > 0) counts.addOutcome("thrown", failed);
  for (let at = 0; at < ended; at++) {
    counts.waited.add(waitedMs);
    if (at >= failed) counts.ran.add(ms * (0.8 + 0.4 * ((at * 7) % 10) / 10));
  }
  const fromMs = NOW - (age + 1) * WINDOW + 1;
  return {
    ...{ workflow: "shop/order", version: "1.0.0", step: "charge", policyVersion: 0, counts },
    ...{ fromMs, untilMs: fromMs + WINDOW },
  };
}

function lookAt(newest: Parameters<typeof cellOf>[1], more: Partial<Look> = {}): Look {
  const before = Array.from({ length: 60 }, (_, age) => cellOf(age + 2, { failed: age % 3 }));
  return {
    ...{ nowMs: NOW, windowMs: WINDOW, seasons: [], ill: [] },
    cells: [...before, cellOf(0, newest)],
    ...more,
  };
}

Deno.test("a step that does what it did is no degradation", () => {
  equal(detect(lookAt({ failed: 2 })), undefined);
});

Deno.test("a step whose failures, latency or waits are far beyond its last hour is one", () => {
  const found = [{ failed: 30 }, { ms: 300 }, { waitedMs: 20_000 }]
    .map((newest) => detect(lookAt(newest))?.signal);

  deepEqual(found, ["failures", "latency", "waiting"]);
});

Deno.test("an incident that follows others of one trouble says until when all was as usual", () => {
  const spans = [[20, 12], [11, 3]].map(([from = 0, until = 0]) => ({
    ...{ fromMs: NOW - from * WINDOW, untilMs: NOW - until * WINDOW },
  }));
  const usualUntil = (ill: typeof spans) => detect(lookAt({ failed: 30 }, { ill }))?.usualUntilMs;

  equal(usualUntil(spans), NOW - 20 * WINDOW);
  equal(usualUntil(spans.slice(0, 1)), undefined, "it has been over for long enough");
  equal(usualUntil([]), undefined);
});

Deno.test("intervals longer than a window do not make the usual rate higher than it was", () => {
  // After a start, the older half of the hour is read as it is stored: by five minutes.
  const minutes = Array.from({ length: 30 }, (_, age) => cellOf(age + 2, {}));
  const long = Array.from({ length: 6 }, (_, at) => {
    const cell = cellOf(32 + at * 5 + 4, { ended: 300 });
    return { ...cell, untilMs: cell.fromMs + 5 * WINDOW };
  });
  const found = detect(lookAt({}, { cells: [...minutes, ...long, cellOf(0, { failed: 30 })] }));

  equal(found?.before.perMinute, 60);
});

/** A step that has failed seldom, and fails by so many in each of the last windows, the newest last. */
function worsening(counts: readonly number[]): Look {
  const last = counts.map((failed, at) => cellOf(counts.length - 1 - at, { failed }));
  const before = Array.from({ length: 50 }, (_, age) => cellOf(age + 10, { failed: age % 2 }));
  return { nowMs: NOW, windowMs: WINDOW, seasons: [], ill: [], cells: [...before, ...last] };
}

Deno.test("a step that fails more by a little in each window is a degradation, by the last windows together", () => {
  const slow = worsening([0, 1, 1, 2, 2, 3, 4, 4, 5, 5]);
  const found = detect(slow);

  deepEqual([found?.signal, found?.now.attempts, found?.sinceMs], [
    "failures",
    300,
    NOW - 5 * WINDOW,
  ]);
  equal(detect(worsening([0, 0, 0, 0, 0, 5, 6, 5, 5, 1])), undefined, "it is over");
  equal(detect(worsening([0, 0, 0, 0, 0, 2, 1, 2, 2, 3])), undefined, "it does not matter");
  const ill = [{ fromMs: NOW - 3 * WINDOW, untilMs: NOW - 2 * WINDOW }];
  equal(detect({ ...slow, ill }), undefined, "it is known");
});

Deno.test("a step at which no more attempts fail, and more tasks wait for a person, does worse", () => {
  const half = Array.from({ length: 60 }, (_, age) => cellOf(age + 2, { failed: 30 }));
  const signal = (newest: Parameters<typeof cellOf>[1]) =>
    detect(lookAt({}, { cells: [...half, cellOf(0, newest)] }))?.signal;

  equal(signal({ failed: 30 }), undefined);
  equal(signal({ failed: 30, parked: 10 }), "parked");
});

Deno.test("steps that wait for their turn are saturated: whatever adds load is locked out", () => {
  deepEqual(
    [detect(lookAt({ waitedMs: 20_000 }))?.saturated, detect(lookAt({ failed: 30 }))?.saturated],
    [true, false],
  );
});

Deno.test("few attempts say nothing, and without a history nothing does", () => {
  equal(detect(lookAt({ ended: 3, failed: 3 })), undefined);
  equal(detect(lookAt({ failed: 30 }, { cells: [cellOf(0, { failed: 30 })] })), undefined);
});

Deno.test("what came as high in a single window before is a burst, and no news", () => {
  const look = lookAt({ failed: 20 });
  const cells = look.cells.map((cell, at) => at === 30 ? cellOf(32, { failed: 21 }) : cell);

  equal(detect(look)?.signal, "failures");
  equal(detect({ ...look, cells }), undefined);
});

Deno.test("what comes at the same time every day is no news", () => {
  const yesterday = Array.from({ length: 60 }, (_, age) => cellOf(age, { ms: 300 }));

  equal(detect(lookAt({ ms: 300 }, { seasons: [yesterday] })), undefined);
});

Deno.test("the time of an incident is no measure of a step", () => {
  const ill = { fromMs: NOW - 60 * WINDOW, untilMs: NOW };
  const bad = Array.from({ length: 40 }, (_, age) => cellOf(age + 2, { failed: 30 }));
  const well = Array.from({ length: 15 }, (_, age) => cellOf(age + 45, {}));
  const cells = [...bad, ...well, cellOf(0, { failed: 30 })];

  equal(detect(lookAt({}, { cells })), undefined);
  equal(
    detect(lookAt({}, { cells, ill: [{ ...ill, fromMs: NOW - 43 * WINDOW }] }))?.signal,
    "failures",
  );
});

Deno.test("a trouble is over when the step fails, takes and waits as before", () => {
  const before = {
    ...{ attempts: 1_000, perMinute: 60, failedShare: 0.01, timedOutShare: 0, retriedShare: 0 },
    ...{ p50Ms: 100, p95Ms: 400, waitedP95Ms: 0 },
  };
  const after = (now: Partial<typeof before>) => isOver({ now: { ...before, ...now }, before });

  equal(after({}), true);
  equal(after({ failedShare: 0.2 }), false);
  equal(after({ p95Ms: 800 }), false);
  equal(after({ waitedP95Ms: 5_000 }), false);
});
