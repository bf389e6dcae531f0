/**
 * Candidates: what might help, from the attempts that ended lately. Pure; each function knows one kind
 * of trouble and says nothing where it does not see it. What of it may be done, `rules.ts` decides.
 */

import type { AttemptFact } from "../core/attempt_fact.ts";
import { mintedAtMs } from "../core/ids.ts";
import { wilson } from "../core/intervals.ts";
import {
  type Candidate,
  GROUP_MIN,
  holdUntil,
  KIND_MIN,
  LAST,
  newest,
  percent,
  shown,
} from "./candidate.ts";
import { quantileOf } from "./bootstrap.ts";
import { type Case, groupsOf, isBad } from "./case.ts";
import { chanceAbove, type Part } from "./comparison.ts";
import { contentions } from "./contention.ts";
import { crowds } from "./crowd.ts";
import { donePerMinute, isLineGrowing, pauses, rateLimits } from "./load_candidates.ts";
import { hopeless, laterRetries, retries } from "./retry_candidates.ts";
import { timeouts } from "./timeout_candidates.ts";

/** An attribute is to blame when chance alone would show as much less often. */
const BLAME_CHANCE_MAX = 1e-4;

/** Of so many that failed, those that are sent now will fail as well; fewer: some get through. */
const DOWN_SHARE = 0.8;

/**
 * At least so many fail, whatever chance there is: 22 of 24, or 9 of 9. It is looked for again and again, and
 * those that would get through wait with the others.
 */
const DOWN_SURE = 0.7;

/** For this part of a window at least; what comes back sooner is not held back for it. */
const DOWN_PART = 0.75;

/** How many attempts show whether a system works again, and for how long at least. */
const TRICKLE_PER_S = 1 / 20;
const TRICKLE_MS = 5 * 60_000;

/** Lists what might help, the best first. Cost: O(facts). */
export function candidatesOf(of: Case): readonly Candidate[] {
  const all = [
    ...ejections(of),
    ...hopeless(of),
    ...quarantines(of),
    ...rateLimits(of),
    ...crowds(of),
    ...contentions(of),
    ...pauses(of),
    ...timeouts(of),
    ...laterRetries(of),
    ...retries(of),
    ...switches(of),
    ...trickles(of),
    ...suggestions(of),
  ];
  return all.toSorted((one, other) => other.confidence - one.confidence);
}

/** The groups that do much worse than all others together, by what is bad. */
function blamed(
  facts: readonly AttemptFact[],
  nameOf: (fact: AttemptFact) => string | undefined,
  isWrong: (fact: AttemptFact) => boolean,
): readonly { readonly name: string; readonly part: Part; readonly rest: Part }[] {
  const groups = groupsOf(facts, nameOf);
  if (groups.size < 2) return [];
  const bad = facts.filter(isWrong).length;
  return [...groups].flatMap(([name, of]) => {
    const part = { count: of.filter(isWrong).length, of: of.length };
    const rest = { count: bad - part.count, of: facts.length - part.of };
    const isWorse = part.of >= GROUP_MIN && part.count / part.of > 3 * rest.count / rest.of;
    return isWorse && chanceAbove(part, rest) * groups.size <= BLAME_CHANCE_MAX
      ? [{ name, part, rest }]
      : [];
  });
}

/** How many times as long as nearly all did before makes an attempt slow. */
const TIMES_SLOW = 2;

/** One instance of a system fails, is slow or does not answer, and the others do. */
function ejections(of: Case): Candidate[] {
  const { recent, before, system } = of;
  const seen = groupsOf(recent, instanceOf);
  const usual = before.filter(({ outcome }) => outcome === "completed").map(({ ranMs }) => ranMs);
  const slowMs = usual.length < GROUP_MIN ? Infinity : TIMES_SLOW * quantileOf(usual, 0.95);
  const isWrong = (fact: AttemptFact) => isBad(fact) || fact.ranMs > slowMs;
  const wrong = blamed(recent, instanceOf, isWrong).map(({ name, part, rest }) => ({
    name,
    because: `${shown(part)} of ${name} failed or took longer than ${Math.round(slowMs)} ms, ` +
      `${shown(rest)} of the other ${seen.size - 1} instances of ${system}`,
  }));
  const mute = silent(of).filter(({ name }) => wrong.every((one) => one.name !== name));
  const bad = [...wrong, ...mute];
  return bad.map(({ name, because }) => ({
    action: { kind: "eject_instance", system, instance: name, untilMs: holdUntil(of) },
    tier: bad.length * 4 <= Math.max(seen.size, of.instances.length) ? "T1" : "T2",
    confidence: 0.95,
    because,
    expected: "the attempts go to the other instances",
  }));
}

/** An instance that gives less than this part of the answers that it gave before does not answer. */
const ANSWERED_PART_MAX = 0.5;

/** So many times as many answers as were lost may be missing by chance. */
const LOST_TIMES_MAX = 2;

/**
 * Instances whose answers are missing. Nobody says which instance had an attempt that timed out; but those
 * that answer share the attempts as they did before, and who answers far less of them has the others.
 */
function silent({ recent, before, instances }: Case) {
  const lost = recent.filter((fact) =>
    fact.outcome === "timed_out" && instanceOf(fact) === undefined
  );
  if (lost.length < GROUP_MIN || instances.length < 2) return [];
  const [now, was] = [groupsOf(recent, instanceOf), groupsOf(before, instanceOf)];
  return instances.flatMap((name) => {
    const part = { count: now.get(name)?.length ?? 0, of: recent.length };
    const usual = { count: was.get(name)?.length ?? 0, of: before.length };
    const due = usual.count / Math.max(1, usual.of) * part.of;
    const missing = due - part.count;
    // More than were lost are missing where attempts go elsewhere now.
    const isMissing = part.count <= ANSWERED_PART_MAX * due && missing >= lost.length / 2 &&
      missing <= LOST_TIMES_MAX * lost.length;
    return isMissing && chanceAbove(usual, part) * instances.length <= BLAME_CHANCE_MAX
      ? [{
        name,
        because:
          `${name} gave ${part.count} answers of the ${Math.round(due)} that are its part, ` +
          `and ${lost.length} attempts of ${part.of} had none`,
      }]
      : [];
  });
}

/** The instance that had an attempt, where that is known. */
export function instanceOf(fact: AttemptFact): string | undefined {
  return fact.instance;
}

/** Few tasks fail again and again, and use up what all others need. */
function quarantines({ recent, degradation: { workflow } }: Case): Candidate[] {
  const tasks = groupsOf(recent, ({ taskId }) => taskId);
  const bad = recent.filter(isBad).length;
  return [...tasks].flatMap(([taskId, of]): Candidate[] => {
    const own = of.filter(isBad).length;
    if (own < GROUP_MIN || own < of.length || own < 0.2 * bad || tasks.size < GROUP_MIN) return [];
    return [{
      action: { kind: "quarantine_task", taskId, workflow },
      tier: "T0",
      confidence: 0.9,
      because: `task ${taskId} failed ${own} times of ${bad} failures of ${tasks.size} tasks`,
      expected: "the other tasks get its place",
    }];
  });
}

/** Another system offers the same, and attempts at this one fail, or it does not do all that begins. */
function switches(of: Case): Candidate[] {
  const { alternatives, degradation: { workflow, step, now }, recent, system, isIdempotent } = of;
  const all = newest(recent, LAST);
  // While its circuit is open, those of before are among the last for long.
  const last = all.slice(Math.max(0, all.findIndex(isBad)));
  const bad = last.filter(isBad).length;
  const isFailing = bad >= GROUP_MIN && bad >= 0.5 * last.length;
  const [other] = alternatives;
  if (other === undefined || !isFailing && !isLineGrowing(of)) return [];
  const because = isFailing
    ? `${bad} of the last ${last.length} attempts at ${system} failed`
    : `95 % of the attempts wait at most ${now.waitedP95Ms} ms for ${system}`;
  return [{
    action: { kind: "switch_system", workflow, step, system: other },
    tier: isIdempotent ? "T1" : "T2",
    confidence: 0.75,
    because: `${because}, and ${other} offers the same`,
    expected: `${other} does the step from now on`,
  }];
}

/** A system that does this part of what it did is not down, whatever else fails there. */
const DONE_PART = 0.5;

/**
 * Nearly all attempts fail, and nobody else can do them: what waits is done later. A trickle of attempts shows
 * when it works again; until then the action stays, see `following.ts`. It is none where as much gets done as
 * before, which would wait with those that fail, and where tasks fail that come late: they would come later.
 */
function trickles(of: Case): Candidate[] {
  const { recent, system, definition, nowMs, degradation: { windowMs, now, before } } = of;
  const lately = newest(recent, Infinity).filter(({ endedAtMs }) => endedAtMs > nowMs - windowMs);
  const ended = lately.slice(Math.max(0, lately.findIndex(isBad)));
  const since = onePerTask(ended);
  const lost = since.filter((fact) => isBad(fact) && fact.outcome !== "timed_out").length;
  const downMs = nowMs - (ended[0]?.endedAtMs ?? nowMs);
  const usual = before.perMinute * windowMs / 60_000;
  // Where there are fewer than usual, a circuit lets few through, and looks by itself whether it works again.
  const enough = Math.min(LAST, Math.max(GROUP_MIN, DOWN_PART * usual));
  if (since.length < enough || downMs < DOWN_PART * windowMs) return [];
  if (lost < DOWN_SHARE * since.length || wilson(lost, since.length).low < DOWN_SURE) return [];
  if (donePerMinute(now) > DONE_PART * donePerMinute(before)) return [];
  if (failsWhatIsLate(ended, of)) return [];
  const capability = definition.capability?.name ?? "*";
  return [{
    action: {
      kind: "limit_system",
      system,
      capability,
      ratePerS: TRICKLE_PER_S,
      untilMs: nowMs + TRICKLE_MS,
    },
    tier: "T0",
    confidence: 0.55,
    because: `${lost} of the last ${since.length} tasks failed at ${system}`,
    expected: `tasks wait, and none is lost, until the one attempt in ${1 / TRICKLE_PER_S} s works`,
  }];
}

/** The newest attempt of each task: those that are tried again and again say no more than others. */
function onePerTask(facts: readonly AttemptFact[]): readonly AttemptFact[] {
  return [...new Map(facts.map((fact) => [fact.taskId, fact])).values()];
}

/** A task is late that comes to a step so many times as old as half did that completed, and by a turn of a trickle. */
const LATE = { times: 2, byMs: 1_000 / TRICKLE_PER_S };

/** The part of the failed attempts that are late, and of those in time the greatest part that fails. */
const LATE_PART = 0.9;
const IN_TIME_FAILED_MAX = 0.2;

/**
 * Whether those fail that come late to the step, and hardly any that come in time: a link, a token or a
 * reservation that an earlier step made expires on the way. Retries are later by themselves.
 */
function failsWhatIsLate(since: readonly AttemptFact[], { before }: Case): boolean {
  const firsts = (facts: readonly AttemptFact[]) => facts.filter(({ attempt }) => attempt === 1);
  const usual = firsts(before).filter((fact) => !isBad(fact)).map(ageMs);
  if (usual.length < GROUP_MIN) return false;
  const usualMs = quantileOf(usual, 0.5);
  const lateMs = Math.max(LATE.times * usualMs, usualMs + LATE.byMs);
  const isLate = (fact: AttemptFact) => ageMs(fact) > lateMs;
  const failed = firsts(since).filter(isBad);
  const late = failed.filter(isLate).length;
  const inTime = firsts(since).filter((fact) => !isLate(fact)).length;
  return late >= KIND_MIN && late >= LATE_PART * failed.length &&
    failed.length - late <= IN_TIME_FAILED_MAX * inTime;
}

/** How old its task was when the step was ready. */
function ageMs({ taskId, startedAtMs, waitedMs }: AttemptFact): number {
  return startedAtMs - waitedMs - mintedAtMs(taskId);
}

/** What nobody but people can change. */
function suggestions({ finding, degradation: { workflow, step, now, error } }: Case): Candidate[] {
  const text = `${step} fails in ${percent({ count: now.failedShare, of: 1 })} of its attempts` +
    `${error === undefined ? "" : `, mostly as "${error}"`}: ${finding.says}`;
  return [{
    action: { kind: "suggest_change", workflow, text },
    tier: "T3",
    confidence: 0.1,
    because: finding.says,
    expected: "a person looks at it",
  }];
}
