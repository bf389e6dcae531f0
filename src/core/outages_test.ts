import assert from "node:assert/strict";
import {
  BUS,
  busOf,
  CATCH_UP_MS_MAX,
  JOURNAL,
  OUTAGE_MS_MIN,
  Outages,
  partsOf,
  PROOF_MS,
} from "./outages.ts";

const REMOTE = partsOf({ kind: "remote", owner: "mail" });

/** An outage of a part, which worked up to its beginning. */
function away(outages: Outages, part: string, fromMs: number, toMs: number): void {
  outages.asked(part, fromMs);
  outages.answered(part, fromMs);
  outages.asked(part, fromMs);
  outages.answered(part, toMs);
}

Deno.test("nothing is postponed while every part works", () => {
  const outages = new Outages();
  for (let nowMs = 0; nowMs < 10 * PROOF_MS; nowMs += PROOF_MS) {
    outages.asked(JOURNAL, nowMs);
    outages.answered(JOURNAL, nowMs + OUTAGE_MS_MIN - PROOF_MS - 1);
  }

  const due = outages.postponed([JOURNAL], { sinceMs: 0, dueAtMs: 9_000, nowMs: 9_000 });

  assert.equal(due, 9_000);
});

Deno.test("an attempt gets back an outage that it lived through, and as long to catch up", () => {
  const outages = new Outages();
  away(outages, JOURNAL, 5_000, 9_000);

  const due = outages.postponed([JOURNAL], { sinceMs: 1_000, dueAtMs: 6_000, nowMs: 9_000 });

  assert.equal(due, 6_000 + 4_000 + 4_000);
});

Deno.test("the time to catch up after a long outage is bounded", () => {
  const outages = new Outages();
  away(outages, JOURNAL, 5_000, 605_000);

  const due = outages.postponed([JOURNAL], { sinceMs: 1_000, dueAtMs: 6_000, nowMs: 605_000 });

  assert.equal(due, 6_000 + 600_000 + CATCH_UP_MS_MAX);
});

Deno.test("an attempt that was due before an outage, or began after it, gets nothing back", () => {
  const outages = new Outages();
  away(outages, JOURNAL, 5_000, 9_000);
  const nowMs = 20_000;

  assert.equal(outages.postponed([JOURNAL], { sinceMs: 0, dueAtMs: 5_000, nowMs }), 5_000);
  assert.equal(outages.postponed([JOURNAL], { sinceMs: 14_000, dueAtMs: 15_000, nowMs }), 15_000);
});

Deno.test("time in which two parts were away is given back once", () => {
  const outages = new Outages();
  away(outages, JOURNAL, 5_000, 9_000);
  away(outages, BUS, 6_000, 9_000);
  away(outages, busOf("mail"), 5_000, 9_000);

  const due = outages.postponed(REMOTE, { sinceMs: 1_000, dueAtMs: 6_000, nowMs: 9_000 });

  assert.equal(due, 14_000);
});

Deno.test("an outage that goes on postpones beyond now", () => {
  const outages = new Outages();
  outages.asked(BUS, 5_000);

  const due = outages.postponed(REMOTE, { sinceMs: 1_000, dueAtMs: 5_001, nowMs: 65_000 });

  assert.ok(due > 65_000 + OUTAGE_MS_MIN);
});

Deno.test("an outage of one channel is none of another system, of code here, or of a sleep", () => {
  const outages = new Outages();
  away(outages, busOf("mail"), 5_000, 9_000);
  const time = { sinceMs: 1_000, dueAtMs: 6_000, nowMs: 9_000 };

  for (const kind of ["remote", "local", "signal", "sleep"] as const) {
    assert.equal(outages.postponed(partsOf({ kind, owner: "stock" }), time), 6_000);
  }
  assert.equal(outages.postponed(REMOTE, time), 14_000);
});

Deno.test("an outage began with the last proof, not with the first question without an answer", () => {
  const outages = new Outages();
  outages.asked(JOURNAL, 4_400);
  outages.answered(JOURNAL, 4_500);
  outages.asked(JOURNAL, 5_000);

  const due = outages.postponed([JOURNAL], { sinceMs: 1_000, dueAtMs: 4_600, nowMs: 8_500 });

  assert.equal(due, 4_600 + 2 * (8_500 - 4_500));
});
