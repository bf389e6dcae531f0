/** Windows: what the attempts of a step did in a span of time, added up from statistics. Pure. */

import type { Figures } from "../core/incident.ts";
import { Counts, type StatisticsCell } from "../core/statistics.ts";

/** What attempts of one step did in a span. */
export interface Window {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly counts: Counts;
}

/** Adds up the cells that begin in a span, those of all versions and policies. */
export function windowOf(
  cells: readonly StatisticsCell[],
  { fromMs, untilMs }: { readonly fromMs: number; readonly untilMs: number },
): Window {
  const counts = new Counts();
  for (const cell of cells) {
    if (cell.fromMs >= fromMs && cell.fromMs < untilMs) counts.merge(cell.counts);
  }
  return { fromMs, untilMs, counts };
}

/** Adds windows up. */
export function sumOf(windows: readonly Window[]): Window {
  const counts = new Counts();
  for (const window of windows) counts.merge(window.counts);
  return {
    fromMs: Math.min(...windows.map(({ fromMs }) => fromMs)),
    untilMs: Math.max(...windows.map(({ untilMs }) => untilMs)),
    counts,
  };
}

/**
 * Divides the time before `nowMs` into windows, the newest first; a cell belongs to the window in which
 * it begins. Old statistics are kept by longer intervals: a window with such a cell is as long as that.
 * Cost: O(cells).
 */
export function windowsOf(
  cells: readonly StatisticsCell[],
  { nowMs, windowMs, count }: {
    readonly nowMs: number;
    readonly windowMs: number;
    readonly count: number;
  },
): readonly Window[] {
  const windows = Array.from({ length: count }, (_, age) => ({
    fromMs: nowMs - (age + 1) * windowMs,
    untilMs: nowMs - age * windowMs,
    counts: new Counts(),
  }));
  for (const cell of cells) {
    const window = windows[Math.ceil((nowMs - cell.fromMs) / windowMs) - 1];
    if (window === undefined) continue;
    window.counts.merge(cell.counts);
    window.untilMs = Math.max(window.untilMs, window.fromMs + cell.untilMs - cell.fromMs);
  }
  return windows;
}

/** How long a window is, ms. */
export function spanOf({ fromMs, untilMs }: Window): number {
  return untilMs - fromMs;
}

/** How many attempts are under way on average, by Little's law; those that completed say how long they take. */
export function atOnceIn(window: Window): number {
  return window.counts.starts * (window.counts.ran.mean ?? 0) / spanOf(window);
}

/** Attempts that failed, in whatever way, as a share of those that ended. */
export function failedShare({ counts }: Window): number {
  return counts.ended === 0 ? 0 : counts.failed / counts.ended;
}

/** Says a window in figures. */
export function figuresOf(window: Window): Figures {
  const { counts } = window;
  const { ended } = counts;
  const share = (count: number, of: number) => of === 0 ? 0 : round(count / of, 4);
  const quantile = (name: string, value: number | undefined) =>
    value === undefined ? {} : { [name]: round(value, 0) };
  return {
    attempts: ended,
    perMinute: round(ended / Math.max(1, spanOf(window)) * 60_000, 1),
    failedShare: share(counts.failed, ended),
    timedOutShare: share(counts.outcome("timed_out"), ended),
    retriedShare: share(counts.retries, counts.starts),
    ...quantile("p50Ms", counts.ran.quantile(0.5)),
    ...quantile("p95Ms", counts.ran.quantile(0.95)),
    ...quantile("waitedP95Ms", counts.waited.quantile(0.95)),
  };
}

function round(value: number, digits: number): number {
  const scale = 10 ** digits;
  return Math.round(value * scale) / scale;
}
