import assert from "node:assert/strict";
import { EngineHarness } from "../tests/support/engine_harness.ts";
import { TaskerError } from "../src/core/errors.ts";
import type { JsonText } from "../src/core/payload.ts";
import type { Appended } from "../src/core/ports.ts";

const by = { by: "ada", reason: "test" };
const never = () => new Promise(() => {});
const poison: Appended = { kind: "poison", error: new TaskerError("journal.poison", "refused") };

/** How a promise stands: its value, the code of its error, or "waits". */
async function standing(promise: Promise<unknown>): Promise<unknown> {
  const error = (thrown: unknown) => thrown instanceof TaskerError ? thrown.code : "thrown";
  const moment = new Promise((resolve) => setImmediate(() => resolve("waits")));
  return await Promise.race([promise.catch(error), moment]);
}

/** Sends a command that nobody awaits yet. */
function pause(harness: EngineHarness, taskId: string, commandId: string): Promise<unknown> {
  return sent(harness, { kind: "PauseTask", taskId, commandId, ...by });
}

function sent(harness: EngineHarness, command: Record<string, unknown>): Promise<unknown> {
  const answer = harness.engine.router.send(
    command as unknown as Parameters<typeof harness.engine.router.send>[0],
  );
  answer.catch(() => {});
  return answer;
}

Deno.test("a repeat waits for the row that it was decided on", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const { taskId } = await harness.start();
  const commit = Promise.withResolvers<undefined>();
  harness.faults.append = () => commit.promise;
  const first = pause(harness, taskId, "first");
  await harness.runtime.settle();

  const again = pause(harness, taskId, "first");
  await harness.runtime.settle();
  assert.deepEqual([await standing(first), await standing(again)], ["waits", "waits"]);
  commit.resolve(undefined);
  await harness.runtime.settle();

  assert.deepEqual(await again, { taskId, turn: 2, changed: true });
});

Deno.test("a no-op decided on a row that Postgres refused is not answered but decided again", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const { taskId } = await harness.start();
  const outcome = Promise.withResolvers<Appended>();
  harness.faults.append = (row) => row.commandIds.includes("guilty") ? outcome.promise : undefined;
  const guilty = pause(harness, taskId, "guilty");
  await harness.runtime.settle();
  const again = pause(harness, taskId, "again");
  await harness.runtime.settle();

  outcome.resolve(poison);
  await harness.runtime.advance(60_000);

  assert.equal(await standing(guilty), "journal.poison");
  assert.deepEqual(await again, { taskId, turn: 2, changed: true });
});

Deno.test("a refusal waits for a flush that finds this node alive", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const { taskId } = await harness.start();
  const flush = Promise.withResolvers<void>();
  harness.faults.confirm = () => flush.promise;

  const refused = sent(harness, { kind: "RetryStep", step: "a", taskId, commandId: "r", ...by });
  await harness.runtime.settle();
  assert.equal(await standing(refused), "waits");
  flush.resolve();
  await harness.runtime.settle();

  assert.equal(await standing(refused), "step.not_parked");
});

Deno.test("a fenced node answers no no-op", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const { taskId } = await harness.start();
  await pause(harness, taskId, "first");
  harness.faults.confirm = () => Promise.resolve(false);

  const repeated = pause(harness, taskId, "first");
  await harness.runtime.settle();

  assert.equal(await standing(repeated), "journal.fenced");
  assert.equal(harness.fences, 1);
});

Deno.test("a fenced node does not say that there is no such task", async () => {
  const harness = await EngineHarness.open([{ name: "a" }]);
  const taskId = harness.engine.router.mintTaskId();
  harness.faults.confirm = () => Promise.resolve(false);

  const refused = pause(harness, taskId, "c");
  await harness.runtime.settle();

  assert.equal(await standing(refused), "journal.fenced");
  assert.equal(harness.fences, 1);
});

Deno.test("a node that lost its place answers who waits, and leaves no one hanging", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const { taskId } = await harness.start();
  harness.faults.append = () => ({ kind: "fenced" });

  const answer = pause(harness, taskId, "c");
  await harness.runtime.settle();

  assert.equal(await standing(answer), "journal.fenced");
  assert.equal(harness.fences, 1);
});

Deno.test("a node that lost its place aborts its running code", async () => {
  let isAborted = false;
  const harness = await EngineHarness.open([{ name: "a" }], {
    a: ({ signal }) => {
      signal.addEventListener("abort", () => isAborted = true);
      return never();
    },
  });
  const { taskId } = await harness.start();
  harness.faults.append = () => ({ kind: "fenced" });

  void pause(harness, taskId, "c");
  await harness.runtime.settle();

  assert.equal(isAborted, true);
});

Deno.test("a crash while a row is in flight, which is then refused, loses nobody's command", async () => {
  const harness = await EngineHarness.open([{ name: "a" }, { name: "ok", kind: "signal" }], {
    a: never,
  });
  const { taskId } = await harness.start();
  const outcome = Promise.withResolvers<Appended>();
  harness.faults.append = (row) => row.commandIds.includes("guilty") ? outcome.promise : undefined;
  const guilty = pause(harness, taskId, "guilty");
  await harness.runtime.settle();
  const payload = "{ no JSON crashes" as JsonText;
  const crashing = sent(harness, {
    kind: "SendSignal",
    taskId,
    commandId: "s",
    name: "ok",
    payload,
  });
  const innocent = pause(harness, taskId, "innocent");
  await harness.runtime.settle();

  outcome.resolve(poison);
  await harness.runtime.advance(60_000);

  assert.notEqual(await standing(guilty), "waits");
  assert.equal(await standing(crashing), "thrown");
  assert.deepEqual(await innocent, { taskId, turn: 2, changed: true });
});

Deno.test("a row refused after its task left this node does not bring the task back", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const { taskId } = await harness.start();
  const outcome = Promise.withResolvers<Appended>();
  harness.faults.append = (row) => row.commandIds.includes("guilty") ? outcome.promise : undefined;
  void pause(harness, taskId, "guilty");
  await harness.runtime.settle();
  const { router, supervisor } = harness.engine;
  router.own([]);
  const released = supervisor.giveAway(() => true);

  outcome.resolve(poison);
  await released;
  await harness.runtime.advance(900);

  assert.equal(supervisor.has(taskId), false);
});

Deno.test("a task that leaves this node while it is read is not taken in", async () => {
  const harness = await EngineHarness.open([{ name: "nap", kind: "sleep", sleepMs: 3_600_000 }]);
  const { taskId } = await harness.start();
  const { router, supervisor } = harness.engine;
  await supervisor.giveAway(() => true);
  const read = Promise.withResolvers<void>();
  harness.faults.load = () => read.promise;
  void supervisor.load([taskId]);
  await harness.runtime.settle();

  router.own([]);
  await supervisor.giveAway(() => true);
  read.resolve();
  await harness.runtime.settle();

  assert.equal(supervisor.has(taskId), false);
});

Deno.test("giving tasks away does not wait for the rows of others", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const stays = await harness.start();
  const leaves = await harness.start();
  harness.faults.append = () => never() as Promise<undefined>;
  void pause(harness, stays.taskId, "c");
  await harness.runtime.settle();

  const released = harness.engine.supervisor.giveAway((taskId) => taskId === leaves.taskId);
  await harness.runtime.settle();

  assert.equal(await standing(released.then(() => "released")), "released");
});
