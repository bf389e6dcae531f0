/** Saturation: how busy a system is, and whether it is sent more than it can do in time. */

import { type Calls, WINDOW_MS } from "./call_window.ts";

/**
 * A system as one node sees it, over the last ten seconds.
 *
 * Goodput far below throughput, and many attempts for each step, are the marks of an overload that keeps
 * itself going: see `adaptive_limit.ts`.
 */
export interface Saturation {
  /** Whether only less load can help: what adds any (longer time-outs, more attempts) is locked out. */
  readonly isSaturated: boolean;
  /** For how long the step waits to start that has waited longest, in ms; 0: none waits. */
  readonly queueAgeMs: number;
  /** How many attempts may run at once now; absent: as many as limits of operators allow. */
  readonly adaptiveMax?: number;
  /** Attempts for each step that was begun; 1: none was a retry. */
  readonly attemptsPerStep: number;
  /** Attempts a second that were answered in time: goodput. */
  readonly goodputPerS: number;
  /** Attempts a second that were worked off, with failures and late answers: throughput. */
  readonly throughputPerS: number;
}

/** Attempts for each step from which on retries are a load of their own. */
const ATTEMPTS_PER_STEP_MAX = 1.2;

/** Attempts without which their ratio says nothing. */
const STARTED_MIN = 20;

/** Sums a system up. */
export function saturationOf(
  { calls, queueAgeMs, adaptiveMax, isLate }: {
    readonly calls: Readonly<Calls>;
    readonly queueAgeMs: number;
    readonly adaptiveMax: number;
    /** Whether steps start, or give up, after more than half of the time that they had. */
    readonly isLate: boolean;
  },
): Saturation {
  const { started, retried, answered, failed, timedOut, late } = calls;
  const attemptsPerStep = started / Math.max(1, started - retried);
  const isRetrying = started >= STARTED_MIN && attemptsPerStep > ATTEMPTS_PER_STEP_MAX;
  return {
    isSaturated: adaptiveMax < Infinity || isLate || isRetrying,
    queueAgeMs,
    ...(adaptiveMax < Infinity && { adaptiveMax: Math.floor(adaptiveMax) }),
    attemptsPerStep: started === 0 ? 1 : attemptsPerStep,
    goodputPerS: perS(answered),
    throughputPerS: perS(answered + failed - timedOut + late),
  };
}

function perS(count: number): number {
  return count * 1_000 / WINDOW_MS;
}
