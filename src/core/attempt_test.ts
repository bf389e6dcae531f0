import assert from "node:assert/strict";
import { Play } from "../../tests/support/play.ts";

Deno.test("a Retry-After that is no number does not keep the step waiting for ever", () => {
  const play = new Play([{ name: "a" }, { name: "b" }]).start();
  play.throw("a", { retryAfterMs: NaN }).throw("b", { retryAfterMs: 10.5 });

  play.after(60_000);

  assert.deepEqual(play.steps, { a: "running", b: "running" });
  assert.ok(play.events.every((event) =>
    event.kind !== "StepAttemptFailed" ||
    Number.isInteger(event.nextAttemptAtMs)
  ));
});

Deno.test("a Retry-After beyond a week parks the step", () => {
  const play = new Play([{ name: "a" }]).start().throw("a", { retryAfterMs: Infinity });

  assert.equal(play.state.steps[0]?.parkedReason, "retry_after_too_long");
});

Deno.test("a computed sleep of a fraction of a millisecond ends at a whole one", () => {
  const play = new Play([{ name: "nap", kind: "sleep" }]).start()
    .send({ kind: "RecordSleep", step: 0, ms: 0.5 });

  assert.equal(play.state.steps[0]?.dueAtMs, play.nowMs + 1);
});
