/** Findings: what an incident says of its cause by the figures of its step alone. Pure. */

import type { Degradation, Figures, Finding } from "../core/incident.ts";

/** Says what the figures of a degradation show; a diagnosis of its attempts says more. */
export function findingOf(degradation: Degradation): Finding {
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
      `chance alone shows as much once in ${Math.round(1 / Math.max(chance, 1e-12))} looks`,
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

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`;
}

function ms(value: number | undefined): string {
  return value === undefined ? "none" : `${value} ms`;
}
