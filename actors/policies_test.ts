import assert from "node:assert/strict";
import { EngineHarness } from "../tests/support/engine_harness.ts";
import type { Policy } from "../src/core/policy.ts";

const remote = { name: "r", kind: "remote" as const, owner: "other", event: "x" };

/** Lays a policy over all steps, and lets the node read it. */
async function overlay(harness: EngineHarness, policy: Policy): Promise<void> {
  const { namespace, name } = harness.plan.definition;
  await harness.policies.put(namespace, name, {
    by: "ada",
    reason: "test",
    atMs: harness.runtime.now(),
    steps: { "*": policy },
  });
  await harness.engine.renewPolicies();
  await harness.runtime.settle();
}

Deno.test("a heartbeat that a new policy asks for is listened for at once", async () => {
  const harness = await EngineHarness.open([{ ...remote, policy: { timeoutMs: 3_600_000 } }]);
  const { taskId } = await harness.start();

  await overlay(harness, { heartbeatMs: 1_000 });
  await harness.runtime.advance(1_100);

  assert.match(harness.state(taskId).steps[0]?.failure?.error ?? "", /heartbeat_timed_out/);
});

Deno.test("an attempt keeps the time it began with; the next has that of the new policy", async () => {
  const harness = await EngineHarness.open([{
    ...remote,
    policy: { timeoutMs: 1_000, retry: { backoff: "none" } },
  }]);
  const { taskId } = await harness.start();

  await overlay(harness, { timeoutMs: 5_000 });
  await harness.runtime.advance(1_100);

  const started = harness.journal.turns(taskId).flatMap(({ events }) => events).flatMap((event) =>
    event.kind === "StepStarted"
      ? [{ version: event.policyVersion, forMs: (event.dueAtMs ?? 0) - event.atMs }]
      : []
  );
  assert.deepEqual(started, [{ version: 0, forMs: 1_000 }, { version: 1, forMs: 5_000 }]);
});

Deno.test("more places that a new policy gives are taken at once", async () => {
  const harness = await EngineHarness.open([{ ...remote, policy: { concurrencyMax: 1 } }]);
  await harness.start();
  const { taskId } = await harness.start();
  assert.equal(harness.steps(taskId)["r"], "pending");

  await overlay(harness, { concurrencyMax: 2 });

  assert.equal(harness.steps(taskId)["r"], "waiting_for_reply");
});

Deno.test("a policy for all steps ended a sleep early and an approval for good", async () => {
  const harness = await EngineHarness.open([
    { name: "cooling_off", kind: "sleep", sleepMs: 3_600_000 },
    { name: "approval", kind: "signal", onTimeout: "fail" },
  ]);
  await overlay(harness, { timeoutMs: 20_000, heartbeatMs: 10_000, concurrencyMax: 1 });
  const { taskId } = await harness.start();

  await harness.runtime.advance(3_599_000);
  assert.deepEqual(harness.steps(taskId), {
    cooling_off: "waiting_for_reply",
    approval: "waiting_for_reply",
  });
  assert.equal(harness.engine.supervisor.size, 0); // nothing keeps it in memory
  await harness.runtime.advance(2_000);

  assert.equal(harness.steps(taskId)["cooling_off"], "completed");
});
