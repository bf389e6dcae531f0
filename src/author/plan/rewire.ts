/** Rewiring: what steps wait for when one is taken out, put in between, or run beside another. Pure. */

import { referencesIn } from "../references.ts";
import { type PlannedStep, reaches } from "./planned_step.ts";

/** A step reads another one's result, so it has to wait for it. */
export interface Reading {
  readonly reader: PlannedStep;
  readonly of: PlannedStep;
}

/** Whether a step is on the path that runs when nothing fails. */
export function isMain({ branch, when }: PlannedStep): boolean {
  return branch === undefined && when === "succeeded";
}

/** The steps that wait for a step. */
export function childrenOf(steps: readonly PlannedStep[], of: PlannedStep): readonly PlannedStep[] {
  return steps.filter(({ parents }) => parents.has(of));
}

/** What a known step reads of another one: fields, as paths. */
export function readsOf({ known }: PlannedStep, of: PlannedStep): readonly string[] {
  if (known === undefined) return [];
  return referencesIn(known).filter(({ root }) => root === of.name)
    .map(({ keys }) => keys.join(".") || "the result");
}

/** Takes a step out: what waited for it waits for what it waited for. */
export function takeOut(steps: readonly PlannedStep[], step: PlannedStep): void {
  for (const child of childrenOf(steps, step)) {
    child.parents.delete(step);
    for (const parent of step.parents) {
      const isLate = [...child.parents].some((other) => reaches(parent, other));
      if (parent !== child && !isLate) child.parents.add(parent);
    }
  }
}

/** Lets a new step wait for no more than it has to: what a parent waits for needs no edge. */
export function reduce({ parents }: PlannedStep): void {
  for (const parent of parents) {
    if ([...parents].some((other) => other !== parent && reaches(parent, other))) {
      parents.delete(parent);
    }
  }
}

/** Lets a step wait for what it reads, and for nothing else. */
export function loosen(step: PlannedStep): void {
  for (const parent of step.parents) {
    if (readsOf(step, parent).length === 0) step.parents.delete(parent);
  }
}

/**
 * Puts another step in the place of one: it waits for the same, and the same steps wait for it.
 */
export function putInPlace(
  steps: readonly PlannedStep[],
  old: PlannedStep,
  step: PlannedStep,
): void {
  for (const parent of old.parents) step.parents.add(parent);
  step.when = old.when;
  if (old.branch !== undefined) {
    step.branch = old.branch;
    old.branch.steps.push(step);
  }
  for (const child of childrenOf(steps, old)) {
    child.parents.delete(old);
    child.parents.add(step);
  }
}

/**
 * Lets steps run side by side: each waits for what the first of them waited for, and what waited for one
 * waits for all. What stood between them stays where it is.
 *
 * @returns undefined, or who reads whose result; nothing is changed then
 */
export function runBeside(
  steps: readonly PlannedStep[],
  chosen: readonly PlannedStep[],
): Reading | undefined {
  const set = new Set(chosen);
  const isBehind = (step: PlannedStep) => chosen.some((one) => one !== step && reaches(one, step));
  for (const reader of chosen) {
    const of = [...reader.parents].find((parent) =>
      (set.has(parent) || isBehind(parent)) && readsOf(reader, parent).length > 0
    );
    if (of !== undefined) return { reader, of };
  }
  const before = new Set(
    chosen.filter((step) => !isBehind(step)).flatMap(({ parents }) => [...parents])
      .filter((parent) => !set.has(parent)),
  );
  const later = chosen.filter(isBehind);
  const between = new Set(
    later.flatMap(({ parents }) => [...parents]).filter((one) => !set.has(one) && isBehind(one)),
  );
  for (const step of later) {
    for (const parent of step.parents) {
      if (set.has(parent) || between.has(parent)) step.parents.delete(parent);
    }
    for (const parent of before) step.parents.add(parent);
  }
  for (const child of steps) {
    const isNext = !set.has(child) && !between.has(child) &&
      ![...between].some((one) => reaches(child, one)) &&
      [...child.parents].some((parent) => set.has(parent));
    if (isNext) { for (const one of [...set, ...between]) child.parents.add(one); }
  }
  return undefined;
}
