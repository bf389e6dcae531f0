import assert from "node:assert/strict";
import { TaskDriver } from "../../tests/support/task_driver.ts";
import { recordsOf, resolutionsOf } from "./workarounds.ts";

const by = { by: "ada", reason: "" };

/** A task whose step is parked. */
function parked(): TaskDriver {
  return new TaskDriver([{ name: "pay", policy: { retry: { attemptsMax: 1 } } }]).start().throw(
    "pay",
  );
}

function resolutions(driver: TaskDriver) {
  return resolutionsOf(driver.actor.plan, driver.state.taskId, driver.events);
}

Deno.test("a retry has resolved a step when an attempt completes before it parks again", () => {
  const retry = { kind: "RetryStep", step: "pay", ...by } as const;

  const driver = parked().send(retry).throw("pay").send(retry).complete("pay");

  assert.deepEqual(resolutions(driver).map(({ choice, isResolved }) => [choice, isResolved]), [
    ["retry", false],
    ["retry", true],
  ]);
});

Deno.test("a retry whose attempt runs is open, and does not count", () => {
  const found = resolutions(parked().send({ kind: "RetryStep", step: "pay", ...by }));

  assert.deepEqual(found.map(({ isResolved }) => isResolved), [undefined]);
  assert.equal(recordsOf(found).size, 0);
});

Deno.test("a cancel while a step is parked has resolved nothing", () => {
  const found = resolutions(parked().send({ kind: "CancelTask", ...by }));

  assert.deepEqual(found.map(({ choice, isResolved }) => [choice, isResolved]), [[
    "cancel",
    false,
  ]]);
});

Deno.test("a decision keeps what was diagnosed, and what it was", () => {
  const choice = { kind: "ChooseStep", step: "pay", choice: "skip", ...by } as const;

  const [found] = resolutions(
    parked().send({ ...choice, diagnosed: "timeout", confidence: 0.8, cause: "overload" }),
  );

  assert.deepEqual(
    [found?.choice, found?.isResolved, found?.diagnosed, found?.confidence, found?.cause],
    ["skip", true, "timeout", 0.8, "overload"],
  );
});

Deno.test("an automatic retry is nobody's decision", () => {
  const driver = new TaskDriver([{ name: "pay" }]).start().throw("pay").after(60_000).complete(
    "pay",
  );

  assert.deepEqual(resolutions(driver), []);
});
