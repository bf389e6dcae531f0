/** Circuit breakers and retry budgets of systems, as pure state. */

/** Whether a system is asked, left alone, or tried with one attempt. */
export type Circuit = "closed" | "open" | "half_open";

/** Failures in a row that open a circuit. */
export const FAILURES_MAX = 10;

/** How long an open circuit leaves its system alone before one attempt tries it. */
export const OPEN_MS = 10_000;

/** What is known of a system's health. */
export interface CircuitState {
  failures: number;
  openedAtMs: number | undefined;
  /** One attempt tries a half-open circuit now. */
  isTrying: boolean;
}

/** A circuit that nothing is held against. */
export function newCircuit(): CircuitState {
  return { failures: 0, openedAtMs: undefined, isTrying: false };
}

/** Returns the circuit's position at a time. */
export function circuitOf(state: CircuitState, nowMs: number): Circuit {
  if (state.openedAtMs === undefined) return "closed";
  return nowMs - state.openedAtMs >= OPEN_MS ? "half_open" : "open";
}

/** Asks for an attempt: granted as an ordinary one, granted as the one that tries, or refused. */
export function passCircuit(state: CircuitState, nowMs: number): "granted" | "try" | "refused" {
  const circuit = circuitOf(state, nowMs);
  if (circuit === "closed") return "granted";
  if (circuit === "open" || state.isTrying) return "refused";
  state.isTrying = true;
  return "try";
}

/** Notes how an attempt ended; a failure by contract counts as an answer, not as a fault. */
export function observe(state: CircuitState, of: { ok: boolean; nowMs: number }): void {
  if (of.ok) {
    state.failures = 0;
    state.openedAtMs = undefined;
    return;
  }
  state.failures++;
  if (state.failures >= FAILURES_MAX) state.openedAtMs = of.nowMs;
}

/** Retries that a full budget holds. */
export const RETRIES_MAX = 100;

/** Time that pays for one retry, so that a budget that is used up refills by itself. */
export const RETRY_COST_MS = 100;

/** What an answer is worth: a system that answers is sent one retry more for ten of them. */
export const ANSWER_WORTH_MS = 10;

/** What may be spent on retries of a system. Credit is counted in milliseconds: they are exact. */
export interface RetryBudget {
  creditMs: number;
  /** When time was last credited. */
  atMs: number;
}

/** A full budget. */
export function newRetryBudget(nowMs: number): RetryBudget {
  return { creditMs: RETRIES_MAX * RETRY_COST_MS, atMs: nowMs };
}

/** Pays for one retry; false when the credit does not suffice. */
export function spendRetry(budget: RetryBudget, nowMs: number): boolean {
  if (nextRetryInMs(budget, nowMs) > 0) return false;
  budget.creditMs -= RETRY_COST_MS;
  return true;
}

/** Credits an answer. */
export function creditAnswer(budget: RetryBudget): void {
  credit(budget, ANSWER_WORTH_MS);
}

/** How long until time alone has paid for a retry, in ms; 0 when one can be paid for now. */
export function nextRetryInMs(budget: RetryBudget, nowMs: number): number {
  credit(budget, nowMs - budget.atMs);
  budget.atMs = nowMs;
  return Math.max(0, RETRY_COST_MS - budget.creditMs);
}

function credit(budget: RetryBudget, ms: number): void {
  budget.creditMs = Math.min(RETRIES_MAX * RETRY_COST_MS, budget.creditMs + ms);
}
