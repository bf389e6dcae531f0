import assert from "node:assert/strict";
import { TaskDriver } from "../../tests/support/task_driver.ts";

const by = { by: "ada", reason: "test" };

/** "u" is left unreached when both have ended, by the last of them; so "help" runs or does not. */
const joined = [
  { name: "a", kind: "signal" as const, policy: { timeoutMs: 100 } },
  { name: "b", kind: "signal" as const, policy: { timeoutMs: 10 } },
  { name: "u", after: ["a", "b"], when: "cancelled" as const },
  { name: "slow" },
  { name: "help", after: ["u", "slow"], when: "failed" as const },
];

for (const failing of ["a", "b"]) {
  Deno.test(`a step left unreached counts after a reload as before, when "${failing}" failed`, () => {
    const end = (driver: TaskDriver) =>
      failing === "b"
        ? driver.start().after(10).complete("a")
        : driver.start().complete("b").after(100);
    const live = end(new TaskDriver(joined));
    const reloaded = end(new TaskDriver(joined)).reload();
    assert.equal(live.steps["u"], "unreached");

    live.complete("slow");
    reloaded.complete("slow");

    assert.equal(live.steps["help"], failing === "a" ? "running" : "unreached");
    assert.deepEqual(reloaded.steps, live.steps);
  });
}

Deno.test("a paused task that is reloaded stays paused, and goes on where it was", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "b", after: ["a"] }]).start()
    .send({ kind: "PauseTask", ...by }).complete("a").reload();
  assert.deepEqual(driver.steps, { a: "completed", b: "pending" });

  driver.send({ kind: "ResumeTask", ...by });

  assert.equal(driver.steps["b"], "running");
});

Deno.test("a command that changed nothing does nothing when it is sent again later", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().send({
    kind: "ResumeTask",
    ...by,
    commandId: "r",
  })
    .send({ kind: "PauseTask", ...by }).reload();

  driver.send({ kind: "ResumeTask", ...by, commandId: "r" });

  assert.equal(driver.task, "paused");
});

Deno.test("a refused command is decided anew when it is sent again", () => {
  const driver = new TaskDriver([{ name: "a", policy: { retry: { attemptsMax: 1 } } }]).start()
    .send({ kind: "RetryStep", step: "a", ...by, commandId: "r" });
  assert.equal(driver.refusals[0]?.code, "step.not_parked");

  driver.throw("a").send({ kind: "RetryStep", step: "a", ...by, commandId: "r" });

  assert.equal(driver.steps["a"], "running");
});

Deno.test("a command id seen before is known after a reload", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().send({
    kind: "PauseTask",
    ...by,
    commandId: "p",
  })
    .send({ kind: "ResumeTask", ...by }).reload();

  driver.send({ kind: "PauseTask", ...by, commandId: "p" });

  assert.equal(driver.task, "running");
});
