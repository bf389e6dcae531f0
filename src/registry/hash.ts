/** The definition hash: it covers what a task's replay depends on, not what may be tuned. */

import type { Definition, JsonSchema, StepContract, StepDefinition } from "../core/workflow.ts";

/** Words of JSON Schema that tell people something and check nothing. */
const ANNOTATIONS = new Set([
  "$comment",
  "$schema",
  "deprecated",
  "description",
  "examples",
  "title",
]);

/** Words of JSON Schema that hold schemas by name: their keys are not words. */
const NAMED = new Set([
  "$defs",
  "definitions",
  "dependentSchemas",
  "patternProperties",
  "properties",
]);

/** Words of JSON Schema that hold values, not schemas. */
const VALUES = new Set(["const", "default", "enum", "required"]);

/**
 * Returns what the hash covers: graph, owners, kinds, contracts and lengths of sleeps. Policies,
 * deadlines, handler names and descriptions may change under the same version.
 */
export function hashedPart(definition: Definition): Readonly<Record<string, unknown>> {
  const { namespace, name, version, input, failurePolicy } = definition;
  return {
    namespace,
    name,
    version,
    failurePolicy,
    input: withoutAnnotations(input),
    steps: definition.steps.map(hashedStep),
  };
}

/** Returns what the hash covers of one step. */
export function hashedStep(
  { policy: _, handler: __, contract, ...step }: StepDefinition,
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
