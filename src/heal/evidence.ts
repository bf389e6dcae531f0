/** Evidence: what surrounds a failure, counted, and which types of failure it speaks for. Pure. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import type { EvidenceId } from "../core/healing.ts";
import { contrastEvidence } from "./contrast.ts";
import { demandEvidence } from "./demand.ts";
import { durationEvidence } from "./durations.ts";
import { ofSilentInstance, ofSlowInstances } from "./instances.ts";
import { hasCompleted, hasFailed, type Scene } from "./scene.ts";
import { ofStretches } from "./stretches.ts";
import { ofSameTasks } from "./same_tasks.ts";
import { entriesOf, isOutage, OWN_WORDS, type Symptoms, symptomsOf } from "./symptoms.ts";
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

/** Collects everything that speaks for or against a type. Cost: O(facts × attributes). */
export function collectEvidence(scene: Scene): readonly Evidence[] {
  const symptoms = symptomsOf(scene.failure.error);
  const contrasts = contrastEvidence(scene, symptoms);
  const oneTask = ofOneTask(scene);
  return [
    ofError(scene, symptoms),
    ofUnknownEffect(scene),
    ofChange("version", scene, ({ version }) => version),
    ofChange("policy", scene, ({ policyVersion }) => String(policyVersion)),
    ...contrasts,
    oneTask,
    // Both say the same.
    contrasts.length > 0 || oneTask !== undefined ? undefined : ofSameTasks(scene, symptoms),
    ofSilentInstance(scene),
    ofSlowInstances(scene),
    ofStepShare(scene),
    ofSystem(scene, symptoms),
    ...durationEvidence(scene, symptoms),
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

/** A task may hang so often at one instance. */
const HUNG_MAX = 3;

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
    // What hung a few times may have met the same instance each time, and names none.
    weights: attempts > (failure.outcome === "timed_out" ? HUNG_MAX : 1)
      ? { poison: 6, data_quality: 3 }
      : { poison: 2.5, data_quality: 1 },
  };
}

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
  const isOther = entriesOf(weights).some(([type, weight]) =>
    type !== "auth" && weight >= (weights.auth ?? 0)
  );
  if ((weights.auth ?? 0) < 5 || isOther || last === undefined || since.some(hasCompleted)) {
    return undefined;
  }
  return {
    id: "credential",
    text: `the credential was accepted until ${
      new Date(last.endedAtMs).toISOString()
    }, and not since`,
    weights: { auth: 1 },
  };
}
