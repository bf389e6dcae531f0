import { equal } from "node:assert/strict";
import type { AttemptFact } from "../core/attempt_fact.ts";
import { factsOf, type Went } from "./_facts.ts";
import { isFree, slowedByLoad } from "./saturated.ts";

/** One attempt each of many tasks, so many ms apart. */
function attempts(everyMs: number, went: (task: number) => Went): readonly AttemptFact[] {
  return factsOf(40, (task) => [went(task)], (task) => ({ startMs: task * everyMs }));
}

const BEFORE = attempts(1_000, () => ["ok", 400]);

Deno.test("a system is free that does what it completes as quickly as ever", () => {
  const recent = attempts(100, (task) => task % 2 === 0 ? ["http_502", 40] : ["ok", 400]);
  equal(isFree({ recent, before: BEFORE }), true);
  equal(isFree({ recent: attempts(100, () => ["ok", 1_000]), before: BEFORE }), false);
});

Deno.test("a system is free that is slow even for a single attempt", () => {
  const went = (): Went => ["timed_out", 2_000];
  equal(isFree({ recent: attempts(10_000, went), before: BEFORE }), true);
  equal(isFree({ recent: attempts(500, went), before: BEFORE }), false);
});

Deno.test("a system is not free that says it gets too much", () => {
  const recent = attempts(1_000, (task) => task % 2 === 0 ? ["queue_full", 5] : ["ok", 400]);
  equal(isFree({ recent, before: BEFORE }), false);
});

Deno.test("attempts that are cut off behind many others are slowed by load", () => {
  const cut = (everyMs: number) => attempts(everyMs, () => ["timed_out", 2_000]);
  equal(slowedByLoad({ recent: cut(200), before: BEFORE }), true);
  equal(slowedByLoad({ recent: cut(2_500), before: BEFORE }), false);
});
