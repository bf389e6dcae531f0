import assert from "node:assert/strict";
import { TaskerError } from "../src/core/errors.ts";
import type { StartLever } from "../src/core/starts.ts";
import { EngineHarness } from "../tests/support/engine_harness.ts";

async function lever(harness: EngineHarness, starts?: StartLever): Promise<void> {
  const { namespace, name } = harness.plan.definition;
  await harness.policies.put(namespace, name, {
    by: "ada",
    reason: "test",
    atMs: harness.runtime.now(),
    steps: {},
    ...(starts && { starts }),
  });
  await harness.engine.renewPolicies();
}

/** What a start is refused with; undefined: it began. */
async function refusalOf(harness: EngineHarness, priority?: number) {
  try {
    await harness.start(priority === undefined ? {} : { priority });
    return undefined;
  } catch (error) {
    assert.ok(error instanceof TaskerError);
    return { code: error.code, retry: error.retry, afterMs: error.retryAfterMs };
  }
}

Deno.test("a start that is held back is refused with a time before anything is recorded", async () => {
  const harness = await EngineHarness.open([{ name: "a" }]);
  await lever(harness, { pausedBelow: 2, untilMs: harness.runtime.now() + 5_000 });
  const rows = harness.journal.figures().rows;

  const refused = await refusalOf(harness);

  assert.equal(refused?.code, "workflow.starts_held");
  assert.equal(refused?.retry, "later");
  assert.ok((refused?.afterMs ?? 0) >= 5_000 && (refused?.afterMs ?? 0) <= 5_500);
  assert.equal(harness.journal.figures().rows, rows);
  assert.deepEqual([...harness.engine.starts.heldBack], [["test/played", 1]]);
});

Deno.test("urgent tasks start meanwhile, and all do when the time is over or the lever is taken back", async () => {
  const harness = await EngineHarness.open([{ name: "a" }]);
  const hold = () => lever(harness, { pausedBelow: 2, untilMs: harness.runtime.now() + 5_000 });

  await hold();
  const urgent = await refusalOf(harness, 2);
  await harness.runtime.advance(5_000);
  const after = await refusalOf(harness);
  await hold();
  const again = await refusalOf(harness);
  await lever(harness);
  const taken = await refusalOf(harness);

  assert.deepEqual([urgent, after, again?.code, taken], [
    undefined,
    undefined,
    "workflow.starts_held",
    undefined,
  ]);
});

Deno.test("the priority of a start is recorded only if it was given", async () => {
  const harness = await EngineHarness.open([{ name: "a" }]);

  const [plain, urgent] = [await harness.start(), await harness.start({ priority: 1 })];

  const priorities = [plain, urgent].map(({ taskId }) => {
    const [event] = harness.journal.turns(taskId)[0]?.events ?? [];
    return event?.kind === "TaskStarted" && "priority" in event ? event.priority : "absent";
  });
  assert.deepEqual(priorities, ["absent", 1]);
});

Deno.test("a hundred thousand held starts leave nothing in memory", async () => {
  const harness = await EngineHarness.open([{ name: "a" }]);
  await lever(harness, { pausedBelow: 0, untilMs: harness.runtime.now() + 60_000 });
  const { engine } = harness;

  let refused = 0;
  for (let count = 0; count < 100_000; count++) {
    const start = { workflow: "test/played" } as Parameters<typeof engine.starts.refusalOf>[0];
    if (engine.starts.refusalOf(start) !== undefined) refused++;
  }

  assert.equal(refused, 100_000);
  assert.equal(engine.supervisor.size, 0);
});
