import assert from "node:assert/strict";
import { EngineHarness } from "../tests/support/engine_harness.ts";
import { PASSIVATE_AFTER_MS } from "./supervisor.ts";

const by = { by: "ada", reason: "test" };
const remote = { name: "r", kind: "remote" as const, owner: "other", event: "x" };

Deno.test("a restart is no silence of another system", async () => {
  const harness = await EngineHarness.open([{
    ...remote,
    policy: { heartbeatMs: 1_000, timeoutMs: 3_600_000 },
  }]);
  const { taskId } = await harness.start();
  for (let beats = 0; beats < 5; beats++) {
    await harness.runtime.advance(900);
    harness.engine.router.record({ kind: "RecordProgress", taskId, step: 0, attempt: 1 });
  }

  await harness.restart();
  await harness.runtime.advance(900);
  assert.equal(harness.state(taskId).steps[0]?.failure, undefined);
  await harness.runtime.advance(200);

  assert.match(harness.state(taskId).steps[0]?.failure?.error ?? "", /heartbeat_timed_out/);
});

Deno.test("a task that was brought back for nothing leaves memory again", async () => {
  const harness = await EngineHarness.open([{ name: "ok", kind: "signal" }]);
  const { taskId } = await harness.start();
  await harness.runtime.advance(3 * PASSIVATE_AFTER_MS);

  const refused = harness.send({ kind: "RetryStep", step: "ok", taskId, commandId: "c", ...by });
  await assert.rejects(refused, { code: "step.not_parked" });

  assert.equal(harness.engine.supervisor.size, 0);
  assert.equal(harness.state(taskId).turn, 2);
});

Deno.test("a command that arrives while its task leaves memory is decided", async () => {
  const harness = await EngineHarness.open([{ name: "ok", kind: "signal" }]);
  const { taskId } = await harness.start();
  const left = Promise.withResolvers<undefined>();
  harness.faults.append = (row) =>
    row.events.some(({ kind }) => kind === "TaskPassivated") ? left.promise : undefined;
  await harness.runtime.advance(2 * PASSIVATE_AFTER_MS);

  const answer = harness.engine.router.send({ kind: "PauseTask", taskId, commandId: "c", ...by });
  await harness.runtime.settle();
  left.resolve(undefined);
  await harness.runtime.settle();

  assert.deepEqual(await answer, { taskId, turn: 3, changed: true });
  assert.deepEqual(
    harness.journal.turns(taskId).flatMap(({ events }) => events.map(({ kind }) => kind)),
    ["TaskStarted", "StepStarted", "TaskPassivated", "TaskPaused"],
  );
});

Deno.test("a task that leaves memory does not take its place along", async () => {
  const harness = await EngineHarness.open([{
    ...remote,
    policy: { concurrencyMax: 1, timeoutMs: 3_600_000 },
  }]);
  await harness.start();
  const second = await harness.start();

  await harness.runtime.advance(3 * PASSIVATE_AFTER_MS);

  assert.equal(harness.steps(second.taskId)["r"], "pending");
});
