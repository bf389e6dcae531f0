import assert from "node:assert/strict";
import { Play } from "../../tests/support/play.ts";
import { nextDueAtMs } from "./due.ts";

const by = { by: "ada", reason: "test" };

/** When the wheel would wake the task next. */
function nextWake({ actor, nowMs, state }: Play): number | undefined {
  return nextDueAtMs(state, actor.parts.contextOf(actor.plan, nowMs));
}

Deno.test("fail_fast leaves no step to its retry that timed out in the same moment", () => {
  const play = new Play([
    { name: "a", policy: { timeoutMs: 100 } },
    { name: "b", policy: { timeoutMs: 100, retry: { attemptsMax: 1 }, onExhausted: "fail" } },
  ], { failurePolicy: "fail_fast" }).start();

  play.after(100);

  assert.deepEqual(play.steps, { a: "cancelled", b: "failed" });
  assert.equal(play.task, "failed");
});

Deno.test("a due retry of a paused task does not wake it again and again", () => {
  const play = new Play([{ name: "a" }]).start().throw("a").send({ kind: "PauseTask", ...by });

  play.after(60_000);

  assert.equal(nextWake(play), undefined);
});

Deno.test("a retry that is not due when its task is resumed is woken at its time", () => {
  const play = new Play([{ name: "a" }], { deadlineMs: 600_000 }).start();
  play.actor.armedAtMs = nextWake(play);
  play.throw("a", { retryAfterMs: 60_000 });
  const retryAtMs = play.state.steps[0]?.dueAtMs;
  play.send({ kind: "PauseTask", ...by });

  play.actor.mailbox.put({
    command: { kind: "ResumeTask", commandId: "r", taskId: play.actor.taskId, ...by },
    strikes: 0,
  });
  play.actor.takeMail(play.nowMs);

  assert.equal(play.actor.dueAtMs(play.nowMs), retryAtMs);
});

Deno.test("the time a task was paused does not count as waiting in the queue", () => {
  const play = new Play([{ name: "a", policy: { queueTimeoutMs: 100 } }]);
  play.held.add("a");
  play.start().after(50).send({ kind: "PauseTask", ...by });

  play.after(1_000).send({ kind: "ResumeTask", ...by }).after(99);
  assert.equal(play.steps["a"], "pending");
  play.after(1);

  assert.equal(play.steps["a"], "parked");
});

Deno.test("a deadline passes for a paused task and for one that waits for a person", () => {
  const paused = new Play([{ name: "a" }, { name: "b", after: ["a"] }], { deadlineMs: 100 }).start()
    .send({ kind: "PauseTask", ...by }).after(100);
  const parked = new Play([{ name: "a", policy: { retry: { attemptsMax: 1 } } }], {
    deadlineMs: 100,
  }).start().throw("a").after(100);

  assert.equal(paused.task, "failed");
  assert.deepEqual(parked.steps, { a: "cancelled" });
  assert.equal(parked.task, "failed");
});
