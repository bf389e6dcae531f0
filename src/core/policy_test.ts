import assert from "node:assert/strict";
import { type Backoff, backoffMs, fillPolicy } from "./policy.ts";

const ATTEMPTS = [1, 2, 3, 4, 5];

/** The longest of many delays after each attempt: full jitter comes close to the curve. */
function longest(backoff: Backoff, more: { delayMsMin?: number; delayMsMax?: number } = {}) {
  const policy = fillPolicy(false, { retry: { backoff, ...more } });
  return ATTEMPTS.map((attempt) => {
    const drawn = Array.from(
      { length: 2_000 },
      (_, task) => backoffMs(policy, { key: `${task}/a`, attempt, retryAfterMs: 0 }),
    );
    return Math.max(...drawn);
  });
}

/** Whether each delay is just below its bound, and never above it. */
function assertCurve(delays: readonly number[], curve: readonly number[]): void {
  delays.forEach((delay, index) => {
    const bound = curve[index] as number;
    assert.ok(delay <= bound && delay >= bound * 0.95, `${delays} along ${curve}`);
  });
}

Deno.test("delays grow along the curve that the policy names", () => {
  const delayMsMin = 1_000;

  assertCurve(longest("none", { delayMsMin }), [0, 0, 0, 0, 0]);
  assertCurve(longest("linear", { delayMsMin }), [1_000, 2_000, 3_000, 4_000, 5_000]);
  assertCurve(longest("exponential", { delayMsMin }), [1_000, 2_000, 4_000, 8_000, 16_000]);
  assertCurve(longest("fibonacci", { delayMsMin }), [1_000, 1_000, 2_000, 3_000, 5_000]);
});

Deno.test("a table's last delay repeats, and no default shortens it", () => {
  const table = [1_000, 300_000];

  assertCurve(longest(table), [1_000, 300_000, 300_000, 300_000, 300_000]);
});

Deno.test("no delay is longer than delayMsMax", () => {
  assertCurve(longest("exponential", { delayMsMin: 1_000, delayMsMax: 3_000 }), [
    1_000,
    2_000,
    3_000,
    3_000,
    3_000,
  ]);
  assertCurve(longest([9_000], { delayMsMax: 3_000 }), [3_000, 3_000, 3_000, 3_000, 3_000]);
});

Deno.test("the same attempt waits the same time, whoever computes it; another one another", () => {
  const policy = fillPolicy(false, undefined);
  const of = { key: "task/step", attempt: 2, retryAfterMs: 0 };

  assert.equal(backoffMs(policy, of), backoffMs(policy, { ...of }));
  assert.notEqual(backoffMs(policy, of), backoffMs(policy, { ...of, key: "other/step" }));
});

Deno.test("later policies win field by field", () => {
  const policy = fillPolicy(
    false,
    { retry: { attemptsMax: 5, backoff: "linear" }, timeoutMs: 1_000 },
    { retry: { backoff: "none" }, onExhausted: "fail" },
    undefined,
  );

  assert.deepEqual(policy, {
    attemptsMax: 5,
    backoff: "none",
    delayMsMin: 500,
    delayMsMax: 60_000,
    timeoutMs: 1_000,
    queueTimeoutMs: undefined,
    heartbeatMs: undefined,
    concurrencyMax: undefined,
    onExhausted: "fail",
  });
});

Deno.test("a step that waits has no time-out unless its policy says so", () => {
  assert.equal(fillPolicy(true, undefined).timeoutMs, undefined);
  assert.equal(fillPolicy(false, undefined).timeoutMs, 30_000);
  assert.equal(fillPolicy(true, { timeoutMs: 5 }).timeoutMs, 5);
});
