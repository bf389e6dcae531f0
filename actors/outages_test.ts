import assert from "node:assert/strict";
import type { TaskId } from "../src/core/ids.ts";
import { BUS } from "../src/core/outages.ts";
import type { JsonText } from "../src/core/payload.ts";
import type { DriverStep } from "../tests/support/task_driver.ts";
import { EngineHarness } from "../tests/support/engine_harness.ts";

const OUTAGE_MS = 60_000;
const LAST = { timeoutMs: 10_000, retry: { attemptsMax: 1 } } as const;
const REMOTE: DriverStep = { name: "ask", kind: "remote", owner: "other", policy: LAST };
const never = () => new Promise(() => {});

/** Stops the journal; the result lets it go on. */
function stopJournal({ faults }: EngineHarness): () => void {
  const back = Promise.withResolvers<undefined>();
  faults.append = () => back.promise;
  faults.confirm = () => back.promise;
  return () => {
    delete faults.append;
    delete faults.confirm;
    back.resolve(undefined);
  };
}

function reply(harness: EngineHarness, taskId: TaskId): void {
  const outcome = { kind: "completed", result: "1" as JsonText } as const;
  const at = { kind: "RecordStepResult", taskId, step: 0, attempt: 1 } as const;
  harness.engine.router.record({ ...at, outcome });
}

/** What happened to step 0, without its start. */
function ends(harness: EngineHarness, taskId: TaskId): string[] {
  return harness.journal.turns(taskId).flatMap(({ events }) => events)
    .filter((event) => "step" in event && event.kind !== "StepStarted").map(({ kind }) => kind);
}

Deno.test("Postgres that stopped for a minute timed out what could not be recorded", async () => {
  const done = Promise.withResolvers<null>();
  const harness = await EngineHarness.open([{ name: "a", policy: LAST }], {
    a: () => done.promise,
  });
  const { taskId } = await harness.start();
  await harness.runtime.advance(5_000);
  const start = stopJournal(harness);
  await harness.runtime.advance(OUTAGE_MS);
  done.resolve(null);
  await harness.runtime.settle();

  start();
  await harness.runtime.advance(5_000);

  assert.deepEqual(ends(harness, taskId), ["StepCompleted"]);
});

for (
  const [what, step] of [
    ["time-out", REMOTE],
    ["heartbeat", { ...REMOTE, policy: { ...LAST, timeoutMs: 3_600_000, heartbeatMs: 10_000 } }],
  ] as const
) {
  Deno.test(`a reply that waited for an outage to end wins over its ${what}`, async () => {
    const harness = await EngineHarness.open([step]);
    const { taskId } = await harness.start();
    await harness.runtime.advance(9_900);
    const start = stopJournal(harness);
    await harness.runtime.advance(OUTAGE_MS);
    start();
    await harness.runtime.advance(20_000);

    reply(harness, taskId);
    await harness.runtime.settle();

    assert.deepEqual(ends(harness, taskId), ["StepCompleted"]);
  });

  Deno.test(`after an outage and the time to catch up a ${what} is decided`, async () => {
    const harness = await EngineHarness.open([step]);
    const { taskId } = await harness.start();
    await harness.runtime.advance(5_000);
    const start = stopJournal(harness);
    await harness.runtime.advance(OUTAGE_MS);
    start();
    await harness.runtime.advance(30_000 + 5_000 + 1_010);

    assert.deepEqual(ends(harness, taskId), ["StepParked"]);
  });
}

Deno.test("a step that could not be started in an outage keeps its place in the queue", async () => {
  const policy = { concurrencyMax: 1, queueTimeoutMs: 10_000 };
  const done = Promise.withResolvers<null>();
  const harness = await EngineHarness.open([{ name: "a", policy }], { a: () => done.promise });
  await harness.start();
  const { taskId } = await harness.start();
  await harness.runtime.advance(5_000);
  const start = stopJournal(harness);
  await harness.runtime.advance(OUTAGE_MS);

  start();
  done.resolve(null);
  await harness.runtime.advance(1_000);

  assert.deepEqual(ends(harness, taskId), ["StepCompleted"]);
});

Deno.test("a bus that is away times out no step of another system, and is no matter of code here", async () => {
  const harness = await EngineHarness.open([REMOTE, { name: "here", policy: LAST }], {
    here: never,
  });
  const { taskId } = await harness.start();
  harness.engine.outages.asked(BUS, harness.runtime.now());

  await harness.runtime.advance(OUTAGE_MS);

  assert.deepEqual(harness.steps(taskId), { ask: "waiting_for_reply", here: "parked" });
});

Deno.test("a command that may have expired on its way in an outage is sent again", async () => {
  const harness = await EngineHarness.open([REMOTE]);
  await harness.start();
  const { outages } = harness.engine;
  outages.asked(BUS, harness.runtime.now());
  await harness.runtime.advance(5_000);

  await harness.runtime.advance(10_000);

  assert.ok(harness.sent.length > 1);
  assert.deepEqual(new Set(harness.sent.map(({ attempt }) => attempt)), new Set([1]));
});

Deno.test("a result that has arrived wins over its time-out, whichever was put first", async () => {
  const harness = await EngineHarness.open([{
    ...REMOTE,
    policy: { ...LAST, onExhausted: "fail" },
  }]);
  const { taskId } = await harness.start();
  const held = Promise.withResolvers<undefined>();
  harness.faults.confirm = () => held.promise;
  await harness.runtime.advance(10_001);

  harness.deliver({ command: { kind: "Wake", taskId }, failedTries: 0 });
  reply(harness, taskId);
  await harness.runtime.settle();

  assert.deepEqual(ends(harness, taskId), ["StepCompleted"]);
});

Deno.test("a process that stood still did not charge its attempts for it", async () => {
  const harness = await EngineHarness.open([REMOTE]);
  const { taskId } = await harness.start();
  harness.runtime.freeze(OUTAGE_MS);
  await harness.runtime.advance(1_000);

  reply(harness, taskId);
  await harness.runtime.settle();

  assert.deepEqual(ends(harness, taskId), ["StepCompleted"]);
});

Deno.test("all that is due at one time waits for one proof", async () => {
  const harness = await EngineHarness.open([{ name: "nap", kind: "sleep", sleepMs: 10_500 }]);
  let proofs = 0;
  for (let count = 0; count < 100; count++) await harness.start();
  await harness.runtime.advance(10_400);
  harness.faults.confirm = () => {
    proofs++;
    return Promise.resolve(true);
  };

  await harness.runtime.advance(200);

  assert.equal(proofs, 1);
});

Deno.test("an idle node asked the journal for a proof each second", async () => {
  const harness = await EngineHarness.open([{ name: "a" }]);
  await harness.start();
  await harness.runtime.advance(1_000);
  let proofs = 0;
  harness.faults.confirm = () => Promise.resolve(void proofs++);

  await harness.runtime.advance(OUTAGE_MS);

  assert.equal(proofs, 0);
});
