import assert from "node:assert/strict";
import type { TaskId } from "../src/core/ids.ts";
import { VirtualRuntime } from "../src/server/virtual_runtime.ts";
import { Timers } from "./timers.ts";

const TASK = "task" as TaskId;
const DAY_MS = 86_400_000;

/** A clock that can be found to be behind. */
class CorrectedRuntime extends VirtualRuntime {
  aheadMs = 0;

  override now(): number {
    return super.now() + this.aheadMs;
  }
}

function openWheel() {
  const runtime = new VirtualRuntime();
  const woken: number[] = [];
  const timers = new Timers(runtime, () => woken.push(runtime.now()));
  return { runtime, timers, woken };
}

Deno.test("timers wake a task at its time, once", async () => {
  const { runtime, timers, woken } = openWheel();
  const at = runtime.now() + 1_000;

  timers.arm(TASK, at);
  await runtime.advance(999);
  assert.deepEqual(woken, []);
  await runtime.advance(5_000);

  assert.deepEqual(woken, [at]);
});

Deno.test("timers armed earlier wake earlier; armed later they stay", async () => {
  const { runtime, timers, woken } = openWheel();
  const now = runtime.now();

  timers.arm(TASK, now + 5_000);
  timers.arm(TASK, now + 1_000);
  timers.arm(TASK, now + 9_000);
  await runtime.advance(20_000);

  assert.deepEqual(woken, [now + 1_000]);
});

Deno.test("timers sleep through days with a step of the clock a day", async () => {
  const { runtime, timers, woken } = openWheel();
  const at = runtime.now() + 30 * DAY_MS;
  timers.arm(TASK, at);

  let steps = 0;
  while (woken.length === 0 && await runtime.step()) steps++;

  assert.deepEqual(woken, [at]);
  assert.ok(steps <= 31, `${steps} steps`);
});

Deno.test("timers follow a clock that was corrected forwards", async () => {
  const runtime = new CorrectedRuntime();
  const woken: TaskId[] = [];
  const timers = new Timers(runtime, (taskId) => woken.push(taskId));
  timers.arm(TASK, runtime.now() + DAY_MS);

  runtime.aheadMs = DAY_MS;
  timers.clockChanged();
  await runtime.advance(0);

  assert.equal(woken.length, 1);
});

Deno.test("timers forget a task that is disarmed, and all when they stop", async () => {
  const { runtime, timers, woken } = openWheel();
  timers.arm(TASK, runtime.now() + 1_000);
  timers.arm("other" as TaskId, runtime.now() + 2_000);

  timers.disarm(TASK);
  timers.stop();
  await runtime.advance(10_000);

  assert.deepEqual(woken, []);
});

Deno.test("timers wake every task at its time and none that was disarmed, whatever the order", async () => {
  const runtime = new VirtualRuntime();
  const began = runtime.now();
  const woken = new Map<TaskId, number>();
  const timers = new Timers(runtime, (taskId) => woken.set(taskId, runtime.now() - began));
  const wanted = new Map<TaskId, number>();
  for (let count = 0; count < 5_000; count++) {
    const taskId = `t${Math.floor(runtime.random() * 3_000)}` as TaskId;
    const atMs = Math.floor(runtime.random() * 1_000) * 10;
    if (runtime.random() < 0.3) {
      timers.disarm(taskId);
      wanted.delete(taskId);
    } else {
      timers.arm(taskId, began + atMs);
      wanted.set(taskId, Math.min(atMs, wanted.get(taskId) ?? Infinity));
    }
  }

  await runtime.advance(10_000);

  assert.deepEqual([...woken].sort(), [...wanted].sort());
});

Deno.test("a timer that fires looks at none of the timers that are due later", async () => {
  const runtime = new VirtualRuntime();
  let woken = 0;
  const timers = new Timers(runtime, () => woken++);
  const began = runtime.now();
  const count = 50_000; // looking at all of them each time would be 1.25 billion looks
  for (let task = 0; task < count; task++) timers.arm(`t${task}` as TaskId, began + task * 10);

  await runtime.advance(count * 10);

  assert.equal(woken, count);
});
