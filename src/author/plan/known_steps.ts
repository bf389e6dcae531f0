/** Known steps: those that a document has, as the planner knows steps. Pure. */

import { type Fields, type StepEntry, stepsOf, valueAt } from "../document.ts";
import { graphOf } from "../references.ts";
import { isRecord } from "../yaml_text.ts";
import type { Offer } from "./capability_index.ts";
import { FailureBranch, newStep, type PlannedStep, type StepKind } from "./planned_step.ts";

type When = PlannedStep["when"];

/**
 * Returns the steps of a document, in its order, with their parents. A step that runs only after a
 * failure, and what follows it, belongs to a failure branch.
 *
 * Cost: O(steps × offers + edges).
 */
export function knownSteps(value: Fields, offers: readonly Offer[]): PlannedStep[] {
  const byName = new Map(
    stepsOf(value).map((entry): [string, PlannedStep] => [
      entry.name,
      knownStep(entry, offerOf(entry, value, offers)),
    ]),
  );
  for (const [name, parents] of graphOf(value)) {
    for (const parent of parents) {
      const of = byName.get(parent);
      if (of !== undefined) byName.get(name)?.parents.add(of);
    }
  }
  const steps = [...byName.values()];
  for (const step of steps) findBranch(step, new Set());
  return steps;
}

/** The failure branches of known steps. Those that hear of every failure go on to do so. */
export function knownBranches(steps: readonly PlannedStep[]): readonly FailureBranch[] {
  const branches = [...new Set(steps.flatMap(({ branch }) => branch ?? []))];
  const main = steps.filter(({ branch, when }) => branch === undefined && when === "succeeded");
  const waited = new Set(main.flatMap(({ parents }) => [...parents]));
  const ends = main.filter((step) => !waited.has(step));
  for (const branch of branches) {
    const { guards } = branch;
    if (guards !== "any" && ends.length > 0 && ends.every((end) => guards.includes(end))) {
      branch.guards = "any";
    }
  }
  return branches;
}

function knownStep({ name, fields }: StepEntry, offer: Offer | undefined): PlannedStep {
  const { result, signal } = fields;
  const gives = isRecord(result)
    ? result
    : isRecord(signal) && isRecord(signal.form)
    ? signal.form
    : undefined;
  return {
    ...newStep(kindOf(fields), { text: name.replaceAll(/[_-]/g, " "), clause: 0 }),
    name,
    known: fields,
    when: (fields.when ?? "succeeded") as When,
    ...(offer !== undefined && { offer }),
    ...(gives !== undefined && { gives }),
  };
}

function kindOf({ signal, sleep, transform, todo, capability }: Fields): StepKind {
  if (signal !== undefined) return "signal";
  if (sleep !== undefined) return "sleep";
  if (transform !== undefined) return "transform";
  if (todo !== undefined) return "todo";
  return capability === undefined ? "other" : "remote";
}

/** What is registered for a step; else what the document itself declares. */
function offerOf(
  { fields: { capability, owner } }: StepEntry,
  value: Fields,
  offers: readonly Offer[],
): Offer | undefined {
  if (typeof capability !== "string") return undefined;
  const [name = ""] = capability.split("@");
  const found = offers.find((offer) =>
    offer.capability.name === name && (owner === undefined || owner === offer.system)
  );
  if (found !== undefined || typeof owner !== "string") return found;
  const declared = valueAt(value, ["systems", owner, "capabilities"]);
  const one = Array.isArray(declared)
    ? declared.find((each: unknown) => isRecord(each) && each.name === name)
    : undefined;
  return { system: owner, capability: isRecord(one) ? contractOf(name, one) : { name } };
}

function contractOf(name: string, { input, output, effect }: Fields): Offer["capability"] {
  return {
    name,
    ...(isRecord(input) && { input }),
    ...(isRecord(output) && { output }),
    ...((effect === "none" || effect === "idempotent" || effect === "external") && { effect }),
  };
}

/** A step is on a failure path if it waits for a failure, or for a step that is on one. */
function findBranch(step: PlannedStep, trail: Set<PlannedStep>): FailureBranch | undefined {
  if (step.branch !== undefined || trail.has(step)) return step.branch;
  trail.add(step);
  if (step.when === "always") return undefined;
  if (step.when !== "succeeded") {
    return joinBranch(step, new FailureBranch([...step.parents], { kind: "failed", of: "any" }));
  }
  for (const parent of step.parents) {
    const branch = findBranch(parent, trail);
    if (branch !== undefined) return joinBranch(step, branch);
  }
  return undefined;
}

function joinBranch(step: PlannedStep, branch: FailureBranch): FailureBranch {
  step.branch = branch;
  branch.steps.push(step);
  return branch;
}
