import assert from "node:assert/strict";
import { EngineHarness } from "../tests/support/engine_harness.ts";
import type { JsonText } from "../src/core/payload.ts";

const by = { by: "ada", reason: "test" };
const never = () => new Promise(() => {});

Deno.test("a late result of an earlier attempt stops the one that was made since", async () => {
  const aborted: number[] = [];
  const late = Promise.withResolvers<string>();
  const harness = await EngineHarness.open([{
    name: "a",
    policy: { timeoutMs: 1_000, retry: { backoff: "none" } },
  }], {
    a: ({ attempt, signal }) => {
      signal.addEventListener("abort", () => aborted.push(attempt));
      return attempt === 1 ? late.promise : never();
    },
  });
  const { taskId } = await harness.start();
  await harness.runtime.advance(1_100);
  assert.equal(harness.state(taskId).steps[0]?.attempt, 2);

  late.resolve("late");
  await harness.runtime.settle();

  const [step] = harness.state(taskId).steps;
  assert.equal(step?.state === "completed" && step.result, `"late"`);
  assert.deepEqual(aborted, [1, 2]);
});

Deno.test("a step that waits for another system is stopped when it is resolved or skipped", async () => {
  const remote = { kind: "remote" as const, owner: "other", event: "x" };
  const harness = await EngineHarness.open([{ name: "r", ...remote }, { name: "s", ...remote }]);
  const { taskId } = await harness.start();

  const result = "1" as JsonText;
  await harness.send({ kind: "ResolveStep", step: "r", result, taskId, commandId: "r", ...by });
  await harness.send({ kind: "SkipStep", step: "s", taskId, commandId: "s", ...by });

  assert.deepEqual(harness.stopped, ["r", "s"]);
  assert.equal(harness.state(taskId).end, "completed");
});

Deno.test("who watches is input the state of the turn, not of one that is still to be committed", async () => {
  const harness = await EngineHarness.open([{ name: "a" }, {
    name: "b",
    kind: "remote",
    after: ["a"],
  }]);
  const seen: string[] = [];
  harness.engine.supervisor.subscribe(({ turn, state }) => seen.push(`${turn.turn} ${state}`));
  const commit = Promise.withResolvers<undefined>();
  harness.faults.append = (row) => row.turn === 2 ? commit.promise : undefined;
  const { taskId } = await harness.start();
  await harness.runtime.settle();

  const cancel = harness.engine.router.send({ kind: "CancelTask", taskId, commandId: "c", ...by });
  await harness.runtime.settle();
  commit.resolve(undefined);
  await cancel;

  assert.deepEqual(seen, ["1 running", "2 waiting", "3 cancelled"]);
});

Deno.test("nothing is started that a later turn has ended before the commit", async () => {
  const harness = await EngineHarness.open([{ name: "a" }, {
    name: "b",
    kind: "remote",
    after: ["a"],
  }]);
  const commit = Promise.withResolvers<undefined>();
  harness.faults.append = (row) =>
    row.events.some((event) => event.kind === "StepCompleted") ? commit.promise : undefined;
  const { taskId } = await harness.start();
  await harness.runtime.settle();

  const cancel = harness.engine.router.send({ kind: "CancelTask", taskId, commandId: "c", ...by });
  await harness.runtime.settle();
  commit.resolve(undefined);
  await cancel;

  assert.deepEqual(harness.sent, []);
  assert.deepEqual(harness.stopped, []);
  assert.deepEqual(harness.steps(taskId), { a: "completed", b: "cancelled" });
});

Deno.test("cancel notifies other systems of the steps they were sent, and of no others", async () => {
  const remote = { kind: "remote" as const, owner: "other", event: "x" };
  const harness = await EngineHarness.open([
    { name: "sent", ...remote },
    { name: "later", ...remote, after: ["sent"] },
    { name: "held", ...remote, policy: { concurrencyMax: 1 } },
    { name: "always", ...remote, after: ["sent"], when: "always" },
  ]);
  await harness.start();
  const { taskId } = await harness.start();
  assert.equal(harness.steps(taskId)["held"], "pending");

  await harness.send({ kind: "CancelTask", taskId, commandId: "c", ...by });

  assert.deepEqual(harness.stopped, ["sent"]);
  assert.equal(harness.steps(taskId)["always"], "waiting_for_reply");
});
