import assert from "node:assert/strict";
import { TaskDriver } from "../../tests/support/task_driver.ts";

const by = { by: "ada", reason: "test" };
const HOUR_MS = 3_600_000;

/** The time at which a task that left memory wants to be woken. */
function wakeAtMs(driver: TaskDriver): number | undefined {
  return driver.turns.at(-1)?.change?.wakeAtMs;
}

Deno.test("a task does not leave memory while a sign of life is listened for", () => {
  const driver = new TaskDriver([{ name: "a", kind: "remote", policy: { heartbeatMs: HOUR_MS } }])
    .start();

  driver.send({ kind: "Passivate" });

  assert.equal(driver.turns.length, 1);
});

Deno.test("a task does not leave memory while it holds a place that others wait for", () => {
  const driver = new TaskDriver([{ name: "a", kind: "remote", policy: { concurrencyMax: 1 } }])
    .start();

  driver.send({ kind: "Passivate" });

  assert.equal(driver.turns.length, 1);
});

Deno.test("a paused task is not woken for a retry that may not start", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().throw("a", { retryAfterMs: HOUR_MS })
    .send({ kind: "PauseTask", ...by });

  driver.send({ kind: "Passivate" });

  assert.equal(driver.turns.at(-1)?.change?.resident, false);
  assert.equal(wakeAtMs(driver), undefined);
});

Deno.test("a task that was cancelled is not woken for its deadline", () => {
  const driver = new TaskDriver([
    { name: "a" },
    { name: "why", kind: "signal", after: ["a"], when: "cancelled" },
  ], { deadlineMs: HOUR_MS }).start().send({ kind: "CancelTask", ...by });

  driver.send({ kind: "Passivate" });

  assert.equal(driver.turns.at(-1)?.change?.resident, false);
  assert.equal(wakeAtMs(driver), undefined);
});

Deno.test("a parked task is woken for its deadline", () => {
  const driver = new TaskDriver([{ name: "a", policy: { retry: { attemptsMax: 1 } } }], {
    deadlineMs: HOUR_MS,
  }).start().throw("a");

  driver.send({ kind: "Passivate" });

  assert.equal(wakeAtMs(driver), driver.nowMs + HOUR_MS);
});
