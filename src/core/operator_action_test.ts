import assert from "node:assert/strict";
import { TaskDriver } from "../../tests/support/task_driver.ts";

const by = { by: "ada", reason: "test" };

Deno.test("a retry by hand is not lost when the step already waits to be admitted", () => {
  const play = new TaskDriver([{ name: "a" }]).start().throw("a");
  play.held.add("a");
  play.after(60_000);
  assert.ok(play.state.ready.has(0));

  play.send({ kind: "RetryStep", step: "a", ...by });
  play.admit("a");

  assert.equal(play.steps["a"], "running");
});

Deno.test("a retry by hand of a step that waits for its retry starts it at once", () => {
  const play = new TaskDriver([{ name: "a" }]).start().throw("a", { retryAfterMs: 3_600_000 });

  play.send({ kind: "RetryStep", step: "a", ...by });

  assert.equal(play.steps["a"], "running");
  assert.equal(play.state.steps[0]?.attempt, 2);
});

Deno.test("a retry by hand in a paused task starts once it is resumed", () => {
  const play = new TaskDriver([{ name: "a", policy: { retry: { attemptsMax: 1 } } }]).start().throw(
    "a",
  )
    .send({ kind: "PauseTask", ...by }).send({ kind: "RetryStep", step: "a", ...by });
  assert.equal(play.steps["a"], "waiting_for_retry");

  play.send({ kind: "ResumeTask", ...by });

  assert.equal(play.steps["a"], "running");
});

Deno.test("cancel ends what waits for its retry, is parked or sleeps", () => {
  const play = new TaskDriver([
    { name: "retrying" },
    { name: "parked", policy: { retry: { attemptsMax: 1 } } },
    { name: "nap", kind: "sleep", sleepMs: 1_000 },
    { name: "reply", kind: "remote" },
  ]).start().throw("retrying").throw("parked");

  play.send({ kind: "CancelTask", ...by });

  assert.deepEqual(new Set(Object.values(play.steps)), new Set(["cancelled"]));
  assert.equal(play.task, "cancelled");
});

Deno.test("cancel lets a step with when always run, retry and end", () => {
  const play = new TaskDriver([{ name: "a" }, { name: "clean", after: ["a"], when: "always" }])
    .start()
    .send({ kind: "CancelTask", ...by });
  assert.equal(play.steps["clean"], "running");
  play.throw("clean").after(60_000);
  assert.equal(play.state.steps[1]?.attempt, 2);

  play.complete("clean");

  assert.deepEqual(play.steps, { a: "cancelled", clean: "completed" });
  assert.equal(play.task, "cancelled");
});

Deno.test("cancel of a paused task left its clean-up waiting for a resume", () => {
  const play = new TaskDriver([{ name: "a" }, { name: "clean", after: ["a"], when: "always" }])
    .start()
    .send({ kind: "PauseTask", ...by });

  play.send({ kind: "CancelTask", ...by });
  assert.equal(play.steps["clean"], "running");
  play.complete("clean");

  assert.equal(play.task, "cancelled");
});
