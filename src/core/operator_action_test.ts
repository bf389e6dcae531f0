import assert from "node:assert/strict";
import { TaskDriver } from "../../tests/support/task_driver.ts";

const by = { by: "ada", reason: "test" };

Deno.test("a retry by hand is not lost when the step already waits to be admitted", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().throw("a");
  driver.held.add("a");
  driver.after(60_000);
  assert.ok(driver.state.ready.has(0));

  driver.send({ kind: "RetryStep", step: "a", ...by });
  driver.admit("a");

  assert.equal(driver.steps["a"], "running");
});

Deno.test("a retry by hand of a step that waits for its retry starts it at once", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().throw("a", { retryAfterMs: 3_600_000 });

  driver.send({ kind: "RetryStep", step: "a", ...by });

  assert.equal(driver.steps["a"], "running");
  assert.equal(driver.state.steps[0]?.attempt, 2);
});

Deno.test("a retry by hand in a paused task starts once it is resumed", () => {
  const driver = new TaskDriver([{ name: "a", policy: { retry: { attemptsMax: 1 } } }]).start()
    .throw(
      "a",
    )
    .send({ kind: "PauseTask", ...by }).send({ kind: "RetryStep", step: "a", ...by });
  assert.equal(driver.steps["a"], "waiting_for_retry");

  driver.send({ kind: "ResumeTask", ...by });

  assert.equal(driver.steps["a"], "running");
});

Deno.test("cancel ends what waits for its retry, is parked or sleeps", () => {
  const driver = new TaskDriver([
    { name: "retrying" },
    { name: "parked", policy: { retry: { attemptsMax: 1 } } },
    { name: "nap", kind: "sleep", sleepMs: 1_000 },
    { name: "reply", kind: "remote" },
  ]).start().throw("retrying").throw("parked");

  driver.send({ kind: "CancelTask", ...by });

  assert.deepEqual(new Set(Object.values(driver.steps)), new Set(["cancelled"]));
  assert.equal(driver.task, "cancelled");
});

Deno.test("cancel lets a step with when always run, retry and end", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "clean", after: ["a"], when: "always" }])
    .start()
    .send({ kind: "CancelTask", ...by });
  assert.equal(driver.steps["clean"], "running");
  driver.throw("clean").after(60_000);
  assert.equal(driver.state.steps[1]?.attempt, 2);

  driver.complete("clean");

  assert.deepEqual(driver.steps, { a: "cancelled", clean: "completed" });
  assert.equal(driver.task, "cancelled");
});

Deno.test("cancel of a paused task left its clean-up waiting for a resume", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "clean", after: ["a"], when: "always" }])
    .start()
    .send({ kind: "PauseTask", ...by });

  driver.send({ kind: "CancelTask", ...by });
  assert.equal(driver.steps["clean"], "running");
  driver.complete("clean");

  assert.equal(driver.task, "cancelled");
});

Deno.test("a refused command is named as people name it", () => {
  const driver = new TaskDriver([{ name: "read" }]).start();
  const retry = (step: string) =>
    driver.send({ kind: "RetryStep", step, ...by }).refusals.at(-1)?.message;
  const { taskId } = driver.state;

  assert.equal(retry("read"), 'Cannot retry step "read": it is running');
  assert.equal(retry("raed"), `Cannot retry step "raed": task "${taskId}" has no such step`);
  driver.complete("read");
  assert.equal(retry("read"), 'Cannot retry step "read": its task is completed');
  driver.send({ kind: "CancelTask", ...by });
  assert.equal(driver.refusals.at(-1)?.message, `Cannot cancel task "${taskId}": it is completed`);
});
