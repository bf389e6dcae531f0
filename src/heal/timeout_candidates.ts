/** Time-outs that do not fit what attempts take. Pure. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import { quantileOf } from "./bootstrap.ts";
import { type Candidate, GROUP_MIN, KIND_MIN, LAST, newest, STEP_MAX } from "./candidate.ts";
import { chosenOf } from "../core/incident.ts";
import { type Case, isBad } from "./case.ts";
import { chanceAbove, riseIn } from "./comparison.ts";
import { cutOf, isSlowAnyway, isSlowerWork, tookMs } from "./saturated.ts";
import { Survival } from "./survival.ts";

/** Where so many are cut off, and they do not hang, hardly any is left that says how long they take. */
const MOSTLY_CUT = 0.5;

/** Those that complete take at most so many times as long as before where the others hang. */
const AS_BEFORE = 2;

/** Attempts since the share that is cut off rose; those before would hide what has begun since. */
function sinceCut(recent: readonly AttemptFact[]): readonly AttemptFact[] {
  const begun = recent.toSorted((one, other) => one.startedAtMs - other.startedAtMs);
  return begun.slice(riseIn(begun.map(({ outcome }) => outcome === "timed_out")));
}

/** Later attempts are cut off far more often than first ones: what takes long is in the task. */
function isCutAgain(recent: readonly AttemptFact[]): boolean {
  const since = sinceCut(recent);
  const later = cutOf(since.filter(({ attempt }) => attempt > 1));
  const first = cutOf(since.filter(({ attempt }) => attempt === 1));
  return later.of >= KIND_MIN && later.count >= MOSTLY_CUT * later.of &&
    later.count / later.of > 1.5 * first.count / first.of && chanceAbove(later, first) < 0.01;
}

/** How sure it is that a longer time-out helps where nobody is answered. */
const UNANSWERED = 0.35;

/** First attempts that take so many times as long as before are held up. */
const HELD_UP = 1.3;

/** How many times as long as before first attempts take that complete; undefined: too few. */
function othersTake({ recent, before }: Pick<Case, "recent" | "before">): number | undefined {
  const [now, was] = [recent, before].map((facts) =>
    facts.filter(({ attempt, outcome }) => attempt === 1 && outcome === "completed").map(tookMs)
  ) as [number[], number[]];
  if (Math.min(now.length, was.length) < GROUP_MIN) return undefined;
  return quantileOf(now, 0.5) / quantileOf(was, 0.5);
}

/**
 * Whether what takes too long is in some tasks, and others take longer for it: each of their attempts keeps a
 * place that the others wait for, and a longer time-out would keep it longer.
 */
export function holdsUpOthers(of: Pick<Case, "recent" | "before">): boolean {
  return isCutAgain(of.recent) && (othersTake(of) ?? 0) > HELD_UP;
}

/** What is shorter may have been slow for all, and is tried again by those that began then. */
const LASTS_WINDOWS = 2;

/** Whether what takes too long is in some tasks, for a while already, and others take no longer for it. */
export function isInTasks(of: Pick<Case, "recent" | "before">, windowMs: number): boolean {
  if (!isCutAgain(of.recent) || (othersTake(of) ?? Infinity) > HELD_UP) return false;
  const cut = sinceCut(of.recent)
    .filter(({ outcome, attempt }) => outcome === "timed_out" && attempt > 1);
  return lastMs(cut) >= LASTS_WINDOWS * windowMs;
}

/** How long attempts have begun for, those that began first come first. */
function lastMs(facts: readonly AttemptFact[]): number {
  return (facts.at(-1)?.startedAtMs ?? 0) - (facts[0]?.startedAtMs ?? 0);
}

function hangs(recent: readonly AttemptFact[]): boolean {
  return new Survival(recent.map((fact) => ({
    ms: tookMs(fact),
    isCut: fact.outcome !== "completed" && fact.lateAtMs === undefined,
  }))).hangs;
}

/** Whether attempts hang, the others take no longer than before, and the next attempt mostly gets through. */
export function hangsByChance(
  { recent, degradation: { now, before } }: Pick<Case, "recent" | "degradation">,
): boolean {
  const again = cutOf(recent.filter(({ attempt }) => attempt > 1));
  return hangs(recent) && (now.p95Ms ?? 0) <= AS_BEFORE * (before.p95Ms ?? 0) &&
    again.of >= KIND_MIN && again.count <= MOSTLY_CUT * again.of;
}

/** So many times as long as nearly all take, at least, is a time-out that gives up what hangs. */
const TIMES_USUAL = 3;

/** A time-out that is not at least this much shorter is not worth a trial. */
const SHORTER_PART = 0.8;

/**
 * The next shorter time-out for attempts that hang: half as long, but not so short that it cuts off what completes.
 * Undefined: it is as short as may be. `usualMs` is what 95 % of those that completed took before.
 */
export function shorterThan(
  timeoutMs: number,
  { usualMs, leastMs = 0 }: { readonly usualMs: number; readonly leastMs?: number },
): number | undefined {
  const wanted = Math.max(
    Math.ceil(timeoutMs / STEP_MAX),
    Math.round(TIMES_USUAL * usualMs),
    leastMs,
  );
  return wanted < SHORTER_PART * timeoutMs ? wanted : undefined;
}

/** Of the attempts, those that take far longer than nearly all did: fewer are single cases, more are not by chance. */
const SLOW_SHARE = { min: 0.1, max: 0.5 };

/** They take at least so many times as long as it would take to give them up. */
const SLOW_TIMES = 3;

/** Whether a longer time-out was seen to help the step. */
export function hasNeededLonger(
  { past, degradation: { workflow, step } }: Pick<Case, "past" | "degradation">,
): boolean {
  return past.some((one) => {
    const { action, load } = chosenOf(one) ?? {};
    return one.degradation.workflow === workflow && one.degradation.step === step &&
      action?.kind === "set_timeout" && load === "adds" &&
      one.judge?.verdict === "better" && one.conclude?.outcome === "kept";
  });
}

/**
 * A part of the attempts takes far longer than nearly all did, and the others as long as ever: as where one of
 * several copies behind an address is slow. Another try may come to another one; a trial shows it.
 */
function slowByChance(of: Case, timeoutMs: number): Candidate[] {
  const { degradation: { workflow, step, before: { p95Ms }, saturated }, policy } = of;
  if (p95Ms === undefined || saturated || policy.attemptsMax < 2 || hasNeededLonger(of)) return [];
  // What fails is the trouble, and may be what makes the others slow.
  if (of.recent.filter(isBad).length >= KIND_MIN) return [];
  const [now, was] = [of.recent, of.before].map((facts) =>
    facts.filter(({ outcome }) => outcome === "completed").map(tookMs)
  ) as [number[], number[]];
  const slow = now.filter((ms) => ms > TIMES_USUAL * p95Ms);
  const others = now.filter((ms) => ms <= TIMES_USUAL * p95Ms);
  if (slow.length < GROUP_MIN || others.length < GROUP_MIN || was.length < GROUP_MIN) return [];
  const share = slow.length / now.length;
  const wanted = shorterThan(timeoutMs, { usualMs: p95Ms });
  const usual = quantileOf(slow, 0.5);
  if (
    wanted === undefined || share < SLOW_SHARE.min || share > SLOW_SHARE.max ||
    usual < SLOW_TIMES * TIMES_USUAL * p95Ms ||
    quantileOf(others, 0.5) > HELD_UP * quantileOf(was, 0.5)
  ) return [];
  return [{
    action: { kind: "set_timeout", workflow, step, timeoutMs: wanted },
    tier: "T1",
    confidence: 0.45,
    because:
      `${slow.length} of ${now.length} attempts took about ${Math.round(usual)} ms, and the ` +
      `others as long as ever`,
    expected: `those are tried again after ${wanted} ms`,
    repeats: true,
  }];
}

/** Attempts are cut off that would have completed; or wait long for those that never do. */
export function timeouts(of: Case): Candidate[] {
  const {
    degradation: { workflow, step, now, before, saturated, windowMs },
    policy,
    recent,
    definition,
  } = of;
  const { timeoutMs } = policy;
  const cut = recent.filter(({ outcome }) => outcome === "timed_out");
  if (timeoutMs === undefined || definition.kind === "signal") return [];
  if (cut.length < KIND_MIN) return slowByChance(of, timeoutMs);
  const last = newest(recent, LAST);
  const isMostlyCut = !hangs(recent) &&
    last.filter(({ outcome }) => outcome === "timed_out").length >= MOSTLY_CUT * last.length;
  if (holdsUpOthers(of)) return [];
  const takesLonger = (now.p50Ms ?? 0) > 1.3 * (before.p50Ms ?? Infinity) ||
    (now.p95Ms ?? 0) > 0.6 * timeoutMs;
  const unanswered = sinceCut(recent);
  const isAllCut = unanswered.length >= GROUP_MIN &&
    unanswered.every(({ outcome, lateAtMs }) =>
      outcome === "timed_out" && lateAtMs === undefined
    ) &&
    lastMs(unanswered) >= windowMs;
  const isSlower = isMostlyCut || isAllCut || isCutAgain(recent) ||
    takesLonger && (isSlowAnyway(of, windowMs) || isSlowerWork(of));
  const share = `${cut.length} of ${recent.length} attempts were cut off at ${timeoutMs} ms`;
  if (isSlower) return [longer(of, share, isAllCut ? unanswered.length : undefined)];
  // What waits in a line is not answered sooner by asking again: that makes the line longer.
  const usual = before.p95Ms;
  if (usual === undefined || policy.attemptsMax < 2 || saturated || !hangsByChance(of)) return [];
  const wanted = shorterThan(timeoutMs, { usualMs: usual });
  if (wanted === undefined) return [];
  return [{
    action: { kind: "set_timeout", workflow, step, timeoutMs: wanted },
    tier: "T1",
    confidence: 0.6,
    because: `${share}, but 95 % of those that completed took at most ${usual} ms, as before`,
    expected: `an attempt that hangs is tried again after ${wanted} ms`,
    repeats: true,
  }];
}

/** Twice as long; `unanswered`: so many attempts had no answer, and none since has had one. */
function longer(
  { degradation: { workflow, step, now, before }, policy: { timeoutMs = 0 }, bounds }: Case,
  share: string,
  unanswered: number | undefined,
): Candidate {
  // To wait for what does work costs nothing; what is too short once more costs another trial.
  const most = bounds.timeoutMs?.[1] ?? Infinity;
  const wanted = most < 1.25 * timeoutMs ? 2 * timeoutMs : Math.min(2 * timeoutMs, most);
  const of = {
    action: { kind: "set_timeout", workflow, step, timeoutMs: wanted },
    tier: "T1",
    repeats: false,
  } as const;
  if (unanswered !== undefined) {
    return {
      ...of,
      // Nothing speaks for either: a person decides.
      tier: "T2",
      confidence: UNANSWERED,
      because: `none of the last ${unanswered} attempts was answered within ${timeoutMs} ms: ` +
        "they take longer, or hang",
      expected: `those that try ${wanted} ms show which`,
    };
  }
  return {
    ...of,
    confidence: 0.7,
    because: `${share}, and those that completed took ${now.p50Ms ?? "too few"} ms ` +
      `(median; ${before.p50Ms} ms before)`,
    expected: `attempts that take up to ${wanted} ms complete`,
  };
}
