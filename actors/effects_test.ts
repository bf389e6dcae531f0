import assert from "node:assert/strict";
import { EngineHarness } from "../tests/support/engine_harness.ts";
import type { JsonText } from "../src/core/payload.ts";

const by = { by: "ada", reason: "test" };
const never = () => new Promise(() => {});

Deno.test("a late result of an earlier attempt stops the one that was made since", async () => {
  const aborted: number[] = [];
  const late = Promise.withResolvers<string>();
  const world = await EngineHarness.open([{
    name: "a",
    policy: { timeoutMs: 1_000, retry: { backoff: "none" } },
  }], {
    a: ({ attempt, signal }) => {
      signal.addEventListener("abort", () => aborted.push(attempt));
      return attempt === 1 ? late.promise : never();
    },
  });
  const { taskId } = await world.start();
  await world.runtime.advance(1_100);
  assert.equal(world.state(taskId).steps[0]?.attempt, 2);

  late.resolve("late");
  await world.runtime.settle();

  const [step] = world.state(taskId).steps;
  assert.equal(step?.state === "completed" && step.result, `"late"`);
  assert.deepEqual(aborted, [1, 2]);
});

Deno.test("a step that waits for another system is stopped when it is resolved or skipped", async () => {
  const remote = { kind: "remote" as const, owner: "other", event: "x" };
  const world = await EngineHarness.open([{ name: "r", ...remote }, { name: "s", ...remote }]);
  const { taskId } = await world.start();

  const result = "1" as JsonText;
  await world.send({ kind: "ResolveStep", step: "r", result, taskId, commandId: "r", ...by });
  await world.send({ kind: "SkipStep", step: "s", taskId, commandId: "s", ...by });

  assert.deepEqual(world.stopped, ["r", "s"]);
  assert.equal(world.state(taskId).end, "completed");
});

Deno.test("who watches is input the state of the turn, not of one that is still to be committed", async () => {
  const world = await EngineHarness.open([{ name: "a" }, {
    name: "b",
    kind: "remote",
    after: ["a"],
  }]);
  const seen: string[] = [];
  world.engine.supervisor.subscribe(({ turn, state }) => seen.push(`${turn.turn} ${state}`));
  const commit = Promise.withResolvers<undefined>();
  world.faults.append = (row) => row.turn === 2 ? commit.promise : undefined;
  const { taskId } = await world.start();
  await world.runtime.settle();

  const cancel = world.engine.router.send({ kind: "CancelTask", taskId, commandId: "c", ...by });
  await world.runtime.settle();
  commit.resolve(undefined);
  await cancel;

  assert.deepEqual(seen, ["1 running", "2 waiting", "3 cancelled"]);
});

Deno.test("nothing is started that a later turn has ended before the commit", async () => {
  const world = await EngineHarness.open([{ name: "a" }, {
    name: "b",
    kind: "remote",
    after: ["a"],
  }]);
  const commit = Promise.withResolvers<undefined>();
  world.faults.append = (row) =>
    row.events.some((event) => event.kind === "StepCompleted") ? commit.promise : undefined;
  const { taskId } = await world.start();
  await world.runtime.settle();

  const cancel = world.engine.router.send({ kind: "CancelTask", taskId, commandId: "c", ...by });
  await world.runtime.settle();
  commit.resolve(undefined);
  await cancel;

  assert.deepEqual(world.sent, []);
  assert.deepEqual(world.stopped, []);
  assert.deepEqual(world.steps(taskId), { a: "completed", b: "cancelled" });
});

Deno.test("cancel tells other systems of the steps they were sent, and of no others", async () => {
  const remote = { kind: "remote" as const, owner: "other", event: "x" };
  const world = await EngineHarness.open([
    { name: "sent", ...remote },
    { name: "later", ...remote, after: ["sent"] },
    { name: "held", ...remote, policy: { concurrencyMax: 1 } },
    { name: "always", ...remote, after: ["sent"], when: "always" },
  ]);
  await world.start();
  const { taskId } = await world.start();
  assert.equal(world.steps(taskId)["held"], "pending");

  await world.send({ kind: "CancelTask", taskId, commandId: "c", ...by });

  assert.deepEqual(world.stopped, ["sent"]);
  assert.equal(world.steps(taskId)["always"], "waiting_for_reply");
});
