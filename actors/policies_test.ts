import assert from "node:assert/strict";
import { EngineHarness } from "../tests/support/engine_harness.ts";
import type { Policy } from "../src/core/policy.ts";

const remote = { name: "r", kind: "remote" as const, owner: "other", event: "x" };

/** Lays a policy over all steps, and lets the node read it. */
async function overlay(world: EngineHarness, policy: Policy): Promise<void> {
  const { namespace, name } = world.plan.definition;
  await world.policies.put(namespace, name, {
    by: "ada",
    reason: "test",
    atMs: world.runtime.now(),
    steps: { "*": policy },
  });
  await world.engine.renewPolicies();
  await world.runtime.settle();
}

Deno.test("a heartbeat that a new policy asks for is listened for at once", async () => {
  const world = await EngineHarness.open([{ ...remote, policy: { timeoutMs: 3_600_000 } }]);
  const { taskId } = await world.start();

  await overlay(world, { heartbeatMs: 1_000 });
  await world.runtime.advance(1_100);

  assert.match(world.state(taskId).steps[0]?.failure?.error ?? "", /heartbeat_timed_out/);
});

Deno.test("an attempt keeps the time it began with; the next has that of the new policy", async () => {
  const world = await EngineHarness.open([{
    ...remote,
    policy: { timeoutMs: 1_000, retry: { backoff: "none" } },
  }]);
  const { taskId } = await world.start();

  await overlay(world, { timeoutMs: 5_000 });
  await world.runtime.advance(1_100);

  const started = world.journal.turns(taskId).flatMap(({ events }) => events).flatMap((event) =>
    event.kind === "StepStarted"
      ? [{ version: event.policyVersion, forMs: (event.dueAtMs ?? 0) - event.atMs }]
      : []
  );
  assert.deepEqual(started, [{ version: 0, forMs: 1_000 }, { version: 1, forMs: 5_000 }]);
});

Deno.test("more places that a new policy gives are taken at once", async () => {
  const world = await EngineHarness.open([{ ...remote, policy: { concurrencyMax: 1 } }]);
  await world.start();
  const { taskId } = await world.start();
  assert.equal(world.steps(taskId)["r"], "pending");

  await overlay(world, { concurrencyMax: 2 });

  assert.equal(world.steps(taskId)["r"], "waiting_for_reply");
});

Deno.test("a policy for all steps ended a sleep early and an approval for good", async () => {
  const world = await EngineHarness.open([
    { name: "cooling_off", kind: "sleep", sleepMs: 3_600_000 },
    { name: "approval", kind: "signal", onTimeout: "fail" },
  ]);
  await overlay(world, { timeoutMs: 20_000, heartbeatMs: 10_000, concurrencyMax: 1 });
  const { taskId } = await world.start();

  await world.runtime.advance(3_599_000);
  assert.deepEqual(world.steps(taskId), {
    cooling_off: "waiting_for_reply",
    approval: "waiting_for_reply",
  });
  assert.equal(world.engine.supervisor.size, 0); // nothing keeps it in memory
  await world.runtime.advance(2_000);

  assert.equal(world.steps(taskId)["cooling_off"], "completed");
});
