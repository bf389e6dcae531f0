import assert from "node:assert/strict";
import {
  ANSWER_WORTH_MS,
  circuitOf,
  type CircuitState,
  creditAnswer,
  endTry,
  FAILURES_MAX,
  newCircuit,
  newRetryBudget,
  nextRetryInMs,
  observe,
  OPEN_MS,
  passCircuit,
  RAMP_MAX,
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

/** Ends so many tries with an answer, each as soon as it is granted. */
function answerTries(state: CircuitState, count: number, nowMs: number): void {
  for (let answer = 0; answer < count; answer++) {
    assert.equal(passCircuit(state, nowMs), "try");
    observe(state, { ok: true, nowMs });
    endTry(state);
  }
}

/** How many tries are granted at once. */
function grantedAtOnce(state: CircuitState, nowMs: number): number {
  let count = 0;
  while (passCircuit(state, nowMs) === "try") count++;
  for (let ended = 0; ended < count; ended++) endTry(state);
  return count;
}

Deno.test("the attempt that tries opens the circuit for as long again when it fails", () => {
  const state = opened();
  passCircuit(state, OPEN_MS);

  observe(state, { ok: false, nowMs: OPEN_MS + 1 });
  endTry(state);

  assert.equal(circuitOf(state, 2 * OPEN_MS), "open");
  assert.equal(circuitOf(state, 2 * OPEN_MS + 1), "half_open");
});

Deno.test("each answer lets one more attempt try at once, until the circuit closes", () => {
  const state = opened();

  const seen = Array.from({ length: RAMP_MAX - 2 }, () => {
    answerTries(state, 1, OPEN_MS);
    return grantedAtOnce(state, OPEN_MS);
  });

  assert.deepEqual(seen, Array.from({ length: RAMP_MAX - 2 }, (_, answers) => answers + 2));
  answerTries(state, 1, OPEN_MS);
  assert.equal(circuitOf(state, OPEN_MS), "closed");
  assert.equal(passCircuit(state, OPEN_MS), "granted");
});

Deno.test("a failure halves the tries, and the last one opens the circuit", () => {
  const state = opened();
  answerTries(state, 6, OPEN_MS);
  assert.equal(grantedAtOnce(state, OPEN_MS), 7);

  observe(state, { ok: false, nowMs: OPEN_MS });
  assert.equal(grantedAtOnce(state, OPEN_MS), 3);
  observe(state, { ok: false, nowMs: OPEN_MS });
  assert.equal(grantedAtOnce(state, OPEN_MS), 1);
  observe(state, { ok: false, nowMs: OPEN_MS });

  assert.equal(circuitOf(state, OPEN_MS), "open");
});

Deno.test("a circuit that had no failure for a while is closed, however few tries there were", () => {
  const state = opened();
  answerTries(state, 1, OPEN_MS);

  assert.equal(circuitOf(state, 2 * OPEN_MS - 1), "half_open");
  assert.equal(circuitOf(state, 2 * OPEN_MS), "closed");
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

Deno.test("nodes that share a retry budget send no more retries together than one alone", () => {
  const sent = (nodes: number) => {
    const budgets = Array.from(
      { length: nodes },
      () => ({ ...newRetryBudget(0), share: 1 / nodes }),
    );
    let count = 0;
    for (let nowMs = 0; nowMs < 60_000; nowMs += 50) {
      for (const budget of budgets) while (spendRetry(budget, nowMs)) count++;
    }
    return count;
  };

  const alone = sent(1);
  for (const nodes of [2, 3, 7, 50]) {
    const together = sent(nodes);
    assert.ok(together <= alone && together > alone * 0.8, `${nodes}: ${together} of ${alone}`);
  }
});
