import assert from "node:assert/strict";
import type { TaskId } from "../src/core/ids.ts";
import { planOf } from "../src/core/plan.ts";
import { VirtualRuntime } from "../src/server/virtual_runtime.ts";
import { definitionOf } from "../tests/support/task_driver.ts";
import { NodeAdmission } from "./admission.ts";
import { LOOK_MS } from "./system_admission.ts";

const PLAN = planOf(
  "hash",
  definitionOf([{ name: "r", kind: "remote", owner: "other", event: "x" }]),
);

/** An admission that notes whom it grants a start after a wait. */
function admissionOf(
  runtime: VirtualRuntime,
  granted: TaskId[],
  hasWorker?: () => Promise<boolean>,
): NodeAdmission {
  return new NodeAdmission({
    runtime,
    canStart: () => true,
    granted: (taskId) => void granted.push(taskId),
    reconcileSoon: () => {},
    ...(hasWorker === undefined ? {} : { hasWorker }),
  });
}

Deno.test("a hundred thousand steps wait for one place: each release grants one, in order", () => {
  const runtime = new VirtualRuntime();
  const granted: TaskId[] = [];
  const admission = admissionOf(runtime, granted);
  const ask = (taskId: TaskId) =>
    admission.admit({ taskId, plan: PLAN, step: 0, isRetry: false, concurrencyMax: 1 });
  const tasks = Array.from({ length: 100_000 }, (_, index) => `t${index}` as TaskId);
  for (const taskId of tasks) ask(taskId);
  // Every second one leaves from the middle of the line.
  for (const [index, taskId] of tasks.entries()) if (index % 2 === 1) admission.forget(taskId);

  for (const [index, taskId] of tasks.entries()) {
    if (index % 2 === 1) continue;
    assert.equal(ask(taskId), undefined);
    admission.release(taskId, 0, "answered");
  }

  assert.deepEqual(granted, tasks.filter((_, index) => index % 2 === 0 && index > 0));
});

Deno.test("steps of a system without a worker wait for the first one, and one look serves them all", async () => {
  const runtime = new VirtualRuntime();
  const granted: TaskId[] = [];
  let looks = 0;
  let answer = () => Promise.resolve(false);
  const admission = admissionOf(runtime, granted, () => {
    looks++;
    return answer();
  });
  const ask = (taskId: TaskId, isRetry = false) =>
    admission.admit({ taskId, plan: PLAN, step: 0, isRetry, concurrencyMax: undefined });
  const tasks = Array.from({ length: 1_000 }, (_, index) => `t${index}` as TaskId);
  await admission.learn(["other"]);

  for (const taskId of tasks) assert.equal(ask(taskId), "no_worker");
  assert.equal(
    admission.waitsFor({ taskId: tasks[0] as TaskId, plan: PLAN, step: 0 }),
    "no_worker",
  );
  await runtime.advance(10 * LOOK_MS);
  assert.equal(looks, 12); // one to learn, one for the first, one each LOOK_MS
  answer = () => Promise.reject(new Error("the bus is away"));
  await runtime.advance(LOOK_MS);
  answer = () => Promise.resolve(true);
  await runtime.advance(LOOK_MS);

  assert.deepEqual(granted, tasks);
  assert.equal(ask("late" as TaskId), undefined);
  await runtime.advance(10 * LOOK_MS);
  assert.equal(looks, 14);
});

Deno.test("nobody looks for a worker that no step waits for", async () => {
  const runtime = new VirtualRuntime();
  let looks = 0;
  const admission = admissionOf(runtime, [], () => Promise.resolve(++looks < 0));
  const taskId = "t" as TaskId;
  admission.admit({ taskId, plan: PLAN, step: 0, isRetry: false, concurrencyMax: undefined });
  await runtime.advance(LOOK_MS);
  const before = looks;

  admission.forget(taskId);
  await runtime.advance(10 * LOOK_MS);

  assert.equal(looks, before);
});

Deno.test("places that a new policy adds are all given, however many wait", async () => {
  const runtime = new VirtualRuntime();
  const granted: TaskId[] = [];
  const admission = admissionOf(runtime, granted);
  const ask = (taskId: TaskId, concurrencyMax: number) =>
    admission.admit({ taskId, plan: PLAN, step: 0, isRetry: false, concurrencyMax });
  const tasks = Array.from({ length: 1_001 }, (_, index) => `t${index}` as TaskId);
  for (const taskId of tasks) ask(taskId, 1);

  for (const taskId of tasks) ask(taskId, 1_000);
  await runtime.advance(10);

  assert.deepEqual(granted, tasks.slice(1, 1_000));
});
