/** Optimise: puts together what the tasks of a workflow say, and plays each change before it is suggested. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import type { Optimisation, Suggestion } from "../core/optimisation.ts";
import type { PlannedStep } from "../core/plan.ts";
import type { Playback, PolicyOverlay, WhatifChange } from "../core/ports.ts";
import { type FullPolicy, policyUnder } from "../core/policy.ts";
import { doesWork, type WorkflowCode } from "../core/workflow.ts";
import { criticalPath } from "./critical_path.ts";
import { type EdgeFinding, edgeFindings } from "./edges.ts";
import type { Effect } from "./effect.ts";
import { wilson } from "../core/intervals.ts";
import { slowsUnderLoad } from "./load.ts";
import { readsOf, type StepReads } from "./reads.ts";
import { type RetryAdvice, retryAdvice } from "./retry_curve.ts";
import type { Sample } from "./sample.ts";
import {
  edgeText,
  errorText,
  isSure,
  REASONS,
  retryText,
  timeoutText,
  withEffects,
} from "./suggestion_text.ts";
import type { WhatifEffects } from "../core/whatif.ts";
import { timeoutAdvice } from "./timeout_advice.ts";
import { eachInTurn } from "./trace.ts";
import { openReplay } from "./whatif.ts";

/** What optimising needs. */
export interface OptimiseRequest {
  readonly sample: Sample;
  readonly playback: Playback;
  /** Absent: what code reads is not known. */
  readonly code: WorkflowCode | undefined;
  /** What repeating a step does, as far as it is declared. */
  effectOf(step: PlannedStep): Effect | undefined;
  readonly signal?: AbortSignal;
}

/** A change that is not played yet. */
interface Candidate extends Omit<Suggestion, "effects" | "drawn" | "steps"> {
  readonly change: WhatifChange;
  /** Of a declared order: it is played so that a person can judge, and not suggested. */
  readonly declined?: keyof typeof REASONS;
}

type Declined = Optimisation["declined"][number];
/** What a look at a step or an edge came to; undefined: nothing new. */
type Found = Candidate | Declined | undefined;

/** Tasks that are played for each change, the newest, and changes that are played. */
const PLAYED_MAX = 300;
const CHANGES_MAX = 16;

/** Steps of the critical path that are shown. */
const BOTTLENECKS_MAX = 10;

/**
 * Says what would be better. What is suggested was played, or says that it could not be; what would complete
 * fewer tasks is declined. Cost: O(events), and one playback of 300 tasks for each change.
 *
 * @throws {TaskerError} as `Playback.play`
 */
export async function optimise(request: OptimiseRequest): Promise<Optimisation> {
  const { sample, playback, signal } = request;
  const { plan, policyVersion, traces, leftOut, isSample } = sample;
  const steps = await stepFindings(request);
  const found = [...steps.found, ...await edgesOf(request)];
  const candidates = found.filter(isCandidate).slice(0, CHANGES_MAX);
  const played = await playAll(playback, sample, { candidates, ...(signal && { signal }) });
  const { suggestions } = played;
  const texts = (kind: Suggestion["kind"]) =>
    suggestions.filter((one) => one.kind === kind).map(({ text }) => text);
  return {
    workflow: plan.workflow,
    version: plan.definition.version,
    policyVersion,
    tasks: traces.length,
    leftOut,
    isSample,
    ...(played.replay !== undefined && { replay: played.replay }),
    ...(played.refusal !== undefined && { refusal: played.refusal }),
    bottlenecks: bottlenecksOf(sample),
    parallel_opportunities: played.parallel,
    retry_patterns: steps.retry_patterns,
    suggested_optimizations: suggestions,
    declined: [...found.flatMap((one) => isCandidate(one) ? [] : one ?? []), ...played.declined],
    critical_path_optimization: texts("critical_path"),
    retry_tuning: texts("retry"),
    timeout_adjustment: texts("timeout"),
    dependency_optimization: texts("dependency"),
  };
}

function bottlenecksOf({ traces }: Sample): Optimisation["bottlenecks"] {
  const completed = traces.filter(({ end, isTouched }) => end === "completed" && !isTouched);
  return criticalPath(completed).slice(0, BOTTLENECKS_MAX).map((step) => ({
    ...step,
    tasks: completed.length,
    onPathShare: wilson(step.onPath, completed.length),
  }));
}

/** What the attempts of each step say about its policy. */
async function stepFindings({ sample, effectOf, playback }: OptimiseRequest) {
  const { plan, traces, steps } = sample;
  const byStep = Map.groupBy(
    traces.flatMap(({ steps }) => [...steps.values()]),
    ({ step }) => step,
  );
  const working = plan.steps.filter(({ definition }) => doesWork(definition.kind));
  const found = await eachInTurn(working, {
    rest: playback.rest,
    atOnce: 1,
    work: (step) => {
      const attempts = (byStep.get(step.index) ?? []).flatMap((trace) => trace.attempts);
      const policy = policyUnder(step.definition, steps);
      const timeout = timeoutFinding(sample, step, { attempts, policy });
      const advice = retryAdvice(attempts, {
        attemptsMax: policy.attemptsMax,
        atMostOnce: step.definition.atMostOnce,
        effect: effectOf(step),
        slowsUnderLoad: slowsUnderLoad(attempts),
      });
      const retry = isCandidate(timeout)
        ? laterFinding(step.name, advice)
        : retryFinding(sample, step, advice);
      return { timeout, retry, pattern: patternOf(step.name, advice) };
    },
  });
  return {
    retry_patterns: found.flatMap(({ pattern }) => pattern ?? []),
    found: found.flatMap(({ timeout, retry }) => [timeout, retry]),
  };
}

function isCandidate(found: Found): found is Candidate {
  return found !== undefined && "change" in found;
}

function timeoutFinding(
  sample: Sample,
  { name }: PlannedStep,
  { attempts, policy }: { readonly attempts: readonly AttemptFact[]; readonly policy: FullPolicy },
): Found {
  const advice = timeoutAdvice(attempts, policy.timeoutMs);
  if (advice?.kind !== "set") {
    // That a time-out which cuts nothing off stays is no news.
    const isNews = advice !== undefined && advice.evidence.cut > 0;
    return isNews ? declinedOf("timeout", name, advice.reason) : undefined;
  }
  const { timeoutMs } = advice;
  const tier = tierOf(sample.plan.definition.heal?.timeoutMs, timeoutMs);
  const change = { steps: { [name]: { timeoutMs } }, dropEdges: [] };
  const text = timeoutText(name, advice);
  const tasks = advice.evidence.n;
  return { kind: "timeout", text, step: name, tier, tasks, change };
}

function retryFinding(sample: Sample, { name }: PlannedStep, advice: RetryAdvice): Found {
  if (advice.kind === "none") {
    const isNews = advice.evidence.curve.length > 1 && advice.reason !== "fits";
    return isNews ? declinedOf("retry", name, advice.reason) : undefined;
  }
  const { runs } = advice.evidence;
  const text = retryText(name, advice);
  const tier = advice.kind === "error"
    ? "T1"
    : tierOf(sample.plan.definition.heal?.attemptsMax, advice.attemptsMax);
  const before = sample.steps[name]?.retry?.by ?? [];
  const retry = advice.kind === "attempts" ? { attemptsMax: advice.attemptsMax } : {
    by: [...before, { ...advice.match, attemptsMax: 1 }],
  };
  const change = { steps: { [name]: { retry } }, dropEdges: [] };
  return { kind: "retry", text, step: name, tier, tasks: runs, change };
}

/** One change of a step at a time: the other time-out changes what its attempts do. */
function laterFinding(step: string, { kind }: RetryAdvice): Found {
  return kind === "none" ? undefined : declinedOf("retry", step, "timeout_first");
}

/** Within bounds healing may do it by itself; without bounds a person does. */
function tierOf(bounds: readonly [min: number, max: number] | undefined, value: number) {
  return bounds !== undefined && value >= bounds[0] && value <= bounds[1] ? "T1" : "T2";
}

function patternOf(step: string, { evidence }: RetryAdvice) {
  const { attemptsMax, runs, inOutages, curve, errors } = evidence;
  if (curve.length <= 1) return undefined;
  return {
    step,
    attemptsMax,
    runs,
    inOutages,
    attempts: [...curve],
    errors: errors.map(({ error, repeated, succeeded, share }) => ({
      error: errorText(error),
      repeated,
      succeeded,
      share,
    })),
  };
}

async function edgesOf(
  { sample, code, effectOf, playback }: OptimiseRequest,
): Promise<readonly Found[]> {
  const { plan, traces, tasks } = sample;
  const reads = await eachInTurn(plan.steps, {
    rest: playback.rest,
    work: (step) => readsOf(step, code, tasks),
    atOnce: 1,
  });
  const findings = edgeFindings({
    plan,
    traces,
    readsOf: ({ index }) => reads[index] as StepReads,
    effectOf,
  });
  return findings.flatMap((finding): Found[] => {
    const { from, to, verdict, reason } = finding;
    const isPlayed = verdict !== "needed" || reason === "order_declared";
    const isNews = reason !== undefined && EDGE_NEWS.has(reason);
    return [
      isPlayed ? edgeCandidate(finding) : undefined,
      isNews ? declinedOf("dependency", `${from}:${to}`, reason) : undefined,
    ];
  });
}

/** Reasons that a person can do something about. */
const EDGE_NEWS: ReadonlySet<string> = new Set(["reads_unknown", "order_declared", "too_few"]);

function edgeCandidate(finding: EdgeFinding): Candidate {
  const { from, to, tasks, reason } = finding;
  return {
    kind: "dependency",
    text: edgeText(finding),
    edge: { from, to },
    tier: "T3",
    tasks,
    change: { steps: {}, dropEdges: [{ from, to }] },
    ...(reason !== undefined && { declined: reason }),
  };
}

function declinedOf(kind: string, of: string, reason: keyof typeof REASONS): Declined {
  return { kind, of, reason: REASONS[reason] };
}

/** Plays every candidate, and sorts out what is worse. */
async function playAll(
  playback: Playback,
  { plan, steps, tasks }: Sample,
  { candidates, signal }: {
    readonly candidates: readonly Candidate[];
    readonly signal?: AbortSignal;
  },
) {
  const suggestions: Suggestion[] = [];
  const declined: Declined[] = [];
  const parallel: Optimisation["parallel_opportunities"] = [];
  if (candidates.length === 0) return { suggestions, declined, parallel };
  const newest = tasks.slice(0, PLAYED_MAX);
  const replay = await openReplay(playback, {
    plan,
    steps,
    tasks: newest,
    ...(signal && { signal }),
  });
  for (const { change, declined: reason, ...candidate } of candidates) {
    const played = replay.refusal === undefined ? await replay.under(change) : undefined;
    const { effects } = played ?? {};
    const { edge, kind, step, tasks } = candidate;
    const isSooner = effects !== undefined && isSure(effects.meanMs) && effects.meanMs.high < 0;
    if (edge !== undefined && (isSooner || reason !== undefined)) {
      parallel.push({
        steps: [edge.from, edge.to],
        tasks,
        ...(effects !== undefined && { savesMs: savingOf(effects.meanMs) }),
        ...(reason !== undefined && { reason: REASONS[reason] }),
      });
    }
    if (reason !== undefined) continue;
    const worse = effects === undefined ? undefined : whyWorse(effects, edge !== undefined);
    if (worse !== undefined) {
      declined.push(declinedOf(kind, step ?? `${edge?.from}:${edge?.to}`, worse));
      continue;
    }
    suggestions.push({
      ...candidate,
      kind: edge !== undefined && isSooner ? "critical_path" : kind,
      text: withEffects(candidate.text, effects),
      ...(edge === undefined &&
        { steps: change.steps as PolicyOverlay["steps"] as Suggestion["steps"] }),
      ...played,
    });
  }
  return { suggestions, declined, parallel, replay: replay.error, refusal: replay.refusal };
}

/** Why a change is not suggested after it was played. An edge less is a gain by itself. */
function whyWorse(
  { completed, parked, attempts, ...effects }: WhatifEffects,
  isEdge: boolean,
): "fewer_complete" | "no_gain" | undefined {
  if (completed.high < 0) return "fewer_complete";
  const { meanMs, busyMs, duplicates } = effects;
  const isGain = completed.low > 0 ||
    [parked, meanMs, attempts, busyMs, duplicates].some((one) => isSure(one) && one.high < 0);
  return isGain || isEdge ? undefined : "no_gain";
}

function savingOf({ difference, low, high }: { difference: number; low: number; high: number }) {
  return { mean: -difference, low: -high, high: -low };
}
