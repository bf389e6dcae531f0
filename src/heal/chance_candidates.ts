/** Failures by chance: more attempts get through, unless a circuit opens at them. Pure. */

import { CIRCUIT_DEFAULTS } from "../core/breaker.ts";
import { chosenOf } from "../core/incident.ts";
import { type Candidate, GROUP_MIN, holdUntil, KIND_MIN, newest, percent } from "./candidate.ts";
import { type Case, isBad } from "./case.ts";

/** Attempts whose outcome is looked at where they fail by chance. */
const CHANCE_OF = 40;

/** Later attempts succeed, and there are too few of them, or they come too soon. */
export function retries(of: Case): Candidate[] {
  const { degradation: { workflow, step, saturated }, policy, bounds, recent } = of;
  const last = newest(recent, CHANCE_OF);
  const good = last.filter((fact) => !isBad(fact)).length;
  const cut = last.filter(({ outcome }) => outcome === "timed_out").length;
  const transient = last.filter((fact) => isBad(fact) && fact.outcome !== "failed").length;
  const isRetried = last.filter((fact) => fact.isRetried).length >= GROUP_MIN;
  if (saturated || transient < GROUP_MIN || !isRetried || good < KIND_MIN) return [];
  if (cut > 0.5 * transient) return [];
  const badShare = 1 - good / last.length;
  const wanted = Math.ceil(Math.log(0.01) / Math.log(badShare));
  const most = Math.max(policy.attemptsMax, bounds.attemptsMax?.[1] ?? Infinity);
  const attemptsMax = Math.min(2 * policy.attemptsMax, wanted, most);
  if (!(attemptsMax > policy.attemptsMax)) return [];
  return [{
    action: {
      kind: "set_retry",
      workflow,
      step,
      attemptsMax,
      backoff: "exponential",
      delayMsMin: Math.max(policy.delayMsMin, 500),
    },
    tier: "T1",
    confidence: hasRaised(of) ? 0.4 : 0.65,
    because: `${transient} of the last ${last.length} attempts failed by chance, and ` +
      `${percent({ count: good, of: last.length })} of all complete`,
    expected: `with ${attemptsMax} attempts more of the tasks get through the step`,
    repeats: true,
  }];
}

/** Whether the attempts of the step were raised already: then something else is missing first. */
function hasRaised({ past, degradation: { workflow, step } }: Case): boolean {
  return past.some((one) =>
    one.apply?.isApplied === true && chosenOf(one)?.action.kind === "set_retry" &&
    one.degradation.workflow === workflow && one.degradation.step === step
  );
}

/** The share of failures above which nothing is gained by sending any. */
const TOLERATED_SHARE = 0.9;

/** What would complete waits for a circuit that opens at failures by chance. */
export function circuits(of: Case): Candidate[] {
  const { degradation: { saturated, now, before }, system, recent } = of;
  const last = newest(recent, CHANCE_OF);
  const bad = last.filter(isBad).length;
  const cut = last.filter(({ outcome }) => outcome === "timed_out").length;
  const waits = (now.waitedP95Ms ?? 0) > Math.max(1_000, 2 * (before.waitedP95Ms ?? 0));
  if (saturated || !waits || last.length < CHANCE_OF || cut > 0.5 * bad) return [];
  if (bad < CIRCUIT_DEFAULTS.failureShare * last.length || bad > 0.85 * last.length) return [];
  return [{
    action: {
      kind: "set_circuit",
      system,
      failureShare: TOLERATED_SHARE,
      untilMs: holdUntil(of),
    },
    tier: "T1",
    confidence: 0.6,
    because:
      `${bad} of the last ${last.length} attempts at ${system} failed, and 95 % wait at most ` +
      `${now.waitedP95Ms} ms (${before.waitedP95Ms} ms before) although it is not overloaded`,
    expected: `the circuit opens when ${percent({ count: TOLERATED_SHARE, of: 1 })} fail`,
    repeats: false,
  }];
}
