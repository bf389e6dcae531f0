import assert from "node:assert/strict";
import { FAILURES_MAX } from "../src/core/breaker.ts";
import type { TaskId } from "../src/core/ids.ts";
import { complete, EngineHarness, reasonsOf } from "../tests/support/engine_harness.ts";
import type { DriverStep } from "../tests/support/task_driver.ts";

const remote: DriverStep = {
  name: "r",
  kind: "remote",
  owner: "other",
  event: "x",
  policy: { retry: { attemptsMax: 1 }, timeoutMs: 30_000 },
};

/** Lets so many tasks run one after the other, each answered after a time. */
async function answerAfter(harness: EngineHarness, ms: number, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const { taskId } = await harness.start();
    await harness.runtime.advance(ms);
    complete(harness, taskId, 0);
  }
  await harness.runtime.settle();
}

Deno.test("an attempt that its task's deadline would cut off is not started, and says why", async () => {
  const harness = await EngineHarness.open([remote]);
  const reasons = reasonsOf(harness);
  await answerAfter(harness, 2_000, 20);
  const sent = harness.sent.length;

  const late = await harness.start({ deadlineMs: 1_000 });
  const timely = await harness.start({ deadlineMs: 3_000 });

  assert.equal(reasons.get(late.taskId), 'step "r": deadline_too_near');
  assert.deepEqual(harness.sent.slice(sent).map(({ taskId }) => taskId), [timely.taskId]);
  await harness.runtime.advance(1_000);
  assert.equal(harness.state(late.taskId).end, "failed");
});

Deno.test("a step that is not started because its deadline is near takes nobody else's turn", async () => {
  const answers: (() => void)[] = [];
  const code = { l: () => new Promise<null>((resolve) => answers.push(() => resolve(null))) };
  const harness = await EngineHarness.open([{ name: "l", policy: { concurrencyMax: 1 } }], code);
  const run = async () => {
    await harness.runtime.advance(2_000);
    answers.shift()?.();
    await harness.runtime.settle();
  };
  for (let at = 0; at < 20; at++) {
    await harness.start();
    await run();
  }
  await harness.start();
  const next = await harness.start({ deadlineMs: 60_000 });

  await harness.start({ deadlineMs: 1_000 });
  await run();
  await run();

  assert.equal(harness.state(next.taskId).end, "completed");
});

Deno.test("what is known of a step's durations is forgotten when nobody answers any more", async () => {
  const harness = await EngineHarness.open([remote]);
  await answerAfter(harness, 2_000, 20);
  await harness.runtime.advance(10_001);
  const sent = harness.sent.length;

  await harness.start({ deadlineMs: 1_000 });

  assert.equal(harness.sent.length, sent + 1);
});

Deno.test("attempts that end with their tasks' deadlines say nothing about the system", async () => {
  const harness = await EngineHarness.open([remote]);

  for (let count = 0; count < 2 * FAILURES_MAX; count++) await harness.start({ deadlineMs: 100 });
  await harness.runtime.advance(1_000);

  assert.equal(harness.engine.admission.circuit("other"), "closed");
});

Deno.test("a step that waits because its system answers too slowly says so, and starts as others end", async () => {
  const harness = await EngineHarness.open([{
    ...remote,
    policy: { timeoutMs: 1_000, retry: { attemptsMax: 1 } },
  }]);
  const reasons = reasonsOf(harness);
  await answerAfter(harness, 50, 30);
  await answerAfter(harness, 900, 30);
  const tasks: TaskId[] = [];
  for (let count = 0; count < 9; count++) tasks.push((await harness.start()).taskId);
  await harness.runtime.advance(1_020);

  const [first, second] = [await harness.start(), await harness.start()];
  for (let count = 0; count < 9; count++) await harness.start();
  const waiting = [...reasons].filter(([, reason]) => reason === 'step "r": system_saturated');
  complete(harness, first.taskId, 0);
  await harness.runtime.settle();

  assert.ok(waiting.length > 0);
  assert.equal(harness.steps(second.taskId)["r"], "waiting_for_reply");
  const others = waiting.map(([taskId]) => harness.steps(taskId)["r"]);
  assert.ok(others.includes("waiting_for_reply"), `${others}`);
});

Deno.test("the figures of a system show how busy it is, and what of its work is of use", async () => {
  const harness = await EngineHarness.open([{
    ...remote,
    policy: { timeoutMs: 1_000, retry: { attemptsMax: 2, backoff: "none" } },
  }]);
  for (let count = 0; count < 16; count++) {
    const { taskId } = await harness.start();
    complete(harness, taskId, 0);
    await harness.runtime.settle();
  }
  const healthy = harness.engine.admission.saturationOf("other");
  const late = [];
  for (let count = 0; count < 8; count++) late.push((await harness.start()).taskId);
  await harness.runtime.advance(1_100);
  for (const taskId of late) complete(harness, taskId, 0);
  await harness.runtime.settle();

  const saturated = harness.engine.admission.saturationOf("other");

  const rest = { queueAgeMs: 0 };
  assert.deepEqual(healthy, {
    ...rest,
    isSaturated: false,
    attemptsPerStep: 1,
    goodputPerS: 1.6,
    throughputPerS: 1.6,
  });
  assert.deepEqual(saturated, {
    ...rest,
    isSaturated: true,
    attemptsPerStep: 32 / 24,
    goodputPerS: 1.6,
    throughputPerS: 2.4,
  });
});
