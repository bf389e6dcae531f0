import assert from "node:assert/strict";
import { Play } from "../../tests/support/play.ts";

Deno.test("fail_fast leaves no step to its retry that timed out in the same moment", () => {
  const play = new Play([
    { name: "a", policy: { timeoutMs: 100 } },
    { name: "b", policy: { timeoutMs: 100, retry: { attemptsMax: 1 }, onExhausted: "fail" } },
  ], { failurePolicy: "fail_fast" }).start();

  play.after(100);

  assert.deepEqual(play.steps, { a: "cancelled", b: "failed" });
  assert.equal(play.task, "failed");
});
