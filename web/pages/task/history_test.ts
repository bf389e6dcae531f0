/// <reference lib="deno.ns" />

import { deepEqual, equal, ok } from "node:assert/strict";
import type { JournalEntry } from "../../../src/client.ts";
import { History } from "./history.ts";

const STEPS = Array.from({ length: 500 }, (_, at) => `s${at}`);
const OF = { steps: STEPS, waits: new Set<string>() };
const AT = "2026-01-01T00:00:00.000Z";

function entry(turn: number, kind: string, more: Readonly<Record<string, unknown>> = {}) {
  return { turn, number: 1, at: AT, kind, ...more } as JournalEntry;
}

/** 10,000 entries: each step fails nine times and then succeeds; `read` is called when a turn is read. */
function* failing(read: () => void): Generator<JournalEntry> {
  for (let at = 0; at < 10_000; at++) {
    const attempt = Math.floor(at / 1_000) + 1;
    const end = attempt < 10 ? "StepAttemptFailed" : "StepCompleted";
    const one = entry(at + 1, at % 1_000 < 500 ? "StepStarted" : end, {
      ...{ step: STEPS[at % 500], attempt, waitedMs: 0 },
    });
    yield Object.defineProperty(one, "turn", {
      get() {
        read();
        return at + 1;
      },
    });
  }
}

Deno.test("history adds an entry and finds a moment without going through all entries", () => {
  let reads = 0;
  const history = new History();
  const entries = [...failing(() => reads++)];

  for (const one of entries) history.append(one);
  ok(reads <= 5 * entries.length, `${reads} reads for ${entries.length} entries`);

  for (
    const [turn, states] of [
      [1, { running: 1, pending: 499 }],
      [4_500, { running: 500 }],
      [9_501, { running: 499, completed: 1 }],
      [10_000, { completed: 500 }],
    ] as const
  ) {
    reads = 0;
    const moment = history.momentAt(turn, OF);
    const counts: Record<string, number> = {};
    for (const state of moment.steps.values()) counts[state] = (counts[state] ?? 0) + 1;
    deepEqual(counts, states);
    ok(reads <= 500 * 6 + 20, `${reads} reads for a moment`);
  }
  equal(history.attemptsOf("s7").length, 10);
});

Deno.test("history passes over entries that it has, so a turn may be read twice", () => {
  const history = new History();
  const first = entry(1, "TaskStarted");
  const second = entry(2, "StepStarted", { step: "s1", attempt: 1, waitedMs: 40 });
  for (const one of [first, second, first, second]) history.append(one);

  deepEqual(history.entries, [first, second]);
  const startMs = Date.parse(AT);
  deepEqual(history.attemptsOf("s1"), [
    { attempt: 1, readyMs: startMs - 40, startMs, outcome: "running" },
  ]);
});

Deno.test("a moment has the state of the task: paused, blocked, and its end", () => {
  const history = new History();
  const journal = [
    entry(1, "TaskStarted"),
    entry(2, "StepStarted", { step: "a", attempt: 1 }),
    entry(3, "TaskPaused"),
    entry(4, "TaskResumed"),
    entry(5, "StepParked", { step: "a" }),
    entry(6, "StepSkipped", { step: "a" }),
    entry(7, "TaskEnded", { end: "completed" }),
  ];
  for (const one of journal) history.append(one);

  const of = { steps: ["a"], waits: new Set(["a"]) };
  const seen = journal.map(({ turn }) => {
    const { state, steps } = history.momentAt(turn, of);
    return `${state} ${steps.get("a")}`;
  });
  deepEqual(seen, [
    "running pending",
    "running waiting_for_reply",
    "paused waiting_for_reply",
    "running waiting_for_reply",
    "blocked parked",
    "running skipped",
    "completed skipped",
  ]);
});
