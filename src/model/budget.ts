/** Budgets of a model: what one namespace may spend, so that none spends for another. */

import { Recent } from "../core/recent.ts";

/** Tokens a minute that a namespace may use; a burst may use all of it at once. */
const TOKENS_PER_MINUTE = 30_000;

/** Calls within a day. */
const CALLS_PER_DAY = 200;

/** Calls at once. */
const CONCURRENCY_MAX = 2;

/** Failures in a row that open the circuit, and for how long; twice as long each time, up to a bound. */
const FAILURES_MAX = 3;
const OPEN_MS_MIN = 60_000;
const OPEN_MS_MAX = 1_800_000;

/** Namespaces whose spending is remembered. */
const NAMESPACES_MIN = 1_000;

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Why a call may not be made now. */
export type Refusal = "no_tokens_left" | "no_calls_left" | "too_many_at_once" | "circuit_open";

/** How a call ended. */
export interface CallEnd {
  /** What it used; what was reserved beyond that is given back. */
  readonly tokens: number;
  /** Whether there was an answer that obeys the rules. */
  readonly isUseful: boolean;
  /** How long the model asks to be left alone. */
  readonly retryAfterMs?: number;
  /** Monotonic. */
  readonly nowMs: number;
}

interface Spending {
  /** Tokens that may be used now. */
  tokens: number;
  tokensAtMs: number;
  calls: number;
  dayAtMs: number;
  running: number;
  failures: number;
  openUntilMs: number;
}

/** The budgets of all namespaces, in memory: a node that starts again begins with full ones. */
export class ModelBudget {
  readonly #spending = new Recent<string, Spending>(NAMESPACES_MIN);

  /** Asks for a call that may use `tokens`; a granted one is ended once. `nowMs` is monotonic. */
  ask(
    namespace: string,
    { tokens, nowMs }: { readonly tokens: number; readonly nowMs: number },
  ): Refusal | ((end: CallEnd) => void) {
    const spending = this.#of(namespace, nowMs);
    refill(spending, nowMs);
    if (nowMs < spending.openUntilMs) return "circuit_open";
    // After a failure that opened it, one call at a time shows whether the model is back.
    const concurrencyMax = spending.failures >= FAILURES_MAX ? 1 : CONCURRENCY_MAX;
    if (spending.running >= concurrencyMax) return "too_many_at_once";
    if (spending.calls >= CALLS_PER_DAY) return "no_calls_left";
    if (spending.tokens < tokens) return "no_tokens_left";
    spending.running += 1;
    spending.calls += 1;
    spending.tokens -= tokens;
    return (end) => endCall(spending, { ...end, tokens: end.tokens - tokens });
  }

  #of(namespace: string, nowMs: number): Spending {
    const known = this.#spending.get(namespace);
    if (known !== undefined) return known;
    const made: Spending = {
      tokens: TOKENS_PER_MINUTE,
      tokensAtMs: nowMs,
      calls: 0,
      dayAtMs: nowMs,
      running: 0,
      failures: 0,
      openUntilMs: 0,
    };
    this.#spending.set(namespace, made);
    return made;
  }
}

function refill(spending: Spending, nowMs: number): void {
  const credit = (nowMs - spending.tokensAtMs) * TOKENS_PER_MINUTE / MINUTE_MS;
  spending.tokens = Math.min(TOKENS_PER_MINUTE, spending.tokens + credit);
  spending.tokensAtMs = nowMs;
  if (nowMs - spending.dayAtMs < DAY_MS) return;
  spending.calls = 0;
  spending.dayAtMs = nowMs;
}

function endCall(
  spending: Spending,
  { tokens, isUseful, retryAfterMs = 0, nowMs }: CallEnd,
): void {
  spending.running -= 1;
  spending.tokens -= tokens;
  spending.failures = isUseful ? 0 : spending.failures + 1;
  const times = spending.failures - FAILURES_MAX;
  const openMs = times < 0 ? 0 : Math.min(OPEN_MS_MAX, OPEN_MS_MIN * 2 ** times);
  const restMs = Math.max(openMs, Math.min(OPEN_MS_MAX, retryAfterMs));
  if (restMs > 0) spending.openUntilMs = nowMs + restMs;
}
