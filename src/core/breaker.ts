/** Circuit breakers and retry budgets of systems, as pure state. */

/** Whether a system gets attempts (closed), none (open), or one as a try (half_open). */
export type Circuit = "closed" | "open" | "half_open";

/** Failures in a row that open a circuit. */
export const FAILURES_MAX = 10;

/** How long a circuit stays open before one attempt is allowed as a try. */
export const OPEN_MS = 10_000;

/** What is known of a system's health. */
export interface CircuitState {
  failures: number;
  openedAtMs: number | undefined;
  /** The one try of a half-open circuit is running. */
  isTrying: boolean;
}

/** A closed circuit without failures. */
export function newCircuit(): CircuitState {
  return { failures: 0, openedAtMs: undefined, isTrying: false };
}

/** Returns the circuit's state at a time. */
export function circuitOf(state: CircuitState, nowMs: number): Circuit {
  if (state.openedAtMs === undefined) return "closed";
  return nowMs - state.openedAtMs >= OPEN_MS ? "half_open" : "open";
}

/** Asks for an attempt: granted as an ordinary one, granted as a try, or refused. */
export function passCircuit(state: CircuitState, nowMs: number): "granted" | "try" | "refused" {
  const circuit = circuitOf(state, nowMs);
  if (circuit === "closed") return "granted";
  if (circuit === "open" || state.isTrying) return "refused";
  state.isTrying = true;
  return "try";
}

/** Notes whether an attempt was answered; a failure by contract is an answer. */
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

/** Time after which one retry is credited, so that an empty budget fills again by itself. */
export const RETRY_COST_MS = 100;

/** Credit for an answer: ten answers allow one more retry. */
export const ANSWER_WORTH_MS = 10;

/** How many retries a system may be sent. Credit is counted in milliseconds, as whole numbers. */
export interface RetryBudget {
  creditMs: number;
  /** When time was last credited. */
  atMs: number;
}

/** A full budget. */
export function newRetryBudget(nowMs: number): RetryBudget {
  return { creditMs: RETRIES_MAX * RETRY_COST_MS, atMs: nowMs };
}

/** Spends one retry; false when there is not enough credit. */
export function spendRetry(budget: RetryBudget, nowMs: number): boolean {
  if (nextRetryInMs(budget, nowMs) > 0) return false;
  budget.creditMs -= RETRY_COST_MS;
  return true;
}

/** Credits an answer. */
export function creditAnswer(budget: RetryBudget): void {
  credit(budget, ANSWER_WORTH_MS);
}

/** How long until there is credit for a retry without any answer, in ms; 0 when there is now. */
export function nextRetryInMs(budget: RetryBudget, nowMs: number): number {
  credit(budget, nowMs - budget.atMs);
  budget.atMs = nowMs;
  return Math.max(0, RETRY_COST_MS - budget.creditMs);
}

function credit(budget: RetryBudget, ms: number): void {
  budget.creditMs = Math.min(RETRIES_MAX * RETRY_COST_MS, budget.creditMs + ms);
}
