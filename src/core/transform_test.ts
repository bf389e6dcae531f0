import assert from "node:assert/strict";
import { type DriverStep, TaskDriver } from "../../tests/support/task_driver.ts";
import { TURN_SIZE_MAX } from "./live_task.ts";
import { sizeOfEvent } from "./event.ts";

const ASK: DriverStep = { name: "ask", kind: "remote", owner: "other", event: "x" };
const CARD: DriverStep = {
  name: "card",
  kind: "transform",
  needs: { ask: "ask" },
  with: { id: "$.ask.id", to: "$.input.to" },
};

function kindsOf(driver: TaskDriver) {
  return driver.turns.map(({ events }) =>
    events.map((event) => "step" in event ? `${event.kind} ${event.step}` : event.kind)
  );
}

Deno.test("a transform starts and completes in the turn in which its parents have ended", () => {
  const after: DriverStep = { name: "after", after: ["card"] };
  const driver = new TaskDriver([ASK, CARD, after]).start({ to: "ada" });

  driver.complete("ask", { id: 7 });

  assert.deepEqual(kindsOf(driver), [
    ["TaskStarted", "StepStarted 0"],
    ["StepCompleted 0", "StepStarted 1", "StepCompleted 1", "StepStarted 2"],
  ]);
  assert.equal(driver.step("card")["result"], '{"id":7,"to":"ada"}');
  assert.deepEqual(driver.folded().steps[1], driver.state.steps[1]);
});

Deno.test("a transform sees the outcome of a parent that failed", () => {
  const card = { ...CARD, when: "failed" as const, with: { why: "$.ask.error.error_message" } };
  const driver = new TaskDriver([ASK, card]).start();

  driver.fail("ask");

  assert.equal(driver.step("card")["result"], '{"why":"no"}');
  assert.equal(driver.task, "failed");
});

Deno.test("a mapping without a value fails the transform for good, and what follows is unreached", () => {
  const card = { ...CARD, with: "${ask.none}" };
  const driver = new TaskDriver([ASK, card, { name: "after", after: ["card"] }]).start();

  driver.complete("ask", {});

  assert.deepEqual(driver.steps, { ask: "completed", card: "failed", after: "unreached" });
  assert.equal(driver.task, "failed");
  const failure = driver.step("card")["failure"] as { class: string; error: string };
  assert.equal(JSON.parse(failure.error).error_code, "mapping_failed");
});

Deno.test("a transform whose result breaks its contract, or is too large, fails", () => {
  const success = { type: "object", properties: { id: { type: "string" } } };
  const wrong = new TaskDriver([ASK, { ...CARD, contract: { success } }]).start();
  wrong.complete("ask", { id: 7 });
  assert.equal(wrong.steps["card"], "failed");

  const large = new TaskDriver([ASK, { ...CARD, with: ["$.ask", "$.ask", "$.ask"] }]).start();
  large.complete("ask", "x".repeat(100_000));
  assert.equal(large.steps["card"], "failed");
});

Deno.test("a transform that fails ends the other branches of a workflow that is fail_fast", () => {
  const driver = new TaskDriver([ASK, { ...CARD, with: "${ask.none}" }, { name: "other" }], {
    failurePolicy: "fail_fast",
  }).start();

  driver.complete("ask", {});

  assert.deepEqual(driver.steps, { ask: "completed", card: "failed", other: "cancelled" });
  assert.equal(driver.task, "failed");
});

Deno.test("many transforms of large values are cut into rows of bounded size", () => {
  const copies = Array.from({ length: 40 }, (_, index): DriverStep => ({
    name: `copy_${index}`,
    kind: "transform",
    with: "$.input",
  }));
  const driver = new TaskDriver(copies).start("x".repeat(200_000));
  for (let turns = 0; driver.actor.task.isCutShort && turns < 100; turns++) driver.turn();

  assert.equal(driver.task, "completed");
  assert.ok(driver.turns.length > 4, `${driver.turns.length} turns`);
  for (const { events } of driver.turns) {
    const size = events.reduce((sum, event) => sum + sizeOfEvent(event), 0);
    assert.ok(size < TURN_SIZE_MAX + 300_000, `a row of ${size} characters`);
  }
});
