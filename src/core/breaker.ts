/** Circuit breakers and retry budgets of systems, as pure state. */

/** Whether a system is asked, left alone, or tried with one attempt. */
export type Circuit = "closed" | "open" | "half_open";

/** Failures in a row that open a circuit. */
export const FAILURES_MAX = 10;

/** How long an open circuit leaves its system alone before one attempt tries it. */
export const OPEN_MS = 10_000;

/** Retries a system may always have at once; beyond, each needs `RETRY_COST` first attempts. */
export const RETRY_TOKENS_MAX = 100;

/** First attempts that pay for one retry: at most a tenth of the traffic are retries. */
export const RETRY_COST = 10;

/** What is known of one system. */
export interface BreakerState {
  failures: number;
  openedAtMs: number | undefined;
  isTrying: boolean;
  /** In tenths of a retry. */
  retryTokens: number;
}

/** A system that nothing is held against. */
export function newBreaker(): BreakerState {
  return {
    failures: 0,
    openedAtMs: undefined,
    isTrying: false,
    retryTokens: RETRY_TOKENS_MAX * RETRY_COST,
  };
}

/** Returns the circuit's position at a time. */
export function circuitOf(state: BreakerState, nowMs: number): Circuit {
  if (state.openedAtMs === undefined) return "closed";
  return nowMs - state.openedAtMs >= OPEN_MS ? "half_open" : "open";
}

/** Asks for an attempt, and counts it when it is granted. */
export function grant(state: BreakerState, of: { isRetry: boolean; nowMs: number }): boolean {
  const circuit = circuitOf(state, of.nowMs);
  if (circuit === "open" || (circuit === "half_open" && state.isTrying)) return false;
  if (of.isRetry && state.retryTokens < RETRY_COST) return false;
  const cost = of.isRetry ? -RETRY_COST : 1;
  state.retryTokens = Math.min(state.retryTokens + cost, RETRY_TOKENS_MAX * RETRY_COST);
  if (circuit === "half_open") state.isTrying = true;
  return true;
}

/** Notes how an attempt ended; a failure by contract counts as an answer, not as a fault. */
export function observe(state: BreakerState, of: { ok: boolean; nowMs: number }): void {
  state.isTrying = false;
  if (of.ok) {
    state.failures = 0;
    state.openedAtMs = undefined;
    return;
  }
  state.failures++;
  if (state.failures >= FAILURES_MAX) state.openedAtMs = of.nowMs;
}
