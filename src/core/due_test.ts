import assert from "node:assert/strict";
import { type DriverStep, TaskDriver } from "../../tests/support/task_driver.ts";
import { nextDueAtMs } from "./due.ts";

const by = { by: "ada", reason: "test" };

/** When the wheel would wake the task next. */
function nextWake({ actor, deps, nowMs, state }: TaskDriver): number | undefined {
  return nextDueAtMs(state, deps.contextOf(actor, nowMs));
}

Deno.test("fail_fast leaves no step to its retry that timed out in the same moment", () => {
  const driver = new TaskDriver([
    { name: "a", policy: { timeoutMs: 100 } },
    { name: "b", policy: { timeoutMs: 100, retry: { attemptsMax: 1 }, onExhausted: "fail" } },
  ], { failurePolicy: "fail_fast" }).start();

  driver.after(100);

  assert.deepEqual(driver.steps, { a: "cancelled", b: "failed" });
  assert.equal(driver.task, "failed");
});

Deno.test("a due retry of a paused task does not wake it again and again", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().throw("a").send({
    kind: "PauseTask",
    ...by,
  });

  driver.after(60_000);

  assert.equal(nextWake(driver), undefined);
});

Deno.test("a retry that is not due when its task is resumed is woken at its time", () => {
  const driver = new TaskDriver([{ name: "a" }], { deadlineMs: 600_000 }).start();
  driver.throw("a", { retryAfterMs: 60_000 });
  const retryAtMs = driver.step("a")["nextAttemptAtMs"];
  driver.send({ kind: "PauseTask", ...by });

  driver.actor.mailbox.put({
    command: { kind: "ResumeTask", commandId: "r", taskId: driver.actor.taskId, ...by },
    failedTries: 0,
  });
  driver.actor.decide(driver.nowMs);

  assert.equal(driver.actor.task.dueAtMs({ isTimerSet: true }), retryAtMs);
});

Deno.test("the time a task was paused does not count as waiting in the queue", () => {
  const driver = new TaskDriver([{ name: "a", policy: { queueTimeoutMs: 100 } }]);
  driver.held.add("a");
  driver.start().after(50).send({ kind: "PauseTask", ...by });

  driver.after(1_000).send({ kind: "ResumeTask", ...by }).after(99);
  assert.equal(driver.steps["a"], "pending");
  driver.after(1);

  assert.equal(driver.steps["a"], "parked");
});

Deno.test("a deadline passes for a paused task and for one that waits for a person", () => {
  const paused = new TaskDriver([{ name: "a" }, { name: "b", after: ["a"] }], { deadlineMs: 100 })
    .start()
    .send({ kind: "PauseTask", ...by }).after(100);
  const parked = new TaskDriver([{ name: "a", policy: { retry: { attemptsMax: 1 } } }], {
    deadlineMs: 100,
  }).start().throw("a").after(100);

  assert.equal(paused.task, "failed");
  assert.deepEqual(parked.steps, { a: "cancelled" });
  assert.equal(parked.task, "failed");
});

const HOUR_MS = 3_600_000;

/** What a clock that was an hour ahead, and was then corrected, makes of a task of one step. */
function corrected(step: Omit<DriverStep, "name">): TaskDriver {
  const driver = new TaskDriver([{ name: "first" }, { name: "a", after: ["first"], ...step }]);
  driver.nowMs += HOUR_MS;
  driver.start();
  driver.nowMs -= HOUR_MS;
  return driver;
}

/** Whether the times of a task's events never go back. */
function assertForwards(driver: TaskDriver): void {
  const times = driver.events.map(({ atMs }) => atMs);
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
}

Deno.test("a retry waits no longer for a clock that was corrected", () => {
  const driver = corrected({ policy: { retry: { delayMsMin: 500 } } }).complete("first").throw("a");

  driver.after(1_001);

  assert.equal(driver.steps["a"], "running");
  assertForwards(driver);
});

Deno.test("an attempt times out and a sleep ends in time after the clock was corrected", () => {
  const attempt = corrected({ policy: { timeoutMs: 1_000, onExhausted: "fail" } }).complete(
    "first",
  );
  const sleep = corrected({ kind: "sleep", sleepMs: 1_000 }).complete("first");
  const computed = corrected({ kind: "sleep" }).complete("first");
  computed.send({ kind: "RecordSleep", step: 1, ms: 1_000 });

  for (const driver of [attempt, sleep, computed]) {
    driver.after(999);
    assert.match(driver.steps["a"] ?? "", /running|waiting_for_reply/);
    driver.after(1);
    assert.match(driver.steps["a"] ?? "", /waiting_for_retry|completed/);
    assertForwards(driver);
  }
});

Deno.test("a silent attempt and a long queue end in time after the clock was corrected", () => {
  const silent = corrected({ policy: { heartbeatMs: 1_000, timeoutMs: 2 * HOUR_MS } });
  silent.complete("first");
  const queued = corrected({ policy: { queueTimeoutMs: 1_000 } });
  queued.held.add("a");
  queued.complete("first");

  for (const driver of [silent, queued]) {
    const before = driver.steps["a"];
    driver.after(999);
    assert.equal(driver.steps["a"], before);
    driver.after(1);
    assert.notEqual(driver.steps["a"], before);
    assertForwards(driver);
  }
});

Deno.test("a retry by hand and an interrupted attempt start at once after the clock was corrected", () => {
  const byHand = corrected({}).complete("first").throw("a", { retryAfterMs: HOUR_MS });
  byHand.send({ kind: "RetryStep", step: "a", ...by });
  const interrupted = corrected({}).complete("first");
  interrupted.send({ kind: "RecordInterruption", steps: [1] });

  for (const driver of [byHand, interrupted]) {
    assert.equal(driver.steps["a"], "running");
    assert.equal(driver.state.steps[1]?.attempt, 2);
    assert.equal(driver.reload().steps["a"], "running");
    assertForwards(driver);
  }
});

Deno.test("nothing that is due within the corrected hour comes early", () => {
  const driver = corrected({ kind: "sleep", sleepMs: HOUR_MS / 2 }).complete("first");

  driver.after(HOUR_MS / 2 - 1);

  assert.equal(driver.steps["a"], "waiting_for_reply");
});
