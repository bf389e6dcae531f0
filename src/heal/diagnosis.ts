/** Diagnosis: what kind of failure it is, where it began, what was compared and what helped. Pure. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import type { Option } from "../core/alternative.ts";
import type { Diagnosis, Workaround } from "../core/diagnosis.ts";
import type { FailureType } from "../core/healing.ts";
import type { TaskId } from "../core/ids.ts";
import { redactText, visible } from "../core/redaction.ts";
import { calibrated, calibrationOf, type Candidate, classify, type Stated } from "./confidence.ts";
import { collectEvidence, type Evidence } from "./evidence.ts";
import { MEANINGS } from "./failure_types.ts";
import { clusterOf, hasFailed, type Scene, type SceneInput, sceneOf } from "./scene.ts";
import { type Past, similarTo } from "./similar.ts";
import { type Template, templateOf, wordsOf } from "./templates.ts";
import { type Record, recordsOf, type Resolution, TRIED_MIN } from "./workarounds.ts";

/** What a diagnosis is made of. */
export interface DiagnosisInput extends SceneInput {
  /** Names of the steps before the failed one, in any order. */
  readonly ancestors: readonly string[];
  /** What may be done about the step; empty: nobody is asked. */
  readonly offers: readonly Option[];
  /** What was decided about parked steps in the same window. */
  readonly resolutions: readonly Resolution[];
  /** Whether those are all decisions about the step of the failure; if not, they are the newest. */
  readonly isAllDecided: boolean;
  /** Of the window, Unix ms. */
  readonly sinceMs: number;
  /** There are more tasks than were read. */
  readonly isSample: boolean;
  readonly nowMs: number;
}

/** Alternatives below this are not worth a line. */
const ALTERNATIVE_MIN = 0.03;
const ALTERNATIVES_MAX = 3;
/** Evidence that is kept, the heaviest first. */
const EVIDENCE_MAX = 12;
/** Characters of others' text in one sentence. */
const TEXT_MAX = 400;

/** Diagnoses one failed attempt. Cost: O(attempts); about 100 ms for 20,000. */
export function diagnose(input: DiagnosisInput): Diagnosis {
  const { failure } = input;
  const decided = input.resolutions.filter(({ workflow, failed }) =>
    workflow === failure.workflow && failed.step === failure.step
  );
  const scene = sceneOf(input, decided.map(({ failed }) => failed));
  const evidence = collectEvidence(scene);
  const calibration = calibrationOf(statedIn(input.resolutions));
  const candidates = classify(evidence, failure.outcome);
  const { type, confidence } = candidates[0] as Candidate;
  const resolutions = decided.filter(({ failed }) => scene.isAlike(failed));
  const { code, message } = failure.error ?? {};
  return {
    failure_type: type,
    confidence: round(calibrated(confidence, calibration)),
    suggested_workarounds: workaroundsOf(input, { type, resolutions }),
    historical_context: historyOf(input, scene, resolutions),
    ...MEANINGS[type],
    step: failure.step,
    class: failure.outcome,
    ...(code !== undefined && { code: shown(code) }),
    ...(message !== undefined && { message: shown(message) }),
    cluster: clusterOf(failure),
    began: beginningOf(input, scene),
    evidence: shownEvidence(evidence, type),
    alternatives: candidates.slice(1, 1 + ALTERNATIVES_MAX)
      .filter(({ confidence }) => confidence >= ALTERNATIVE_MIN)
      .map(({ type, confidence }) => ({ failure_type: type, confidence: round(confidence) })),
    calibration: {
      count: calibration.count,
      ...(calibration.ece !== undefined && { ece: round(calibration.ece) }),
      ...(calibration.brier !== undefined && { brier: round(calibration.brier) }),
    },
    looked_at: {
      attempts: scene.all.length,
      tasks: new Set(scene.all.map(({ taskId }) => taskId)).size,
      since: isoOf(input.sinceMs),
      is_sample: input.isSample,
    },
  };
}

/** What diagnoses stated, where a person has said what it was. */
function statedIn(resolutions: readonly Resolution[]): Stated[] {
  return resolutions.flatMap(({ diagnosed, confidence, cause }) =>
    diagnosed === undefined || confidence === undefined || cause === undefined
      ? []
      : [{ confidence, isRight: diagnosed === cause }]
  );
}

function shownEvidence(evidence: readonly Evidence[], type: FailureType): Diagnosis["evidence"] {
  const weightOf = ({ id, weights }: Evidence) => id === "error" ? Infinity : weights[type] ?? 0;
  return [...evidence].sort((a, b) => weightOf(b) - weightOf(a)).slice(0, EVIDENCE_MAX)
    .map(({ id, text }) => ({ id, text: shown(text) }));
}

/** The first failed step before this one, else the first failure of this kind. */
function beginningOf(
  { facts, ancestors }: DiagnosisInput,
  { failure, first }: Scene,
): Diagnosis["began"] {
  const before = facts.filter((fact) =>
    fact.taskId === failure.taskId && ancestors.includes(fact.step) && hasFailed(fact) &&
    fact.endedAtMs <= failure.endedAtMs
  ).sort((a, b) => a.endedAtMs - b.endedAtMs);
  const ended = (step: string) =>
    facts.some((fact) =>
      fact.taskId === failure.taskId && fact.step === step && fact.outcome === "completed"
    );
  const root = before.find(({ step }) => !ended(step));
  const at = ({ taskId, step, endedAtMs }: AttemptFact) => ({
    task: taskId,
    step,
    at: isoOf(endedAtMs),
  });
  if (root !== undefined) {
    return {
      ...at(root),
      because: `step "${root.step}" before it failed first, and did not recover`,
    };
  }
  const because = first.taskId === failure.taskId
    ? "no task failed so before it"
    : "it is the first task that failed so";
  return { ...at(first), because };
}

/** What speaks for a choice where there is no history: the first is suggested first. */
const USUAL: Readonly<Partial<globalThis.Record<FailureType, readonly string[]>>> = {
  ambiguous_side_effect: ["resolve", "*", "skip", "retry", "cancel"],
  poison: ["resolve", "*", "skip", "cancel", "retry"],
  data_quality: ["resolve", "*", "retry", "skip", "cancel"],
  validation: ["resolve", "*", "skip", "cancel", "retry"],
  contract_drift: ["*", "resolve", "retry", "skip", "cancel"],
  interrupted: ["retry", "*", "resolve", "skip", "cancel"],
};
const USUAL_ORDER = ["*", "retry", "resolve", "skip", "cancel"];

function workaroundsOf(
  input: DiagnosisInput,
  { type, resolutions }: {
    readonly type: FailureType;
    readonly resolutions: readonly Resolution[];
  },
): Workaround[] {
  const { offers, failure } = input;
  const records = recordsOf(resolutions);
  const usual = USUAL[type] ?? USUAL_ORDER;
  const rankOf = (choice: string) =>
    usual.includes(choice) ? usual.indexOf(choice) : usual.indexOf("*");
  return offers.map(({ choice, label, takesResult }) => {
    const record = records.get(choice);
    const { resolved = 0, tried = 0, low = 0 } = record ?? {};
    const isKnown = tried >= TRIED_MIN;
    return {
      type: choice,
      confidence: isKnown ? round(low) : 0,
      implementation: `${shown(label)}: ${commandOf(failure, choice)}${
        takesResult ? " --result JSON" : ""
      }`,
      resolved,
      tried,
      history: recordText(record, decidedText(input)),
    };
  }).sort((a, b) => b.confidence - a.confidence || rankOf(a.type) - rankOf(b.type));
}

/** The command that decides so. */
function commandOf({ taskId, step }: DiagnosisInput["failure"], choice: string): string {
  return `deno task tasker choose ${taskId} ${step} ${choice}`;
}

/** In which decisions something was counted. */
function decidedText({ sinceMs, nowMs, isAllDecided }: DiagnosisInput): string {
  const window = daysText(nowMs - sinceMs);
  return isAllDecided ? window : `the newest decisions of ${window}`;
}

function recordText(record: Record | undefined, window: string): string {
  if (record === undefined) return `not enough history: never chosen in ${window}`;
  const { resolved, tried, low, high } = record;
  if (tried < TRIED_MIN) {
    return `not enough history: resolved ${resolved} of ${tried} in ${window}, ` +
      `${TRIED_MIN} are needed`;
  }
  return `resolved ${resolved} of ${tried} in ${window} (${percent(resolved / tried)}, between ` +
    `${percent(low)} and ${percent(high)})`;
}

/** How many failures are similar, and what most often resolved them. */
function historyOf(
  { facts, sinceMs, nowMs }: DiagnosisInput,
  { failure, systemOf }: Scene,
  resolutions: readonly Resolution[],
): string {
  const window = daysText(nowMs - sinceMs);
  const others = facts.filter((fact) => hasFailed(fact) && fact.taskId !== failure.taskId);
  const found = similarTo(traitsOf(failure, systemOf), pastsOf(others, systemOf), {
    nowMs,
    limit: SIMILAR_MAX,
  }).filter(({ score }) => score >= SIMILAR_MIN);
  const count = found.reduce((sum, { past }) => sum + past.count, 0);
  if (count === 0) return `no similar failure of another task in ${window}: not enough history`;
  const best = [...recordsOf(resolutions).values()].sort((a, b) => b.low - a.low)[0];
  const were = count === 1 ? "1 similar failure" : `${count} similar failures`;
  if (best === undefined) return `${were} in ${window}, none of them decided by a person`;
  if (best.resolved === 0) {
    return `${were} in ${window}, none of them resolved by what people chose`;
  }
  return `${were} in ${window}, ${percent(best.resolved / best.tried)} resolved with ` +
    `"${shown(best.choice)}" (${best.resolved} of ${best.tried}` +
    `${best.tried < TRIED_MIN ? ", not enough history" : `, at least ${percent(best.low)}`})`;
}

/** Clusters that are counted as similar, and how similar they are at least. */
const SIMILAR_MAX = 50;
const SIMILAR_MIN = 0.6;

/** Failures by cluster: each kind once, in how many tasks, and when last. */
function pastsOf(facts: readonly AttemptFact[], systemOf: Scene["systemOf"]): Past[] {
  const templates = new Map<string, Template>();
  const byCluster = new Map<
    string,
    { readonly one: AttemptFact; readonly tasks: Set<TaskId>; lastAtMs: number }
  >();
  for (const fact of facts) {
    const message = fact.error?.message ?? "";
    const template = templates.get(message) ?? templateOf(message);
    templates.set(message, template);
    const cluster = `${fact.workflow}/${clusterOf(fact, template)}`;
    const of = byCluster.get(cluster) ?? { one: fact, tasks: new Set(), lastAtMs: 0 };
    of.tasks.add(fact.taskId);
    of.lastAtMs = Math.max(of.lastAtMs, fact.endedAtMs);
    byCluster.set(cluster, of);
  }
  return [...byCluster].map(([cluster, { one, tasks, lastAtMs }]) => ({
    cluster,
    ...traitsOf(one, systemOf),
    count: tasks.size,
    lastAtMs,
  }));
}

/** By what a failure is found similar. */
function traitsOf(fact: AttemptFact, systemOf: Scene["systemOf"]): Pick<Past, "words" | "facts"> {
  return {
    words: wordsOf(templateOf(fact.error?.message ?? "")),
    facts: [
      `class ${fact.outcome}`,
      `code ${fact.error?.code ?? ""}`,
      `step ${fact.workflow}/${fact.step}`,
      `system ${systemOf(fact)}`,
    ],
  };
}

function shown(text: string): string {
  const { text: safe } = redactText(visible(text.slice(0, 4 * TEXT_MAX)));
  return safe.length <= TEXT_MAX ? safe : `${safe.slice(0, TEXT_MAX).toWellFormed()}…`;
}

function isoOf(ms: number): string {
  return new Date(Math.max(0, Math.round(ms))).toISOString();
}

function daysText(ms: number): string {
  const hours = Math.max(1, Math.round(ms / 3_600_000));
  if (hours === 1) return "the past hour";
  return hours < 48 ? `the past ${hours} hours` : `the past ${Math.round(hours / 24)} days`;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function round(value: number): number {
  return Math.round(1_000 * value) / 1_000;
}
