/** Findings: what an incident says of its cause. Pure. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import type { Degradation, Figures, Finding } from "../core/incident.ts";
import { policyUnder } from "../core/policy.ts";
import { ancestorsOf } from "./diagnoser.ts";
import { diagnose } from "./diagnosis.ts";
import type { DiagnosisInput } from "./healer_deps.ts";
import { hasFailed, stepInfo } from "./scene.ts";

/** Evidence of a diagnosis that a report shows beside the figures. */
const EVIDENCE_MAX = 6;

/** Diagnoses the failure that a degradation consists of; where nothing fails, the figures speak. */
export function findingOf(input: DiagnosisInput): Finding {
  const { degradation, plan, recent, before, nowMs } = input;
  const bare = findingIn(degradation);
  const failure = typicalOf(recent.filter(({ step }) => step === degradation.step));
  const planned = plan.steps[plan.indexOf.get(degradation.step) ?? -1];
  if (failure === undefined || planned === undefined) return bare;
  const found = diagnose({
    failure,
    facts: [...before, ...recent],
    stepOf: (workflow, step) => workflow === plan.workflow ? infoOf(input, step) : undefined,
    ancestors: ancestorsOf(plan, planned),
    offers: [],
    resolutions: [],
    isAllDecided: true,
    isSample: true,
    sinceMs: Math.min(nowMs, ...before.map(({ startedAtMs }) => startedAtMs)),
    nowMs,
  });
  const evidence = found.evidence.slice(0, EVIDENCE_MAX).map(({ id, text }) => ({
    id,
    says: text,
  }));
  return {
    failureType: found.failure_type,
    confidence: found.confidence,
    says: found.means,
    evidence: [...evidence, ...bare.evidence],
  };
}

/** The newest of the failures that are the most frequent ones. */
function typicalOf(facts: readonly AttemptFact[]): AttemptFact | undefined {
  const kinds = Map.groupBy(
    facts.filter(hasFailed),
    ({ outcome, error }) => `${outcome} ${error?.code ?? ""}`,
  );
  return [...kinds.values()].toSorted((a, b) => b.length - a.length)[0]?.at(-1);
}

function infoOf({ plan }: DiagnosisInput, step: string) {
  const definition = plan.steps[plan.indexOf.get(step) ?? -1]?.definition;
  return definition && stepInfo(definition, policyUnder(definition).timeoutMs);
}

/** Says what the figures of a degradation show. */
function findingIn(degradation: Degradation): Finding {
  const { signal, saturated, step, error } = degradation;
  const mostly = error === undefined ? "" : `, mostly as "${error}"`;
  const types = {
    failures: "novel",
    timeouts: "timeout",
    latency: "latency_shift",
    waiting: "overload",
    parked: "novel",
  } as const;
  const failureType = saturated ? "overload" : types[signal];
  return {
    failureType,
    confidence: failureType === "novel" ? 0 : 0.5,
    says: `${step} ${WORSE[signal]}${mostly}`,
    evidence: evidenceOf(degradation),
  };
}

const WORSE: Readonly<Record<Degradation["signal"], string>> = {
  failures: "fails more often than it did",
  timeouts: "times out more often than it did",
  latency: "takes longer than it did",
  waiting: "waits longer for its turn than it did",
  parked: "waits for a person more often than it did",
};

/** The figures, as evidence. */
function evidenceOf({ now, before, saturated, chance }: Degradation) {
  const rows: readonly (readonly [id: string, says: string])[] = [
    ["failed", compared("attempts failed", now, before, ({ failedShare }) => percent(failedShare))],
    ["timed_out", compared("timed out", now, before, (of) => percent(of.timedOutShare))],
    ["took", compared("95 % took at most", now, before, ({ p95Ms }) => ms(p95Ms))],
    ["waited", compared("95 % waited at most", now, before, (of) => ms(of.waitedP95Ms))],
    ["retried", compared("were retries", now, before, (of) => percent(of.retriedShare))],
    [
      "chance",
      `by chance alone, so much would be seen ${onceIn(chance)}`,
    ],
    ...saturated ? [["saturated", "more comes in than is done"] as const] : [],
  ];
  return rows.map(([id, says]) => ({ id, says }));
}

function compared(
  what: string,
  now: Figures,
  before: Figures,
  show: (of: Figures) => string,
): string {
  return `${what}: ${show(now)} of ${now.attempts}, before ${show(before)} of ${before.attempts}`;
}

/** How seldom something happens, in words that do not claim more than was computed. */
function onceIn(chance: number): string {
  if (chance < 1e-9) return "less than once in a billion looks";
  return `once in ${Math.round(1 / chance).toLocaleString("en")} looks`;
}

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`;
}

function ms(value: number | undefined): string {
  return value === undefined ? "none" : `${value} ms`;
}
