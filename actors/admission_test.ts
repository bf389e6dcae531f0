import assert from "node:assert/strict";
import { FAILURES_MAX, OPEN_MS, RETRIES_MAX, RETRY_COST_MS } from "../src/core/breaker.ts";
import type { Failure } from "../src/core/event.ts";
import type { JsonText } from "../src/core/payload.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { StepState } from "../src/core/state.ts";
import { planOf } from "../src/core/plan.ts";
import { DispatchHarness, TASK } from "../tests/support/dispatch_harness.ts";
import { definitionOf, type DriverStep } from "../tests/support/task_driver.ts";
import { complete, EngineHarness, reasonsOf } from "../tests/support/engine_harness.ts";
import { NodeAdmission } from "./admission.ts";
import { PASSIVATE_AFTER_MS } from "./supervisor.ts";

const DAY_MS = 86_400_000;
const by = { by: "ada", reason: "test" };
const remote: DriverStep = {
  name: "r",
  kind: "remote",
  owner: "other",
  event: "x",
  policy: { retry: { attemptsMax: 1 }, timeoutMs: 30_000 },
};

/** A harness whose other system has failed so often that its circuit is open. */
async function opened(steps: readonly DriverStep[] = [remote]): Promise<EngineHarness> {
  const harness = await EngineHarness.open(steps);
  for (let count = 0; count < FAILURES_MAX; count++) await harness.start();
  await harness.runtime.advance(30_000);
  return harness;
}

function end(harness: EngineHarness, taskId: TaskId, failure?: Failure): void {
  const outcome = failure === undefined
    ? { kind: "completed" as const, result: "1" as JsonText }
    : { kind: "failed" as const, failure, retryable: false };
  harness.engine.router.record({
    kind: "RecordStepResult",
    taskId,
    step: 0,
    attempt: 1,
    outcome,
  });
}

Deno.test("a system whose attempts time out has its circuit opened, which says when it is tried", async () => {
  const harness = await opened();
  const { admission } = harness.engine;

  assert.equal(admission.circuit("other"), "open");
  const triesInMs = admission.circuitTriesInMs("other") ?? 0;
  await harness.runtime.advance(triesInMs - 1);
  assert.deepEqual([admission.circuit("other"), admission.circuitTriesInMs("other")], ["open", 1]);
  await harness.runtime.advance(1);
  assert.equal(admission.circuit("other"), "half_open");
  assert.equal(admission.circuitTriesInMs("other"), undefined);
});

Deno.test("after a rest one attempt tries the system, and its success lets others go", async () => {
  const harness = await opened();
  const [first, second] = [await harness.start(), await harness.start()];
  assert.equal(harness.sent.length, FAILURES_MAX);

  await harness.runtime.advance(OPEN_MS + 1_000);
  assert.equal(harness.sent.length, FAILURES_MAX + 1);
  end(harness, first.taskId);
  await harness.runtime.advance(2_000);

  assert.equal(harness.state(first.taskId).end, "completed");
  assert.equal(harness.steps(second.taskId)["r"], "waiting_for_reply");
  assert.equal(harness.engine.admission.circuit("other"), "half_open");
});

Deno.test("a system that answers again is not sent all that waited at once", async () => {
  const harness = await opened();
  const tasks: TaskId[] = [];
  for (let count = 0; count < 200; count++) tasks.push((await harness.start()).taskId);
  const inFlight = () =>
    tasks.filter((taskId) => harness.steps(taskId)["r"] === "waiting_for_reply");
  await harness.runtime.advance(OPEN_MS + 1_000);

  const seen: number[] = [];
  for (let round = 0; round < 5; round++) {
    const sent = inFlight();
    seen.push(sent.length);
    for (const taskId of sent) end(harness, taskId);
    await harness.runtime.advance(20);
  }

  assert.deepEqual(seen, [1, 2, 4, 8, 16]);
});

Deno.test("a webhook that fails keeps no delivery of another waiting, also where both have one host", () => {
  const { runtime } = new DispatchHarness();
  const called = (name: string): DriverStep => ({
    name,
    kind: "http",
    http: { method: "POST", origin: "https://hooks.test", circuit: `webhook:${name}` },
  });
  const plan = planOf("hash", definitionOf([called("dead"), called("good")]));
  const idle = { canStart: () => true, granted() {}, reconcileSoon() {} };
  const admission = new NodeAdmission({ runtime, ...idle });
  const ask = (step: number) =>
    admission.admit({ taskId: TASK, plan, step, isRetry: false, concurrencyMax: undefined });

  for (let count = 0; count < FAILURES_MAX; count++) {
    assert.equal(ask(0), undefined);
    admission.release(TASK, 0, "failed");
  }

  assert.deepEqual([ask(0), ask(1)], ["circuit_open", undefined]);
});

Deno.test("a try that is cancelled does not keep the circuit from trying again", async () => {
  const harness = await opened();
  const [first, second] = [await harness.start(), await harness.start()];
  await harness.runtime.advance(OPEN_MS + 1_000);

  await harness.send({ kind: "CancelTask", taskId: first.taskId, commandId: "c", ...by });
  await harness.runtime.advance(2_000);

  assert.equal(harness.steps(second.taskId)["r"], "waiting_for_reply");
});

Deno.test("an envelope that cannot be made says nothing about the system", async () => {
  const harness = await EngineHarness.open([remote]);

  for (let count = 0; count < FAILURES_MAX; count++) {
    const { taskId } = await harness.start();
    end(harness, taskId, { class: "undeliverable", error: "{}" as JsonText });
  }
  await harness.runtime.settle();

  assert.equal(harness.engine.admission.circuit("other"), "closed");
});

Deno.test("waiting to be admitted for too long says nothing about the system", async () => {
  const queued = { ...remote, policy: { ...remote.policy, queueTimeoutMs: 500 } };
  const harness = await opened([queued]);
  await harness.runtime.advance(OPEN_MS - 1_000);
  for (let count = 0; count < FAILURES_MAX; count++) await harness.start();
  await harness.runtime.advance(900);

  await harness.runtime.advance(100);

  assert.equal(harness.engine.admission.circuit("other"), "half_open");
});

Deno.test("a failure by contract is an answer: the circuit opens no more", async () => {
  const harness = await opened();
  const { taskId } = await harness.start();
  await harness.runtime.advance(OPEN_MS + 1_000);

  end(harness, taskId, { class: "failed", error: "{}" as JsonText });
  await harness.runtime.settle();

  assert.equal(harness.engine.admission.circuit("other"), "half_open");
});

const RETRYING: DriverStep = {
  ...remote,
  policy: { retry: { attemptsMax: 3, backoff: "none" }, timeoutMs: 3_600_000 },
};
const BUSY: Failure = { class: "failed", error: "{}" as JsonText };

/** Fails the newest attempt of a task so that it may be made again. */
function failOnce(harness: EngineHarness, taskId: TaskId): void {
  harness.engine.router.record({
    kind: "RecordStepResult",
    taskId,
    step: 0,
    attempt: harness.state(taskId).steps[0]?.attempt ?? 0,
    outcome: { kind: "failed", failure: BUSY, retryable: true },
  });
}

Deno.test("tasks that used up the retry budget at once are all tried again, by time alone", async () => {
  const harness = await EngineHarness.open([RETRYING]);
  const reasons = reasonsOf(harness);
  const tasks: TaskId[] = [];
  for (let count = 0; count < 2 * RETRIES_MAX; count++) tasks.push((await harness.start()).taskId);
  for (const taskId of tasks) failOnce(harness, taskId);
  await harness.runtime.settle();
  const waiting = tasks.filter((taskId) => harness.steps(taskId)["r"] === "waiting_for_retry");
  assert.equal(waiting.length, RETRIES_MAX);
  for (const taskId of waiting) assert.equal(reasons.get(taskId), 'step "r": retry_budget');

  await harness.runtime.advance(RETRIES_MAX * RETRY_COST_MS);

  for (const taskId of tasks) {
    assert.equal(harness.state(taskId).steps[0]?.attempt, 2);
    assert.equal(reasons.get(taskId), null);
  }
});

Deno.test("retries of a step that runs here have a budget of their own, which time fills again", async () => {
  const local: DriverStep = { name: "r", kind: "local", policy: RETRYING.policy ?? {} };
  const harness = await EngineHarness.open([local], { r: () => new Promise(() => {}) });
  const reasons = reasonsOf(harness);
  const tasks: TaskId[] = [];
  for (let count = 0; count < 2 * RETRIES_MAX; count++) tasks.push((await harness.start()).taskId);
  for (const taskId of tasks) failOnce(harness, taskId);
  await harness.runtime.settle();
  const waiting = tasks.filter((taskId) => harness.steps(taskId)["r"] === "waiting_for_retry");
  const waitsFor = new Set(waiting.map((taskId) => reasons.get(taskId)));

  await harness.runtime.advance(RETRIES_MAX * RETRY_COST_MS);
  const attempts = tasks.map((taskId) => harness.state(taskId).steps[0]?.attempt);

  assert.equal(waiting.length, RETRIES_MAX);
  assert.deepEqual(waitsFor, new Set(['step "r": retry_budget']));
  assert.deepEqual(new Set(attempts), new Set([2]));
});

Deno.test("a retry by hand needs no budget", async () => {
  const harness = await EngineHarness.open([RETRYING]);
  const tasks: TaskId[] = [];
  for (let count = 0; count <= RETRIES_MAX; count++) tasks.push((await harness.start()).taskId);
  for (const taskId of tasks) failOnce(harness, taskId);
  await harness.runtime.settle();
  const last = tasks.at(-1) as TaskId;
  assert.equal(harness.steps(last)["r"], "waiting_for_retry");

  await harness.send({ kind: "RetryStep", taskId: last, step: "r", commandId: "c", ...by });

  assert.equal(harness.steps(last)["r"], "waiting_for_reply");
});

Deno.test("one task makes all the attempts that its policy allows, more than the budget holds", async () => {
  const attemptsMax = RETRIES_MAX + 50;
  const harness = await EngineHarness.open([{
    ...RETRYING,
    policy: { retry: { attemptsMax, backoff: "none" } },
  }]);
  const { taskId } = await harness.start();

  for (let attempt = 1; attempt < attemptsMax; attempt++) {
    failOnce(harness, taskId);
    await harness.runtime.advance(RETRY_COST_MS);
  }

  assert.equal(harness.state(taskId).steps[0]?.attempt, attemptsMax);
});

Deno.test("a system that only retries wait for is tried once its circuit is half open", async () => {
  const harness = await EngineHarness.open([{
    ...remote,
    policy: { retry: { attemptsMax: 9, backoff: "none" }, timeoutMs: 1_000 },
  }]);
  const reasons = reasonsOf(harness);
  const { taskId } = await harness.start();
  for (let count = 1; count < FAILURES_MAX; count++) await harness.start();
  await harness.runtime.advance(1_010);
  assert.equal(harness.engine.admission.circuit("other"), "open");
  assert.equal(reasons.get(taskId), 'step "r": circuit_open');
  const sent = harness.sent.length;

  await harness.runtime.advance(OPEN_MS);

  assert.equal(harness.sent.length, sent + 1);
});

Deno.test("places are given in the order in which they were asked for", async () => {
  const harness = await EngineHarness.open([{ ...remote, policy: { concurrencyMax: 1 } }]);
  const tasks: TaskId[] = [];
  for (let count = 0; count < 9; count++) tasks.push((await harness.start()).taskId);

  for (const taskId of tasks) {
    assert.equal(harness.sent.at(-1)?.taskId, taskId);
    complete(harness, taskId, 0);
    await harness.runtime.settle();
  }

  assert.deepEqual(harness.sent.map(({ taskId }) => taskId), tasks);
});

Deno.test("a step that waits asks once, and takes no turn until it is granted a place", async () => {
  const harness = await EngineHarness.open([{
    ...remote,
    policy: { concurrencyMax: 1, timeoutMs: DAY_MS },
  }]);
  const reasons = reasonsOf(harness);
  const { admission } = harness.engine;
  let asks = 0;
  const admit = admission.admit.bind(admission);
  admission.admit = (request) => {
    asks++;
    return admit(request);
  };
  const tasks: TaskId[] = [];
  for (let count = 0; count < 1_000; count++) tasks.push((await harness.start()).taskId);
  assert.equal(asks, tasks.length);
  assert.equal(reasons.get(tasks[1] as TaskId), 'step "r": concurrency_max');
  let turns = 0;
  const { readiness } = harness.engine.supervisor.deps;
  const tick = readiness.tick.bind(readiness);
  readiness.tick = (visit) => {
    turns++;
    tick(visit);
  };

  await harness.runtime.advance(PASSIVATE_AFTER_MS - 1);
  const idleTurns = turns;
  complete(harness, tasks[0] as TaskId, 0);
  await harness.runtime.settle();

  assert.equal(idleTurns, 0);
  assert.equal(asks, tasks.length + 1);
  assert.equal(harness.steps(tasks[1] as TaskId)["r"], "waiting_for_reply");
});

Deno.test("many waiting steps of one task are not asked again when one of them is granted", async () => {
  const fan = Array.from(
    { length: 200 },
    (_, index): DriverStep => ({ ...remote, name: `r${index}` }),
  );
  const harness = await opened([...fan]);
  let asks = 0;
  const { admission } = harness.engine;
  const admit = admission.admit.bind(admission);
  admission.admit = (request) => {
    asks++;
    return admit(request);
  };
  await harness.start();
  assert.equal(asks, fan.length);

  await harness.runtime.advance(OPEN_MS);

  assert.equal(asks, fan.length + 1);
});

Deno.test("a paused or cancelled task leaves its line, and gives an unused place to the next", async () => {
  const harness = await EngineHarness.open([{ ...remote, policy: { concurrencyMax: 1 } }]);
  const [first, second, third, fourth] = [
    await harness.start(),
    await harness.start(),
    await harness.start(),
    await harness.start(),
  ];
  await harness.send({ kind: "PauseTask", taskId: second.taskId, commandId: "p", ...by });
  await harness.send({ kind: "CancelTask", taskId: third.taskId, commandId: "c", ...by });

  complete(harness, first.taskId, 0);
  await harness.runtime.settle();
  assert.equal(harness.steps(fourth.taskId)["r"], "waiting_for_reply");
  await harness.send({ kind: "ResumeTask", taskId: second.taskId, commandId: "r", ...by });
  assert.equal(harness.steps(second.taskId)["r"], "pending");
  complete(harness, fourth.taskId, 0);
  await harness.runtime.settle();

  assert.equal(harness.steps(second.taskId)["r"], "waiting_for_reply");
});

Deno.test("a place granted to a step that its queue timeout ends goes to the next", async () => {
  const policy = { concurrencyMax: 1, queueTimeoutMs: 1_000, timeoutMs: DAY_MS };
  const harness = await EngineHarness.open([{ ...remote, policy }]);
  const first = await harness.start();
  const late = await harness.start();
  await harness.runtime.advance(900);
  const next = await harness.start();
  await harness.runtime.advance(95);
  // Granted within the wheel's bucket in which it is due: whichever comes first, one place is taken.
  complete(harness, first.taskId, 0);
  await harness.runtime.advance(20);

  const running = [late, next].filter(({ taskId }) =>
    harness.steps(taskId)["r"] === "waiting_for_reply"
  );
  assert.equal(running.length, 1);
});

Deno.test("steps of many limits do not wait for each other for ever", async () => {
  const harness = await EngineHarness.open([{
    ...remote,
    policy: { concurrencyMax: 2, timeoutMs: 1_000, retry: { attemptsMax: 50, backoff: "none" } },
  }]);
  const tasks: TaskId[] = [];
  for (let count = 0; count < 40; count++) tasks.push((await harness.start()).taskId);
  await harness.runtime.advance(60_000); // the circuit opens, is tried, and opens again
  assert.notEqual(harness.engine.admission.circuit("other"), "closed");

  for (let round = 0; round < 200; round++) {
    for (const taskId of tasks) {
      const { state, attempt } = harness.state(taskId).steps[0] as StepState;
      if (state !== "waiting_for_reply") continue;
      const outcome = { kind: "completed", result: "1" as JsonText } as const;
      harness.engine.router.record({ kind: "RecordStepResult", taskId, step: 0, attempt, outcome });
    }
    await harness.runtime.advance(500);
  }

  for (const taskId of tasks) assert.equal(harness.state(taskId).end, "completed");
});
