/** The case of an incident: all that proposals are made of, read once. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import type { HealBounds } from "../core/healing.ts";
import type { Degradation, Finding, Incident } from "../core/incident.ts";
import type { FullPolicy } from "../core/policy.ts";
import type { StepDefinition } from "../core/workflow.ts";

/** What is known when something is to be proposed. */
export interface Case {
  readonly degradation: Degradation;
  readonly finding: Finding;
  /** The step, in the newest version that ran. */
  readonly definition: StepDefinition;
  /** What its attempts are under now. */
  readonly policy: FullPolicy;
  readonly bounds: HealBounds;
  /** The system that has the attempts. */
  readonly system: string;
  /** Its healthy instances; empty: none has registered. */
  readonly instances: readonly string[];
  /** Other systems that offer the step's capability and are healthy. */
  readonly alternatives: readonly string[];
  /** Attempts of the step that ended lately, and in the time it is measured by. */
  readonly recent: readonly AttemptFact[];
  readonly before: readonly AttemptFact[];
  /** Earlier incidents, the newest first. */
  readonly past: readonly Incident[];
  readonly nowMs: number;
}

/** Whether an attempt ended badly. */
export function isBad({ outcome }: AttemptFact): boolean {
  return outcome !== "completed" && outcome !== "cancelled";
}

/** Attempts by what a function says of them; those of which it says nothing are left out. */
export function groupsOf(
  facts: readonly AttemptFact[],
  nameOf: (fact: AttemptFact) => string | undefined,
): ReadonlyMap<string, readonly AttemptFact[]> {
  const groups = Map.groupBy(facts, nameOf);
  groups.delete(undefined);
  return groups as ReadonlyMap<string, readonly AttemptFact[]>;
}
