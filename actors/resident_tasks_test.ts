import assert from "node:assert/strict";
import type { CommittedTurn, ResidentTask } from "../src/core/ports.ts";
import type { TaskState } from "../src/core/state.ts";
import { EngineHarness } from "../tests/support/engine_harness.ts";
import { CUT_OFF_MS } from "./ownership.ts";

const SIGNAL = [{ name: "ok", kind: "signal" as const }];
const CHAIN = [
  { name: "a" },
  { name: "b", after: ["a"] },
  { name: "c", kind: "signal" as const, after: ["b"] },
];

/** The state without what is kept in memory only. */
function journaled({ ready: _, steps, ...rest }: TaskState) {
  return { ...rest, steps: steps.map((step) => ({ ...step, aliveAtMs: undefined })) };
}

Deno.test("peek() shows a task as its journal has it, after each committed turn", async () => {
  const harness = await EngineHarness.open(CHAIN);
  const seen: CommittedTurn[] = [];
  let taskId: CommittedTurn["taskId"] | undefined;
  harness.engine.supervisor.subscribe((committed) => {
    seen.push(committed);
    taskId = committed.taskId;
    const { state } = committed.resident as ResidentTask;
    assert.deepEqual(journaled(state), journaled(harness.state(taskId)));
    assert.equal(harness.engine.peek(taskId)?.state, state);
  });

  await harness.start();
  await harness.send({
    kind: "SendSignal",
    taskId: taskId!,
    commandId: "c",
    name: "c",
    payload: "1" as never,
  });

  assert.deepEqual(seen.map(({ state, resident }) => [state, resident?.row.state]), [
    ["running", "running"],
    ["running", "running"],
    ["waiting", "waiting"],
    ["completed", "completed"],
  ]);
  assert.equal(harness.engine.peek(taskId!), undefined, "an ended task is let go");
});

Deno.test("peek() shows nothing of a task while a turn of it is not committed", async () => {
  const harness = await EngineHarness.open(SIGNAL);
  const { taskId } = await harness.start();
  const held = Promise.withResolvers<undefined>();
  harness.faults.append = () => held.promise;

  const paused = harness.engine.router.send({
    kind: "PauseTask",
    taskId,
    commandId: "p",
    by: "ada",
    reason: "",
  });
  await harness.runtime.settle();
  const during = harness.engine.peek(taskId);
  held.resolve(undefined);
  await paused;

  assert.equal(during, undefined);
  assert.equal(harness.engine.peek(taskId)?.row.state, "paused");
});

Deno.test("a turn that is committed after its actor was restarted is shown, without a state", async () => {
  const harness = await EngineHarness.open(SIGNAL);
  const { taskId } = await harness.start();
  const seen: CommittedTurn[] = [];
  harness.engine.supervisor.subscribe((committed) => void seen.push(committed));
  const held = Promise.withResolvers<undefined>();
  harness.faults.append = () => held.promise;
  const cancel = { kind: "CancelTask", taskId, by: "ada", reason: "" } as const;
  const cancelled = harness.engine.router.send({ ...cancel, commandId: "c" });
  await harness.runtime.settle();

  harness.faults.readiness = () => {
    delete harness.faults.readiness;
    throw new Error("a bug");
  };
  harness.deliver({ command: { kind: "Wake", taskId }, failedTries: 0 });
  await harness.runtime.settle();
  held.resolve(undefined);
  await cancelled;
  await harness.runtime.advance(10_000);

  assert.deepEqual(seen.map(({ turn, state, resident }) => [turn.turn, state, resident]), [
    [2, "cancelled", undefined],
  ]);
});

Deno.test("peek() shows nothing once another node may own the task", async () => {
  const harness = await EngineHarness.open(SIGNAL);
  const { taskId } = await harness.start();
  const whileLeased = harness.engine.peek(taskId);

  harness.journal.poll = () => Promise.reject(new Error("the database is away"));
  await harness.runtime.advance(CUT_OFF_MS);

  assert.equal(whileLeased?.row.state, "waiting");
  assert.equal(harness.engine.peek(taskId), undefined);
});
