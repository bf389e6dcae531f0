import assert from "node:assert/strict";
import { ANY_SYSTEM, type Instance } from "../src/core/system.ts";
import type { JsonText } from "../src/core/payload.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { DriverStep } from "../tests/support/task_driver.ts";
import { EngineHarness } from "../tests/support/engine_harness.ts";

const capability = { name: "stock.check", range: "^1.2" };
const policy = { retry: { attemptsMax: 3, backoff: "none" }, timeoutMs: 30_000 } as const;
const remote = { kind: "remote", event: "stock.check", policy } as const;
const routed: DriverStep = { name: "r", owner: ANY_SYSTEM, capability, ...remote };
const owned: DriverStep = { name: "r", owner: "east", ...remote };
const by = { by: "ada", reason: "test" };

function instance(system: string, more: Partial<Instance> = {}): Instance {
  return {
    system,
    instance: "a",
    version: "1.0.0",
    state: "healthy",
    isDeclared: false,
    namespaces: [],
    capabilities: [{ name: "stock.check", version: "1.2.0" }],
    ...more,
  };
}

/** What the task's row says that it waits for. */
function reasonOf(harness: EngineHarness, taskId: TaskId): string | null | undefined {
  return harness.engine.peek(taskId)?.row.blockedReason;
}

/** The systems in the events StepStarted of a task. */
function systemsOf(harness: EngineHarness, taskId: TaskId): readonly (string | undefined)[] {
  return harness.journal.turns(taskId).flatMap(({ events }) =>
    events.flatMap((event) => event.kind === "StepStarted" ? [event.system] : [])
  );
}

Deno.test("a step that names only a capability is sent to a system that offers it, as recorded", async () => {
  const harness = await EngineHarness.open([routed]);
  harness.directory.set([instance("west")]);

  const { taskId } = await harness.start();

  assert.deepEqual(systemsOf(harness, taskId), ["west"]);
  assert.deepEqual(harness.sent.map(({ system }) => system), ["west"]);
});

Deno.test("a step whose owner is named records no system, and needs no registry", async () => {
  const harness = await EngineHarness.open([owned]);

  const { taskId } = await harness.start();

  assert.deepEqual(systemsOf(harness, taskId), [undefined]);
  assert.deepEqual(harness.sent.map(({ system }) => system), [undefined]);
});

Deno.test("a step waits with its reason until a system offers what it asks for", async () => {
  const harness = await EngineHarness.open([routed]);
  harness.directory.set([instance("west", { capabilities: [] })]);
  const { taskId } = await harness.start();
  assert.equal(reasonOf(harness, taskId), 'step "r": no_system_offers');
  assert.equal(harness.sent.length, 0);

  harness.directory.set([instance("west")]);
  await harness.runtime.settle();

  assert.deepEqual(harness.sent.map(({ system }) => system), ["west"]);
});

Deno.test("a step of an unhealthy owner waits, and starts when it is healthy again", async () => {
  const harness = await EngineHarness.open([owned]);
  harness.directory.set([instance("east", { state: "unhealthy" })]);
  const { taskId } = await harness.start();
  assert.equal(reasonOf(harness, taskId), 'step "r": no_healthy_instance');

  harness.directory.set([instance("east")]);
  await harness.runtime.settle();

  assert.equal(harness.steps(taskId)["r"], "waiting_for_reply");
});

Deno.test("an attempt whose system leaves goes on to its time-out, and the next one goes elsewhere", async () => {
  const harness = await EngineHarness.open([routed]);
  harness.directory.set([instance("west")]);
  const { taskId } = await harness.start();

  harness.directory.set([instance("west", { state: "gone" }), instance("east")]);
  await harness.runtime.advance(29_000);
  assert.deepEqual(systemsOf(harness, taskId), ["west"]);
  await harness.runtime.advance(2_000);

  assert.deepEqual(systemsOf(harness, taskId), ["west", "east"]);
});

Deno.test("a retry goes to the system of the attempt before, however many offer the same", async () => {
  const harness = await EngineHarness.open([routed]);
  harness.directory.set(["a", "b", "c", "d", "e"].map((name) => instance(name)));
  const { taskId } = await harness.start();
  const [first] = systemsOf(harness, taskId);
  const others = ["f", "g", "h"].map((name) => instance(name));

  harness.directory.set([instance(first as string), ...others]);
  await harness.runtime.advance(70_000);

  assert.deepEqual(systemsOf(harness, taskId), [first, first, first]);
});

Deno.test("a node that takes a task over asks the recorded system, though it knows no system", async () => {
  const harness = await EngineHarness.open([routed]);
  harness.directory.set([instance("west")]);
  const { taskId } = await harness.start();
  harness.directory.set([]);

  await harness.restart();
  await harness.send({ kind: "CancelTask", taskId, commandId: "c", ...by });

  assert.deepEqual(harness.sent.map(({ system }) => system), ["west", "west"]);
  assert.deepEqual(harness.stopped, ["r at west"]);
});

Deno.test("a step that waited for a place while its system left is sent to another one", async () => {
  const alone: DriverStep = { ...routed, policy: { concurrencyMax: 1, timeoutMs: 600_000 } };
  const harness = await EngineHarness.open([alone]);
  harness.directory.set([instance("west")]);
  const first = await harness.start();
  const second = await harness.start();
  assert.equal(reasonOf(harness, second.taskId), 'step "r": concurrency_max');

  harness.directory.set([instance("east")]);
  const outcome = { kind: "completed" as const, result: "1" as JsonText };
  const { taskId } = first;
  const result = { kind: "RecordStepResult", taskId, step: 0, attempt: 1, outcome } as const;
  harness.engine.router.record(result);
  await harness.runtime.settle();

  assert.deepEqual(systemsOf(harness, second.taskId), ["east"]);
});

Deno.test("a step that waits for a place, and whose system offers it no more, says so", async () => {
  const single = { ...routed, policy: { ...policy, concurrencyMax: 1 } };
  const harness = await EngineHarness.open([single]);
  harness.directory.set([instance("west")]);
  await harness.start();
  const { taskId } = await harness.start();
  assert.equal(reasonOf(harness, taskId), 'step "r": concurrency_max');

  const older = [{ name: "stock.check", version: "1.1.0" }];
  harness.directory.set([instance("west", { capabilities: older })]);
  await harness.runtime.settle();

  assert.equal(reasonOf(harness, taskId), 'step "r": no_system_offers');
});

Deno.test("10,000 steps that wait for a system cost nothing, and all start when one comes", async () => {
  const harness = await EngineHarness.open([routed]);
  const many = 10_000;
  await Promise.all(Array.from({ length: many }, () => harness.start()));
  assert.equal(harness.sent.length, 0);

  for (let time = 0; time < 100; time++) {
    harness.directory.set([instance("x", { capabilities: [] })]);
  }
  assert.equal(harness.sent.length, 0);
  harness.directory.set([instance("west"), instance("east")]);
  await harness.runtime.advance(1_000);

  assert.equal(harness.sent.length, many);
});
