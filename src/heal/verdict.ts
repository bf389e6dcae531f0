/**
 * Verdicts: whether a change helped, from what was counted with and without it. Pure.
 *
 * A canary is compared with the tasks that went on as before in the same minutes, so whatever else
 * happened then happened to both. A change for all tasks is compared with the last attempts before it,
 * which is weaker: it is only made where it ends by itself.
 */

import type { Figures } from "../core/incident.ts";
import { wilson } from "../core/intervals.ts";
import { Sketch } from "../core/sketch.ts";
import { Counts } from "../core/statistics.ts";
import { chanceAbove, type Part } from "./comparison.ts";
import { type Block, evidenceAbove, evidenceOf } from "./sequential.ts";

/**
 * The chance that a canary is ever called better, or ever called worse, although it is not: over all looks
 * and all that is compared together. What is kept for nothing is within the bounds of its workflow.
 */
const CANARY_CHANCE_MAX = { less: 0.1, greater: 0.05 };

/** Attempts with the change that ended before it is called better: what comes late is to be seen, too. */
const BETTER_ENDED_MIN = 25;

/** The same of a change for all tasks: asked once, and over all looks for as long as it holds once. */
const ONCE_CHANCE_MAX = 0.01;
const HELD_CHANCE_MAX = 0.005;

/** Attempts since a change for all tasks; with fewer nothing is said. */
const ENDED_MIN = 25;

/** A change that makes attempts wait longer than this, and twice as long as before, is worse. */
const WAIT_MS_MAX = 45_000;

/** Smaller differences do not matter: of shares, and of durations as a ratio. */
const SHARE_MIN = 0.03;
const RATIO_MIN = 1.25;

/** The quantiles that durations are compared by. */
const QUANTILE = { min: 0.9, max: 0.98 };

/** How often a task fails, or waits for a person, as long as nothing was counted. */
const SELDOM = 0.05;

/** Counts of the attempts of a step, and of the whole tasks, of one group. */
export interface Group {
  readonly step: Counts;
  readonly tasks: Counts;
}

/** Both groups between two looks. */
export interface Groups {
  readonly changed: Group;
  readonly unchanged: Group;
}

/** How two groups differ. */
export interface Comparison {
  readonly verdict: "better" | "worse" | "unclear";
  readonly says: string;
}

/**
 * Attempts that tasks would not have had, not yet, or not to their end, without the change, in words and block by block: one that
 * completes has saved its task from waiting, which needs no other group to be seen.
 */
export interface Rescues {
  readonly says: string;
  /** What the change gives: attempts beyond what tasks had, each sooner after one that was given up, or more time. */
  readonly gives: "more" | "sooner" | "longer";
  readonly blocks: readonly { readonly part: Part; readonly together: number }[];
}

/**
 * The part of such attempts that has to complete: of those beyond what tasks had, any completes what would
 * have failed; of those that come sooner, more, because each gives up one that is under way. Those that would
 * have completed are counted beside them, so that what complete as often as those would count a third.
 */
const RESCUED_SHARE_MIN = { more: 0.1, longer: 0.1, sooner: 1 / 3 };

/** What the evidence for them counts. */
const RESCUED_WEIGHT = 0.3;

/** Something that both groups are compared by. */
interface Metric {
  readonly name: string;
  /** What its evidence counts; the weights of all metrics add up to 1. */
  readonly weight: number;
  /** As a natural logarithm: that the changed group has less of it, or more. */
  readonly evidence: (is: "less" | "greater") => number;
  /** The difference in words; undefined: it does not matter. */
  readonly says: string | undefined;
}

/**
 * Compares tasks that try a change with those that do not, by what was counted block by block; it may
 * be asked again after each block. `failedShare` is the share of attempts that failed when the trouble was
 * seen; `rescues` are those of a change that gives more attempts, gives them sooner, or lets them take longer.
 */
export function compare(
  blocks: readonly Groups[],
  failedShare: number,
  rescues?: Rescues,
): Comparison {
  const usual = Math.max(SELDOM, failedShare);
  const parked = (of: Counts) => ({ count: Math.min(of.parked, of.ended), of: of.ended });
  const attempts = shares(
    { name: "attempts that fail", weight: 0.4, usual, group: "step" },
    blocks,
    failures,
  );
  const isInVain = rescues?.gives === "more" && isHardlyAny(rescues);
  const later = (one: Metric): Metric =>
    isInVain ? { ...one, evidence: (is) => is === "less" ? -Infinity : one.evidence(is) } : one;
  const compared: readonly Metric[] = [
    // Of those that are given up sooner there are more: what becomes of their tasks says whether that is bad.
    ...rescues?.gives === "sooner" ? [] : [attempts],
    later(shares(
      { name: "steps that wait for a person", weight: 0.15, usual: SELDOM, group: "step" },
      blocks,
      parked,
    )),
    later(shares(
      { name: "tasks that fail", weight: 0.15, usual: SELDOM, group: "tasks" },
      blocks,
      failures,
    )),
    later(durations(blocks, { weight: 0.3, quantile: quantileFor(failedShare) })),
  ];
  const metrics = rescues === undefined ? compared : [
    ...compared.map((one) => ({ ...one, weight: one.weight * (1 - RESCUED_WEIGHT) })),
    rescued(rescues),
  ];
  const [worse, better] = [shownBy(metrics, "greater"), shownBy(metrics, "less")];
  // Fewer failures may take longer: what completes now would have been cut off before.
  const isOnlySlower = worse?.name === SLOWER && better !== undefined;
  if (worse !== undefined && !isOnlySlower) return { verdict: "worse", says: `${worse.says}` };
  const { ended } = sumOf(blocks, "changed").step;
  if (better !== undefined && ended >= BETTER_ENDED_MIN) {
    return { verdict: "better", says: `${better.says}` };
  }
  return { verdict: "unclear", says: "the two groups do not differ by more than chance" };
}

/**
 * Whether hardly any of the attempts completes that tasks would not have had: then those with more of them only
 * fail later, and that few have failed yet shows nothing.
 */
function isHardlyAny({ blocks, gives }: Rescues): boolean {
  const sum = (of: "count" | "of") => blocks.reduce((all, { part }) => all + part[of], 0);
  return sum("count") < RESCUED_SHARE_MIN[gives] * sum("of");
}

/**
 * The metric that says most that the changed group has more, or less, of it; undefined: there is too
 * little evidence. The mean of evidence (as e-values, by weight) is evidence that one of them differs.
 */
function shownBy(metrics: readonly Metric[], is: "less" | "greater"): Metric | undefined {
  const parts = metrics.filter(({ says }) => says !== undefined)
    .map((metric) => ({
      metric,
      part: metric.weight * Math.exp(metric.evidence(is)),
    }))
    .toSorted((one, other) => other.part - one.part);
  const all = parts.reduce((sum, { part }) => sum + part, 0);
  return all >= 1 / CANARY_CHANCE_MAX[is] ? parts[0]?.metric : undefined;
}

const SLOWER = "time that tasks take";

function rescued({ blocks, says, gives }: Rescues): Metric {
  const evidence = evidenceAbove(blocks, RESCUED_SHARE_MIN[gives]);
  return {
    name: "tasks that other attempts save",
    weight: RESCUED_WEIGHT,
    evidence: (is) => is === "less" ? evidence : -Infinity,
    says,
  };
}

function shares(
  { name, weight, usual, group }: Pick<Metric, "name" | "weight"> & {
    /** The share to expect without the change. */
    readonly usual: number;
    readonly group: keyof Group;
  },
  blocks: readonly Groups[],
  part: (of: Counts) => Part,
): Metric {
  const now = part(sumOf(blocks, "changed")[group]);
  const before = part(sumOf(blocks, "unchanged")[group]);
  const says = `${name}: ${percent(shareOf(now))} of ${now.of} with the change, ` +
    `${percent(shareOf(before))} of ${before.of} without`;
  const parts = blocks.map(({ changed, unchanged }): Block => ({
    changed: part(changed[group]),
    unchanged: part(unchanged[group]),
    together: attemptsPerStep(changed[group], unchanged[group]),
  }));
  return {
    ...{ name, weight },
    evidence: (is) => evidenceOf(parts, { is, usual }),
    says: Math.abs(shareOf(now) - shareOf(before)) < SHARE_MIN ? undefined : says,
  };
}

/** The quantile in the middle of those that fail: what a change does to them is seen there. */
function quantileFor(failedShare: number): number {
  if (failedShare === 0) return QUANTILE.min;
  return Math.min(QUANTILE.max, Math.max(QUANTILE.min, 1 - failedShare / 2));
}

/**
 * How many tasks take longer than lies between what most took with and without the change, in the blocks
 * before: a value that what is counted next has no part in.
 */
function durations(
  blocks: readonly Groups[],
  { weight, quantile }: { readonly weight: number; readonly quantile: number },
): Metric {
  const [now, was] = [new Sketch(), new Sketch()];
  const above = blocks.map(({ changed, unchanged }): Block => {
    const between = Math.sqrt((now.quantile(quantile) ?? NaN) * (was.quantile(quantile) ?? NaN));
    // Who fails, or waits for a person, takes longer than all that complete: else a change by which more do
    // would seem to make tasks slow.
    const part = ({ ran, failed, parked }: Counts): Part =>
      between > 0
        ? {
          count: ran.count - ran.countUpTo(between) + failed + parked,
          of: ran.count + failed + parked,
        }
        : NONE;
    const block = { changed: part(changed.tasks), unchanged: part(unchanged.tasks) };
    now.merge(changed.tasks.ran);
    was.merge(unchanged.tasks.ran);
    return block;
  });
  const [mostNow, mostBefore] = [now.quantile(quantile), was.quantile(quantile)];
  const isAlike = mostNow === undefined || mostBefore === undefined ||
    (mostNow < mostBefore * RATIO_MIN && mostNow > mostBefore / RATIO_MIN);
  const says = isAlike ? undefined : `${percent(quantile)} of the tasks took at most ` +
    `${Math.round(mostNow)} ms with the change, ${Math.round(mostBefore)} ms without`;
  const evidence = (is: "less" | "greater") => evidenceOf(above, { is, usual: 1 - quantile });
  return { name: SLOWER, weight, evidence, says };
}

const NONE: Part = { count: 0, of: 0 };

/** What was counted of one group in all blocks. */
export function sumOf(blocks: readonly Groups[], group: keyof Groups): Group {
  const sum = { step: new Counts(), tasks: new Counts() };
  for (const block of blocks) {
    sum.step.merge(block[group].step);
    sum.tasks.merge(block[group].tasks);
  }
  return sum;
}

function failures({ failed, ended }: Counts): Part {
  return { count: failed, of: ended };
}

/** Attempts of one step may fail for one reason: they count as one. Tasks have no attempts. */
function attemptsPerStep(...counts: readonly Counts[]): number {
  const starts = counts.reduce((sum, of) => sum + of.starts, 0);
  const retries = counts.reduce((sum, of) => sum + of.retries, 0);
  return starts <= retries ? 1 : starts / (starts - retries);
}
/** Whether a change for all tasks helped, by the figures of before and of the time since, asked once. */
export function compareFigures(after: Figures, during: Figures): Comparison | undefined {
  if (after.attempts < ENDED_MIN) return undefined;
  const longer = waitsLonger(after, during);
  if (longer !== undefined) return { verdict: "worse", says: longer };
  const says = failedText(after, during);
  const isMore = (one: Figures, other: Figures) =>
    one.failedShare - other.failedShare >= SHARE_MIN &&
    chanceAbove(failedIn(one), failedIn(other)) <= ONCE_CHANCE_MAX;
  if (isMore(after, during)) return { verdict: "worse", says };
  if (isMore(during, after)) return { verdict: "better", says };
  const isFaster = (after.p95Ms ?? Infinity) * RATIO_MIN < (during.p95Ms ?? 0) ||
    (after.waitedP95Ms ?? Infinity) * RATIO_MIN < (during.waitedP95Ms ?? 0);
  return isFaster
    ? { verdict: "better", says: "attempts take or wait less than they did" }
    : { verdict: "unclear", says };
}

/**
 * How a change for all tasks makes things worse than they were, asked again and again while it holds;
 * undefined: nothing says so. `since` is what was counted in each interval since.
 */
export function worseThan(
  during: Figures,
  { since, after }: { readonly since: readonly Counts[]; readonly after: Figures },
): string | undefined {
  const longer = waitsLonger(after, during);
  if (longer !== undefined) return longer;
  const all = new Counts();
  for (const counts of since) all.merge(counts);
  const { count, of } = failedIn(during);
  if (all.ended === 0 || all.failed / all.ended - during.failedShare < SHARE_MIN) return undefined;
  const blocks = since.map((counts) => ({
    part: failures(counts),
    together: attemptsPerStep(counts),
  }));
  const isWorse = evidenceAbove(blocks, wilson(count, of).high) >= -Math.log(HELD_CHANCE_MAX);
  return isWorse
    ? `${percent(all.failed / all.ended)} of ${all.ended} attempts failed since it holds, ` +
      `${percent(during.failedShare)} when it was seen`
    : undefined;
}

function waitsLonger(after: Figures, during: Figures): string | undefined {
  const waits = (of: Figures) => of.waitedP95Ms ?? 0;
  if (waits(after) <= Math.max(WAIT_MS_MAX, 2 * waits(during))) return undefined;
  return `95 % wait at most ${waits(after)} ms for their turn since, ` +
    `${waits(during)} ms when it was seen`;
}

function failedIn({ failedShare, attempts }: Figures): Part {
  return { count: Math.round(failedShare * attempts), of: attempts };
}

function failedText(after: Figures, during: Figures): string {
  return `${percent(after.failedShare)} of the attempts failed since, ` +
    `${percent(during.failedShare)} when it was seen`;
}

function shareOf({ count, of }: Part): number {
  return of === 0 ? 0 : count / of;
}

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`;
}
