/** Evidence: what surrounds a failure, counted, and which types of failure it speaks for. Pure. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import type { EvidenceId } from "../core/healing.ts";
import { contrastEvidence, fisherExact } from "./contrast.ts";
import { demandEvidence } from "./demand.ts";
import { tookMs } from "./saturated.ts";
import { hasCompleted, hasFailed, type Scene } from "./scene.ts";
import { ofStretches } from "./stretches.ts";
import { ofSameTasks } from "./same_tasks.ts";
import { isOutage, OWN_WORDS, type Symptoms, symptomsOf } from "./symptoms.ts";
import type { Weights } from "./symptom_table.ts";

/** One thing that was found out. */
export interface Evidence {
  readonly id: EvidenceId;
  /** A sentence with its numbers. It may quote others' text. */
  readonly text: string;
  readonly weights: Weights;
}

/** Attempts of a kind that a comparison needs at least. */
const COMPARED_MIN = 5;
/** Attempts that show how something usually is. */
const USUAL_MIN = 20;
/** What takes so many times as long as it did has too much to do, where it refuses others. */
const SLOW = 2.5;

/** Collects everything that speaks for or against a type. Cost: O(facts × attributes). */
export function collectEvidence(scene: Scene): readonly Evidence[] {
  const symptoms = symptomsOf(scene.failure.error);
  const contrasts = contrastEvidence(scene, symptoms);
  return [
    ofError(scene, symptoms),
    ofUnknownEffect(scene),
    ofChange("version", scene, ({ version }) => version),
    ofChange("policy", scene, ({ policyVersion }) => String(policyVersion)),
    ...contrasts,
    ofOneTask(scene),
    contrasts.length === 0 ? ofSameTasks(scene, symptoms) : undefined,
    ofSilentInstance(scene),
    ofStepShare(scene),
    ofSystem(scene, symptoms),
    ...ofTime(scene, symptoms),
    ofAttempts(scene),
    ...demandEvidence(scene, symptoms),
    ofCredential(scene, symptoms),
    ofStretches(scene, symptoms),
  ].flatMap((one) => one ?? []);
}

function ofError({ failure }: Scene, { weights, recognised }: Symptoms): Evidence {
  const { error, outcome } = failure;
  const what = error?.code === undefined || error.code === outcome ? "" : ` with ${error.code}`;
  const hasText = error?.message !== undefined && !OWN_WORDS.has(error.class);
  const said = recognised.length > 0
    ? `: its text has ${recognised.slice(0, 4).map((one) => `"${one}"`).join(", ")}`
    : hasText
    ? ", with a text that names no known kind of failure"
    : "";
  return {
    id: "error",
    text: `attempt ${failure.attempt} ended as ${outcome}${what}${said}`,
    weights,
  };
}

function ofUnknownEffect({ failure, input, system }: Scene): Evidence | undefined {
  const isUnknown = failure.outcome === "thrown" || failure.outcome === "timed_out";
  if (!isUnknown || !input.stepOf(failure.workflow, failure.step)?.atMostOnce) return undefined;
  return {
    id: "at_most_once",
    text:
      `the step may take effect once only, and ${failure.outcome} does not say whether it did ` +
      `at ${system}`,
    weights: { ambiguous_side_effect: 6.5 },
  };
}

/** The least share of attempts that went well where nothing was wrong. */
const WELL = 0.5;

/** Whether failures began with a new version: few attempts of it went well before. */
function ofChange(
  what: "version" | "policy",
  { before, first, since, isAlike }: Scene,
  valueOf: (fact: AttemptFact) => string,
): Evidence | undefined {
  const value = valueOf(first);
  const others = before.filter((fact) => valueOf(fact) !== value);
  const same = before.filter((fact) => valueOf(fact) === value && hasCompleted(fact));
  const okBefore = others.filter(hasCompleted).length;
  // What failed before the change did not begin with it.
  const isNew = okBefore >= COMPARED_MIN && okBefore >= WELL * others.length &&
    same.length <= Math.max(2, okBefore * 0.02);
  const failed = since.filter((fact) => isAlike(fact) && valueOf(fact) === value).length;
  if (!isNew || others.at(-1) === undefined || failed < 2) return undefined;
  const named = what === "version" ? `version ${value}` : `version ${value} of the policy`;
  return {
    id: `began_with_${what}`,
    text: `it began with ${named}: ${same.length} attempts under it went well before, ` +
      `${okBefore} of ${others.length} under what was there before it`,
    // The same inputs went well before.
    weights: what === "version"
      ? { deploy_regression: 7.5, validation: -1.5 }
      : { config: first.outcome === "timed_out" ? 1.5 : 6 },
  };
}

/** One task fails again and again while the others go well. */
function ofOneTask({ alike, failure, since }: Scene): Evidence | undefined {
  const tasks = new Set(
    alike.filter(({ endedAtMs }) => endedAtMs >= (since[0]?.endedAtMs ?? 0))
      .map(({ taskId }) => taskId),
  );
  const attempts = alike.filter(({ taskId }) => taskId === failure.taskId).length;
  const others = since.filter((fact) => fact.taskId !== failure.taskId);
  const ok = others.filter(hasCompleted).length;
  const bad = others.filter(hasFailed).length;
  if (tasks.size > 1 || ok < 2 * COMPARED_MIN || bad > ok * 0.1) return undefined;
  return {
    id: "one_task",
    text:
      `only this task fails so, in ${attempts} of its attempts; ${ok} attempts of other tasks ` +
      `went well in the same time, ${bad} failed otherwise`,
    weights: attempts > 1 ? { poison: 6, data_quality: 3 } : { poison: 2.5, data_quality: 1 },
  };
}

/** What times out names no instance: it is the one of several that completes next to nothing since. */
function ofSilentInstance({ since, before, failure }: Scene): Evidence | undefined {
  if (failure.outcome !== "timed_out") return undefined;
  const [now, was] = [since, before].map((facts) =>
    facts.flatMap((fact) => hasCompleted(fact) ? fact.instance ?? [] : [])
  ) as [string[], string[]];
  const names = [...new Set(was)];
  const countOf = (of: readonly string[], name: string) => of.filter((one) => one === name).length;
  const isLess = (name: string) =>
    countOf(now, name) * was.length < SILENT * countOf(was, name) * now.length;
  const [silent, ...others] = names.filter(isLess);
  if (silent === undefined || others.length > 0 || names.length < SEVERAL) return undefined;
  if (now.some((name) => !names.includes(name))) return undefined;
  const [of, ofBefore] = [countOf(now, silent), countOf(was, silent)];
  const chance = fisherExact(of, now.length - of, ofBefore, was.length - ofBefore);
  if (chance * names.length > SILENT_CHANCE_MAX) return undefined;
  return {
    id: "silent_instance",
    text: `instance "${silent}" completed ${of} of ${now.length} attempts since then, and ` +
      `${ofBefore} of ${was.length} before; the other ${names.length - 1} go on`,
    weights: { worker_local: 7, latency_shift: -2, dependency_down: -2, overload: -2 },
  };
}

/** How many times less than its share an instance completes, of how many, and how likely by chance. */
const SILENT = 1 / 4;
const SEVERAL = 3;
const SILENT_CHANCE_MAX = 0.01;

/** How many attempts of the step fail now, of all tasks. */
function ofStepShare({ since, before, alike, failure }: Scene): Evidence | undefined {
  const answered = since.filter((fact) => hasCompleted(fact) || hasFailed(fact));
  const tasks = new Set(alike.map(({ taskId }) => taskId)).size;
  if (answered.length < COMPARED_MIN) return undefined;
  const failed = answered.filter(hasFailed).length;
  const isAll = failed / answered.length >= 0.9 && tasks >= COMPARED_MIN;
  const was = before.filter(hasFailed).length;
  const broke = failure.outcome === "contract_violation";
  return {
    id: "step_share",
    text:
      `${failed} of ${answered.length} attempts of "${failure.step}" failed since it began, of ` +
      `${tasks} tasks; ${was} of ${before.length} before`,
    weights: !isAll
      ? {}
      : broke
      ? { contract_drift: 3 }
      : failure.outcome === "timed_out"
      ? { dependency_down: failed === answered.length ? 5.5 : 1 }
      : { dependency_down: 1, auth: 0.5, config: 0.5 },
  };
}

/** How other steps of the same system fare meanwhile. */
function ofSystem(scene: Scene, symptoms: Symptoms): Evidence | undefined {
  const { all, beganAtMs, failure, system, systemOf, input, since } = scene;
  const kind = input.stepOf(failure.workflow, failure.step)?.kind;
  if (system === "" || kind === "local") return undefined;
  const others = all.filter((fact) =>
    fact.endedAtMs >= beganAtMs && systemOf(fact) === system &&
    (fact.workflow !== failure.workflow || fact.step !== failure.step) &&
    (hasCompleted(fact) || hasFailed(fact))
  );
  if (others.length < COMPARED_MIN) return undefined;
  const failed = others.filter(hasFailed).length;
  const share = failed / others.length;
  const steps = new Set(others.map(({ workflow, step }) => `${workflow}/${step}`)).size;
  const own = since.filter(hasFailed).length / Math.max(1, since.length);
  return {
    id: "system_neighbours",
    text:
      `of ${others.length} attempts of ${steps} other steps at ${system} since then, ${failed} failed`,
    weights: share >= 0.5
      ? { dependency_down: 3.5, overload: 1, auth: 1, rate_limit: 1 }
      : share <= 0.1 && own >= 0.7 && others.length >= 2 * COMPARED_MIN && isOutage(symptoms)
      ? { partial_endpoint: 5, dependency_down: -2, overload: -1.5 }
      : {},
  };
}

/** How long completed attempts take now, against before, and how long ready ones wait. */
function ofTime(scene: Scene, symptoms: Symptoms): readonly Evidence[] {
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
  const limitMs = input.stepOf(failure.workflow, failure.step)?.timeoutMs ?? failure.ranMs;
  const isKnown = now.length >= COMPARED_MIN && was.length >= USUAL_MIN;
  const [median, usual] = isKnown ? [quantile(now, 0.5), quantile(was, 0.5)] : [0, 0];
  if (isKnown && median >= 1.5 * Math.max(1, usual)) {
    return {
      id: "latency",
      text:
        `attempts that complete take ${Math.round(median)} ms now (median of ${now.length}), and ` +
        `took ${Math.round(usual)} ms before (of ${was.length})`,
      // Only what ran out of time can have failed because of it.
      weights: failure.outcome === "timed_out"
        ? { latency_shift: 5, overload: 2, timeout: 0.5 }
        // What answers some, late, is up.
        : isOutage(symptoms) && median >= SLOW * Math.max(1, usual)
        ? { overload: 4, dependency_down: -2.5 }
        : { overload: 0.5 },
    };
  }
  if (failure.outcome !== "timed_out") return undefined;
  return ofTimeout(now, was, { limitMs, isWaiting });
}

/** What completes in the time that an attempt had, which was too short for others; half is as quick as ever. */
function ofTimeout(
  now: readonly number[],
  was: readonly number[],
  { limitMs, isWaiting }: { readonly limitMs: number; readonly isWaiting: boolean },
): Evidence | undefined {
  const ran = [...was, ...now];
  if (ran.length < USUAL_MIN) return undefined;
  const high = quantile(ran, 0.95);
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
    quantile(now, 0.95) >= PART * quantile(was, 0.95);
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
  const [high, usual] = [quantile(now, 0.9), was.length === 0 ? 0 : quantile(was, 0.9)];
  if (high < 2_000 || high < 3 * usual) return undefined;
  return {
    id: "waiting",
    text: `a tenth of the attempts wait more than ${Math.round(high)} ms to start; ` +
      `it was ${Math.round(usual)} ms before`,
    // Circuits and limits that protect a system that is down make attempts wait as well.
    weights: { overload: 1 },
  };
}

/** Retries make work: attempts for each task, now and before. */
function ofAttempts({ since, before }: Scene): Evidence | undefined {
  const perTask = (facts: readonly AttemptFact[]) =>
    facts.length / Math.max(1, new Set(facts.map(({ taskId }) => taskId)).size);
  if (since.length < USUAL_MIN || before.length < USUAL_MIN) return undefined;
  const [now, was] = [perTask(since), perTask(before)];
  if (now < 1.2 || now < 1.2 * was) return undefined;
  return {
    id: "attempts",
    text: `tasks make ${now.toFixed(1)} attempts each since then, ${was.toFixed(1)} before`,
    weights: { overload: 0.5 },
  };
}

/** A credential that ran out: everything went well until one moment, and nothing since. */
function ofCredential({ before, since }: Scene, { weights }: Symptoms): Evidence | undefined {
  const last = before.findLast(hasCompleted);
  if ((weights.auth ?? 0) < 5 || last === undefined || since.some(hasCompleted)) return undefined;
  return {
    id: "credential",
    text: `the credential was accepted until ${
      new Date(last.endedAtMs).toISOString()
    }, and not since`,
    weights: { auth: 1 },
  };
}

/** A quantile by rank. Shape: at least one value. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
}
