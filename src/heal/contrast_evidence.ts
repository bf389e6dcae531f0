/** Contrast evidence: which attribute sets failed attempts apart from those that went well. Pure. */

import type { FailureType } from "../core/healing.ts";
import type { AttemptFact } from "../core/attempt_fact.ts";
import { type Contrast, contrasts, type Trial } from "./contrast.ts";
import type { Evidence } from "./evidence.ts";
import { hasCompleted, type Scene } from "./scene.ts";
import type { Weights } from "./symptom_table.ts";
import type { Symptoms } from "./symptoms.ts";

/** Compares over every attribute. Cost: O(attempts × attributes), and an exact test for each value. */
export function contrastEvidence(scene: Scene, symptoms: Symptoms): readonly Evidence[] {
  const found = contrasts([systemTrials(scene), attemptTrials(scene), taskTrials(scene)]);
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
  return compared(since, isAlike).filter((fact) => systemOf(fact) === system).map((fact) => ({
    failed: !hasCompleted(fact),
    attributes: [
      ["policy", String(fact.policyVersion)],
      ...(fact.instance === undefined ? [] : [["instance", fact.instance] as const]),
    ],
  }));
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

/** What is said of an attribute that sets failures apart. */
const BLAMED: Readonly<Record<string, { readonly name: string; readonly weights: Weights }>> = {
  instance: { name: "instance", weights: { worker_local: 6.5 } },
  // Where it fails, which says little of what it is.
  system: { name: "system", weights: { dependency_down: 2.5 } },
  tag: { name: "tag", weights: { data_quality: 6 } },
  inputSize: {
    name: "size of the input",
    weights: { poison: 3, data_quality: 3.5, resource: 1.5 },
  },
  version: { name: "version", weights: { deploy_regression: 8 } },
  policy: { name: "version of the policy", weights: { config: 5.5 } },
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
  const unit = attribute === "instance" || attribute === "policy" || attribute === "system"
    ? "attempts"
    : "tasks";
  return {
    id: `contrast_${attribute}`,
    text:
      `${blamed.name} "${value}": ${failedWith} of ${failedAll} ${unit} that failed have it, and ` +
      `${succeededWith} of ${succeededAll} that went well in the same time ` +
      `(Fisher's exact test, q = ${q.toPrecision(2)})`,
    weights: isTenants ? { data_quality: 1 } : blamed.weights,
  };
}
