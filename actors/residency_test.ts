import assert from "node:assert/strict";
import { EngineHarness } from "../tests/support/engine_harness.ts";
import { PASSIVATE_AFTER_MS } from "./supervisor.ts";

const by = { by: "ada", reason: "test" };
const remote = { name: "r", kind: "remote" as const, owner: "other", event: "x" };

Deno.test("a restart is no silence of another system", async () => {
  const world = await EngineHarness.open([{
    ...remote,
    policy: { heartbeatMs: 1_000, timeoutMs: 3_600_000 },
  }]);
  const { taskId } = await world.start();
  for (let beats = 0; beats < 5; beats++) {
    await world.runtime.advance(900);
    world.engine.router.record({ kind: "RecordProgress", taskId, step: 0, attempt: 1 });
  }

  await world.restart();
  await world.runtime.advance(900);
  assert.equal(world.state(taskId).steps[0]?.failure, undefined);
  await world.runtime.advance(200);

  assert.match(world.state(taskId).steps[0]?.failure?.error ?? "", /heartbeat_timed_out/);
});

Deno.test("a task that was brought back for nothing leaves memory again", async () => {
  const world = await EngineHarness.open([{ name: "ok", kind: "signal" }]);
  const { taskId } = await world.start();
  await world.runtime.advance(3 * PASSIVATE_AFTER_MS);

  const refused = world.send({ kind: "RetryStep", step: "ok", taskId, commandId: "c", ...by });
  await assert.rejects(refused, { code: "step.not_parked" });

  assert.equal(world.engine.supervisor.size, 0);
  assert.equal(world.state(taskId).turn, 2);
});

Deno.test("a command that arrives while its task leaves memory is decided", async () => {
  const world = await EngineHarness.open([{ name: "ok", kind: "signal" }]);
  const { taskId } = await world.start();
  const left = Promise.withResolvers<undefined>();
  world.faults.append = (row) =>
    row.events.some(({ kind }) => kind === "TaskPassivated") ? left.promise : undefined;
  await world.runtime.advance(2 * PASSIVATE_AFTER_MS);

  const answer = world.engine.router.send({ kind: "PauseTask", taskId, commandId: "c", ...by });
  await world.runtime.settle();
  left.resolve(undefined);
  await world.runtime.settle();

  assert.deepEqual(await answer, { taskId, turn: 3, changed: true });
  assert.deepEqual(
    world.journal.turns(taskId).flatMap(({ events }) => events.map(({ kind }) => kind)),
    ["TaskStarted", "StepStarted", "TaskPassivated", "TaskPaused"],
  );
});

Deno.test("a task that leaves memory does not take its place along", async () => {
  const world = await EngineHarness.open([{
    ...remote,
    policy: { concurrencyMax: 1, timeoutMs: 3_600_000 },
  }]);
  await world.start();
  const second = await world.start();

  await world.runtime.advance(3 * PASSIVATE_AFTER_MS);

  assert.equal(world.steps(second.taskId)["r"], "pending");
});
