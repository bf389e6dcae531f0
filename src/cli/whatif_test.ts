import { deepEqual, equal, throws } from "node:assert/strict";
import { WHATIF } from "./whatif.ts";
import { UsageError } from "./verb.ts";

function read(options: Readonly<Record<string, string>>) {
  return WHATIF.composed?.read({ options: new Map(Object.entries(options)) });
}

Deno.test("whatif reads changes of steps and edges in few words", () => {
  const change = read({
    timeout: "charge=60s,ship=2m",
    retries: "charge=2",
    concurrency: "ship=5",
    "drop-edge": "a:b,c:d",
  });

  deepEqual(change, {
    steps: {
      charge: { timeoutMs: 60_000, retry: { attemptsMax: 3 } },
      ship: { timeoutMs: 120_000, concurrencyMax: 5 },
    },
    dropEdges: ["a:b", "c:d"],
  });
});

Deno.test("whatif without a change, or with one that is no pair, is refused", () => {
  for (const options of [{}, { timeout: "60s" }, { retries: "a=-1" }]) {
    throws(() => read(options), UsageError);
  }
});

Deno.test("whatif shows what is known and what is only drawn", () => {
  const estimate = { before: 0.4, after: 0.8, difference: 0.4, low: 0.3, high: 0.5 };
  const lines = WHATIF.lines?.({
    workflow: "shop/checkout",
    version: "1.0.0",
    policyVersion: 3,
    tasks: 300,
    leftOut: 12,
    isSample: true,
    replay: { sameEnds: 1, meanDuration: 0, p95Duration: -0.004 },
    effects: {
      completed: estimate,
      parked: { ...estimate, low: -0.1 },
      meanMs: { before: 4_000, after: 3_000, difference: -1_000, low: -1_200, high: -800 },
      p50Ms: estimate,
      p95Ms: estimate,
      attempts: estimate,
      busyMs: estimate,
      duplicates: estimate,
    },
    drawn: { attempts: 0, ends: 0.345, assumed: 0.2 },
  }, {
    input: {
      namespace: "shop",
      name: "checkout",
      steps: { charge: { timeoutMs: 60_000 } },
      dropEdges: ["a:b"],
    },
    paint: (_, text) => text,
  }) ?? [];

  deepEqual(lines.slice(0, 6), [
    "shop/checkout 1.0.0 with a time-out of 1 m for charge, b not waiting for a",
    "300 tasks under overlay 3; 12 left out, of other versions or overlays or not at their end; " +
    "a sample: waiting for limits is understated",
    "played as they were: 100.0 % end alike, durations differ by +0.0 % (mean) and -0.4 % (p95)",
    "",
    "                              BEFORE  AFTER   DIFFERENCE  95 % BETWEEN",
    "tasks that complete           40.0 %  80.0 %  +40.0 %     +30.0 % and +50.0 %",
  ]);
  equal(lines[7], "duration, mean                4.0 s   3.0 s   -1.0 s      -1.2 s and -800 ms");
  equal(
    lines.at(-1),
    "of the attempts, 34.5 % had been cut off, and end as longer ones did; " +
      "20.0 % end later than anything seen: that tail is assumed",
  );
});
