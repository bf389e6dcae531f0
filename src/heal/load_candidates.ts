/** Candidates against too much load: less is sent, or less begins. Pure. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import type { Figures } from "../core/incident.ts";
import { PRIORITY } from "../core/starts.ts";
import { type Candidate, holdUntil, KIND_MIN, LAST, newest } from "./candidate.ts";
import { type Case, type Demand, isBad } from "./case.ts";
import { isSlowAsUsual, saysTooMuch } from "./saturated.ts";

/** Where so many are refused, no rate is low enough. */
const ALL_REFUSED = 0.9;

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

/** What a provider takes at once at least, in seconds of its rate: nodes ask for starts ten times a second. */
const BURST_S = 0.2;

const RATE_LIMIT = /rate.?limit|too_many|429/i;

/** Whether a provider refused an attempt because it is asked too often. */
export function isRefused({ error }: AttemptFact): boolean {
  return RATE_LIMIT.test(error?.code ?? "");
}

/** A provider says that it gets too much. */
export function rateLimits(of: Case): Candidate[] {
  const { recent, system, degradation, demand } = of;
  // In one line for all, those who are more urgent would wait behind this workflow.
  const own = demand.find(({ workflow }) => workflow === degradation.workflow);
  if (demand.some((one) => own !== undefined && typical(one) < typical(own))) return [];
  const refused = recent.filter(isRefused);
  if (refused.length < Math.max(KIND_MIN, 0.1 * recent.length)) return [];
  // Where nothing is taken, no rate is low enough.
  const last = newest(recent, LAST);
  if (last.filter((fact) => refused.includes(fact)).length >= ALL_REFUSED * last.length) return [];
  const done = recent.filter(({ outcome }) => outcome === "completed");
  const taken = mostIn(done.map(({ endedAtMs }) => endedAtMs), RATE_SPAN_MS);
  const { perMinute, retriedShare } = degradation.before;
  const calls = Math.max(1, perMinute * (1 - retriedShare));
  // The provider is assumed to take as large a part of the calls of other steps as of this one's.
  const steps = Math.max(1, sumOf(demand, (one) => one.callsPerMinuteBefore) / calls);
  // Less than what comes in would only make a queue that never ends.
  const neededPerS = 1.2 * steps * calls / 60;
  const takenPerS = steps * taken / RATE_SPAN_MS * 1_000;
  const ratePerS = Math.round(Math.max(0.1, takenPerS, neededPerS) * 100) / 100;
  const asked = sumOf(
    demand,
    (one) =>
      one.perMinute * Math.max(1, one.callsPerMinuteBefore / Math.max(1, one.perMinuteBefore)),
  );
  if (asked > 60 * ratePerS) return [];
  return [{
    action: {
      kind: "limit_system",
      system,
      capability: "*",
      ratePerS,
      burst: Math.max(1, Math.floor(BURST_S * ratePerS)),
      untilMs: holdUntil(of),
    },
    tier: "T0",
    confidence: 0.9,
    because: `${refused.length} of ${recent.length} attempts were refused as ` +
      `"${refused[0]?.error?.code}"; at most ${taken} in ${RATE_SPAN_MS / 1_000} s were taken`,
    expected: `${system} gets ${ratePerS} attempts a second, which it takes`,
  }];
}

/** How many times as much as before a workflow asks for, or takes of a system, that takes what others need. */
const MORE = 2;

/** The part of a window that shows whether a line is worked off again. */
const LATELY = 1 / 3;

/** The part of all at a system that a workflow has at least that others could miss. */
const SHARE_MIN = 0.2;

/** Failures that have other reasons than too many attempts: then it is not that. */
export const OTHERWISE_FAILED_MAX = 0.05;

/** How many attempts failed for other reasons. */
export function othersFailed(facts: readonly AttemptFact[]): number {
  return facts.filter((fact) => isBad(fact) && fact.outcome !== "timed_out" && !saysTooMuch(fact))
    .length;
}

/** A system gets more than it does: what is least urgent begins later. */
export function pauses(of: Case): Candidate[] {
  const { degradation: { saturated }, recent, demand } = of;
  const refused = recent.filter(saysTooMuch).length;
  const isRefusing = refused >= Math.max(KIND_MIN, 0.1 * recent.length);
  // A system that is shared cuts off what is served first as well.
  const cut = recent.filter(({ outcome }) => outcome === "timed_out").length;
  const isCutting = cut >= Math.max(KIND_MIN, 0.1 * recent.length);
  if (!saturated && !isRefusing && !isCutting && !isLineGrowing(of)) return [];
  const own = demand.find(({ workflow }) => workflow === of.degradation.workflow);
  const rival = own && rivalOf(own, demand);
  if (rival === undefined) return [];
  return [pauseOf(of, rival.of, {
    perMinute: Math.max(1, rival.perMinute),
    because: `${Math.round(rival.of.perMinute)} tasks of ${rival.of.workflow} begin in a minute ` +
      `(${Math.round(rival.of.perMinuteBefore)} before) and have ${shownCount(rival.of.atOnce)} ` +
      `attempts under way (${shownCount(rival.of.atOnceBefore)} before), and ${of.system} does ` +
      "not do all that it gets",
  })];
}

/** A workflow that takes what others need, and how many of its tasks a minute do not. */
interface Rival {
  readonly of: Demand;
  readonly perMinute: number;
}

/** Which less urgent workflow asks for far more than before, or takes far more of the system. */
function rivalOf(own: Demand, demand: readonly Demand[]): Rival | undefined {
  const others = demand.filter((one) => typical(one) > typical(own));
  const asked = sumOf(demand, ({ perMinute }) => perMinute);
  const asking = others
    .filter(({ perMinute, perMinuteBefore }) =>
      perMinute >= MORE * perMinuteBefore && perMinute >= SHARE_MIN * asked
    )
    .map((of) => ({ of, perMinute: of.perMinuteBefore }));
  const taken = sumOf(demand, ({ atOnce }) => atOnce);
  // What a slow system does to all of them is nobody's.
  const slower = Math.max(1, moreTaken(own) * own.perMinuteBefore / Math.max(1, own.perMinute));
  const taking = others
    .filter((one) => moreTaken(one) >= MORE * slower && one.atOnce >= SHARE_MIN * taken)
    .map((of) => ({ of, perMinute: of.perMinute / moreTaken(of) }));
  const most = (rivals: readonly Rival[], by: (of: Demand) => number) =>
    rivals.toSorted((one, other) => by(other.of) - by(one.of))[0];
  return most(asking, ({ perMinute }) => perMinute) ?? most(taking, ({ atOnce }) => atOnce);
}

function sumOf(demand: readonly Demand[], by: (of: Demand) => number): number {
  return demand.reduce((sum, of) => sum + by(of), 0);
}

/** How many times as much of a system as before a workflow takes; one that took none took little. */
function moreTaken({ atOnce, atOnceBefore }: Demand): number {
  return atOnce / Math.max(0.01, atOnceBefore);
}

function shownCount(count: number): string {
  return count < 10 ? count.toFixed(1) : String(Math.round(count));
}

/** Attempts that get through a step in a minute. */
export function donePerMinute({ perMinute, failedShare }: Figures): number {
  return perMinute * (1 - failedShare);
}

/**
 * Whether a line grows before a system that works as fast as it can: it does most of what it did, hardly
 * any attempt fails but by its time-out or because there are too many, and more tasks begin than are done,
 * lately as well.
 */
export function isLineGrowing(of: Case): boolean {
  const { degradation, demand, recent, seen, nowMs } = of;
  const { workflow, now, windowMs } = degradation;
  const own = demand.find((one) => one.workflow === workflow);
  const done = donePerMinute(now);
  const spanMs = LATELY * windowMs;
  const lately = recent.filter((fact) => !isBad(fact) && fact.endedAtMs >= nowMs - spanMs).length /
    seen.recent / spanMs * 60_000;
  return (now.waitedP95Ms ?? 0) >= windowMs / 4 &&
    (own?.perMinute ?? 0) >= 1.1 * Math.max(done, lately) &&
    done >= 0.5 * donePerMinute(degradation.before) &&
    othersFailed(recent) <= OTHERWISE_FAILED_MAX * recent.length && !isSlowAsUsual(of);
}

/** The priority of half of the tasks. */
function typical({ priorities }: Pick<Demand, "priorities">): number {
  return priorities[Math.floor(priorities.length / 2)] ?? PRIORITY.default;
}

function pauseOf(
  of: Case,
  { workflow, tier }: Demand,
  { perMinute, because }: { readonly perMinute: number; readonly because: string },
): Candidate {
  const ratePerS = Math.round(Math.max(0.01, perMinute / 60) * 100) / 100;
  return {
    action: { kind: "pause_starts", workflow, ratePerS, untilMs: holdUntil(of) },
    tier: tier === "none" ? "T2" : "T0",
    confidence: 0.95,
    because,
    expected: `${ratePerS} tasks of it begin in a second, the most urgent first, and the others ` +
      "are asked to come again",
  };
}
