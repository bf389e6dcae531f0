/** Circuit breakers and retry budgets of systems, as pure state. */

import { CallWindow, WINDOW_MS } from "./call_window.ts";
import type { CircuitPolicy } from "./shared_limit.ts";

/** Whether a system gets attempts (closed), none (open), or a growing number as tries (half_open). */
export type Circuit = "closed" | "open" | "half_open";

/** Failures in a row that open a circuit. */
export const FAILURES_MAX = 10;

/**
 * The shares that open a circuit, of the attempts that ended in the last ten seconds. No answer counts as
 * slow until an operator or healing says from when on (`slowMs`): no figure suits all systems. Source:
 * resilience4j has the same triggers (50 %, a minimum of calls, a share of slow ones).
 */
export const CIRCUIT_DEFAULTS = { failureShare: 0.5, slowShare: 0.5, volumeMin: 20 } as const;

/** How long a circuit stays open before one attempt is allowed as a try. */
export const OPEN_MS = 10_000;

/** Tries at once at which a half-open circuit closes. */
export const RAMP_MAX = 32;

/** What is known of a system's health. */
export interface CircuitState {
  /** In a row. */
  failures: number;
  openedAtMs: number | undefined;
  /** After the first try that was answered: how many may try at once, and since when without a failure. */
  ramp: { triesMax: number; sinceMs: number } | undefined;
  /** Tries that run. */
  tries: number;
  /** What attempts came to lately. */
  readonly calls: CallWindow;
  /** From when on shares count: all that they are taken of came after the last opening. */
  sharesFromMs: number;
  /** Thresholds that were set for the system. */
  policy: CircuitPolicy;
}

/** A closed circuit without failures. */
export function newCircuit(): CircuitState {
  return {
    failures: 0,
    openedAtMs: undefined,
    ramp: undefined,
    tries: 0,
    calls: new CallWindow(),
    sharesFromMs: -Infinity,
    policy: {},
  };
}

/** Returns the circuit's state at a time. */
export function circuitOf({ openedAtMs, ramp }: CircuitState, nowMs: number): Circuit {
  if (openedAtMs !== undefined) return nowMs - openedAtMs >= OPEN_MS ? "half_open" : "open";
  return ramp === undefined || nowMs - ramp.sinceMs >= OPEN_MS ? "closed" : "half_open";
}

/**
 * Asks for an attempt: granted as an ordinary one, granted as a try, or refused. The end of a try, with
 * or without an answer, is reported by `endTry`.
 */
export function passCircuit(state: CircuitState, nowMs: number): "granted" | "try" | "refused" {
  const circuit = circuitOf(state, nowMs);
  if (circuit === "closed") return "granted";
  if (circuit === "open" || state.tries >= (state.ramp?.triesMax ?? 1)) return "refused";
  state.tries++;
  return "try";
}

/** Notes that a try has ended. */
export function endTry(state: CircuitState): void {
  state.tries--;
}

/** An attempt that has ended. */
export interface Observed {
  /** Whether it was answered; a failure by contract is an answer. */
  readonly ok: boolean;
  readonly nowMs: number;
  /** How long it took; absent: not known. */
  readonly ranMs?: number | undefined;
  /** It was not answered in time. */
  readonly isTimeout?: boolean;
}

/**
 * Notes the end of an attempt. A closed circuit opens at FAILURES_MAX failures in a row, or when the share
 * of failures or of slow answers is too large.
 *
 * A half-open circuit opens up as TCP does after a loss (RFC 5681): each answer allows one more try at
 * once, a failure half as many, unless a larger share of failures was set to be tolerated. It closes at
 * RAMP_MAX, or after OPEN_MS without a failure. One try at a time stays after it was answered once: a
 * system that answers every second attempt would else be shut out again by two failures.
 */
export function observe(state: CircuitState, of: Observed): void {
  const isBad = count(state, of) || !of.ok;
  if (of.ok) answered(state, of.nowMs);
  else {
    state.failures++;
    const { ramp } = state;
    if (ramp !== undefined && !isTolerated(state, of.nowMs)) {
      state.ramp = { triesMax: Math.max(1, Math.floor(ramp.triesMax / 2)), sinceMs: of.nowMs };
    }
  }
  if (state.failures >= FAILURES_MAX || isBad && isShareTooLarge(state, of.nowMs)) {
    openCircuit(state, of.nowMs);
  }
}

/** Counts an end; returns whether it was a slow answer. */
function count({ calls, policy: { slowMs = Infinity } }: CircuitState, of: Observed): boolean {
  calls.add(of.ok ? "answered" : "failed", of.nowMs);
  if (of.isTimeout) calls.add("timedOut", of.nowMs);
  const isSlow = of.ok && (of.ranMs ?? 0) > slowMs;
  if (isSlow) calls.add("slow", of.nowMs);
  return isSlow;
}

function isShareTooLarge(state: CircuitState, nowMs: number): boolean {
  if (nowMs < state.sharesFromMs || circuitOf(state, nowMs) !== "closed") return false;
  const { answered, slow, failed } = state.calls.sums(nowMs);
  const { failureShare, slowShare, volumeMin } = { ...CIRCUIT_DEFAULTS, ...state.policy };
  const ended = answered + failed;
  if (ended < volumeMin) return false;
  return failed >= failureShare * ended || slow > 0 && slow >= slowShare * ended;
}

/** Whether a system is set to be used although this many of its attempts fail. */
function isTolerated({ calls, policy: { failureShare = 0 } }: CircuitState, nowMs: number) {
  if (failureShare <= CIRCUIT_DEFAULTS.failureShare) return false;
  const { answered, failed } = calls.sums(nowMs);
  return failed < failureShare * (answered + failed);
}

/** Opens a circuit as of a time, for which failures here or on another node are the reason. */
export function openCircuit(state: CircuitState, atMs: number): void {
  state.openedAtMs = atMs;
  state.ramp = undefined;
  state.sharesFromMs = atMs + OPEN_MS + WINDOW_MS;
}

/** Lets a system that answers again have more and more. */
export function rampCircuit(state: CircuitState, nowMs: number): void {
  state.openedAtMs = undefined;
  state.ramp = { triesMax: 2, sinceMs: nowMs };
}

function answered(state: CircuitState, nowMs: number): void {
  state.failures = 0;
  if (state.openedAtMs !== undefined) return rampCircuit(state, nowMs);
  if (state.ramp === undefined) return;
  state.ramp.triesMax++;
  const isOver = state.ramp.triesMax >= RAMP_MAX || circuitOf(state, nowMs) === "closed";
  if (isOver) state.ramp = undefined;
}

/** Retries that a full budget holds. */
export const RETRIES_MAX = 100;

/** Time after which one retry is credited, so that an empty budget fills again by itself. */
export const RETRY_COST_MS = 100;

/** Credit for an answer: ten answers allow one more retry. */
export const ANSWER_WORTH_MS = 10;

/** How many retries a system may be sent by this node. */
export interface RetryBudget {
  creditMs: number;
  /** When time was last credited. */
  atMs: number;
  /** The part that this node has of the budget of all nodes: 1 divided by their number. */
  share: number;
}

/** A full budget, of the only node. */
export function newRetryBudget(nowMs: number): RetryBudget {
  return { creditMs: RETRIES_MAX * RETRY_COST_MS, atMs: nowMs, share: 1 };
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
  credit(budget, (nowMs - budget.atMs) * budget.share);
  budget.atMs = nowMs;
  return Math.ceil(Math.max(0, RETRY_COST_MS - budget.creditMs) / budget.share);
}

/** A full budget holds one retry at least, however many nodes there are. */
function credit(budget: RetryBudget, ms: number): void {
  const full = Math.max(1, RETRIES_MAX * budget.share) * RETRY_COST_MS;
  budget.creditMs = Math.min(full, budget.creditMs + ms);
}
