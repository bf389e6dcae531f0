import assert from "node:assert/strict";
import {
  ANSWER_WORTH_MS,
  CIRCUIT_DEFAULTS,
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
  state.policy = { volumeMin: Infinity }; // no share counts
  for (let count = 0; count < FAILURES_MAX * 3; count++) {
    observe(state, { ok: count % (FAILURES_MAX - 1) === 0, nowMs: 0 });
  }

  assert.equal(circuitOf(state, 0), "closed");
});

/** Notes the ends of attempts, one each 100 ms from a time on; returns the time after the last. */
function observeAll(state: CircuitState, oks: readonly boolean[], fromMs = 0, ranMs = 10): number {
  oks.forEach((ok, index) => observe(state, { ok, nowMs: fromMs + index * 100, ranMs }));
  return fromMs + oks.length * 100;
}

const half = (count: number) => Array.from({ length: count }, (_, index) => index % 2 === 0);

Deno.test("a circuit opens when half of the attempts in ten seconds fail, though never in a row", () => {
  const { volumeMin } = CIRCUIT_DEFAULTS;
  const state = newCircuit();
  const nowMs = observeAll(state, half(volumeMin - 1));
  assert.equal(circuitOf(state, nowMs), "closed");

  observeAll(state, [false], nowMs);

  assert.equal(circuitOf(state, nowMs), "open");
});

Deno.test("a circuit stays closed while fewer than half fail, and while failures are old", () => {
  const rare = newCircuit();
  const nowMs = observeAll(rare, Array.from({ length: 1_000 }, (_, index) => index % 3 > 0));
  assert.equal(circuitOf(rare, nowMs), "closed");

  const slow = newCircuit();
  for (const [index, ok] of half(1_000).entries()) observe(slow, { ok, nowMs: index * 1_000 });

  assert.equal(circuitOf(slow, 1_000_000), "closed");
});

Deno.test("slow answers open a circuit only where its policy says what is slow", () => {
  const [set, unset] = [newCircuit(), newCircuit()];
  set.policy = { slowMs: 5_000, slowShare: 0.8, volumeMin: 10 };
  const all = Array.from({ length: 10 }, () => true);

  const nowMs = observeAll(set, all, 0, 5_001);
  observeAll(unset, [...all, ...all, ...all], 0, 5_001);

  assert.equal(circuitOf(set, nowMs), "open");
  assert.equal(circuitOf(unset, nowMs), "closed");
});

Deno.test("the failures that opened a circuit do not open it again once it has closed", () => {
  const state = newCircuit();
  observeAll(state, half(CIRCUIT_DEFAULTS.volumeMin));
  assert.equal(circuitOf(state, 2_000), "open");
  const closesMs = 2_000 + OPEN_MS;
  answerTries(state, RAMP_MAX - 1, closesMs);
  assert.equal(circuitOf(state, closesMs), "closed");

  observeAll(state, [false, false, false], closesMs);

  assert.equal(circuitOf(state, closesMs), "closed");
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

Deno.test("a failure halves the tries down to one, and ten in a row open the circuit", () => {
  const state = opened();
  answerTries(state, 6, OPEN_MS);
  assert.equal(grantedAtOnce(state, OPEN_MS), 7);

  observe(state, { ok: false, nowMs: OPEN_MS });
  assert.equal(grantedAtOnce(state, OPEN_MS), 3);
  for (let failed = 1; failed < FAILURES_MAX - 1; failed++) {
    observe(state, { ok: false, nowMs: OPEN_MS });
    assert.equal(grantedAtOnce(state, OPEN_MS), 1);
  }
  observe(state, { ok: false, nowMs: OPEN_MS });

  assert.equal(circuitOf(state, OPEN_MS), "open");
});

Deno.test("a system that fails in every second attempt is not shut out once it has been tried", () => {
  const state = opened();
  const nowMs = OPEN_MS + 1;
  observe(state, { ok: true, nowMs });

  for (let at = 0; at < 100; at++) observe(state, { ok: at % 2 === 0, nowMs });

  assert.equal(circuitOf(state, nowMs), "half_open");
  assert.ok(grantedAtOnce(state, nowMs) >= 1);
});

Deno.test("failures of a share that is tolerated halve no tries", () => {
  const tries = (policy: CircuitState["policy"]) => {
    const state = opened();
    state.policy = policy;
    const nowMs = OPEN_MS + 10_001;
    observe(state, { ok: true, nowMs });
    for (const ok of [false, true, false, true]) observe(state, { ok, nowMs });
    return state.ramp?.triesMax;
  };

  assert.equal(tries({}), 2);
  assert.equal(tries({ failureShare: 0.9 }), 4);
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
