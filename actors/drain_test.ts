import assert from "node:assert/strict";
import { Cluster } from "../tests/support/cluster.ts";
import { EngineHarness } from "../tests/support/engine_harness.ts";
import { TaskerError } from "../src/core/errors.ts";

const never = () => new Promise(() => {});

Deno.test("a result that came just before a drain is recorded, not made again", async () => {
  const finish = Promise.withResolvers<null>();
  const harness = await EngineHarness.open([{ name: "a", atMostOnce: true }], {
    a: () => finish.promise,
  });
  const { taskId } = await harness.start();
  finish.resolve(null);
  while (harness.engine.local.size > 0) await Promise.resolve();

  const drained = harness.engine.drain(10_000);
  await harness.runtime.advance(10_000);
  await drained;

  assert.deepEqual(harness.steps(taskId), { a: "completed" });
});

Deno.test("a node that drains claims no slot of one that dies", async () => {
  const cluster = new Cluster(1, [{ name: "a" }], never);
  const [node, other] = [cluster.add(), cluster.add()];
  await cluster.runtime.advance(10_000);
  const { engine } = node;
  const { owned } = engine.ownership;
  for (const key of ["one", "two", "three", "four", "five"]) void cluster.start(key);
  await cluster.runtime.advance(2_000);
  assert.ok(engine.local.size > 0, "it has something to wait for");

  void engine.drain(60_000);
  other.kill();
  await cluster.runtime.advance(20_000);

  assert.equal(cluster.store.nodes.size, 1);
  assert.equal(engine.ownership.owned, owned);
});

Deno.test("a drain ends at its time when the database is away", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const { taskId } = await harness.start();
  harness.faults.append = () => never() as Promise<undefined>;
  const pause = { kind: "PauseTask", taskId, commandId: "c", by: "ada", reason: "" } as const;
  harness.engine.router.send(pause).catch(() => {});
  await harness.runtime.settle();
  harness.journal.leave = () => Promise.reject(new TaskerError("journal.unavailable", "away"));

  let isDrained = false;
  void harness.engine.drain(1_000).then(() => isDrained = true);
  await harness.runtime.advance(1_000);
  await harness.runtime.settle();

  assert.equal(isDrained, true);
});

Deno.test("a task of a drained node is interrupted and goes on elsewhere", async () => {
  const attempts: number[] = [];
  const harness = await EngineHarness.open([{ name: "a" }], {
    a: ({ attempt }) => {
      attempts.push(attempt);
      return attempt === 1 ? never() : null;
    },
  });
  const { taskId } = await harness.start();
  void harness.engine.drain(1_000);
  await harness.runtime.advance(2_000);

  await harness.restart();
  await harness.runtime.advance(100);

  assert.deepEqual(attempts, [1, 2]);
  assert.equal(harness.state(taskId).end, "completed");
});
