import assert from "node:assert/strict";
import { TaskDriver } from "../../tests/support/task_driver.ts";
import { attemptsUsed } from "./attempt.ts";
import type { JsonText } from "./payload.ts";

const by = { by: "ada", reason: "test" };

Deno.test("decide() starts the roots in the turn that starts the task", () => {
  const play = new TaskDriver([{ name: "a" }, { name: "b" }, { name: "c", after: ["a", "b"] }])
    .start();

  assert.deepEqual(play.events.map((event) => event.kind), [
    "TaskStarted",
    "StepStarted",
    "StepStarted",
  ]);
  assert.equal(play.turns.length, 1);
});

Deno.test("decide() records the end of a step and the start of the next in one turn", () => {
  const play = new TaskDriver([{ name: "a" }, { name: "b", after: ["a"] }]).start().complete("a");

  assert.deepEqual(play.turns[1]?.events.map((event) => event.kind), [
    "StepCompleted",
    "StepStarted",
  ]);
});

Deno.test("a chain of n steps takes n + 1 turns and completes", () => {
  const names = Array.from({ length: 10 }, (_, index) => `s${index}`);
  const play = new TaskDriver(
    names.map((name, index) => ({ name, after: index ? [`s${index - 1}`] : [] })),
  ).start();

  for (const name of names) play.complete(name);

  assert.equal(play.turns.length, 11);
  assert.equal(play.task, "completed");
});

Deno.test("a step's second result is dropped without an event", () => {
  const play = new TaskDriver([{ name: "a" }, { name: "b", after: ["a"] }]).start().complete("a", 1)
    .complete("a", 2);

  assert.equal(play.turns.length, 2);
  assert.equal(play.step("a")["result"], "1");
});

Deno.test("a failed attempt waits for its retry, and the retry has the next number", () => {
  const play = new TaskDriver([{ name: "a" }]).start().throw("a");
  assert.equal(play.steps["a"], "waiting_for_retry");
  assert.equal(play.task, "waiting");

  play.after(60_000);

  assert.equal(play.steps["a"], "running");
  assert.equal(play.state.steps[0]?.attempt, 2);
});

Deno.test("decide() parks the step when its attempts are used up", () => {
  const play = new TaskDriver([{ name: "a" }]).start();

  for (let attempt = 0; attempt < 3; attempt++) play.throw("a").after(60_000);

  assert.equal(play.steps["a"], "parked");
  assert.equal(play.task, "blocked");
  assert.deepEqual(play.step("a")["choices"], ["retry", "resolve", "skip", "cancel"]);
});

Deno.test("decide() fails the step when its attempts are used up and its policy says so", () => {
  const play = new TaskDriver([{
    name: "a",
    policy: { onExhausted: "fail", retry: { attemptsMax: 1 } },
  }])
    .start();

  play.throw("a");

  assert.equal(play.task, "failed");
});

Deno.test("a failure by contract is for good, and tells the step that waits for it", () => {
  const play = new TaskDriver([
    { name: "a" },
    { name: "b", after: ["a"] },
    { name: "help", after: ["a"], when: "failed" },
  ]).start().fail("a");
  assert.deepEqual(play.steps, { a: "failed", b: "unreached", help: "running" });

  play.complete("help");

  assert.equal(play.task, "failed");
});

Deno.test("a step that waits for a failure is unreached when there was none", () => {
  const play = new TaskDriver([{ name: "a" }, { name: "help", after: ["a"], when: "failed" }])
    .start()
    .complete("a");

  assert.deepEqual(play.steps, { a: "completed", help: "unreached" });
  assert.equal(play.task, "completed");
});

Deno.test("unreached through a failure counts as failed for those after it", () => {
  const play = new TaskDriver([
    { name: "a" },
    { name: "b", after: ["a"] },
    { name: "help", after: ["b"], when: "failed" },
  ]).start().fail("a");

  assert.deepEqual(play.steps, { a: "failed", b: "unreached", help: "running" });
});

Deno.test("cancel ends what runs, and runs the steps that ask for it", () => {
  const play = new TaskDriver([
    { name: "a" },
    { name: "b", after: ["a"] },
    { name: "undo", after: ["a"], when: "cancelled" },
  ]).start().send({ kind: "CancelTask", ...by });
  assert.deepEqual(play.steps, { a: "cancelled", b: "cancelled", undo: "running" });

  play.complete("undo");

  assert.equal(play.task, "cancelled");
});

Deno.test("a child of a cancelled step never waits for ever", () => {
  const play = new TaskDriver([{ name: "a" }, { name: "b", after: ["a"] }]).start();

  play.send({ kind: "CancelTask", ...by });

  assert.equal(play.task, "cancelled");
});

Deno.test("cancel repeated is the same", () => {
  const play = new TaskDriver([{ name: "a" }]).start().send({ kind: "CancelTask", ...by });

  play.send({ kind: "CancelTask", ...by });

  assert.deepEqual(play.refusals, []);
});

Deno.test("a paused task starts nothing and goes on where it was", () => {
  const play = new TaskDriver([{ name: "a" }, { name: "b", after: ["a"] }]).start()
    .send({ kind: "PauseTask", ...by }).complete("a");
  assert.deepEqual(play.steps, { a: "completed", b: "pending" });
  assert.equal(play.task, "paused");

  play.send({ kind: "ResumeTask", ...by });

  assert.equal(play.steps["b"], "running");
});

Deno.test("a retry that comes due while the task is paused starts once it is resumed", () => {
  const play = new TaskDriver([{ name: "a" }]).start().throw("a").send({
    kind: "PauseTask",
    ...by,
  });
  play.after(60_000);
  assert.equal(play.steps["a"], "waiting_for_retry");

  play.send({ kind: "ResumeTask", ...by });

  assert.equal(play.steps["a"], "running");
});

Deno.test("fail_fast cancels the other branches", () => {
  const play = new TaskDriver([{ name: "a" }, { name: "b" }], { failurePolicy: "fail_fast" })
    .start()
    .fail("a");

  assert.deepEqual(play.steps, { a: "failed", b: "cancelled" });
  assert.equal(play.task, "failed");
});

Deno.test("continue_independent lets the other branches end", () => {
  const play = new TaskDriver([{ name: "a" }, { name: "b" }]).start().fail("a");
  assert.equal(play.task, "running");

  play.complete("b");

  assert.equal(play.task, "failed");
});

Deno.test("an attempt that takes too long times out and is tried again", () => {
  const play = new TaskDriver([{ name: "a", policy: { timeoutMs: 100 } }]).start().after(100);

  assert.equal(play.steps["a"], "waiting_for_retry");
  assert.equal(play.state.steps[0]?.failure?.class, "timed_out");
});

Deno.test("a completed of an earlier attempt counts while the step has not ended", () => {
  const play = new TaskDriver([{ name: "a", policy: { timeoutMs: 100 } }]).start().after(100).after(
    60_000,
  );
  assert.equal(play.state.steps[0]?.attempt, 2);

  play.result("a", { kind: "completed", result: "1" as JsonText }, 1);

  assert.equal(play.task, "completed");
});

Deno.test("a failure of a stale attempt is dropped", () => {
  const play = new TaskDriver([{ name: "a", policy: { timeoutMs: 100 } }]).start().after(100).after(
    60_000,
  );
  const turns = play.turns.length;

  play.result("a", {
    kind: "failed",
    failure: { class: "thrown", error: "1" as JsonText },
    retryable: true,
  }, 1);

  assert.equal(play.turns.length, turns);
});

Deno.test("a silent attempt times out by its heartbeat; a sign of life keeps it", () => {
  const play = new TaskDriver([{ name: "a", policy: { heartbeatMs: 50 } }]).start();
  play.nowMs += 40;
  play.send({ kind: "RecordProgress", step: 0, attempt: 1 }).after(40);
  assert.equal(play.steps["a"], "running");

  play.after(50);

  assert.match(play.state.steps[0]?.failure?.error ?? "", /heartbeat_timed_out/);
});

Deno.test("a step that waits too long to be started is parked", () => {
  const play = new TaskDriver([{ name: "a", policy: { queueTimeoutMs: 100 } }]);
  play.held.add("a");
  play.start().after(100);

  assert.equal(play.steps["a"], "parked");
  assert.match(play.state.steps[0]?.failure?.error ?? "", /queue_timed_out/);
});

Deno.test("at its deadline a task fails and cancels what is left", () => {
  const play = new TaskDriver([{ name: "a" }, { name: "b", after: ["a"] }], { deadlineMs: 100 })
    .start()
    .after(100);

  assert.deepEqual(play.steps, { a: "failed", b: "cancelled" });
  assert.equal(play.task, "failed");
});

Deno.test("an at-most-once step parks when its attempt is interrupted", () => {
  const play = new TaskDriver([{ name: "a", atMostOnce: true }]).start();

  play.send({ kind: "RecordInterruption", steps: [0] });

  assert.equal(play.step("a")["reason"], "at_most_once");
});

Deno.test("an interruption does not spend an attempt, and ten of them park the step", () => {
  const play = new TaskDriver([{ name: "a" }]).start();

  for (let death = 0; death < 9; death++) {
    play.send({ kind: "RecordInterruption", steps: [0] });
    assert.equal(play.steps["a"], "running", `after death ${death + 1}`);
  }
  play.send({ kind: "RecordInterruption", steps: [0] });

  assert.equal(play.step("a")["reason"], "interrupted_too_often");
});

Deno.test("a hang spends no attempt, keeps its reason, and the second in a row parks the step", () => {
  const play = new TaskDriver([{ name: "a" }]).start();
  const hang = { kind: "RecordInterruption", steps: [0], isHang: true } as const;

  play.send(hang);

  assert.equal(play.steps["a"], "running");
  assert.match(play.state.steps[0]?.failure?.error ?? "", /event loop .* hung/);
  assert.equal(attemptsUsed(play.state.steps[0]!), 1);
  play.send(hang);
  assert.equal(play.step("a")["reason"], "hung_twice");
});

Deno.test("a death between two hangs is no hang, and an at-most-once step parks at the first", () => {
  const play = new TaskDriver([{ name: "a" }, { name: "b", atMostOnce: true }]).start();

  play.send({ kind: "RecordInterruption", steps: [0, 1], isHang: true });
  play.send({ kind: "RecordInterruption", steps: [0] });

  assert.deepEqual(play.steps, { a: "running", b: "parked" });
});

Deno.test("Retry-After is never undercut", () => {
  const play = new TaskDriver([{ name: "a" }]).start().throw("a", { retryAfterMs: 90_000 });

  assert.ok(Number(play.step("a")["nextAttemptAtMs"]) >= play.nowMs + 90_000);
});

Deno.test("a sleep ends at its time, and not before", () => {
  const play = new TaskDriver([{ name: "nap", kind: "sleep", sleepMs: 1_000 }]).start().after(999);
  assert.equal(play.task, "waiting");

  play.after(1);

  assert.equal(play.task, "completed");
});

Deno.test("a signal that came early ends its step at once", () => {
  const play = new TaskDriver([{ name: "a" }, { name: "ok", kind: "signal", after: ["a"] }, {
    name: "b",
    after: ["ok"],
  }])
    .start().send({ kind: "SendSignal", name: "ok", payload: "7" as JsonText });

  play.complete("a");

  assert.deepEqual(play.steps, { a: "completed", ok: "completed", b: "running" });
});

Deno.test("a signal nobody sends fails its step, or parks it", () => {
  const play = new TaskDriver([
    { name: "x", kind: "signal", policy: { timeoutMs: 10 } },
    { name: "y", kind: "signal", policy: { timeoutMs: 10 }, onTimeout: "park" },
  ]).start().after(10);

  assert.deepEqual(play.steps, { x: "failed", y: "parked" });
});

Deno.test("a signal the workflow does not have is refused", () => {
  const play = new TaskDriver([{ name: "a" }]).start().send({
    kind: "SendSignal",
    name: "z",
    payload: "1" as JsonText,
  });

  assert.equal(play.refusals[0]?.code, "signal.not_awaited");
});

Deno.test("a parked step retried by hand has all its attempts again", () => {
  const play = new TaskDriver([{ name: "a", policy: { retry: { attemptsMax: 1 } } }]).start().throw(
    "a",
  );
  assert.equal(play.steps["a"], "parked");

  play.send({ kind: "RetryStep", step: "a", ...by });

  assert.equal(play.steps["a"], "running");
  assert.equal(play.state.steps[0]?.attempt, 2);
});

Deno.test("a parked step resolved by hand lets the task go on, if the result keeps the contract", () => {
  const contract = {
    success: { type: "object", properties: { n: { type: "number" } }, required: ["n"] },
  };
  const play = new TaskDriver([
    { name: "a", contract, policy: { retry: { attemptsMax: 1 } } },
    { name: "b", needs: { a: "a" } },
  ]).start().throw("a");
  play.send({ kind: "ResolveStep", step: "a", result: `{"n":"x"}` as JsonText, ...by });
  assert.equal(play.refusals[0]?.code, "contract.violation");

  play.send({ kind: "ResolveStep", step: "a", result: `{"n":1}` as JsonText, ...by });

  assert.deepEqual(play.steps, { a: "resolved_manually", b: "running" });
});

Deno.test("skipping a step that a later one needs asks for a result", () => {
  const play = new TaskDriver([{ name: "a", policy: { retry: { attemptsMax: 1 } } }, {
    name: "b",
    needs: { a: "a" },
  }])
    .start().throw("a").send({ kind: "SkipStep", step: "a", ...by });
  assert.equal(play.refusals[0]?.code, "contract.violation");

  play.send({ kind: "SkipStep", step: "a", result: "1" as JsonText, ...by });

  assert.deepEqual(play.steps, { a: "skipped", b: "running" });
});

Deno.test("a running step cannot be retried by hand", () => {
  const play = new TaskDriver([{ name: "a" }]).start().send({
    kind: "RetryStep",
    step: "a",
    ...by,
  });

  assert.equal(play.refusals[0]?.code, "step.not_parked");
});

Deno.test("a task that has ended refuses people and drops machines", () => {
  const play = new TaskDriver([{ name: "a" }]).start().complete("a");
  const turns = play.turns.length;

  play.send({ kind: "PauseTask", ...by }).complete("a").after(1_000);

  assert.deepEqual(play.refusals.map((error) => error.code), ["task.ended"]);
  assert.equal(play.turns.length, turns);
});

Deno.test("a command id seen before changes nothing", () => {
  const play = new TaskDriver([{ name: "a" }]).start().send({
    kind: "PauseTask",
    ...by,
    commandId: "same",
  });
  const turns = play.turns.length;

  play.send({ kind: "PauseTask", ...by, commandId: "same" });

  assert.equal(play.turns.length, turns);
});

Deno.test("event times never go back within a task", () => {
  const play = new TaskDriver([{ name: "a" }, { name: "b", after: ["a"] }]).start();
  play.nowMs -= 5_000;

  play.complete("a");

  assert.ok(
    play.events.every((event, index, all) =>
      index === 0 || event.atMs >= (all[index - 1]?.atMs ?? 0)
    ),
  );
});

Deno.test("a task that only time moves leaves memory by a turn; anything brings it back", () => {
  const play = new TaskDriver([{ name: "nap", kind: "sleep", sleepMs: 3_600_000 }]).start().send({
    kind: "Passivate",
  });
  assert.deepEqual(play.turns.at(-1)?.change, {
    state: "waiting",
    blockedReason: null,
    resident: false,
    wakeAtMs: play.nowMs + 3_600_000,
  });

  play.after(3_600_000);

  assert.equal(play.turns.at(-1)?.change?.resident, true);
  assert.equal(play.task, "completed");
});

Deno.test("a task whose code runs does not leave memory", () => {
  const play = new TaskDriver([{ name: "a" }]).start().send({ kind: "Passivate" });

  assert.equal(play.turns.length, 1);
});
