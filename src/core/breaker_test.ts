import assert from "node:assert/strict";
import {
  ANSWER_WORTH_MS,
  circuitOf,
  type CircuitState,
  creditAnswer,
  FAILURES_MAX,
  newCircuit,
  newRetryBudget,
  nextRetryInMs,
  observe,
  OPEN_MS,
  passCircuit,
  RETRIES_MAX,
  RETRY_COST_MS,
  type RetryBudget,
  spendRetry,
} from "./breaker.ts";

/** A circuit that its failures have opened at 0. */
function opened(): CircuitState {
  const state = newCircuit();
  for (let count = 0; count < FAILURES_MAX; count++) observe(state, { ok: false, nowMs: 0 });
  return state;
}

Deno.test("a circuit opens at its number of failures in a row, and not before", () => {
  const state = newCircuit();
  for (let count = 1; count < FAILURES_MAX; count++) observe(state, { ok: false, nowMs: 0 });
  assert.equal(passCircuit(state, 0), "granted");

  observe(state, { ok: false, nowMs: 0 });

  assert.equal(circuitOf(state, 0), "open");
  assert.equal(passCircuit(state, 0), "refused");
});

Deno.test("an answer in between starts the count of failures anew", () => {
  const state = newCircuit();
  for (let count = 0; count < FAILURES_MAX * 3; count++) {
    observe(state, { ok: count % (FAILURES_MAX - 1) === 0, nowMs: 0 });
  }

  assert.equal(circuitOf(state, 0), "closed");
});

Deno.test("an open circuit lets one attempt try after its time, and no second one", () => {
  const state = opened();

  assert.equal(passCircuit(state, OPEN_MS - 1), "refused");
  assert.equal(passCircuit(state, OPEN_MS), "try");
  assert.equal(passCircuit(state, OPEN_MS), "refused");
});

Deno.test("the attempt that tries closes the circuit, or opens it for as long again", () => {
  const closing = opened();
  passCircuit(closing, OPEN_MS);
  observe(closing, { ok: true, nowMs: OPEN_MS + 1 });
  assert.equal(circuitOf(closing, OPEN_MS + 1), "closed");

  const opening = opened();
  passCircuit(opening, OPEN_MS);
  observe(opening, { ok: false, nowMs: OPEN_MS + 1 });
  assert.equal(circuitOf(opening, 2 * OPEN_MS), "open");
  assert.equal(circuitOf(opening, 2 * OPEN_MS + 1), "half_open");
});

/** A budget that was used up at 0. */
function spent(): RetryBudget {
  const budget = newRetryBudget(0);
  for (let count = 0; count < RETRIES_MAX; count++) assert.ok(spendRetry(budget, 0));
  assert.ok(!spendRetry(budget, 0));
  return budget;
}

Deno.test("a retry budget refills by time, up to its most", () => {
  const budget = spent();

  assert.equal(nextRetryInMs(budget, 0), RETRY_COST_MS);
  assert.ok(!spendRetry(budget, RETRY_COST_MS - 1));
  assert.ok(spendRetry(budget, RETRY_COST_MS));
  assert.ok(!spendRetry(budget, RETRY_COST_MS));

  const dayMs = 86_400_000;
  for (let count = 0; count < RETRIES_MAX; count++) assert.ok(spendRetry(budget, dayMs));
  assert.ok(!spendRetry(budget, dayMs));
});

Deno.test("a retry budget refills by answers: one retry for a number of them", () => {
  const budget = spent();

  for (let count = 0; count < RETRY_COST_MS / ANSWER_WORTH_MS; count++) creditAnswer(budget);

  assert.ok(spendRetry(budget, 0));
  assert.ok(!spendRetry(budget, 0));
});
