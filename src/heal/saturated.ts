/**
 * Saturation: whether more comes in to a system than it does, by single attempts. Steps wait for an open
 * circuit or for the budget of retries as well, and attempts pile up where each takes long; neither is
 * made worse by more load. Pure.
 */

import type { AttemptFact } from "../core/attempt_fact.ts";
import { quantileOf } from "./bootstrap.ts";
import type { Case } from "./case.ts";

/** Completed attempts that show how long they take. */
const DONE_MIN = 8;

/** Attempts that take no longer than this, compared with before, do not queue. */
const TIMES_LONGER = 1.3;

/** Attempts that began while hardly any other was under way: what is slow, and the share that is. */
const OTHERS_MAX = 1;
const ALONE_MIN = 6;
const SLOW = 2;
const SLOW_SHARE_MIN = 0.5;

/** For how many times its time-out an attempt that was cut off may go on at its system. */
const GOES_ON = 3;

/** A system that says it gets too much. */
const TOO_MUCH = /rate.?limit|too.?many|429|queue|full|overload|exhaust|busy|capacity|throttl/i;

/** Whether what looks like saturation is none. */
export function isFree({ recent, before }: Pick<Case, "recent" | "before">): boolean {
  if (recent.some(saysTooMuch)) return false;
  return takesNoLonger(recent, before) || isSlowAlone(recent, before);
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

/** Attempts take long even where hardly any other is under way: it is not the load. */
export function isSlowAlone(
  recent: readonly AttemptFact[],
  before: readonly AttemptFact[],
): boolean {
  const was = ran(before);
  if (was.length < DONE_MIN) return false;
  const slowMs = SLOW * quantileOf(was, 0.5);
  const alone = recent.filter((fact) =>
    (fact.outcome === "completed" || fact.outcome === "timed_out") &&
    othersAt(recent, fact) <= OTHERS_MAX
  );
  const slow = alone.filter(({ ranMs }) => ranMs > slowMs).length;
  return alone.length >= ALONE_MIN && slow >= SLOW_SHARE_MIN * alone.length;
}

function ran(facts: readonly AttemptFact[]): readonly number[] {
  return facts.filter(({ outcome }) => outcome === "completed").map(({ ranMs }) => ranMs);
}

/** How many others were under way when one began, with what goes on at the system after a time-out. */
function othersAt(facts: readonly AttemptFact[], of: AttemptFact): number {
  return facts.filter((other) =>
    other !== of && other.startedAtMs <= of.startedAtMs && goesOnUntil(other) > of.startedAtMs
  ).length;
}

function goesOnUntil({ startedAtMs, endedAtMs, ranMs, outcome, lateAtMs }: AttemptFact): number {
  if (outcome !== "timed_out") return endedAtMs;
  return lateAtMs ?? startedAtMs + GOES_ON * ranMs;
}

/** The first attempts that were cut off, which show whether many were under way before them. */
const FIRST_CUT = 5;

/**
 * Whether attempts were cut off only once more of them were under way than before. That more are under
 * way afterwards says nothing: those that take longer are under way longer.
 */
export function slowedByLoad({ recent, before }: Pick<Case, "recent" | "before">): boolean {
  if (before.length < DONE_MIN) return true;
  const first = recent.toSorted((a, b) => a.startedAtMs - b.startedAtMs)
    .filter(({ outcome }) => outcome === "timed_out").slice(0, FIRST_CUT);
  const usual = quantileOf(before.map((fact) => underWayAt(before, fact)), 0.9);
  const then = quantileOf(first.map((fact) => underWayAt(recent, fact)), 0.5);
  return then > Math.max(1, usual);
}

function underWayAt(facts: readonly AttemptFact[], of: AttemptFact): number {
  return facts.filter((other) =>
    other !== of && other.startedAtMs <= of.startedAtMs && other.endedAtMs > of.startedAtMs
  ).length;
}
