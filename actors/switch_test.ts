import assert from "node:assert/strict";
import type { Event } from "../src/core/event.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { Instance } from "../src/core/system.ts";
import { EngineHarness } from "../tests/support/engine_harness.ts";
import type { DriverStep } from "../tests/support/task_driver.ts";

const STEP: DriverStep = {
  name: "s",
  kind: "remote",
  owner: "west",
  event: "stock.check",
  capability: { name: "stock.check" },
  policy: { timeoutMs: 60_000, retry: { attemptsMax: 9, backoff: "none" } },
};

function instance(system: string, more: Partial<Instance> = {}): Instance {
  return {
    system,
    instance: `${system}-1`,
    version: "1.0.0",
    state: "healthy",
    isDeclared: false,
    namespaces: ["test"],
    capabilities: [{ name: "stock.check", version: "1.0.0" }],
    ...more,
  };
}

/** Two systems that could run the step, "west" and "east". */
async function opened(): Promise<EngineHarness> {
  const harness = await EngineHarness.open([STEP]);
  harness.directory.set([instance("west"), instance("east")]);
  return harness;
}

/** Switches the step to a system; undefined: back. */
async function switchTo(harness: EngineHarness, system: string | undefined): Promise<void> {
  const { namespace, name } = harness.plan.definition;
  await harness.policies.put(namespace, name, {
    by: "ada",
    reason: "test",
    atMs: harness.runtime.now(),
    steps: system === undefined ? {} : { s: { system } },
  });
  await harness.engine.renewPolicies();
  await harness.runtime.settle();
}

/** Lets one system take one attempt at a time, for the whole cluster. */
async function limitTo(harness: EngineHarness, system: string, concurrencyMax: number) {
  await harness.policies.put("", system, {
    by: "ada",
    reason: "test",
    atMs: harness.runtime.now(),
    steps: { "*": { concurrencyMax } },
  });
  await harness.engine.renewPolicies();
  await harness.runtime.advance(2_000);
}

function systemsOf(harness: EngineHarness, taskId: TaskId): readonly (string | undefined)[] {
  return harness.journal.turns(taskId).flatMap(({ events }) => events)
    .filter((event: Event) => event.kind === "StepStarted")
    .map((event) => "system" in event ? event.system : undefined);
}

Deno.test("a step whose policy names another system goes there, and its start says so", async () => {
  const harness = await opened();

  await switchTo(harness, "east");
  const { taskId } = await harness.start();

  assert.deepEqual(systemsOf(harness, taskId), ["east"]);
});

Deno.test("putting the earlier overlay again brings the step back", async () => {
  const harness = await opened();
  await switchTo(harness, "east");

  await switchTo(harness, undefined);
  const { taskId } = await harness.start();

  assert.deepEqual(systemsOf(harness, taskId), [undefined]);
});

Deno.test("steps that wait in the lines of the old system begin again at the new one", async () => {
  const harness = await opened();
  await limitTo(harness, "west", 1);
  const tasks: TaskId[] = [];
  for (let count = 0; count < 1_000; count++) tasks.push((await harness.start()).taskId);
  await harness.runtime.advance(2_000);
  const before = tasks.filter((taskId) => systemsOf(harness, taskId).length > 0).length;

  await switchTo(harness, "east");
  const at = tasks.map((taskId) => systemsOf(harness, taskId).join());

  assert.equal(before, 1);
  assert.equal(at.filter((system) => system === "east").length, 999);
  const west = [...harness.engine.admission.systems].find(({ name }) => name === "west");
  const { running, waiting } = west!.figures();
  assert.deepEqual({ running, waiting }, { running: 1, waiting: 0 });
});

Deno.test("a system that is not there gets nothing: steps go where they went, and that is counted", async () => {
  const harness = await opened();
  harness.directory.set([instance("west"), instance("east", { state: "unhealthy" })]);

  await switchTo(harness, "east");
  const first = await harness.start();
  await switchTo(harness, "north");
  const second = await harness.start();

  assert.deepEqual(systemsOf(harness, first.taskId), [undefined]);
  assert.deepEqual(systemsOf(harness, second.taskId), [undefined]);
  assert.deepEqual([...harness.engine.switchFallbacks], [["east", 1], ["north", 1]]);
});

Deno.test("steps that wait at the old system go to the new one as soon as it is healthy", async () => {
  const harness = await opened();
  await limitTo(harness, "west", 1);
  harness.directory.set([instance("west"), instance("east", { state: "unhealthy" })]);
  await switchTo(harness, "east");
  await harness.start();
  const { taskId } = await harness.start();
  await harness.runtime.advance(2_000);

  harness.directory.set([instance("west"), instance("east")]);
  await harness.runtime.settle();

  assert.deepEqual(systemsOf(harness, taskId), ["east"]);
});

Deno.test("no switch leads an input to a system that the namespace may not use", async () => {
  const harness = await opened();
  harness.directory.set([instance("west"), instance("east", { namespaces: [] })]);
  Object.assign(harness.directory, { names: (system: string) => system === "west" });

  await switchTo(harness, "east");
  const { taskId } = await harness.start();

  assert.deepEqual(systemsOf(harness, taskId), [undefined]);
});

Deno.test("an attempt that runs stays where it is; the one after it follows the switch", async () => {
  const harness = await opened();
  const { taskId } = await harness.start();

  await switchTo(harness, "east");
  await harness.runtime.advance(61_000);

  assert.deepEqual(systemsOf(harness, taskId), [undefined, "east"]);
});

Deno.test("a step without a capability is switched to a system that it declares, and to no other", async () => {
  const { capability: _, ...plain } = STEP;
  const harness = await EngineHarness.open([{
    ...plain,
    alternatives: [{ name: "by_east", system: "east" }],
  }]);
  harness.directory.set([instance("west"), instance("east"), instance("north")]);

  await switchTo(harness, "north");
  const first = await harness.start();
  await switchTo(harness, "east");
  const second = await harness.start();
  harness.directory.set([instance("west"), instance("east", { state: "unhealthy" })]);
  const third = await harness.start();

  assert.deepEqual([first, second, third].flatMap(({ taskId }) => systemsOf(harness, taskId)), [
    undefined,
    "east",
    undefined,
  ]);
  assert.deepEqual([...harness.engine.switchFallbacks.keys()], ["north", "east"]);
});
