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

/**
 * Seconds for which starts are kept that nobody has asked for: so that of 60 urgent tasks a minute, which
 * do not come one a second, each finds one.
 */
const KEPT_S = 10;

/** The longest time after which a start that is held back is to come again. */
const COME_AGAIN_MS_MAX = 30_000;

/** The shortest time, so that nobody asks all the time. */
const COME_AGAIN_MS_MIN = 1_000;

/** Starts that a node may let through at once; time brings more. */
export interface StartBudget {
  starts: number;
  atMs: number;
  /** Starts held back since one was let through, and before that one. */
  held: number;
  heldBefore: number;
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
  const full = Math.max(1, Math.ceil(rate * KEPT_S));
  budget.starts = Math.min(full, budget.starts + Math.max(0, nowMs - budget.atMs) / 1_000 * rate);
  budget.atMs = nowMs;
  const kept = (full - 1) * (priority - PRIORITY.high) / PRIORITY.low;
  if (budget.starts < 1 + kept) {
    budget.held++;
    // So many others ask for each start that there is: else all of them would ask all the time.
    const others = priority === PRIORITY.high ? 0 : Math.max(budget.held, budget.heldBefore);
    return comeAgainMs(Math.max(1 + kept - budget.starts, others) / rate * 1_000, random);
  }
  budget.starts--;
  budget.heldBefore = budget.held;
  budget.held = 0;
  return undefined;
}

/** A budget with the starts of a second: what was held back until now is not to come at once. */
export function newStartBudget(ratePerS: number, nowMs: number): StartBudget {
  return { starts: Math.max(1, Math.ceil(ratePerS)), atMs: nowMs, held: 0, heldBefore: 0 };
}

/** When to come again: a tenth later at most, so that those with the same time do not come at once. */
export function comeAgainMs(ms: number, random: number): number {
  const least = Math.min(COME_AGAIN_MS_MAX, Math.max(COME_AGAIN_MS_MIN, ms));
  return Math.ceil(least * (1 + random / 10));
}
