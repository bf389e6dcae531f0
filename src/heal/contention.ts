/**
 * Contention: attempts that run together hold each other up, so that beyond some number of them less is done
 * the more there are. Where more tasks come than before and less is done, the system gets as many attempts
 * at once as did most. Source: Gunther, "Guerrilla Capacity Planning" (2007), the universal scalability law;
 * how much is done by so many at once follows from how long they take (Little's law).
 */

import type { AttemptFact } from "../core/attempt_fact.ts";
import { type Candidate, GROUP_MIN } from "./candidate.ts";
import { type Case, groupsOf } from "./case.ts";
import { crowdLimit } from "./crowd.ts";
import { othersFailed, OTHERWISE_FAILED_MAX } from "./load_candidates.ts";
import { othersAt, takesLongerTogether, tookMs } from "./saturated.ts";

/** So many times as many tasks as before are more, and this part of what was done is less. */
const MORE_TASKS = 1.25;
const LESS_DONE = 0.8;

/** By how much more than now is done under a limit for it to be worth it. */
const GAIN_MIN = 1.5;

/** Of what is done at most, this part is as good: then the fewest at once do it. */
const NEARLY = 0.95;

/** Limits the attempts at once to as many as get most done, where more of them get less done. */
export function contentions(of: Case): Candidate[] {
  const { recent, before, seen, degradation, demand } = of;
  // What is known of the attempts of this step says nothing of those of other workflows.
  const [own, ...rest] = demand;
  if (own === undefined || rest.length > 0) return [];
  const { perMinute, failedShare } = degradation.now;
  const done = perMinute * (1 - failedShare);
  // A system that has become slow by itself does less as well, but of no more tasks.
  if (own.perMinute < MORE_TASKS * own.perMinuteBefore) return [];
  if (done > LESS_DONE * degradation.before.perMinute) return [];
  if (othersFailed(recent) > OTHERWISE_FAILED_MAX * recent.length) return [];
  const usual = before.filter(({ outcome }) => outcome === "completed");
  if (!takesLongerTogether(usual)) return [];
  const best = bestOf(usual, seen.before);
  if (best === undefined || best.perMinute < GAIN_MIN * done) return [];
  // Where more begin than are done at best, fewer are to begin, the urgent first.
  if (best.perMinute < own.perMinute) return [];
  // While one is done, the next is on its way.
  const concurrencyMax = Math.max(2, best.concurrencyMax);
  const because = `${Math.round(own.perMinute)} tasks begin in a minute ` +
    `(${Math.round(own.perMinuteBefore)} before), and only ${Math.round(done)} are done`;
  return [crowdLimit(of, because, { concurrencyMax, perMinute: best.perMinute })];
}

/** With how many at once most is done in a minute; undefined: too few attempts are known. */
function bestOf(facts: readonly AttemptFact[], seen: number) {
  const groups = groupsOf(facts, (fact) => `${Math.round(othersAt(facts, fact) / seen) + 1}`);
  const rates = [...groups].flatMap(([atOnce, group]) => {
    const ms = group.reduce((sum, fact) => sum + tookMs(fact), 0) / group.length;
    const concurrencyMax = Number(atOnce);
    return group.length < GROUP_MIN
      ? []
      : [{ concurrencyMax, perMinute: concurrencyMax * 60_000 / Math.max(1, ms) }];
  }).toSorted((one, other) => one.concurrencyMax - other.concurrencyMax);
  const most = Math.max(...rates.map(({ perMinute }) => perMinute));
  return rates.find(({ perMinute }) => perMinute >= NEARLY * most);
}
