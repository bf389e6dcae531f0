/** Durations: how long attempts take and wait, now and before, and what that says of a failure. Pure. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import { quantileOf } from "./bootstrap.ts";
import type { Evidence } from "./evidence.ts";
import { tookMs } from "./saturated.ts";
import { hasCompleted, type Scene } from "./scene.ts";
import type { Weights } from "./symptom_table.ts";
import { isOutage, type Symptoms } from "./symptoms.ts";

/** Attempts of a kind that a comparison needs at least, and that show how something usually is. */
const COMPARED_MIN = 5;
const USUAL_MIN = 20;

/** So many times as long is slower, and far slower. */
const SLOWER = 1.5;
const FAR_SLOWER = 2.5;

/** How long completed attempts take now, against before, and how long ready ones wait. */
export function durationEvidence(scene: Scene, symptoms: Symptoms): readonly Evidence[] {
  const waiting = ofWaiting(scene);
  const latency = ofLatency(scene, { symptoms, isWaiting: waiting !== undefined });
  return [latency, waiting].flatMap((one) => one ?? []);
}

function ofLatency(
  { since, before, failure, input }: Scene,
  { symptoms, isWaiting }: { readonly symptoms: Symptoms; readonly isWaiting: boolean },
): Evidence | undefined {
  // What answers too late is slow, and does not hang.
  const answers = (facts: readonly AttemptFact[]) =>
    facts.filter((fact) => hasCompleted(fact) || fact.lateAtMs !== undefined).map(tookMs);
  const [now, was] = [answers(since), answers(before)];
  const isKnown = now.length >= COMPARED_MIN && was.length >= USUAL_MIN;
  const times = (share: number) => quantileOf(now, share) / Math.max(1, quantileOf(was, share));
  if (isKnown && times(0.5) >= SLOWER) {
    return {
      id: "latency",
      text: `attempts that complete take ${Math.round(quantileOf(now, 0.5))} ms now (median of ` +
        `${now.length}), and took ${Math.round(quantileOf(was, 0.5))} ms before (of ${was.length})`,
      weights: weightsOf({ failure, isOutage: isOutage(symptoms), times }),
    };
  }
  if (failure.outcome !== "timed_out") return undefined;
  const limitMs = input.stepOf(failure.workflow, failure.step)?.timeoutMs ?? failure.ranMs;
  return ofTimeout(now, was, { limitMs, isWaiting });
}

/** What it means that attempts take longer; `times` says how many times, at a quantile. */
function weightsOf(
  { failure, isOutage, times }: {
    readonly failure: AttemptFact;
    readonly isOutage: boolean;
    times(share: number): number;
  },
): Weights {
  // Only what ran out of time can have failed because of it; what answers some, late, is up.
  if (failure.outcome !== "timed_out") {
    return isOutage && times(0.5) >= FAR_SLOWER
      ? { overload: 4, dependency_down: -2.5 }
      : { overload: 0.5 };
  }
  // What has become slow is so for the quickest as well; a line delays those that find it long.
  return times(0.25) >= SLOWER
    ? { latency_shift: 5, overload: 2, timeout: 0.5 }
    : { overload: 4, timeout: 1, latency_shift: 1 };
}

/** What completes in the time that an attempt had, which was too short for others; half is as quick as ever. */
function ofTimeout(
  now: readonly number[],
  was: readonly number[],
  { limitMs, isWaiting }: { readonly limitMs: number; readonly isWaiting: boolean },
): Evidence | undefined {
  const ran = [...was, ...now];
  if (ran.length < USUAL_MIN) return undefined;
  const high = quantileOf(ran, 0.95);
  const shown = `95 % complete within ${Math.round(high)} ms (of ${ran.length})`;
  if (high < 0.6 * limitMs) {
    // What was quick before says nothing of how long it takes now.
    if (now.length < COMPARED_MIN) return undefined;
    // What is slow, or works off a queue, would answer some just in time.
    return {
      id: "unanswered",
      text: `what is not answered in ${limitMs} ms hangs: ${shown}`,
      weights: { timeout: 1, overload: -1, latency_shift: -1 },
    };
  }
  // A line before the system delays all; here a part has become longer.
  const isPart = now.length >= COMPARED_MIN && was.length >= COMPARED_MIN &&
    quantileOf(now, 0.95) >= PART * quantileOf(was, 0.95);
  return {
    id: "narrow_timeout",
    text: `the time-out of ${limitMs} ms is near what attempts take: ${shown}`,
    // Where others wait for their turn, those that run are many rather than slow.
    weights: isWaiting && !isPart
      ? { overload: 3.5, dependency_down: -2 }
      : { timeout: 3, dependency_down: -2 },
  };
}

/** The longest take so many times as long as the longest did, while half take what they did. */
const PART = 2;

/** How long ready attempts wait for their start. */
function ofWaiting({ since, before, system, systemOf }: Scene): Evidence | undefined {
  const waits = (facts: readonly AttemptFact[]) =>
    facts.flatMap((fact) => systemOf(fact) === system ? fact.waitedMs : []);
  const [now, was] = [waits(since), waits(before)];
  if (now.length < USUAL_MIN) return undefined;
  const [high, usual] = [quantileOf(now, 0.9), was.length === 0 ? 0 : quantileOf(was, 0.9)];
  if (high < 2_000 || high < 3 * usual) return undefined;
  return {
    id: "waiting",
    text: `a tenth of the attempts wait more than ${Math.round(high)} ms to start; ` +
      `it was ${Math.round(usual)} ms before`,
    // Circuits and limits that protect a system that is down make attempts wait as well.
    weights: { overload: 1 },
  };
}
