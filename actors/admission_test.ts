import assert from "node:assert/strict";
import { World } from "../tests/support/world.ts";
import { FAILURES_MAX, OPEN_MS } from "../src/core/breaker.ts";
import type { Failure } from "../src/core/event.ts";
import type { JsonText } from "../src/core/payload.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { PlayStep } from "../tests/support/play.ts";

const by = { by: "ada", reason: "test" };
const remote: PlayStep = {
  name: "r",
  kind: "remote",
  owner: "other",
  event: "x",
  policy: { retry: { attemptsMax: 1 }, timeoutMs: 30_000 },
};

/** A world whose other system has failed so often that its circuit is open. */
async function opened(steps: readonly PlayStep[] = [remote]): Promise<World> {
  const world = await World.open(steps);
  for (let count = 0; count < FAILURES_MAX; count++) await world.start();
  await world.runtime.advance(30_000);
  return world;
}

function end(world: World, taskId: TaskId, failure?: Failure): void {
  const outcome = failure === undefined
    ? { kind: "completed" as const, result: "1" as JsonText }
    : { kind: "failed" as const, failure, retryable: false };
  world.engine.mailroom.record({
    kind: "RecordStepResult",
    taskId,
    step: 0,
    attempt: 1,
    outcome,
  });
}

Deno.test("a system whose attempts time out and park its steps has its circuit opened", async () => {
  const world = await opened();

  assert.equal(world.engine.admission.circuit("other"), "open");
});

Deno.test("after a rest one attempt tries the system, and its success lets the others go", async () => {
  const world = await opened();
  const [first, second] = [await world.start(), await world.start()];
  assert.equal(world.sent.length, FAILURES_MAX);

  await world.runtime.advance(OPEN_MS + 1_000);
  assert.equal(world.sent.length, FAILURES_MAX + 1);
  end(world, first.taskId);
  await world.runtime.advance(2_000);

  assert.equal(world.state(first.taskId).end, "completed");
  assert.equal(world.steps(second.taskId)["r"], "waiting_for_reply");
  assert.equal(world.engine.admission.circuit("other"), "closed");
});

Deno.test("a try that is cancelled does not keep the circuit from trying again", async () => {
  const world = await opened();
  const [first, second] = [await world.start(), await world.start()];
  await world.runtime.advance(OPEN_MS + 1_000);

  await world.send({ kind: "CancelTask", taskId: first.taskId, commandId: "c", ...by });
  await world.runtime.advance(2_000);

  assert.equal(world.steps(second.taskId)["r"], "waiting_for_reply");
});

Deno.test("an envelope that cannot be made says nothing about the system", async () => {
  const world = await World.open([remote]);

  for (let count = 0; count < FAILURES_MAX; count++) {
    const { taskId } = await world.start();
    end(world, taskId, { class: "undeliverable", error: "{}" as JsonText });
  }
  await world.runtime.settle();

  assert.equal(world.engine.admission.circuit("other"), "closed");
});

Deno.test("waiting to be admitted for too long says nothing about the system", async () => {
  const queued = { ...remote, policy: { ...remote.policy, queueTimeoutMs: 500 } };
  const world = await opened([queued]);
  await world.runtime.advance(OPEN_MS - 1_000);
  for (let count = 0; count < FAILURES_MAX; count++) await world.start();
  await world.runtime.advance(900);

  await world.runtime.advance(100);

  assert.equal(world.engine.admission.circuit("other"), "half_open");
});

Deno.test("a failure by contract is an answer: it closes the circuit", async () => {
  const world = await opened();
  const { taskId } = await world.start();
  await world.runtime.advance(OPEN_MS + 1_000);

  end(world, taskId, { class: "failed", error: "{}" as JsonText });
  await world.runtime.settle();

  assert.equal(world.engine.admission.circuit("other"), "closed");
});
