import assert from "node:assert/strict";
import { type DriverStep, TaskDriver } from "../../tests/support/task_driver.ts";
import { nextDueAtMs } from "./due.ts";

const by = { by: "ada", reason: "test" };

/** When the wheel would wake the task next. */
function nextWake({ actor, deps, nowMs, state }: TaskDriver): number | undefined {
  return nextDueAtMs(state, deps.contextOf(actor.plan, nowMs));
}

Deno.test("fail_fast leaves no step to its retry that timed out in the same moment", () => {
  const play = new TaskDriver([
    { name: "a", policy: { timeoutMs: 100 } },
    { name: "b", policy: { timeoutMs: 100, retry: { attemptsMax: 1 }, onExhausted: "fail" } },
  ], { failurePolicy: "fail_fast" }).start();

  play.after(100);

  assert.deepEqual(play.steps, { a: "cancelled", b: "failed" });
  assert.equal(play.task, "failed");
});

Deno.test("a due retry of a paused task does not wake it again and again", () => {
  const play = new TaskDriver([{ name: "a" }]).start().throw("a").send({
    kind: "PauseTask",
    ...by,
  });

  play.after(60_000);

  assert.equal(nextWake(play), undefined);
});

Deno.test("a retry that is not due when its task is resumed is woken at its time", () => {
  const play = new TaskDriver([{ name: "a" }], { deadlineMs: 600_000 }).start();
  play.throw("a", { retryAfterMs: 60_000 });
  const retryAtMs = play.step("a")["nextAttemptAtMs"];
  play.send({ kind: "PauseTask", ...by });

  play.actor.mailbox.put({
    command: { kind: "ResumeTask", commandId: "r", taskId: play.actor.taskId, ...by },
    strikes: 0,
  });
  play.actor.decide(play.nowMs);

  assert.equal(play.actor.task.dueAtMs({ isTimerSet: true }), retryAtMs);
});

Deno.test("the time a task was paused does not count as waiting in the queue", () => {
  const play = new TaskDriver([{ name: "a", policy: { queueTimeoutMs: 100 } }]);
  play.held.add("a");
  play.start().after(50).send({ kind: "PauseTask", ...by });

  play.after(1_000).send({ kind: "ResumeTask", ...by }).after(99);
  assert.equal(play.steps["a"], "pending");
  play.after(1);

  assert.equal(play.steps["a"], "parked");
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
  const play = new TaskDriver([{ name: "first" }, { name: "a", after: ["first"], ...step }]);
  play.nowMs += HOUR_MS;
  play.start();
  play.nowMs -= HOUR_MS;
  return play;
}

/** Whether the times of a task's events never go back. */
function assertForwards(play: TaskDriver): void {
  const times = play.events.map(({ atMs }) => atMs);
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
}

Deno.test("a retry waits no longer for a clock that was corrected", () => {
  const play = corrected({ policy: { retry: { delayMsMin: 500 } } }).complete("first").throw("a");

  play.after(1_001);

  assert.equal(play.steps["a"], "running");
  assertForwards(play);
});

Deno.test("an attempt times out and a sleep ends in time after the clock was corrected", () => {
  const attempt = corrected({ policy: { timeoutMs: 1_000, onExhausted: "fail" } }).complete(
    "first",
  );
  const sleep = corrected({ kind: "sleep", sleepMs: 1_000 }).complete("first");
  const computed = corrected({ kind: "sleep" }).complete("first");
  computed.send({ kind: "RecordSleep", step: 1, ms: 1_000 });

  for (const play of [attempt, sleep, computed]) {
    play.after(999);
    assert.match(play.steps["a"] ?? "", /running|waiting_for_reply/);
    play.after(1);
    assert.match(play.steps["a"] ?? "", /waiting_for_retry|completed/);
    assertForwards(play);
  }
});

Deno.test("a silent attempt and a long queue end in time after the clock was corrected", () => {
  const silent = corrected({ policy: { heartbeatMs: 1_000, timeoutMs: 2 * HOUR_MS } });
  silent.complete("first");
  const queued = corrected({ policy: { queueTimeoutMs: 1_000 } });
  queued.held.add("a");
  queued.complete("first");

  for (const play of [silent, queued]) {
    const before = play.steps["a"];
    play.after(999);
    assert.equal(play.steps["a"], before);
    play.after(1);
    assert.notEqual(play.steps["a"], before);
    assertForwards(play);
  }
});

Deno.test("a retry by hand and an interrupted attempt start at once after the clock was corrected", () => {
  const byHand = corrected({}).complete("first").throw("a", { retryAfterMs: HOUR_MS });
  byHand.send({ kind: "RetryStep", step: "a", ...by });
  const interrupted = corrected({}).complete("first");
  interrupted.send({ kind: "RecordInterruption", steps: [1] });

  for (const play of [byHand, interrupted]) {
    assert.equal(play.steps["a"], "running");
    assert.equal(play.state.steps[1]?.attempt, 2);
    assert.equal(play.reload().steps["a"], "running");
    assertForwards(play);
  }
});

Deno.test("nothing that is due within the corrected hour comes early", () => {
  const play = corrected({ kind: "sleep", sleepMs: HOUR_MS / 2 }).complete("first");

  play.after(HOUR_MS / 2 - 1);

  assert.equal(play.steps["a"], "waiting_for_reply");
});
