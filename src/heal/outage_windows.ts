/** Outage windows: times in which almost all attempts of a step failed. They say nothing about other times. */

import type { AttemptFact } from "../core/attempt_fact.ts";

/** A time in which a step was down, Unix ms. */
interface Window {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Attempts that are looked at together, in the order of their starts. */
const GROUP = 20;

/** The share of failures that makes a group an outage, where it is otherwise below. */
const DOWN_SHARE = 0.8;
const UP_SHARE_MAX = 0.4;

/**
 * Finds when a step was down. A step that fails that often at all times has no outage: it is like that.
 * Cost: O(n log n).
 */
export function outageWindows(attempts: readonly AttemptFact[]): readonly Window[] {
  const sorted = attempts.toSorted((a, b) => a.startedAtMs - b.startedAtMs);
  const groups = Array.from(
    { length: Math.floor(sorted.length / GROUP) },
    (_, at) => sorted.slice(at * GROUP, (at + 1) * GROUP),
  );
  const down = groups.filter((group) => failureShare(group) >= DOWN_SHARE);
  const up = groups.filter((group) => failureShare(group) < DOWN_SHARE);
  if (down.length === 0 || up.length === 0 || failureShare(up.flat()) > UP_SHARE_MAX) return [];
  return down.map((group) => ({
    sinceMs: (group[0] as AttemptFact).startedAtMs,
    untilMs: group.reduce((ms, { endedAtMs }) => Math.max(ms, endedAtMs), 0),
  }));
}

/** Whether an attempt was under way while its step was down. */
export function isInside(
  { startedAtMs, endedAtMs }: AttemptFact,
  windows: readonly Window[],
): boolean {
  return windows.some(({ sinceMs, untilMs }) => endedAtMs >= sinceMs && startedAtMs <= untilMs);
}

function failureShare(attempts: readonly AttemptFact[]): number {
  if (attempts.length === 0) return 0;
  return attempts.filter(({ outcome }) => outcome !== "completed").length / attempts.length;
}
