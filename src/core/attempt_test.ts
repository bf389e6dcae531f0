import assert from "node:assert/strict";
import { TaskDriver } from "../../tests/support/task_driver.ts";

Deno.test("a Retry-After that is no number does not keep the step waiting for ever", () => {
  const play = new TaskDriver([{ name: "a" }, { name: "b" }]).start();
  play.throw("a", { retryAfterMs: NaN }).throw("b", { retryAfterMs: 10.5 });

  play.after(60_000);

  assert.deepEqual(play.steps, { a: "running", b: "running" });
  assert.ok(play.events.every((event) =>
    event.kind !== "StepAttemptFailed" ||
    Number.isInteger(event.nextAttemptAtMs)
  ));
});

Deno.test("a Retry-After beyond a week parks the step", () => {
  const play = new TaskDriver([{ name: "a" }]).start().throw("a", { retryAfterMs: Infinity });

  assert.equal(play.step("a")["reason"], "retry_after_too_long");
});

Deno.test("a computed sleep of a fraction of a millisecond ends at a whole one", () => {
  const play = new TaskDriver([{ name: "nap", kind: "sleep" }]).start()
    .send({ kind: "RecordSleep", step: 0, ms: 0.5 });

  assert.equal(play.step("nap")["dueAtMs"], play.nowMs + 1);
});

Deno.test("an attempt that a node's death interrupted does not count against attemptsMax", () => {
  const play = new TaskDriver([{
    name: "a",
    policy: { retry: { attemptsMax: 2, backoff: "none" }, onExhausted: "fail" },
  }]).start();
  const interrupt = () => play.send({ kind: "RecordInterruption", steps: [0] });

  interrupt().throw("a");
  interrupt();
  assert.equal(play.steps["a"], "running");
  assert.equal(play.state.steps[0]?.attempt, 4);
  play.throw("a");

  assert.equal(play.steps["a"], "failed");
});

Deno.test("an attempt that a node's death interrupted does not lengthen the next delay", () => {
  const delayAfter = (interruptions: number) => {
    const play = new TaskDriver([{ name: "a", policy: { retry: { backoff: [0, 9_000_000] } } }])
      .start();
    for (let count = 0; count < interruptions; count++) {
      play.send({ kind: "RecordInterruption", steps: [0] });
    }
    play.throw("a");
    return play.steps["a"]; // with no delay it runs again at once
  };

  assert.equal(delayAfter(0), "running");
  assert.equal(delayAfter(3), "running");
});
