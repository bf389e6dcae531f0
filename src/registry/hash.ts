/** The definition hash, which covers what the replay of a task depends on, and its differences. */

import type { Definition, JsonSchema, StepContract, StepDefinition } from "../core/workflow.ts";
import { show } from "./field_checks.ts";

/** Keywords of JSON Schema that inform people and check nothing. */
const ANNOTATIONS = new Set([
  "$comment",
  "$schema",
  "deprecated",
  "description",
  "examples",
  "title",
]);

/** Keywords of JSON Schema that hold schemas by name: the keys inside are not keywords. */
const NAMED = new Set([
  "$defs",
  "definitions",
  "dependentSchemas",
  "patternProperties",
  "properties",
]);

/** Keywords of JSON Schema that hold values, not schemas. */
const VALUES = new Set(["const", "default", "enum", "required"]);

/**
 * Returns what the hash covers: graph, owners, kinds, contracts, mappings, lengths of
 * sleeps and the output. Policies,
 * deadlines, bounds of healing, handler names and descriptions may change under the same version.
 */
function hashedPart(definition: Definition): Readonly<Record<string, unknown>> {
  const { namespace, name, version, input, output, failurePolicy } = definition;
  return {
    namespace,
    name,
    version,
    failurePolicy,
    input: withoutAnnotations(input),
    ...(output && { output: { ...output, success: withoutAnnotations(output.success) } }),
    steps: definition.steps.map(hashedStep),
  };
}

/** Returns what the hash covers of one step: not which versions of a capability will do. */
function hashedStep(
  { policy: _, handler: __, capability: ___, alternatives: ____, contract, ...step }:
    StepDefinition,
): Readonly<Record<string, unknown>> {
  return { ...step, contract: bareContract(contract) };
}

/** Returns the definition's hash: `digest` of its canonical JSON. */
export function hashOf(definition: Definition, digest: (text: string) => string): string {
  return digest(canonical(hashedPart(definition)));
}

/** JSON with sorted keys: the same value always gives the same text. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`);
  return `{${fields.join(",")}}`;
}

function bareContract({ input, success, error }: StepContract): StepContract {
  return {
    ...(input && { input: withoutAnnotations(input) as JsonSchema }),
    ...(success && { success: withoutAnnotations(success) as JsonSchema }),
    ...(error && { error: withoutAnnotations(error) as JsonSchema }),
  };
}

function withoutAnnotations(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutAnnotations);
  if (typeof schema !== "object" || schema === null) return schema;
  const kept = Object.entries(schema).filter(([word]) => !ANNOTATIONS.has(word));
  return Object.fromEntries(kept.map(([word, inner]) => {
    if (VALUES.has(word)) return [word, inner];
    return [word, NAMED.has(word) ? eachNamed(inner) : withoutAnnotations(inner)];
  }));
}

function eachNamed(schemas: unknown): unknown {
  return Object.fromEntries(
    Object.entries(schemas as object).map(([name, schema]) => [name, withoutAnnotations(schema)]),
  );
}

/** More changes than this are counted, not listed. */
const CHANGES_SHOWN_MAX = 20;

/** Returns one line a change of what the hash covers: steps, edges, owners, contracts, behaviour. */
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

/** Compares field by field, so that a change deep in a contract is named by its path. */
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
