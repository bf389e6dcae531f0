import { equal } from "node:assert/strict";
import type { AttemptFact } from "../core/attempt_fact.ts";
import { Counts } from "../core/statistics.ts";
import { factsOf, type Went } from "./_facts.ts";
import { isFree, isSlowAnyway, isSlowerWork } from "./saturated.ts";

/** One attempt each of many tasks, so many ms apart. */
function attempts(everyMs: number, went: (task: number) => Went): readonly AttemptFact[] {
  return factsOf(40, (task) => [went(task)], (task) => ({ startMs: task * everyMs }));
}

const ALL = {
  before: attempts(1_000, () => ["ok", 400]),
  seen: { recent: 1, before: 1, intervals: [], windowMs: 60_000 },
};

Deno.test("a system is free that does what it completes as quickly as ever", () => {
  const recent = attempts(100, (task) => task % 2 === 0 ? ["http_502", 40] : ["ok", 400]);
  equal(isFree({ ...ALL, recent }), true);
  equal(isFree({ ...ALL, recent: attempts(100, () => ["ok", 1_000]) }), false);
});

Deno.test("a system is not free that says it gets too much", () => {
  const recent = attempts(1_000, (task) => task % 2 === 0 ? ["queue_full", 5] : ["ok", 400]);
  equal(isFree({ ...ALL, recent }), false);
});

Deno.test("attempts are slow anyway that are slow while as few others are under way as before", () => {
  const cut = (everyMs: number) => attempts(everyMs, () => ["timed_out", 2_000]);
  equal(isSlowAnyway({ ...ALL, recent: cut(10_000) }, 60_000), true);
  equal(isSlowAnyway({ ...ALL, recent: cut(200) }, 60_000), false);
  // Of a sample, each stands for more.
  const spread = attempts(4_000, () => ["ok", 3_000]);
  equal(isSlowAnyway({ ...ALL, recent: spread }, 60_000), true);
  equal(
    isSlowAnyway({
      ...ALL,
      recent: attempts(2_000, () => ["ok", 3_000]),
      seen: { ...ALL.seen, recent: 0.1 },
    }, 60_000),
    false,
  );
});

Deno.test("attempts are not slow anyway that take the longer the more others are under way", () => {
  /** Of each ten in a row, each waits for those before it. */
  const queued = (ms: (place: number) => number) =>
    factsOf(40, (task) => [["ok", ms(task % 10)]], (task) => ({
      startMs: Math.floor(task / 10) * 30_000 + task % 10 * 100,
    }));
  equal(isSlowAnyway({ ...ALL, recent: queued(() => 2_000) }, 60_000), true);
  equal(isSlowAnyway({ ...ALL, recent: queued((place) => 1_000 + 1_000 * place) }, 60_000), false);
});

Deno.test("attempts are not slow anyway once the newest are quick again", () => {
  const recent = attempts(10_000, (task) => ["ok", task > 4 && task < 30 ? 3_000 : 400]);
  equal(isSlowAnyway({ ...ALL, recent }, 60_000), false);
  equal(isSlowAnyway({ ...ALL, recent: recent.slice(0, 30) }, 60_000), true);
});

/** Intervals of ten seconds, each with so many attempts that take so long. */
function intervals(of: readonly { readonly starts: number; readonly ms: number }[]) {
  return of.map(({ starts, ms }, at) => {
    const counts = new Counts();
    counts.starts = starts;
    counts.addOutcome("completed", starts);
    for (let one = 0; one < starts; one++) counts.ran.add(ms);
    return { fromMs: at * 10_000, untilMs: (at + 1) * 10_000, counts };
  });
}

Deno.test("work is slower that takes no longer the more of it goes on at once, also in a thin sample", () => {
  const recent = attempts(2_000, () => ["ok", 1_600]);
  const usual = Array.from({ length: 10 }, () => ({ starts: 40, ms: 400 }));
  const isSlower = (ms: (starts: number) => number) =>
    isSlowerWork({
      ...{ ...ALL, recent },
      seen: {
        ...{ recent: 0.05, before: 0.05, windowMs: 60_000 },
        intervals: intervals([
          ...usual,
          ...[10, 60, 20, 80, 12, 70, 15, 60, 30, 90].map((starts) => ({ starts, ms: ms(starts) })),
        ]),
      },
    });
  equal(isSlower(() => 1_600), true);
  equal(isSlower((starts) => 800 + 20 * starts), false, "they wait for each other");
  equal(isSlowerWork({ ...ALL, recent: attempts(2_000, () => ["ok", 500]) }), false, "not slow");
});

Deno.test("work is slower that takes longer than all that goes on would one after the other", () => {
  const recent = attempts(5_000, () => ["ok", 2_400]);
  const isSlower = (starts: number) =>
    isSlowerWork({
      ...{ ...ALL, recent },
      seen: { ...ALL.seen, intervals: intervals(Array(6).fill({ starts, ms: 2_400 })) },
    });
  equal(isSlower(4), true, "about one at once: six times as long as before");
  equal(isSlower(40), false, "ten at once");
});
