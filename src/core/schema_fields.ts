/** Fields: those that an alternative of a schema names. Apart from patterns, for browsers as well. */

import { type Alternative, isKeywords, type Rooted } from "./schema_alternatives.ts";
import type { JsonSchema } from "./workflow.ts";

/** Returns the names of all fields that are named. */
export function fieldNames(all: readonly JsonSchema[]): readonly string[] {
  return [
    ...new Set(
      all.flatMap(({ properties }) => isKeywords(properties) ? Object.keys(properties) : []),
    ),
  ];
}

/** Returns the fields that every value has. */
export function requiredOf(all: readonly JsonSchema[]): ReadonlySet<string> {
  return new Set(
    all.flatMap(({ required }) => Array.isArray(required) ? required.map(String) : []),
  );
}

/** Returns the schema of a field by its name alone; what patterns say of it is left out. */
export function namedField({ all, root }: Alternative, name: string): Rooted {
  return allOf(
    all.flatMap(({ properties }) =>
      isKeywords(properties) && Object.hasOwn(properties, name) ? [properties[name]] : []
    ),
    root,
  );
}

/** Returns the schema of values that all of some schemas take. */
export function allOf(schemas: readonly unknown[], root: JsonSchema): Rooted {
  const saying = [...new Set(schemas)].filter((schema) => schema !== true);
  const [only = true] = saying;
  return { schema: saying.length > 1 ? { allOf: saying } : only, root };
}
