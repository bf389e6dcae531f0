/**
 * Saturation: whether more comes in to a system than it does, by single attempts. Steps wait for an open
 * circuit or for the budget of retries as well, and attempts pile up where each takes long; neither is
 * made worse by more load. Pure.
 */

import type { AttemptFact } from "../core/attempt_fact.ts";
import { quantileOf } from "./bootstrap.ts";
import type { Case } from "./case.ts";
import { chanceAbove, type Part, riseIn } from "./comparison.ts";
import { atOnceIn, spanOf, sumOf, type Window } from "./window.ts";

/** Completed attempts that show how long they take. */
const DONE_MIN = 8;

/** Attempts that take no longer than this, compared with before, do not queue. */
const TIMES_LONGER = 1.3;

/** Attempts that take so many times as long as was usual are slow. */
const SLOW = 2;

/** Attempts since they became slower, and the newest ones, that say why. */
const SINCE_MIN = 24;
const NEWEST = 12;

/** What is slow for less than this part of a window may be over before a change would reach it. */
const LASTS_MIN = 0.75;

/** Of some of them, at least this part of how many are slow of all: they are slow as well. */
const SLOW_PART_MIN = 0.5;

/** Windows whose intervals are compared. */
export const SEEN_WINDOWS = 20;

/** Intervals of the statistics that are compared at least, the ones with the most attempts at once with the others. */
const INTERVALS_MIN = 3;

/** A share of attempts that are cut off which is larger by no more than this is alike. */
const CUT_ALIKE = 0.25;

/** So many times as many at once as was usual are as few. */
const AS_FEW = 1.5;

/** Windows in which what a system was sent is done, if there was little. */
const DONE_WINDOWS = 3;

/** An interval shows how long attempts take beside each other when so many of them pass in it one after the other. */
const TURNS_MIN = 4;

/** So many times as many others are many. */
const MANY = 2;

/** Attempts that take so many times as long as half of them take longer. */
const LONGER = 1.25;

/** The chance that is left that attempts are slow, that others take longer, or that it is over, for no reason. */
const CHANCE = { slow: 1e-4, longer: 0.05, clearlyLonger: 1e-3, over: 0.1 };

/** For how many times its time-out an attempt that was cut off may go on at its system. */
const GOES_ON = 3;

/** A system that says it gets too much. */
const TOO_MUCH = /rate.?limit|too.?many|429|queue|full|overload|exhaust|busy|capacity|throttl/i;

/** Attempts of a step now and before, and which part of all those they are. */
export type SeenAttempts = Pick<Case, "recent" | "before" | "seen">;

/** Whether what looks like saturation is none. */
export function isFree(of: SeenAttempts): boolean {
  if (of.recent.some(saysTooMuch)) return false;
  return takesNoLonger(of.recent, of.before) || isSlowAsUsual(of) || isSlowerWork(of);
}

/**
 * Whether attempts take longer than a line at the system explains, by all attempts that were counted: so it
 * holds of thin samples as well, in which nobody sees who is under way beside whom.
 */
export function isSlowerWork({ recent, before, seen }: SeenAttempts): boolean {
  const was = ran(before);
  const { since, isSlow } = slowSince({ recent, before });
  if (was.length < DONE_MIN || since.length < NEWEST) return false;
  // Another system has durations of its own.
  const system = since.at(-1)?.system;
  if (before.length > 0 && before.every((fact) => fact.system !== system)) return false;
  if (shareOf(since.slice(-NEWEST), isSlow) < SLOW_PART_MIN) return false;
  if (!isMore(since, before, { is: isSlow, chance: CHANCE.slow })) return false;
  const usualMs = quantileOf(was, 0.5);
  const all = turnsOf(seen.intervals);
  const rise = riseIn(all.map(({ counts }) => (counts.ran.mean ?? Infinity) > SLOW * usualMs));
  const untilMs = all.at(-1)?.untilMs ?? 0;
  const last = all.filter(({ fromMs }) => fromMs >= untilMs - DONE_WINDOWS * seen.windowMs);
  return isAlikeByMany(all.slice(rise), { usualMs, atOnce: usualAtOnce(before, seen) }) ||
    isSlowByFew(last, { since, usualMs });
}

/** How many attempts were under way on average (Little's law). */
function usualAtOnce(before: readonly AttemptFact[], seen: SeenAttempts["seen"]): number {
  const ends = before.map(({ endedAtMs }) => endedAtMs);
  const spanMs = Math.max(1, Math.max(...ends) - Math.min(...ends));
  return before.length / seen.before / spanMs * meanOf(before.map(tookMs));
}

/**
 * Whether attempts of the intervals with by far the most at once take no longer than those with the fewest, which
 * are slow, and no more than was usual: where all stand in a line that never ends, all take as long.
 */
function isAlikeByMany(
  windows: readonly Window[],
  usual: { readonly usualMs: number; readonly atOnce: number },
): boolean {
  const third = Math.floor(windows.length / 3);
  if (third < INTERVALS_MIN) return false;
  const sorted = windows.toSorted((one, other) => atOnceIn(one) - atOnceIn(other));
  const [few, many] = [sorted.slice(0, third), sorted.slice(-third)].map((of) => ({
    atOnce: meanOf(of.map(atOnceIn)),
    ...sumOf(of),
  })) as [Window & { atOnce: number }, Window & { atOnce: number }];
  const [fewMs, manyMs] = [few.counts.ran.mean ?? 0, many.counts.ran.mean ?? 0];
  return few.counts.ran.count >= DONE_MIN && fewMs > SLOW * usual.usualMs &&
    few.atOnce <= AS_FEW * usual.atOnce && many.atOnce >= MANY * few.atOnce &&
    manyMs <= LONGER * fewMs &&
    // Where fewer of the many are cut off, it gets better with time, which says nothing of how many.
    isAlike(timedOutIn(few), timedOutIn(many)) &&
    chanceAbove(timedOutIn(many), timedOutIn(few)) > CHANCE.longer;
}

/**
 * Whether attempts take longer than they would one after the other: a system has one place at least. So many
 * are under way as begin while one goes on (Little's law), and what was sent before them is done, if one
 * place would have done all of it in that time.
 */
function isSlowByFew(
  windows: readonly Window[],
  { since, usualMs }: { readonly since: readonly AttemptFact[]; readonly usualMs: number },
): boolean {
  if (windows.length === 0) return false;
  const window = sumOf(windows);
  const perMs = window.counts.starts / spanOf(window);
  if (perMs * usualMs >= 1) return false;
  const atOnce = perMs * meanOf(since.map((fact) => goesOnUntil(fact) - fact.startedAtMs));
  const halfMs = quantileOf(since.map(tookMs), 0.5);
  return halfMs > TIMES_LONGER * Math.max(1, atOnce) * usualMs;
}

/** Adds intervals up that follow each other, until attempts take a small part of each. */
function turnsOf(intervals: readonly Window[]): readonly Window[] {
  const all = intervals.toSorted((one, other) => one.fromMs - other.fromMs);
  if (all.length === 0) return [];
  const turnMs = TURNS_MIN * (sumOf(all).counts.ran.mean ?? 0);
  const windows: Window[] = [];
  let open: Window[] = [];
  for (const interval of all) {
    open.push(interval);
    const window = sumOf(open);
    if (spanOf(window) < turnMs) continue;
    windows.push(window);
    open = [];
  }
  return windows.filter(({ counts }) => counts.ended > 0);
}

function timedOutIn({ counts }: Window): Part {
  return { count: counts.outcome("timed_out"), of: counts.ended };
}

/** Whether a share is not far larger than another. */
function isAlike(one: Part, other: Part): boolean {
  return one.count / Math.max(1, one.of) - other.count / Math.max(1, other.of) <= CUT_ALIKE;
}

/** Whether a system refused an attempt because it gets too much. */
export function saysTooMuch({ error }: AttemptFact): boolean {
  return error !== undefined && TOO_MUCH.test(`${error.code} ${error.message}`);
}

/** Those that complete do so as quickly as ever: whatever is waited for, it is not the system. */
function takesNoLonger(recent: readonly AttemptFact[], before: readonly AttemptFact[]): boolean {
  const [now, was] = [ran(recent), ran(before)];
  if (now.length < DONE_MIN || was.length < DONE_MIN) return false;
  return [0.5, 0.9].every((share) =>
    quantileOf(now, share) <= TIMES_LONGER * quantileOf(was, share)
  );
}

/**
 * Whether attempts take longer than before for another reason than how many there are: those that began
 * while no more others were under way than was usual are slow, those with the most others take no longer,
 * and the newest are slow still. What goes on at the system after a time-out is under way. Cost: O(n²).
 */
export function isSlowAnyway(of: SeenAttempts, windowMs: number): boolean {
  const { slow, since, others } = slownessOf(of);
  if (!slow) return false;
  const [earlier, last] = [since.slice(0, -NEWEST), since.slice(-NEWEST)];
  const lastsMs = (last.at(-1)?.startedAtMs ?? 0) - (since[0]?.startedAtMs ?? 0);
  if (lastsMs < LASTS_MIN * windowMs) return false;
  if (isMore(earlier, last, { is: slow, chance: CHANCE.over })) return false;
  const { few, many } = thirdsOf(since, others);
  const [least, most] = [few, many].map((of) => quantileOf(of.map(others), 0.5)) as [
    number,
    number,
  ];
  // Where all have as many others, they do not show what those do to them.
  if (most > 1 && most < MANY * least) return false;
  return !takesLonger(many, few, CHANCE.longer);
}

/** Whether attempts are slow as few as they are, and nothing says that they are so by how many there are. */
export function isSlowAsUsual(of: SeenAttempts): boolean {
  const { slow, since, others } = slownessOf(of);
  const { few, many } = thirdsOf(since, others);
  return slow !== undefined && !takesLonger(many, few, CHANCE.clearlyLonger);
}

/** Whether attempts that begin with more others take longer. Cost: O(n²). */
export function takesLongerTogether(facts: readonly AttemptFact[]): boolean {
  const counts = new Map(facts.map((fact) => [fact, othersAt(facts, fact)]));
  const { few, many } = thirdsOf(facts, (fact) => counts.get(fact) ?? 0);
  const median = quantileOf(few.map(tookMs), 0.5);
  const is = (fact: AttemptFact) => tookMs(fact) > LONGER * median;
  return isMore(many, few, { is, chance: CHANCE.clearlyLonger });
}

/** Those with the fewest others, and those with the most. */
function thirdsOf(facts: readonly AttemptFact[], others: (fact: AttemptFact) => number) {
  const sorted = facts.toSorted((one, other) => others(one) - others(other));
  const third = Math.ceil(sorted.length / 3);
  return { few: sorted.slice(0, third), many: sorted.slice(-third) };
}

/** Attempts since they became slow, and which are. */
function slowSince({ recent, before }: Pick<SeenAttempts, "recent" | "before">) {
  const was = ran(before);
  const slowMs = Math.max(SLOW * quantileOf(was, 0.5), quantileOf(was, 0.95));
  const isSlow = (fact: AttemptFact) => isCut(fact) || tookMs(fact) > slowMs;
  const work = recent.filter((fact) => fact.outcome === "completed" || isCut(fact))
    .toSorted((one, other) => one.startedAtMs - other.startedAtMs);
  return { isSlow, since: work.slice(riseIn(work.map(isSlow))) };
}

/** How attempts are slow that begin while no more others are under way than was usual. */
function slownessOf({ recent, before, seen }: SeenAttempts) {
  const was = ran(before);
  const { isSlow, since } = slowSince({ recent, before });
  const counts = new Map(since.map((fact) => [fact, othersAt(recent, fact)]));
  const others = (fact: AttemptFact) => counts.get(fact) ?? 0;
  const usual = quantileOf(before.map((fact) => othersAt(before, fact)), 0.9) / seen.before;
  // Of a sample that is too thin, none may be seen although there are many.
  const most = Math.round(Math.max(1, usual) * seen.recent);
  const asUsual = most < 1 ? [] : since.filter((fact) => others(fact) <= most);
  const isKnown = was.length >= DONE_MIN && since.length >= SINCE_MIN;
  const isAlike = shareOf(asUsual, isSlow) >= SLOW_PART_MIN * shareOf(since, isSlow);
  const isSlower = isMore(asUsual, before, { is: isSlow, chance: CHANCE.slow });
  return { since, others, slow: isKnown && isAlike && isSlower ? isSlow : undefined };
}

function takesLonger(
  some: readonly AttemptFact[],
  others: readonly AttemptFact[],
  chance: number,
): boolean {
  if (some.length === 0) return false;
  const median = quantileOf([...some, ...others].map(tookMs), 0.5);
  const isLonger = (fact: AttemptFact) => tookMs(fact) > LONGER * median;
  return [isCut, isLonger].some((is) => isMore(some, others, { is, chance }));
}

function isMore(
  some: readonly AttemptFact[],
  others: readonly AttemptFact[],
  { is, chance }: { readonly is: (fact: AttemptFact) => boolean; readonly chance: number },
): boolean {
  return chanceAbove(partOf(some, is), partOf(others, is)) < chance;
}

function partOf(facts: readonly AttemptFact[], is: (fact: AttemptFact) => boolean): Part {
  return { count: facts.filter(is).length, of: facts.length };
}

function shareOf(facts: readonly AttemptFact[], is: (fact: AttemptFact) => boolean): number {
  const { count, of } = partOf(facts, is);
  return count / Math.max(1, of);
}

/** How many of some attempts were cut off. */
export function cutOf(of: readonly AttemptFact[]): Part {
  return partOf(of, isCut);
}

function isCut({ outcome }: AttemptFact): boolean {
  return outcome === "timed_out";
}

/** How long an attempt took, as far as that is known: until its answer, late or not. */
export function tookMs({ startedAtMs, ranMs, lateAtMs }: AttemptFact): number {
  return lateAtMs === undefined ? ranMs : Math.max(ranMs, lateAtMs - startedAtMs);
}

function ran(facts: readonly AttemptFact[]): readonly number[] {
  return facts.filter(({ outcome }) => outcome === "completed").map(({ ranMs }) => ranMs);
}

/** How many others were under way when one began, with what goes on at the system after a time-out. */
export function othersAt(facts: readonly AttemptFact[], of: AttemptFact): number {
  return facts.filter((other) =>
    other !== of && other.startedAtMs <= of.startedAtMs && goesOnUntil(other) > of.startedAtMs
  ).length;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

function goesOnUntil({ startedAtMs, endedAtMs, ranMs, outcome, lateAtMs }: AttemptFact): number {
  if (outcome !== "timed_out") return endedAtMs;
  return lateAtMs ?? startedAtMs + GOES_ON * ranMs;
}
