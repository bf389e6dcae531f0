/**
 * Candidates: what might help, from the attempts that ended lately. Pure; each function knows one kind
 * of trouble and says nothing where it does not see it. What of it may be done, `rules.ts` decides.
 */

import type { AttemptFact } from "../core/attempt_fact.ts";
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
import { type Case, groupsOf, isBad } from "./case.ts";
import { circuits, retries } from "./chance_candidates.ts";
import { chanceAbove, type Part } from "./comparison.ts";
import { timeouts } from "./timeout_candidates.ts";

/** An attribute is to blame when chance alone would show as much less often. */
const BLAME_CHANCE_MAX = 1e-4;

/** Of the last attempts at least this share failed, with 95 %: it is lost work to send more. */
const LOST_SHARE_MIN = 0.25;

/** Of so many that failed, those that are retried will fail as well. */
const DOWN_SHARE = 0.9;

/** How many attempts show whether a system works again, and for how long at least. */
const TRICKLE_PER_S = 1 / 20;
const TRICKLE_MS = 5 * 60_000;

/** Lists what might help, the best first. Cost: O(facts). */
export function candidatesOf(of: Case): readonly Candidate[] {
  const all = [
    ...ejections(of),
    ...quarantines(of),
    ...rateLimits(of),
    ...saturation(of),
    ...timeouts(of),
    ...retries(of),
    ...circuits(of),
    ...switches(of),
    ...trickles(of),
    ...suggestions(of),
  ];
  return all.toSorted((one, other) => other.confidence - one.confidence);
}

/** The groups that do much worse than all others together. */
function blamed(
  facts: readonly AttemptFact[],
  nameOf: (fact: AttemptFact) => string | undefined,
): readonly { readonly name: string; readonly part: Part; readonly rest: Part }[] {
  const groups = groupsOf(facts, nameOf);
  if (groups.size < 2) return [];
  const bad = facts.filter(isBad).length;
  return [...groups].flatMap(([name, of]) => {
    const part = { count: of.filter(isBad).length, of: of.length };
    const rest = { count: bad - part.count, of: facts.length - part.of };
    const isWorse = part.of >= GROUP_MIN && part.count / part.of > 3 * rest.count / rest.of;
    return isWorse && chanceAbove(part, rest) * groups.size <= BLAME_CHANCE_MAX
      ? [{ name, part, rest }]
      : [];
  });
}

/** One instance of a system does badly, and the others do not. */
function ejections(of: Case): Candidate[] {
  const { recent, system } = of;
  const seen = groupsOf(recent, instanceOf);
  const bad = blamed(recent, instanceOf);
  return bad.map(({ name, part, rest }) => ({
    action: { kind: "eject_instance", system, instance: name, untilMs: holdUntil(of) },
    tier: bad.length * 4 <= Math.max(seen.size, of.instances.length) ? "T1" : "T2",
    confidence: 0.95,
    because: `${shown(part)} of ${name} failed, ${shown(rest)} of the other ` +
      `${seen.size - 1} instances of ${system}`,
    expected: `the attempts go to the other instances, which fail in ${percent(rest)}`,
  }));
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

/** The most that fell into any span of a length. */
function mostIn(times: readonly number[], spanMs: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  let [first, most] = [0, 0];
  sorted.forEach((atMs, last) => {
    while (atMs - (sorted[first] as number) > spanMs) first++;
    most = Math.max(most, last - first + 1);
  });
  return most;
}

/** Over how long the rate of a provider is seen: shorter spans show bursts. */
const RATE_SPAN_MS = 20_000;

/** A provider says that it gets too much. */
function rateLimits(of: Case): Candidate[] {
  const { recent, system, degradation } = of;
  const refused = recent.filter(({ error }) => /rate.?limit|too_many|429/i.test(error?.code ?? ""));
  if (refused.length < Math.max(KIND_MIN, 0.1 * recent.length)) return [];
  // Where nothing is taken, no rate is low enough.
  const last = newest(recent, LAST);
  if (last.filter((fact) => refused.includes(fact)).length >= DOWN_SHARE * last.length) return [];
  const done = recent.filter(({ outcome }) => outcome === "completed");
  const taken = mostIn(done.map(({ endedAtMs }) => endedAtMs), RATE_SPAN_MS);
  // Less than what comes in would only make a queue that never ends.
  const { perMinute, retriedShare } = degradation.before;
  const neededPerS = 1.2 * perMinute * (1 - retriedShare) / 60;
  const takenPerS = taken / RATE_SPAN_MS * 1_000;
  const ratePerS = Math.round(Math.max(0.1, takenPerS, neededPerS) * 100) / 100;
  return [{
    action: {
      kind: "limit_system",
      system,
      capability: "*",
      ratePerS,
      untilMs: holdUntil(of),
    },
    tier: "T0",
    confidence: 0.9,
    because: `${refused.length} of ${recent.length} attempts were refused as ` +
      `"${refused[0]?.error?.code}"; at most ${taken} in ${RATE_SPAN_MS / 1_000} s were taken`,
    expected: `${system} gets ${ratePerS} attempts a second, which it takes`,
  }];
}

/** More comes in than is done: only less helps. */
function saturation(of: Case): Candidate[] {
  const { degradation, system, recent, before } = of;
  if (!degradation.saturated) return [];
  const ran = completedMs(before);
  const typicalMs = ran[Math.floor(ran.length / 2)] ?? degradation.before.p50Ms;
  if (typicalMs === undefined) return [];
  const perMs = degradation.before.perMinute * (1 - degradation.before.failedShare) / 60_000;
  const places = Math.max(2, Math.ceil(perMs * typicalMs * 1.5));
  const inFlight = recent.length / Math.max(1, spanMsOf(recent)) * meanMs(recent);
  if (inFlight <= places) return [];
  return [{
    action: {
      kind: "limit_system",
      system,
      capability: "*",
      concurrencyMax: places,
      untilMs: holdUntil(of),
    },
    tier: "T0",
    confidence: 0.85,
    because: `about ${Math.round(inFlight)} attempts are under way at ${system}, which did ` +
      `${degradation.before.perMinute} a minute in ${Math.round(typicalMs)} ms each with ` +
      `${Math.ceil(perMs * typicalMs)}`,
    expected: `${system} has ${places} at once and finishes what it begins`,
  }];
}

/** Another system offers the same. */
function switches({ alternatives, degradation, recent, system, isIdempotent }: Case): Candidate[] {
  const { workflow, step } = degradation;
  const last = newest(recent, LAST);
  const bad = last.filter(isBad).length;
  const [other] = alternatives;
  if (other === undefined || bad < GROUP_MIN || bad < 0.5 * last.length) return [];
  return [{
    action: { kind: "switch_system", workflow, step, system: other },
    tier: isIdempotent ? "T1" : "T2",
    confidence: 0.75,
    because:
      `${bad} of the last ${last.length} attempts at ${system} failed, and ${other} offers the same`,
    expected: `${other} does the step from now on`,
  }];
}

/**
 * Tasks are lost that nobody else can do: what waits is done later, what is sent now goes to a person. A
 * trickle of attempts shows when it works again; until then the action stays, see `probes.ts`.
 */
function trickles(of: Case): Candidate[] {
  const { recent, system, definition, nowMs, degradation: { before } } = of;
  const last = newest(recent, LAST);
  const bad = last.filter((fact) => isBad(fact) && fact.outcome !== "timed_out");
  const given = bad.filter(({ isRetried }) => !isRetried).length;
  const isDown = bad.length >= DOWN_SHARE * last.length;
  const lost = isDown ? bad.length : given;
  const leastLost = Math.max(LOST_SHARE_MIN, 2 * before.failedShare);
  if (last.length < LAST || wilson(lost, last.length).low < leastLost) return [];
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
    because: `${lost} of the last ${last.length} attempts at ${system} failed`,
    expected: `tasks wait, and none is lost, until the one attempt in ${1 / TRICKLE_PER_S} s works`,
  }];
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

function completedMs(facts: readonly AttemptFact[]): number[] {
  return facts.filter(({ outcome }) => outcome === "completed").map(({ ranMs }) => ranMs)
    .sort((a, b) => a - b);
}

function meanMs(facts: readonly AttemptFact[]): number {
  return facts.reduce((sum, { ranMs }) => sum + ranMs, 0) / Math.max(1, facts.length);
}

function spanMsOf(facts: readonly AttemptFact[]): number {
  const ends = facts.map(({ endedAtMs }) => endedAtMs);
  return ends.length === 0 ? 0 : Math.max(...ends) - Math.min(...ends);
}
