/**
 * Verdicts: whether a change helped, from what was counted with and without it. Pure.
 *
 * A canary is compared with the tasks that went on as before in the same minutes, so whatever else
 * happened then happened to both. A change for all tasks is compared with the window in which the
 * degradation was seen, which is weaker: it is only made where it ends by itself.
 */

import type { Figures } from "../core/incident.ts";
import type { Counts } from "../core/statistics.ts";
import { chanceAbove, chanceHigher, type Part } from "./comparison.ts";

/** Ends in a group; with fewer nothing is said. */
const ENDED_MIN = 25;

/** Chance that a change is called better, or worse, although it is not. */
const BETTER_CHANCE_MAX = 0.01;
const WORSE_CHANCE_MAX = 0.01;

/** A change that makes attempts wait longer than this, and twice as long as before, is worse. */
const WAIT_MS_MAX = 45_000;

/** Smaller differences do not matter. */
const SHARE_MIN = 0.03;

/** Counts of the attempts of a step, and of the whole tasks, of one group. */
export interface Group {
  readonly step: Counts;
  readonly tasks: Counts;
}

/** How two groups differ. */
export interface Comparison {
  readonly verdict: "better" | "worse" | "unclear";
  readonly says: string;
}

/** Compares a group with a change to one without it; undefined: one has too few ends. */
export function compare(changed: Group, unchanged: Group): Comparison | undefined {
  if (changed.step.ended < ENDED_MIN || unchanged.step.ended < ENDED_MIN) return undefined;
  const differences = [
    shares("attempts that fail", [changed.step, unchanged.step], ({ failed, ended }) => ({
      count: failed,
      of: ended,
    })),
    shares("steps that wait for a person", [changed.step, unchanged.step], (counts) => ({
      count: Math.min(counts.parked, counts.ended),
      of: counts.ended,
    })),
    shares("tasks that fail", [changed.tasks, unchanged.tasks], ({ failed, ended }) => ({
      count: failed,
      of: ended,
    })),
    durations(changed.tasks, unchanged.tasks),
  ].filter((one) => one !== undefined);
  const worse = differences.find(({ isBetter }) => !isBetter);
  const better = differences.find(({ isBetter }) => isBetter);
  // Fewer failures may take longer: what completes now would have been cut off before.
  const isOnlySlower = worse?.name === SLOWER && better !== undefined;
  if (worse !== undefined && !isOnlySlower) return { verdict: "worse", says: worse.says };
  if (better !== undefined) return { verdict: "better", says: better.says };
  return { verdict: "unclear", says: "the two groups do not differ by more than chance" };
}

interface Difference {
  readonly name: string;
  readonly isBetter: boolean;
  readonly says: string;
}

const SLOWER = "time that tasks take";

function shares(
  name: string,
  [changed, unchanged]: readonly [Counts, Counts],
  part: (of: Counts) => Part,
): Difference | undefined {
  const [now, before] = [part(changed), part(unchanged)];
  const [shareNow, shareBefore] = [shareOf(now), shareOf(before)];
  if (Math.abs(shareNow - shareBefore) < SHARE_MIN) return undefined;
  const isBetter = shareNow < shareBefore;
  const chance = isBetter ? chanceAbove(before, now) : chanceAbove(now, before);
  if (chance > (isBetter ? BETTER_CHANCE_MAX : WORSE_CHANCE_MAX)) return undefined;
  const says = `${name}: ${percent(shareNow)} of ${now.of} with the change, ` +
    `${percent(shareBefore)} of ${before.of} without`;
  return { name, isBetter, says };
}

/** How long completed tasks took: more of them above, or below, the other group's median. */
function durations(changed: Counts, unchanged: Counts): Difference | undefined {
  const [now, before] = [changed.ran.quantile(0.9), unchanged.ran.quantile(0.9)];
  if (now === undefined || before === undefined) return undefined;
  if (changed.ran.count < ENDED_MIN || unchanged.ran.count < ENDED_MIN) return undefined;
  if (now > before / 1.25 && now < before * 1.25) return undefined;
  const isBetter = now < before;
  const chance = isBetter
    ? chanceHigher(unchanged.ran, changed.ran, now)
    : chanceHigher(changed.ran, unchanged.ran, before);
  if (chance > (isBetter ? BETTER_CHANCE_MAX : WORSE_CHANCE_MAX)) return undefined;
  const says = `90 % of the tasks took at most ${Math.round(now)} ms with the change, ` +
    `${Math.round(before)} ms without`;
  return { name: SLOWER, isBetter, says };
}

/** Whether a change for all tasks helped, by the figures of before and of the time since. */
export function compareFigures(after: Figures, during: Figures): Comparison | undefined {
  if (after.attempts < ENDED_MIN) return undefined;
  const failed = (of: Figures): Part => ({
    count: Math.round(of.failedShare * of.attempts),
    of: of.attempts,
  });
  const says = `${percent(after.failedShare)} of the attempts failed since, ` +
    `${percent(during.failedShare)} when it was seen`;
  const isBetter = during.failedShare - after.failedShare >= SHARE_MIN &&
    chanceAbove(failed(during), failed(after)) <= BETTER_CHANCE_MAX;
  const isWorse = after.failedShare - during.failedShare >= SHARE_MIN &&
    chanceAbove(failed(after), failed(during)) <= WORSE_CHANCE_MAX;
  const waits = (of: Figures) => of.waitedP95Ms ?? 0;
  if (waits(after) > Math.max(WAIT_MS_MAX, 2 * waits(during))) {
    const longer = `95 % wait at most ${waits(after)} ms for their turn since, ` +
      `${waits(during)} ms when it was seen`;
    return { verdict: "worse", says: longer };
  }
  const isFaster = (after.p95Ms ?? Infinity) * 1.25 < (during.p95Ms ?? 0) ||
    (after.waitedP95Ms ?? Infinity) * 1.25 < (during.waitedP95Ms ?? 0);
  if (isWorse) return { verdict: "worse", says };
  if (isBetter) return { verdict: "better", says };
  if (isFaster) return { verdict: "better", says: `attempts take or wait less than they did` };
  return { verdict: "unclear", says };
}

function shareOf({ count, of }: Part): number {
  return of === 0 ? 0 : count / of;
}

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`;
}
