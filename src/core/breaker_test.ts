import assert from "node:assert/strict";
import {
  type BreakerState,
  circuitOf,
  FAILURES_MAX,
  grant,
  newBreaker,
  observe,
  OPEN_MS,
  RETRY_COST,
  RETRY_TOKENS_MAX,
} from "./breaker.ts";

const FIRST = { isRetry: false, nowMs: 0 };

/** A circuit that its failures have opened at 0. */
function opened(): BreakerState {
  const state = newBreaker();
  for (let count = 0; count < FAILURES_MAX; count++) observe(state, { ok: false, nowMs: 0 });
  return state;
}

Deno.test("a circuit opens at so many failures in a row, and not before", () => {
  const state = newBreaker();
  for (let count = 1; count < FAILURES_MAX; count++) observe(state, { ok: false, nowMs: 0 });
  assert.ok(grant(state, FIRST));

  observe(state, { ok: false, nowMs: 0 });

  assert.equal(circuitOf(state, 0), "open");
  assert.ok(!grant(state, FIRST));
});

Deno.test("an answer in between starts the count of failures anew", () => {
  const state = newBreaker();
  for (let count = 0; count < FAILURES_MAX * 3; count++) {
    observe(state, { ok: count % (FAILURES_MAX - 1) === 0, nowMs: 0 });
  }

  assert.equal(circuitOf(state, 0), "closed");
});

Deno.test("an open circuit lets one attempt try after its time, and no second one", () => {
  const state = opened();
  const later = { isRetry: false, nowMs: OPEN_MS };

  assert.ok(!grant(state, { isRetry: false, nowMs: OPEN_MS - 1 }));
  assert.ok(grant(state, later));
  assert.ok(!grant(state, later));
});

Deno.test("the attempt that tries closes the circuit, or opens it for as long again", () => {
  const closing = opened();
  grant(closing, { isRetry: false, nowMs: OPEN_MS });
  observe(closing, { ok: true, nowMs: OPEN_MS + 1 });
  assert.equal(circuitOf(closing, OPEN_MS + 1), "closed");

  const opening = opened();
  grant(opening, { isRetry: false, nowMs: OPEN_MS });
  observe(opening, { ok: false, nowMs: OPEN_MS + 1 });
  assert.equal(circuitOf(opening, 2 * OPEN_MS), "open");
  assert.equal(circuitOf(opening, 2 * OPEN_MS + 1), "half_open");
});

Deno.test("retries are bounded: the budget, then one for so many first attempts", () => {
  const state = newBreaker();
  const retry = { isRetry: true, nowMs: 0 };
  for (let count = 0; count < RETRY_TOKENS_MAX; count++) assert.ok(grant(state, retry));
  assert.ok(!grant(state, retry));

  for (let count = 0; count < RETRY_COST; count++) assert.ok(grant(state, FIRST));

  assert.ok(grant(state, retry));
  assert.ok(!grant(state, retry));
});
