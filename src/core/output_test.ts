import assert from "node:assert/strict";
import { type DriverStep, TaskDriver } from "../../tests/support/task_driver.ts";
import type { Definition } from "./workflow.ts";

const ASK: DriverStep = { name: "ask", kind: "remote", owner: "other", event: "x" };
const SORRY: DriverStep = { name: "sorry", needs: { ask: "ask" }, when: "failed" };
const OUTPUT: Definition["output"] = {
  needs: { ask: "ask", sorry: "sorry" },
  with: { id: "$.ask.id", to: "$.input.to", why: "$.sorry.text" },
};

function driver(output: Definition["output"] = OUTPUT) {
  return new TaskDriver([ASK, SORRY], { ...output && { output } }).start({ to: "ada" });
}

function lastOf({ turns }: TaskDriver) {
  return turns.at(-1)?.events.at(-1);
}

function failureOf(task: TaskDriver) {
  const last = lastOf(task);
  assert.ok(last?.kind === "TaskEnded" && last.failure !== undefined && last.output === undefined);
  return { end: last.end, ...JSON.parse(last.failure.error) };
}

Deno.test("the turn in which a task completes records its output, without what is absent", () => {
  const task = driver().complete("ask", { id: 7 });

  assert.equal(task.turns.length, 2);
  assert.deepEqual(lastOf(task), {
    kind: "TaskEnded",
    atMs: task.nowMs,
    end: "completed",
    output: '{"id":7,"to":"ada"}',
  });
  assert.equal(task.folded().output, '{"id":7,"to":"ada"}');
});

Deno.test("a task that failed or was cancelled has no output", () => {
  const failed = driver().fail("ask").complete("sorry", { text: "no" });
  const cancelled = driver().send({ kind: "CancelTask", by: "ada", reason: "" });

  for (const [task, end] of [[failed, "failed"], [cancelled, "cancelled"]] as const) {
    assert.deepEqual(lastOf(task), { kind: "TaskEnded", atMs: task.nowMs, end });
  }
});

Deno.test("a task whose output breaks its contract fails, and says so", () => {
  const success = { type: "object", properties: { id: { type: "string" } } };
  const task = driver({ ...OUTPUT, success }).complete("ask", { id: 7 });

  assert.deepEqual(failureOf(task), {
    end: "failed",
    error_code: "output_invalid",
    error_message: "All steps completed, but the output could not be made: " +
      "it breaks its contract: id: must be string",
  });
  assert.equal(task.task, "failed");
});

Deno.test("a task whose output has no value, or is too large, fails", () => {
  const absent = driver({ needs: { ask: "ask" }, with: "${ask.none}" }).complete("ask", {});
  const large = driver({ needs: { ask: "ask" }, with: ["$.ask", "$.ask", "$.ask"] })
    .complete("ask", "x".repeat(100_000));
  const escaped = driver({ needs: { ask: "ask" }, with: ["$.ask", "$.ask"] })
    .complete("ask", '"'.repeat(70_000));

  for (const task of [absent, large, escaped]) {
    assert.equal(failureOf(task).error_code, "output_invalid");
  }
});

Deno.test("a default of the output's contract is filled in", () => {
  const success = { type: "object", properties: { kind: { type: "string", default: "new" } } };
  const task = driver({ ...OUTPUT, success }).complete("ask", {});

  assert.equal(task.state.output, '{"to":"ada","kind":"new"}');
});

Deno.test("a step that the output needs is not skipped without a result", () => {
  const task = new TaskDriver([{
    ...ASK,
    policy: { onExhausted: "park", retry: { attemptsMax: 1 } },
  }], {
    output: { needs: { ask: "ask" }, with: "$.ask" },
  }).start().throw("ask");
  const skip = { kind: "SkipStep", step: "ask", by: "ada", reason: "" } as const;

  task.send(skip);
  assert.equal(task.refusals.length, 1);
  task.send({ ...skip, result: '{"id":1}' as never });

  assert.equal(task.state.output, '{"id":1}');
});
