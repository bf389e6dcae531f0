import assert from "node:assert/strict";
import { World } from "../tests/support/world.ts";
import { TaskerError } from "../src/core/errors.ts";

const never = () => new Promise(() => {});

Deno.test("a result that came just before a drain is recorded, not made again", async () => {
  const finish = Promise.withResolvers<null>();
  const world = await World.open([{ name: "a", atMostOnce: true }], { a: () => finish.promise });
  const { taskId } = await world.start();
  finish.resolve(null);
  while (world.engine.local.size > 0) await Promise.resolve();

  const drained = world.engine.drain(10_000);
  await world.runtime.advance(10_000);
  await drained;

  assert.deepEqual(world.steps(taskId), { a: "completed" });
});

Deno.test("a drain ends at its time when the database is away", async () => {
  const world = await World.open([{ name: "a" }], { a: never });
  const { taskId } = await world.start();
  world.faults.append = () => never() as Promise<undefined>;
  const pause = { kind: "PauseTask", taskId, commandId: "c", by: "ada", reason: "" } as const;
  world.engine.mailroom.send(pause).catch(() => {});
  await world.runtime.settle();
  world.journal.leave = () => Promise.reject(new TaskerError("journal.unavailable", "away"));

  let isDrained = false;
  void world.engine.drain(1_000).then(() => isDrained = true);
  await world.runtime.advance(1_000);
  await world.runtime.settle();

  assert.equal(isDrained, true);
});

Deno.test("a task of a drained node is interrupted and goes on elsewhere", async () => {
  const attempts: number[] = [];
  const world = await World.open([{ name: "a" }], {
    a: ({ attempt }) => {
      attempts.push(attempt);
      return attempt === 1 ? never() : null;
    },
  });
  const { taskId } = await world.start();
  void world.engine.drain(1_000);
  await world.runtime.advance(2_000);

  await world.restart();
  await world.runtime.advance(100);

  assert.deepEqual(attempts, [1, 2]);
  assert.equal(world.state(taskId).end, "completed");
});
