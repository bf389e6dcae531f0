/** Draft 07: JSON Schemas as AsyncAPI can hold them, whose own dialect is a superset of that draft. */

import type { JsonSchema } from "../core/workflow.ts";

/** Keywords that hold values or texts, and mean the same in both drafts. */
const KEPT: ReadonlySet<string> = new Set([
  "const",
  "default",
  "description",
  "enum",
  "examples",
  "exclusiveMaximum",
  "exclusiveMinimum",
  "format",
  "maxItems",
  "maxLength",
  "maxProperties",
  "maximum",
  "minItems",
  "minLength",
  "minProperties",
  "minimum",
  "multipleOf",
  "pattern",
  "required",
  "title",
  "type",
  "uniqueItems",
]);

/** Keywords that hold one schema. */
const ONE: ReadonlySet<string> = new Set([
  "additionalProperties",
  "contains",
  "else",
  "if",
  "items",
  "not",
  "propertyNames",
  "then",
]);

/** Keywords that hold a list of schemas. */
const LISTS: ReadonlySet<string> = new Set(["allOf", "anyOf", "oneOf"]);

/** Keywords that hold schemas by name. */
const MAPS: ReadonlySet<string> = new Set([
  "$defs",
  "definitions",
  "patternProperties",
  "properties",
]);

/**
 * Writes a schema of draft 2020-12 so that tools of draft 07 read it.
 *
 * Shape: `place` is where it will stand in its document, `#/components/schemas/Order`: references
 * inside of the schema follow it. What draft 07 has no word for is left out, so that the result may
 * accept more, and never less.
 */
export function draft07Of(schema: JsonSchema, place: string): JsonSchema {
  return convert(schema, place) as JsonSchema;
}

function convert(schema: unknown, place: string): unknown {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return schema;
  const { $ref, prefixItems, dependentRequired, dependentSchemas, ...rest } = schema as JsonSchema;
  const own = Object.fromEntries(
    Object.entries(rest).flatMap(([word, value]) => converted(word, value, place)),
  );
  const whole = {
    ...own,
    ...(Array.isArray(prefixItems) && {
      items: prefixItems.map((item) => convert(item, place)),
      ...("items" in own && { additionalItems: own.items }),
    }),
    ...((dependentRequired ?? dependentSchemas) !== undefined && {
      dependencies: { ...eachOf(dependentSchemas, place), ...(dependentRequired as object) },
    }),
  };
  if (typeof $ref !== "string") return whole;
  // Draft 07 ignores what stands beside a reference; definitions are only looked up.
  const { $defs, definitions, ...beside } = whole as JsonSchema;
  const target = { $ref: $ref.startsWith("#") ? place + $ref.slice(1) : $ref };
  if (Object.keys(whole).length === 0) return target;
  return {
    ...($defs !== undefined && { $defs }),
    ...(definitions !== undefined && { definitions }),
    allOf: [target, ...(Object.keys(beside).length === 0 ? [] : [beside])],
  };
}

function converted(word: string, value: unknown, place: string): readonly [string, unknown][] {
  if (KEPT.has(word)) return [[word, value]];
  if (ONE.has(word)) return [[word, convert(value, place)]];
  if (MAPS.has(word)) return [[word, eachOf(value, place)]];
  if (LISTS.has(word) && Array.isArray(value)) {
    return [[word, value.map((part) => convert(part, place))]];
  }
  return [];
}

/** A field that is named $ref is left open: resolvers take it for a reference. */
function eachOf(schemas: unknown, place: string): JsonSchema {
  const entries = Object.entries((schemas ?? {}) as JsonSchema).filter(([name]) => name !== "$ref");
  return Object.fromEntries(entries.map(([name, schema]) => [name, convert(schema, place)]));
}
