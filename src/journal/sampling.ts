/** Sampling: which tasks of a time range are read when there are more than wanted. */

import { type TaskId } from "../core/ids.ts";

/** A time range, Unix ms: from its first, before its last. */
export interface Window {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Windows that one statement looks into at most. */
const WINDOWS_MAX = 64;

/** Statements with windows. Each looks 64 times closer, so four find a burst of a day in 30 days. */
const ROUNDS_MAX = 5;

/** How many times more tasks a busy window may give than an even share. */
const UNEVEN_MAX = 4;

/** Finds the newest tasks of each window, newest first, at most `limit` of each. */
export type FindTasks = (
  windows: readonly Window[],
  limit: number,
) => Promise<readonly (readonly TaskId[])[]>;

/**
 * Finds tasks of a range, newest first: all if there are at most `limit`, else a sample that is spread
 * over the range. Windows that are full are looked into again in smaller parts, so that a burst does
 * not hide behind its newest tasks.
 *
 * Cost: at most 6 calls of `find`, for about 4 × `limit` tasks each.
 */
export async function sampleTasks(
  range: Window,
  limit: number,
  find: FindTasks,
): Promise<readonly TaskId[]> {
  const [newest = []] = await find([range], limit + 1);
  if (newest.length <= limit) return newest;
  const kept: TaskId[] = [];
  let windows = partsOf(range, WINDOWS_MAX);
  for (let round = 1; windows.length > 0; round++) {
    const share = Math.ceil(UNEVEN_MAX * limit / windows.length);
    const found = await find(windows, share + 1);
    const isFull = (index: number) => {
      const { fromMs, untilMs } = windows[index] as Window;
      return (found[index]?.length ?? 0) > share && untilMs - fromMs > 1;
    };
    const full = windows.filter((_, index) => isFull(index));
    const isEnough = kept.length + found.flat().length >= UNEVEN_MAX * limit;
    const isLast = round === ROUNDS_MAX || (isEnough && full.length > WINDOWS_MAX / UNEVEN_MAX);
    kept.push(...found.flatMap((ids, index) => isFull(index) && !isLast ? [] : ids));
    const parts = Math.max(2, Math.floor(WINDOWS_MAX / full.length));
    windows = isLast ? [] : full.flatMap((one) => partsOf(one, parts));
  }
  return spread(kept.sort().reverse(), limit);
}

/** Takes at most `limit` of a list, evenly spread, the first among them. */
export function spread<Item>(items: readonly Item[], limit: number): readonly Item[] {
  if (items.length <= limit) return items;
  const step = items.length / limit;
  return Array.from({ length: limit }, (_, index) => items[Math.floor(index * step)] as Item);
}

function partsOf({ fromMs, untilMs }: Window, count: number): Window[] {
  const parts = Math.max(1, Math.min(count, untilMs - fromMs));
  const at = (index: number) => fromMs + Math.floor((untilMs - fromMs) * index / parts);
  return Array.from({ length: parts }, (_, index) => ({
    fromMs: at(index),
    untilMs: at(index + 1),
  }));
}
