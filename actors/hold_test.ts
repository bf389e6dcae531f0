import assert from "node:assert/strict";
import type { JsonText } from "../src/core/payload.ts";
import type { TaskId } from "../src/core/ids.ts";
import { SYSTEMS_NAMESPACE } from "../src/core/policy.ts";
import type { SystemLimit } from "../src/core/shared_limit.ts";
import { EngineHarness } from "../tests/support/engine_harness.ts";

const remote = { name: "r", kind: "remote" as const, owner: "other", event: "x" };

/** Sets what holds for the whole system, and lets the node read it. */
async function limit(harness: EngineHarness, whole: SystemLimit): Promise<void> {
  await harness.policies.put(SYSTEMS_NAMESPACE, "other", {
    by: "ada",
    reason: "test",
    atMs: harness.runtime.now(),
    steps: { "*": whole } as never,
  });
  await harness.engine.renewPolicies();
  await harness.runtime.settle();
}

function inFlight(harness: EngineHarness, tasks: readonly TaskId[]): readonly TaskId[] {
  return tasks.filter((taskId) => harness.steps(taskId)["r"] === "waiting_for_reply");
}

function complete(harness: EngineHarness, taskId: TaskId): void {
  const outcome = { kind: "completed" as const, result: "1" as JsonText };
  harness.engine.router.record({ kind: "RecordStepResult", taskId, step: 0, attempt: 1, outcome });
}

async function startMany(harness: EngineHarness, count: number): Promise<readonly TaskId[]> {
  const tasks: TaskId[] = [];
  for (let n = 0; n < count; n++) tasks.push((await harness.start()).taskId);
  return tasks;
}

Deno.test("nothing is sent to a held system before its time, then more with each answer", async () => {
  const harness = await EngineHarness.open([remote]);
  await limit(harness, { holdUntilMs: harness.runtime.now() + 60_000 });
  const tasks = await startMany(harness, 100);

  await harness.runtime.advance(59_000);
  const before = inFlight(harness, tasks).length;
  await harness.runtime.advance(1_100);
  const seen: number[] = [];
  for (let round = 0; round < 3; round++) {
    const sent = inFlight(harness, tasks);
    seen.push(sent.length);
    for (const taskId of sent) complete(harness, taskId);
    await harness.runtime.advance(20);
  }

  assert.deepEqual([before, ...seen], [0, 2, 4, 8]);
});

Deno.test("a step names the hold that it waits for, or the circuit that was opened by hand", async () => {
  const harness = await EngineHarness.open([remote]);
  const reasons = new Map<TaskId, string | null>();
  harness.faults.append = ({ taskId, change }) => {
    if (change !== undefined) reasons.set(taskId, change.blockedReason);
    return undefined;
  };
  const untilMs = harness.runtime.now() + 60_000;

  await limit(harness, { holdUntilMs: untilMs });
  const { taskId } = await harness.start();
  const held = reasons.get(taskId);
  await limit(harness, { circuit: { openUntilMs: untilMs } });

  assert.deepEqual([held, reasons.get(taskId)], [
    'step "r": system_held',
    'step "r": circuit_open',
  ]);
  assert.equal(harness.engine.admission.circuit("other"), "open");
});

Deno.test("a hold that is lifted early lets steps through little by little", async () => {
  const harness = await EngineHarness.open([remote]);
  await limit(harness, { holdUntilMs: harness.runtime.now() + 60_000 });
  const tasks = await startMany(harness, 20);

  await limit(harness, {});

  assert.equal(inFlight(harness, tasks).length, 2);
});

Deno.test("a hold that was over before the node read it changes nothing", async () => {
  const harness = await EngineHarness.open([remote]);
  await limit(harness, { holdUntilMs: harness.runtime.now() - 1 });

  const tasks = await startMany(harness, 20);

  assert.equal(inFlight(harness, tasks).length, 20);
});

Deno.test("a step that waits for a hold keeps no place of its system", async () => {
  const harness = await EngineHarness.open([remote]);
  await limit(harness, { concurrencyMax: 1, holdUntilMs: harness.runtime.now() + 60_000 });

  await startMany(harness, 5);

  const [{ running, waiting } = {}] = harness.engine.admission.figures();
  assert.deepEqual({ running, waiting }, { running: 0, waiting: 5 });
});

Deno.test("a hold that is lifted for a rate lets only that many through", async () => {
  const harness = await EngineHarness.open([remote]);
  await limit(harness, { holdUntilMs: harness.runtime.now() + 60_000 });
  const tasks = await startMany(harness, 100);
  await harness.runtime.advance(30_000);

  await limit(harness, { ratePerS: 0.1 });
  const sent = new Set<TaskId>();
  for (let second = 0; second < 25; second++) {
    for (const taskId of inFlight(harness, tasks)) {
      sent.add(taskId);
      complete(harness, taskId);
    }
    await harness.runtime.advance(1_000);
  }

  assert.equal(sent.size, 3);
});
