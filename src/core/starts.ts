/** Starts: how urgent a task is, and which starts a workflow's policy lets through now. Pure. */

/** How urgent a task is: 1 is high, 5 is low. */
export const PRIORITY = { high: 1, default: 3, low: 5 } as const;

/** Holds back starts of a workflow; it ends by itself. */
export interface StartLever {
  /** Starts of a lower priority, which is a higher number, are held back; 0: all are. */
  readonly pausedBelow?: number;
  /** Starts in a second, on all nodes together. */
  readonly ratePerS?: number;
  /** Unix ms. */
  readonly untilMs: number;
}

/** The longest time after which a start that is held back is to come again. */
const COME_AGAIN_MS_MAX = 30_000;

/** The shortest time, so that nobody asks all the time. */
const COME_AGAIN_MS_MIN = 1_000;

/** Starts that a node may let through at once; time brings more. */
export interface StartBudget {
  starts: number;
  atMs: number;
}

/**
 * Decides on one start; spends from the budget when it may begin.
 *
 * The more urgent, the deeper into the budget a start may reach: when more come than may, those of
 * priority 1 still find something while those of priority 5 are held back. `share` is the part of the
 * rate that this node has. `random` spreads those who come again.
 *
 * @returns in how many ms to come again; undefined: it may begin
 */
export function heldBackMs(
  { pausedBelow, ratePerS, untilMs }: StartLever,
  { priority, budget, share, nowMs, random }: {
    readonly priority: number;
    readonly budget: StartBudget;
    readonly share: number;
    readonly nowMs: number;
    readonly random: number;
  },
): number | undefined {
  const leftMs = untilMs - nowMs;
  if (leftMs <= 0) return undefined;
  if (pausedBelow !== undefined && priority > pausedBelow) return comeAgainMs(leftMs, random);
  if (ratePerS === undefined) return undefined;
  const rate = ratePerS * share;
  const full = startsAtOnce(rate);
  budget.starts = Math.min(full, budget.starts + Math.max(0, nowMs - budget.atMs) / 1_000 * rate);
  budget.atMs = nowMs;
  const kept = (full - 1) * (priority - PRIORITY.high) / PRIORITY.low;
  if (budget.starts < 1 + kept) {
    return comeAgainMs((1 + kept - budget.starts) / rate * 1_000, random);
  }
  budget.starts--;
  return undefined;
}

/** A full budget. */
export function newStartBudget(ratePerS: number, nowMs: number): StartBudget {
  return { starts: startsAtOnce(ratePerS), atMs: nowMs };
}

function startsAtOnce(ratePerS: number): number {
  return Math.max(1, Math.ceil(ratePerS));
}

/** When to come again: a tenth later at most, so that those with the same time do not come at once. */
export function comeAgainMs(ms: number, random: number): number {
  const least = Math.min(COME_AGAIN_MS_MAX, Math.max(COME_AGAIN_MS_MIN, ms));
  return Math.ceil(least * (1 + random / 10));
}
