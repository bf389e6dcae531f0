/** Contrast: which attribute failed attempts have that those which went well lack. Exact tests; pure. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import type { FailureType } from "../core/healing.ts";
import type { Evidence } from "./evidence.ts";
import { hasCompleted, type Scene } from "./scene.ts";
import type { Weights } from "./symptom_table.ts";
import type { Symptoms } from "./symptoms.ts";

/** Compares over every attribute. Cost: O(attempts × attributes), and an exact test for each value. */
export function contrastEvidence(scene: Scene, symptoms: Symptoms): readonly Evidence[] {
  const found = contrasts([
    systemTrials(scene),
    attemptTrials(scene),
    nodeTrials(scene),
    taskTrials(scene),
  ]);
  return Object.keys(BLAMED).flatMap((attribute) =>
    ofContrast(attribute, { found, symptoms, scene }) ?? []
  );
}

/** Attempts since the failures began, with the system that each was sent to. */
function systemTrials({ since, isAlike, systemOf }: Scene): Trial[] {
  return compared(since, isAlike).map((fact) => ({
    failed: !hasCompleted(fact),
    attributes: [["system", systemOf(fact)]],
  }));
}

/** Those at the same system: what differs between systems explains nothing within one. */
function attemptTrials({ since, isAlike, system, systemOf }: Scene): Trial[] {
  const all = compared(since, isAlike).filter((fact) => systemOf(fact) === system);
  // Within a day an hour is the time since it began, and no property of the attempt.
  const isDays = (all.at(-1)?.endedAtMs ?? 0) - (all[0]?.endedAtMs ?? 0) > 2 * DAY_MS;
  return all.map((fact) => ({
    failed: !hasCompleted(fact),
    attributes: [
      ["policy", String(fact.policyVersion)],
      ...(isDays ? [["hour", hourOf(fact)] as const] : []),
      ...(fact.instance === undefined ? [] : [["instance", fact.instance] as const]),
    ],
  }));
}

/**
 * Those at the same system until the last failure, with the node that made them: of a node that began
 * later nobody knows whether it would have failed.
 */
function nodeTrials({ since, isAlike, alike, system, systemOf }: Scene): Trial[] {
  const untilMs = alike.at(-1)?.endedAtMs ?? 0;
  return compared(since, isAlike).flatMap((fact) =>
    fact.node === undefined || fact.endedAtMs > untilMs || systemOf(fact) !== system
      ? []
      : { failed: !hasCompleted(fact), attributes: [["node", fact.node] as const] }
  );
}

const DAY_MS = 24 * 3_600_000;

function hourOf({ startedAtMs }: AttemptFact): string {
  return `${new Date(startedAtMs).toISOString().slice(11, 13)}:00 UTC`;
}

/** Tasks since then, each once, with what all their attempts have in common. */
function taskTrials({ since, isAlike, input }: Scene): Trial[] {
  const byTask = Map.groupBy(compared(since, isAlike), ({ taskId }) => taskId);
  return [...byTask].map(([taskId, facts]) => {
    const { version, tags } = facts[0] as AttemptFact;
    const size = input.inputSizes?.get(taskId);
    return {
      failed: facts.some((fact) => !hasCompleted(fact)),
      attributes: [
        ["version", version],
        ...[...new Set(tags)].map((tag) => ["tag", tag] as const),
        ...(size === undefined ? [] : [["inputSize", sizeText(size)] as const]),
      ],
    };
  });
}

/** Failures of this kind, and what went well: other failures belong to neither. */
export function compared(facts: readonly AttemptFact[], isAlike: Scene["isAlike"]) {
  return facts.filter((fact) => hasCompleted(fact) || isAlike(fact));
}

/** Sizes by powers of four. */
function sizeText(size: number): string {
  const power = Math.max(0, Math.floor(Math.log2(Math.max(1, size)) / 2));
  return `${4 ** power} to ${4 ** (power + 1)} characters`;
}

/** The least correction for chance, and the least share of failures that an attribute explains. */
const Q_MAX = 0.01;
const FAILED_SHARE_MIN = 0.8;
const SUCCEEDED_SHARE_MAX = 0.5;

/** What would not spare all the others: it is not that. */
const SPARED: Weights = { storage: -2, resource: -2, dependency_down: -2, overload: -2 };

/** What is said of an attribute that sets failures apart. */
const BLAMED: Readonly<Record<string, { readonly name: string; readonly weights: Weights }>> = {
  instance: { name: "instance", weights: { worker_local: 6.5, ...SPARED } },
  // A process of Tasker: it runs the code of local steps, and sends for the others.
  node: { name: "node", weights: { worker_local: 6.5, ...SPARED } },
  // Where it fails, which says little of what it is.
  system: { name: "system", weights: { dependency_down: 2.5 } },
  tag: { name: "tag", weights: { data_quality: 6, ...SPARED } },
  inputSize: {
    name: "size of the input",
    weights: { poison: 3, data_quality: 3.5, resource: 1.5 },
  },
  version: { name: "version", weights: { deploy_regression: 8 } },
  policy: { name: "version of the policy", weights: { config: 5.5 } },
  // When it fails, which says where to look: at what runs each day at that time.
  hour: { name: "hour", weights: {} },
};

/** Types that name their cause in the error itself: one tenant may have a wrong key, too. */
const SELF_EXPLAINED: readonly FailureType[] = ["auth", "rate_limit", "config"];

function ofContrast(
  attribute: string,
  { found, symptoms, scene }: {
    readonly found: readonly Contrast[];
    readonly symptoms: Symptoms;
    readonly scene: Scene;
  },
): Evidence | undefined {
  const blamed = BLAMED[attribute];
  const one = found.find((one) => one.attribute === attribute && one.logOdds > 0);
  if (blamed === undefined || one === undefined || one.q > Q_MAX) return undefined;
  const { value, failedWith, failedAll, succeededWith, succeededAll, q } = one;
  const isApart = failedWith / failedAll >= FAILED_SHARE_MIN &&
    succeededWith / succeededAll <= SUCCEEDED_SHARE_MAX;
  if (!isApart) return undefined;
  const isExplained = SELF_EXPLAINED.some((type) => (symptoms.weights[type] ?? 0) >= 5);
  const isSlow = scene.failure.outcome === "timed_out" &&
    ["tag", "inputSize", "policy"].includes(attribute);
  const isTenants = (attribute === "tag" && isExplained) || isSlow;
  // Whatever a node that died was doing ended with it.
  const isTrivial = attribute === "node" && scene.failure.outcome === "interrupted";
  const unit = ["tag", "inputSize", "version"].includes(attribute) ? "tasks" : "attempts";
  return {
    id: `contrast_${attribute}`,
    text:
      `${blamed.name} "${value}": ${failedWith} of ${failedAll} ${unit} that failed have it, and ` +
      `${succeededWith} of ${succeededAll} that went well in the same time ` +
      `(Fisher's exact test, q = ${q.toPrecision(2)})`,
    // A system that has become slow is slow for all.
    weights: isTrivial
      ? {}
      : isSlow
      ? { data_quality: 1, timeout: 1, latency_shift: -2 }
      : isTenants
      ? { data_quality: 1 }
      : blamed.weights,
  };
}

/** One attempt, or one task, with what may have made the difference. An attribute may occur twice. */
export interface Trial {
  readonly failed: boolean;
  readonly attributes: readonly (readonly [name: string, value: string])[];
}

/** How failures with a value of an attribute compare with the others. */
interface Contrast {
  readonly attribute: string;
  readonly value: string;
  readonly failedWith: number;
  readonly failedAll: number;
  readonly succeededWith: number;
  readonly succeededAll: number;
  /** Natural logarithm of the odds ratio; positive: those with the value fail more often. */
  readonly logOdds: number;
  /** Fisher's exact test, two-sided. */
  readonly p: number;
  /** The same after Benjamini–Hochberg over all that was compared. */
  readonly q: number;
}

/** Values of one attribute that are compared, the most frequent first. */
const VALUES_MAX = 50;

/**
 * Compares failed with succeeded trials over every value of every attribute.
 *
 * Shape: each group is compared within itself (attempts with attempts, tasks with tasks), and all
 * comparisons are corrected together. The strongest comes first.
 * Cost: O(trials × attributes), and one exact test for each value.
 */
export function contrasts(groups: readonly (readonly Trial[])[]): Contrast[] {
  const found = groups.flatMap(contrastsIn);
  const corrected = benjaminiHochberg(found.map(({ p }) => p));
  return found.map((one, index) => ({ ...one, q: corrected[index] as number })).sort((a, b) =>
    a.q - b.q || b.logOdds - a.logOdds || (a.attribute + a.value < b.attribute + b.value ? -1 : 1)
  );
}

interface Counts {
  failed: number;
  succeeded: number;
}

function contrastsIn(trials: readonly Trial[]): Contrast[] {
  const failedAll = trials.filter(({ failed }) => failed).length;
  const succeededAll = trials.length - failedAll;
  if (failedAll === 0 || succeededAll === 0) return [];
  return [...countValues(trials)].flatMap(([attribute, counted]) =>
    mostFrequent(counted).flatMap(([value, { failed, succeeded }]) => {
      if (failed === failedAll && succeeded === succeededAll) return [];
      const table = [failed, failedAll - failed, succeeded, succeededAll - succeeded] as const;
      return [{
        attribute,
        value,
        failedWith: failed,
        failedAll,
        succeededWith: succeeded,
        succeededAll,
        logOdds: logOdds(...table),
        p: fisherExact(...table),
        q: 1,
      }];
    })
  );
}

function countValues(trials: readonly Trial[]): ReadonlyMap<string, ReadonlyMap<string, Counts>> {
  const byName = new Map<string, Map<string, Counts>>();
  for (const { failed, attributes } of trials) {
    for (const [name, value] of attributes) {
      const values = byName.get(name) ?? new Map<string, Counts>();
      const counts = values.get(value) ?? { failed: 0, succeeded: 0 };
      if (failed) counts.failed++;
      else counts.succeeded++;
      byName.set(name, values.set(value, counts));
    }
  }
  return byName;
}

/** Only values that failures have can explain them. */
function mostFrequent(values: ReadonlyMap<string, Counts>): [string, Counts][] {
  return [...values].filter(([, { failed }]) => failed > 0)
    .sort(([a, x], [b, y]) => y.failed - x.failed || (a < b ? -1 : 1))
    .slice(0, VALUES_MAX);
}

/**
 * Fisher's exact test, two-sided: how likely a table at least as unequal as this one is, if its rows
 * and columns had nothing to do with each other.
 *
 * Shape: `[a, b]` is one row and `[c, d]` the other; counts from 0.
 * Cost: O(the smallest row or column sum).
 */
export function fisherExact(a: number, b: number, c: number, d: number): number {
  const [row, column, all] = [a + b, a + c, a + b + c + d];
  const least = Math.max(0, row + column - all);
  const most = Math.min(row, column);
  const mode = Math.min(most, Math.max(least, Math.floor((row + 1) * (column + 1) / (all + 2))));
  // Relative to the mode no term is larger than 1: nothing overflows, whatever the counts.
  const terms = new Map<number, number>([[mode, 1]]);
  const ratio = (x: number) =>
    ((row - x) * (column - x)) / ((x + 1) * (all - row - column + x + 1));
  for (let x = mode, term = 1; x < most && term > 0; x++) terms.set(x + 1, term *= ratio(x));
  for (let x = mode - 1, term = 1; x >= least && term > 0; x--) terms.set(x, term /= ratio(x));
  const seen = (terms.get(a) ?? 0) * (1 + 1e-7);
  let [total, extreme] = [0, 0];
  for (const term of terms.values()) {
    total += term;
    if (term <= seen) extreme += term;
  }
  return Math.min(1, extreme / total);
}

/** The log odds ratio with half a count added to each cell (Haldane and Anscombe), so it is finite. */
function logOdds(a: number, b: number, c: number, d: number): number {
  return Math.log(((a + 0.5) * (d + 0.5)) / ((b + 0.5) * (c + 0.5)));
}

/**
 * Corrects p-values of many tests: among those below a level, at most this share is expected to be
 * chance. Source: Benjamini and Hochberg, J. R. Statist. Soc. B 57 (1995).
 */
export function benjaminiHochberg(ps: readonly number[]): number[] {
  const order = ps.map((_, index) => index).sort((a, b) => (ps[b] as number) - (ps[a] as number));
  const qs = new Array<number>(ps.length);
  let least = 1;
  order.forEach((index, rank) => {
    least = Math.min(least, (ps[index] as number) * ps.length / (ps.length - rank));
    qs[index] = least;
  });
  return qs;
}
