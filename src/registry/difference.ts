/** Differences: what changed between two definitions, in words. */

import type { Definition, StepDefinition } from "../core/workflow.ts";
import { canonical, hashedPart, hashedStep } from "./hash.ts";
import { show } from "./name.ts";

/** More changes than this are counted, not listed. */
const CHANGES_SHOWN_MAX = 20;

/** Returns one line a change of what the hash covers: steps, edges, owners, contracts, conduct. */
export function differences(before: Definition, after: Definition): readonly string[] {
  const { steps: _, ...headBefore } = hashedPart(before);
  const { steps: __, ...headAfter } = hashedPart(after);
  const changes = [
    ...changesOf(headBefore, headAfter, []),
    ...stepChanges(before.steps, after.steps),
  ];
  const shown = changes.slice(0, CHANGES_SHOWN_MAX);
  const rest = changes.length - shown.length;
  return rest === 0 ? shown : [...shown, `and ${rest} more`];
}

function stepChanges(
  before: readonly StepDefinition[],
  after: readonly StepDefinition[],
): readonly string[] {
  const old = new Map(before.map((step) => [step.name, step]));
  const names = new Set(after.map(({ name }) => name));
  const removed = before.filter(({ name }) => !names.has(name));
  const added = after.filter(({ name }) => !old.has(name));
  const changed = after.flatMap((step) => {
    const known = old.get(step.name);
    if (known === undefined) return [];
    const changes = changesOf(hashedStep(known), hashedStep(step), []);
    return changes.map((change) => `step "${step.name}": ${change}`);
  });
  const isMoved = removed.length + added.length === 0 &&
    before.some(({ name }, index) => after[index]?.name !== name);
  return [
    ...removed.map(({ name }) => `step "${name}" was removed`),
    ...added.map(({ name }) => `step "${name}" was added`),
    ...changed,
    ...(isMoved ? ["the steps stand in another order"] : []),
  ];
}

/** Compares field by field, so that a change deep in a contract is told where it is. */
function changesOf(before: unknown, after: unknown, path: readonly string[]): readonly string[] {
  if (canonical(before) === canonical(after)) return [];
  if (!isRecord(before) || !isRecord(after)) {
    const name = path.join(".");
    if (before === undefined) return [`${name} was added: ${show(after)}`];
    if (after === undefined) return [`${name} was removed, it was ${show(before)}`];
    return [`${name} was ${show(before)}, is ${show(after)}`];
  }
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return fields.flatMap((field) => changesOf(before[field], after[field], [...path, field]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
