import assert from "node:assert/strict";
import { TaskDriver } from "../../tests/support/task_driver.ts";

Deno.test("a Retry-After that is no number does not keep the step waiting for ever", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "b" }]).start();
  driver.throw("a", { retryAfterMs: NaN }).throw("b", { retryAfterMs: 10.5 });

  driver.after(60_000);

  assert.deepEqual(driver.steps, { a: "running", b: "running" });
  assert.ok(driver.events.every((event) =>
    event.kind !== "StepAttemptFailed" ||
    Number.isInteger(event.nextAttemptAtMs)
  ));
});

Deno.test("a Retry-After beyond a week parks the step", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().throw("a", { retryAfterMs: Infinity });

  assert.equal(driver.step("a")["reason"], "retry_after_too_long");
});

Deno.test("a computed sleep of a fraction of a millisecond ends at a whole one", () => {
  const driver = new TaskDriver([{ name: "nap", kind: "sleep" }]).start()
    .send({ kind: "RecordSleep", step: 0, ms: 0.5 });

  assert.equal(driver.step("nap")["dueAtMs"], driver.nowMs + 1);
});

Deno.test("an attempt that a node's death interrupted does not count against attemptsMax", () => {
  const driver = new TaskDriver([{
    name: "a",
    policy: { retry: { attemptsMax: 2, backoff: "none" }, onExhausted: "fail" },
  }]).start();
  const interrupt = () => driver.send({ kind: "RecordInterruption", steps: [0] });

  interrupt().throw("a");
  interrupt();
  assert.equal(driver.steps["a"], "running");
  assert.equal(driver.state.steps[0]?.attempt, 4);
  driver.throw("a");

  assert.equal(driver.steps["a"], "failed");
});

Deno.test("an attempt that a node's death interrupted does not lengthen the next delay", () => {
  const delayAfter = (interruptions: number) => {
    const driver = new TaskDriver([{ name: "a", policy: { retry: { backoff: [0, 9_000_000] } } }])
      .start();
    for (let count = 0; count < interruptions; count++) {
      driver.send({ kind: "RecordInterruption", steps: [0] });
    }
    driver.throw("a");
    return driver.steps["a"]; // with no delay it runs again at once
  };

  assert.equal(delayAfter(0), "running");
  assert.equal(delayAfter(3), "running");
});
