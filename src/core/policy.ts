/** Policies: what may be tuned without a new version, and the one backoff function. */

import { hash32 } from "./ids.ts";

/** How delays grow: a named curve, or a table of delays in milliseconds whose last entry repeats. */
export type Backoff = "none" | "linear" | "exponential" | "fibonacci" | readonly number[];

/** What a step may be tuned by. Absent fields take the default. */
export interface Policy {
  readonly retry?: {
    readonly attemptsMax?: number;
    readonly backoff?: Backoff;
    readonly delayMsMin?: number;
    readonly delayMsMax?: number;
  };
  /** One attempt, from its start. */
  readonly timeoutMs?: number;
  /** From ready to started. */
  readonly queueTimeoutMs?: number;
  /** Longest silence of a running attempt. */
  readonly heartbeatMs?: number;
  /**
   * Attempts of this step that run at once on one node: of the step of this name in this workflow,
   * in all its versions. Another step of the same definition has places of its own. An attempt
   * counts from its start to its recorded end, so one that timed out counts no more, even while its
   * code ignores the signal. Sleeps and signals do not count. Attempts that a node takes over count
   * at once, so it may hold more than so many until they end.
   */
  readonly concurrencyMax?: number;
  readonly onExhausted?: "park" | "fail";
}

/** A policy with every default filled in. */
export interface FullPolicy {
  readonly attemptsMax: number;
  readonly backoff: Backoff;
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  readonly timeoutMs: number | undefined;
  readonly queueTimeoutMs: number | undefined;
  readonly heartbeatMs: number | undefined;
  readonly concurrencyMax: number | undefined;
  readonly onExhausted: "park" | "fail";
}

/** Deaths of a node that one step may cause or suffer before it parks. */
export const INTERRUPTIONS_MAX = 10;

/** The longest `Retry-After` that is followed; a longer one parks the step. */
export const RETRY_AFTER_MS_MAX = 7 * 24 * 3_600_000;

/**
 * Fills the defaults in; later policies win field by field.
 *
 * Units: milliseconds. A remote or local attempt times out after 30 s unless said; waiting steps
 * (sleep, signal) have no timeout unless said.
 */
export function fillPolicy(
  waits: boolean,
  ...overlays: readonly (Policy | undefined)[]
): FullPolicy {
  const merged: Policy = Object.assign({}, ...overlays);
  const retry: NonNullable<Policy["retry"]> = Object.assign(
    {},
    ...overlays.map((one) => one?.retry),
  );
  const backoff = retry.backoff ?? "exponential";
  return {
    attemptsMax: retry.attemptsMax ?? 3,
    backoff,
    delayMsMin: retry.delayMsMin ?? 500,
    // Whoever writes a table of delays means them.
    delayMsMax: retry.delayMsMax ?? (typeof backoff === "string" ? 60_000 : Math.max(...backoff)),
    timeoutMs: merged.timeoutMs ?? (waits ? undefined : 30_000),
    queueTimeoutMs: merged.queueTimeoutMs,
    heartbeatMs: merged.heartbeatMs,
    concurrencyMax: merged.concurrencyMax,
    onExhausted: merged.onExhausted ?? "park",
  };
}

/**
 * Returns how long to wait after an attempt failed, in milliseconds.
 *
 * Full jitter: uniform in [0, curve(attempt)], drawn from a hash of the key and the attempt, so the
 * same attempt always waits the same time and `decide` stays pure. A `retryAfterMs` is never
 * undercut. Source: AWS architecture blog, "Exponential backoff and jitter".
 */
export function backoffMs(
  policy: FullPolicy,
  of: { key: string; attempt: number; retryAfterMs: number },
): number {
  const ceiling = Math.min(curveMs(policy, of.attempt), policy.delayMsMax);
  const drawn = Math.floor((hash32(`${of.key}#${of.attempt}`) / 0x1_0000_0000) * (ceiling + 1));
  return Math.max(drawn, of.retryAfterMs);
}

/** The curve itself, before cap and jitter. */
function curveMs(policy: FullPolicy, attempt: number): number {
  const { backoff, delayMsMin } = policy;
  switch (backoff) {
    case "none":
      return 0;
    case "linear":
      return delayMsMin * attempt;
    case "exponential":
      return delayMsMin * 2 ** Math.min(attempt - 1, 40);
    case "fibonacci":
      return delayMsMin * fibonacci(Math.min(attempt, 60));
    default:
      return backoff[Math.min(attempt, backoff.length) - 1] ?? 0;
  }
}

function fibonacci(n: number): number {
  let [last, next] = [0, 1];
  for (let step = 0; step < n; step++) [last, next] = [next, last + next];
  return last;
}
