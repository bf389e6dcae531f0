/**
 * Candidates about retries: those that are for nothing, those that come too soon, and those that are too few.
 * Pure.
 */

import type { AttemptFact } from "../core/attempt_fact.ts";
import { CIRCUIT_DEFAULTS } from "../core/breaker.ts";
import { actionOf } from "../core/healing_action.ts";
import { chosenOf } from "../core/incident.ts";
import { wilson } from "../core/intervals.ts";
import type { FullPolicy } from "../core/policy.ts";
import { type Candidate, GROUP_MIN, holdUntil, KIND_MIN, newest, percent } from "./candidate.ts";
import { type Case, groupsOf, isBad } from "./case.ts";
import { chanceAbove } from "./comparison.ts";
import { isTrickle } from "./following.ts";
import { outageMs } from "./outages.ts";
import { isRefused } from "./load_candidates.ts";
import { hangsByChance, holdsUpOthers } from "./timeout_candidates.ts";

/** Retries after failures of one kind of which hardly any completed; fewer do not say that none would. */
const LOST_RETRIES_MIN = 6;
const SAVED_SHARE_MAX = 0.1;

/** The chance that as few of them complete as do, if the attempts of other tasks fail as often. */
const LOST_CHANCE_MAX = 1e-3;

/** The part of all work at a step, or of what a provider allows, that such retries are at least. */
const LOST_PART_MIN = 0.2;

/** How much longer than one that completes each takes at least to hold up others. */
const LONGER = 2;

/** First attempts of other tasks that complete at the same time: far more than retries, which do not. */
const OTHERS_GOOD_MIN = 0.3;

/** The part of the attempts that come next to the same instance, and fail in another way, where it goes down. */
const DOWN_AFTER_MIN = 0.5;

/**
 * Failures of a kind that are in the tasks: no retry completes, while other tasks get through at the same
 * time. To try them again is work for nothing that the others wait for.
 */
export function hopeless(of: Case): Candidate[] {
  const { recent, degradation: { workflow, step } } = of;
  const sorted = recent.toSorted((a, b) => a.endedAtMs - b.endedAtMs);
  // One that was cut off may complete in more time, unless others are held up by it.
  const isLost = holdsUpOthers(of);
  const ended = sorted.filter((fact) =>
    isBad(fact) && !isRefused(fact) && (isLost || fact.outcome !== "timed_out")
  );
  const byCode = groupsOf(ended, ({ error }) => error?.code);
  return [...byCode].flatMap(([code, failures]): Candidate[] => {
    const after = nextOf(sorted, failures);
    const saved = after.filter((fact) => !isBad(fact)).length;
    if (after.length < LOST_RETRIES_MIN || saved > SAVED_SHARE_MAX * after.length) return [];
    const others = firstsAfter(sorted, failures).filter((fact) => !isRefused(fact));
    const good = { count: others.filter((fact) => !isBad(fact)).length, of: others.length };
    if (good.count < OTHERS_GOOD_MIN * good.of) return [];
    if (chanceAbove(good, { count: saved, of: after.length }) > LOST_CHANCE_MAX) return [];
    const cost = costOf(failures, sorted) ?? (wasInVain(of) ? circuitText(sorted) : undefined);
    if (cost === undefined) return [];
    const kind = failures[0]?.error?.class;
    const only = { ...(kind !== undefined && { class: kind }), code };
    return [{
      action: { kind: "park_and_notify", workflow, step, only, untilMs: holdUntil(of) },
      tier: "T0",
      confidence: 0.97,
      because: `${saved} of ${after.length} retries after "${code}" completed, and ${cost}`,
      expected: `what fails with "${code}" waits for a person at once, and others get its place`,
    }];
  });
}

/** What the retries of some failures cost other tasks, in words; undefined: nothing that matters. */
function costOf(
  failures: readonly AttemptFact[],
  sorted: readonly AttemptFact[],
): string | undefined {
  const work = (facts: readonly AttemptFact[]) => facts.reduce((sum, { ranMs }) => sum + ranMs, 0);
  const lost = failures.filter(({ attempt }) => attempt > 1);
  const good = sorted.filter((fact) => !isBad(fact));
  // What fails at once takes no place that others wait for.
  const isLong = work(lost) / lost.length >= LONGER * work(good) / Math.max(1, good.length);
  if (isLong && work(lost) >= LOST_PART_MIN * work(sorted)) {
    return `they were ${percent({ count: work(lost), of: work(sorted) })} of the work`;
  }
  const refused = sorted.filter(isRefused).length;
  const allowed = sorted.length - refused;
  if (
    refused >= Math.max(KIND_MIN, 0.1 * sorted.length) && lost.length >= LOST_PART_MIN * allowed
  ) {
    return `they were ${percent({ count: lost.length, of: allowed })} of what the provider allows`;
  }
  const next = nextAt(sorted, failures);
  const down = next.filter((fact) => isBad(fact) && fact.error?.code !== failures[0]?.error?.code);
  return next.length >= LOST_RETRIES_MIN && down.length >= DOWN_AFTER_MIN * next.length
    ? `${down.length} of ${next.length} attempts that came to the same instance next failed for it`
    : undefined;
}

/** Whether a circuit opens for all because of retries that fail, in words; undefined: not because of those. */
function circuitText(sorted: readonly AttemptFact[]): string | undefined {
  const part = (facts: readonly AttemptFact[]) => ({
    count: facts.filter(({ outcome }) => outcome === "thrown" || outcome === "timed_out").length,
    of: facts.length,
  });
  const [all, firsts] = [part(sorted), part(sorted.filter(({ attempt }) => attempt === 1))];
  const { failureShare } = CIRCUIT_DEFAULTS;
  return all.count >= failureShare * all.of && firsts.count < failureShare * firsts.of
    ? `with them ${percent(all)} of the attempts had no answer, so that a circuit opens for all ` +
      `(of first attempts ${percent(firsts)})`
    : undefined;
}

/** The next attempts that began at the instance of each of some attempts, by other tasks. */
function nextAt(
  sorted: readonly AttemptFact[],
  of: readonly AttemptFact[],
): readonly AttemptFact[] {
  const begun = groupsOf(
    sorted.toSorted((one, other) => one.startedAtMs - other.startedAtMs),
    ({ instance }) => instance,
  );
  return [...groupsOf(of, ({ instance }) => instance)].flatMap(([instance, own]) =>
    followers(own, begun.get(instance) ?? [], ({ startedAtMs }) => startedAtMs)
  );
}

/**
 * The next attempt of another task after the end of each of some attempts, as far as there is one; both in the
 * order of time. Cost: O(n).
 */
function followers(
  of: readonly AttemptFact[],
  others: readonly AttemptFact[],
  atMs: (fact: AttemptFact) => number,
): readonly AttemptFact[] {
  let at = 0;
  return of.flatMap(({ endedAtMs, taskId }) => {
    for (let other = others[at]; other !== undefined && atMs(other) < endedAtMs;) {
      other = others[++at];
    }
    for (let next = at; next < others.length; next++) {
      const other = others[next];
      if (other !== undefined && other.taskId !== taskId) return [other];
    }
    return [];
  });
}

/** The next attempts of the same tasks, as far as there were any. */
function nextOf(
  sorted: readonly AttemptFact[],
  of: readonly AttemptFact[],
): readonly AttemptFact[] {
  const next = new Map(sorted.map((fact) => [`${fact.taskId}/${fact.attempt - 1}`, fact]));
  return of.flatMap(({ taskId, attempt }) => next.get(`${taskId}/${attempt}`) ?? []);
}

/** The first attempts of other tasks that ended next after some attempts, each once. */
function firstsAfter(
  sorted: readonly AttemptFact[],
  of: readonly AttemptFact[],
): readonly AttemptFact[] {
  const firsts = sorted.filter(({ attempt }) => attempt === 1);
  return [...new Set(followers(of, firsts, ({ endedAtMs }) => endedAtMs))];
}

/** Attempts whose outcome is looked at where they fail by chance. */
const CHANCE_OF = 40;

/** The newest attempts, and the failures among them, that say that it is not over. */
const LASTING = { of: 10, min: 2 };

/**
 * Whether attempts failed in both halves of the last window, and still do, or failed again after a half in
 * which they did not: a restart takes seconds, and happens once.
 */
function isLasting({ recent, nowMs, degradation: { windowMs } }: Case): boolean {
  const ages = recent.filter(isBad)
    .map(({ endedAtMs }) => Math.floor((nowMs - endedAtMs) / (windowMs / 2)));
  const halves = Array.from(
    { length: Math.max(2, ...ages) + 1 },
    (_, age) => ages.filter((one) => one === age).length >= KIND_MIN,
  );
  const [last, earlier] = halves;
  const isStill = newest(recent, LASTING.of).filter(isBad).length >= LASTING.min;
  const comesBack = halves.slice(halves.indexOf(true), halves.lastIndexOf(true)).includes(false);
  return (last === true && earlier === true && isStill) || comesBack;
}

/** How long a retry waits at least that comes when an outage may be over; each next one twice as long. */
const LATER_MS = 8_000;

/** Retries complete less than this part as often as first attempts: then they come too soon. */
const SOON_PART = 0.5;

/** Fewer do not say that they come too soon. */
const SOON_RETRIES_MIN = 16;

/**
 * A part of a system is down: retries fail as the attempts before them did, while others complete. Those that
 * come some minutes later, once it is back, complete without a person. The same where those that a trickle let
 * wait have completed, and now all fail again: it is the time that they need.
 */
export function laterRetries(of: Case): Candidate[] {
  const { degradation: { workflow, step }, policy, bounds } = of;
  if (policy.delayMsMin >= LATER_MS || wasInVain(of)) return [];
  const isWaited = hasWaited(of);
  const because = isWaited
    ? "those that waited for it completed, and those that do not wait fail again"
    : soonText(of);
  if (because === undefined) return [];
  const most = Math.max(policy.attemptsMax, bounds.attemptsMax?.[1] ?? Infinity);
  return [{
    action: {
      kind: "set_retry",
      workflow,
      step,
      attemptsMax: isWaited
        ? Math.max(2, policy.attemptsMax)
        : Math.min(2 * policy.attemptsMax, most),
      backoff: "exponential",
      ...delaysFrom(LATER_MS, policy, LONGEST_MS),
    },
    tier: "T1",
    confidence: 0.8,
    because,
    expected: `what is tried again later, from ${LATER_MS / 1_000} s on, finds the system again`,
    repeats: true,
  }];
}

/** Delays that grow from one, to a time at least. */
function delaysFrom(delayMsMin: number, policy: FullPolicy, atLeastMs = 0) {
  const longestMs = Math.max(atLeastMs, 2 * delayMsMin);
  return { delayMsMin, ...(policy.delayMsMax < longestMs && { delayMsMax: longestMs }) };
}

/** Retries that are to outlast an outage come so late at least, where they go on: it may take minutes. */
const LONGEST_MS = 60_000;

/** How long it is remembered that more attempts saved nobody. */
const IN_VAIN_MS = 3_600_000;

/** Whether more attempts were tried for the step lately, and taken back, and have never helped it. */
function wasInVain({ past, nowMs, degradation: { workflow, step } }: Case): boolean {
  const ends = past.filter((one) =>
    one.degradation.workflow === workflow && one.degradation.step === step &&
    chosenOf(one)?.action.kind === "set_retry"
  ).map(({ conclude }) => conclude);
  return !ends.some((one) => one?.outcome === "kept") &&
    ends.some((one) => one?.outcome === "reverted" && one.atMs > nowMs - IN_VAIN_MS);
}

/** How much less often retries complete than other tasks at the same time, in words; undefined: they do not. */
function soonText({ degradation: { saturated }, recent }: Case): string | undefined {
  const sorted = recent.toSorted((a, b) => a.endedAtMs - b.endedAtMs);
  const broken = sorted.filter(({ outcome }) => outcome === "thrown");
  const after = nextOf(sorted, broken);
  const firsts = firstsAfter(sorted, broken);
  const good = (facts: readonly AttemptFact[]) => facts.filter((fact) => !isBad(fact)).length;
  if (saturated || after.length < SOON_RETRIES_MIN) return undefined;
  const saved = wilson(good(after), after.length).high;
  return saved > SOON_PART * good(firsts) / Math.max(1, firsts.length)
    ? undefined
    : `${good(after)} of ${after.length} retries completed, and ${good(firsts)} of ` +
      `${firsts.length} other tasks at the same time`;
}

/** In how many windows failures come again after a trickle for it to be the wait that has helped. */
const AGAIN_WINDOWS = 6;

/** Whether a trickle at the step has just ended because its attempts completed. */
function hasWaited({ past, nowMs, degradation: { workflow, step, windowMs } }: Case): boolean {
  return past.some((one) => {
    const { action } = chosenOf(one) ?? {};
    return one.degradation.workflow === workflow && one.degradation.step === step &&
      isTrickle(action && actionOf(action)) && one.release?.outcome === "released" &&
      one.release.atMs > nowMs - AGAIN_WINDOWS * windowMs;
  });
}

/** What makes failures of one kind. */
function kindOf({ outcome, error }: AttemptFact): string {
  return `${outcome}/${error?.code ?? ""}`;
}

/** Whether tasks are cut off at each of their attempts by chance: one more would mostly get through. */
function isCutToTheEnd(of: Case): boolean {
  const last = of.recent.filter(({ outcome, attempt }) =>
    outcome === "timed_out" && attempt >= of.policy.attemptsMax
  );
  return last.length >= KIND_MIN && hangsByChance(of);
}

/**
 * Whether retries complete far less often than the first attempts of others at the same time; those that a provider
 * refuses come too soon for it, whoever's they are.
 */
function isInTasks(recent: readonly AttemptFact[]): boolean {
  const sorted = recent.toSorted((a, b) => a.endedAtMs - b.endedAtMs);
  const bad = sorted.filter((fact) =>
    isBad(fact) && fact.outcome !== "timed_out" && !isRefused(fact)
  );
  const part = (facts: readonly AttemptFact[]) => ({
    count: facts.filter((fact) => !isBad(fact)).length,
    of: facts.length,
  });
  const after = part(nextOf(sorted, bad));
  return after.of >= LOST_RETRIES_MIN && after.count <= SAVED_SHARE_MAX * after.of &&
    chanceAbove(part(firstsAfter(sorted, bad)), after) <= LOST_CHANCE_MAX;
}

/** The retries of a step last so many times as long, on average, as the longest outage that was seen. */
const OUTLASTS = 2;

/**
 * The least delay with which so many attempts outlast the outages that were seen; 0: none was, most retries
 * complete as it is, or a circuit makes them wait as long.
 */
function delayFor(of: Case, attemptsMax: number): number {
  const { recent, degradation: { now: { waitedP95Ms = 0 } } } = of;
  const after = nextOf(recent, recent.filter(isBad));
  const lastsMs = outageMs(of);
  const isSaved = after.filter((fact) => !isBad(fact)).length >= 0.5 * after.length;
  if (after.length > 0 && isSaved || waitedP95Ms >= lastsMs / OUTLASTS) return 0;
  // Each delay is drawn between the least and what the backoff allows, see `backoffMs`.
  const delays = Array.from({ length: attemptsMax - 1 }, (_, at) => (1 + 2 ** (at + 1)) / 2)
    .reduce((sum, times) => sum + times, 0);
  return Math.round(OUTLASTS * lastsMs / Math.max(1, delays));
}

/** Later attempts succeed, and there are too few of them, or they come too soon. */
export function retries(of: Case): Candidate[] {
  const { degradation: { workflow, step, saturated }, policy, bounds, recent } = of;
  const all = newest(recent, CHANCE_OF);
  // Those before the first failure say how it was before the trouble.
  const last = all.slice(Math.max(0, all.findIndex(isBad)));
  const good = last.filter((fact) => !isBad(fact)).length;
  const cut = last.filter(({ outcome }) => outcome === "timed_out").length;
  // Where each step has one attempt, none shows what would be tried again: what throws is, unless it says no.
  const mayBeRetried = ({ isRetried, outcome }: AttemptFact) =>
    isRetried || policy.attemptsMax === 1 && outcome === "thrown";
  const retried = new Set(recent.filter(mayBeRetried).map(kindOf));
  const transient = last.filter((fact) => isBad(fact) && retried.has(kindOf(fact))).length;
  const isRetried = last.filter(mayBeRetried).length >= KIND_MIN;
  if (saturated || transient < GROUP_MIN || !isRetried || good < KIND_MIN) return [];
  if (cut > 0.5 * transient && !isCutToTheEnd(of) || !isLasting(of)) return [];
  if (isInTasks(recent) || wasInVain(of)) return [];
  const badShare = wilson(last.length - good, last.length).high;
  const wanted = Math.ceil(Math.log(0.01) / Math.log(badShare));
  const most = Math.max(policy.attemptsMax, bounds.attemptsMax?.[1] ?? Infinity);
  const attemptsMax = Math.min(2 * policy.attemptsMax, wanted, most);
  if (!(attemptsMax > policy.attemptsMax)) return [];
  const laterMs = delayFor(of, attemptsMax);
  return [{
    action: {
      kind: "set_retry",
      workflow,
      step,
      attemptsMax,
      backoff: "exponential",
      ...delaysFrom(Math.max(policy.delayMsMin, 500, laterMs), policy, laterMs && LONGEST_MS),
    },
    tier: "T1",
    confidence: 0.65,
    because: `${transient} of the last ${last.length} attempts failed by chance, and ` +
      `${percent({ count: good, of: last.length })} of all complete`,
    expected: `with ${attemptsMax} attempts more of the tasks get through the step` +
      (laterMs > 0 ? ", each later than the one before, because it goes down and comes back" : ""),
    repeats: true,
  }];
}
