import assert from "node:assert/strict";
import type { TaskerError } from "../src/core/errors.ts";
import type { TaskId } from "../src/core/ids.ts";
import { complete, EngineHarness } from "../tests/support/engine_harness.ts";
import type { DriverStep } from "../tests/support/task_driver.ts";

const remote: DriverStep = {
  name: "r",
  kind: "remote",
  owner: "other",
  event: "x",
  policy: { concurrencyMax: 1, timeoutMs: 60_000 },
};

/** One task runs, and others wait for its place: it is given on each second, for as long as said. */
async function busy(
  steps: readonly DriverStep[],
  { waiting, servedS }: { waiting: number; servedS: number },
): Promise<EngineHarness> {
  const harness = await EngineHarness.open(steps);
  const tasks: TaskId[] = [];
  for (let count = 0; count <= waiting; count++) tasks.push((await harness.start()).taskId);
  for (const taskId of tasks.slice(0, servedS)) {
    await harness.runtime.advance(1_000);
    complete(harness, taskId, 0);
  }
  await harness.runtime.settle();
  return harness;
}

/** Why a start is pushed back; undefined: it is taken. */
async function refusalOf(
  harness: EngineHarness,
  deadlineMs?: number,
): Promise<TaskerError | undefined> {
  const start = harness.start(deadlineMs === undefined ? {} : { deadlineMs });
  return await start.then(() => undefined, (error) => error);
}

Deno.test("a start is pushed back while what waits takes longer than half of its task's time", async () => {
  const harness = await busy([remote], { waiting: 60, servedS: 20 }); // 40 wait, 40 s

  const [late, timely, endless] = [
    await refusalOf(harness, 70_000),
    await refusalOf(harness, 90_000),
    await refusalOf(harness),
  ];

  assert.equal(late?.code, "workflow.starts_late");
  assert.ok((late?.retryAfterMs ?? 0) >= 5_000 && (late?.retryAfterMs ?? 0) <= 7_000);
  assert.deepEqual([timely, endless], [undefined, undefined]);
  assert.deepEqual([...harness.engine.lateStarts.pushedBack], [[harness.plan.workflow, 1]]);
});

Deno.test("a start that was pushed back is taken once enough of what waited was served", async () => {
  const harness = await busy([remote], { waiting: 60, servedS: 20 });
  assert.equal((await refusalOf(harness, 70_000))?.code, "workflow.starts_late");

  const later = await busy([remote], { waiting: 60, servedS: 30 });

  assert.equal(await refusalOf(later, 70_000), undefined);
});

Deno.test("a queue time-out bounds what may wait as a deadline does", async () => {
  const policy = { ...remote.policy, queueTimeoutMs: 35_000 };
  const harness = await busy([{ ...remote, policy }], { waiting: 60, servedS: 20 });

  assert.equal((await refusalOf(harness))?.code, "workflow.starts_late");
});

Deno.test("what waits for a step after a sleep pushes no start back", async () => {
  const harness = await EngineHarness.open([
    { name: "rest", kind: "sleep", sleepMs: 1_000 },
    { ...remote, after: ["rest"] },
  ]);
  for (let count = 0; count < 50; count++) await harness.start();
  await harness.runtime.advance(30_000);

  assert.equal(await refusalOf(harness, 5_000), undefined);
});

Deno.test("a line that has served nobody is full for who may wait no longer than it has stood", async () => {
  const harness = await busy([remote], { waiting: 50, servedS: 0 });
  await harness.runtime.advance(5_000);

  assert.equal((await refusalOf(harness, 9_000))?.code, "workflow.starts_late");
  assert.equal(await refusalOf(harness, 11_000), undefined);
});

Deno.test("10,000 starts that are pushed back leave nothing in memory", async () => {
  const harness = await busy([remote], { waiting: 60, servedS: 20 });
  const before = harness.engine.supervisor.size;

  for (let count = 0; count < 10_000; count++) {
    const taskId = harness.engine.router.mintTaskId();
    const { workflow, hash } = harness.plan;
    const refused = harness.engine.router.send({
      kind: "StartTask",
      taskId,
      commandId: taskId,
      namespace: "test",
      workflow,
      version: "1.0.0",
      definitionHash: hash,
      input: "{}" as never,
      tags: [],
      deadlineMs: 5_000,
    });
    await assert.rejects(refused);
  }

  assert.equal(harness.engine.supervisor.size, before);
});
