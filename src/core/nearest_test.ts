import { deepEqual, equal } from "node:assert/strict";
import { nearestOf } from "./nearest.ts";

Deno.test("nearestOf() finds slips of the finger, and nothing else", () => {
  const names = ["timeout", "retry", "owner", "show"];

  const typed = ["timout", "Retry", "ownr", "shwo", "x", "depends_on"];

  deepEqual(typed.map((name) => nearestOf(name, names)), [
    "timeout",
    "retry",
    "owner",
    "show",
    undefined,
    undefined,
  ]);
  equal(nearestOf("x".repeat(100), names), undefined);
});

Deno.test("nearestOf() takes the name with the fewest edits, the first of several", () => {
  equal(nearestOf("stat", ["start", "state", "status"]), "start");
  equal(nearestOf("stats", ["start", "state", "status"]), "state");
  equal(nearestOf("statues", ["start", "state", "status"]), "status");
});

Deno.test("nearestOf() makes no guesses at long names", () => {
  equal(nearestOf("TASKER_SOMETHING_ELSE", ["TASKER_REPLY_KEYS", "TASKER_WORKFLOWS"]), undefined);
});

Deno.test("nearestOf() compares a bounded number of names", () => {
  let read = 0;
  function* names() {
    for (; read < 100_000; read++) yield `step_that_waits_${String(read).padStart(6, "0")}`;
  }

  nearestOf("step_that_waited_zzzzz", names());

  equal(read <= 1_000, true);
});
