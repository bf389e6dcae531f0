/** Parts: what an alternative of a schema says about the fields and items of its values. */

import { canonicalJson } from "./json.ts";
import {
  type Alternative,
  alternativesOf,
  isKeywords,
  type Rooted,
} from "./schema_alternatives.ts";
import { patternOf } from "./pattern.ts";
import { allOf, requiredOf } from "./schema_fields.ts";
import type { JsonSchema } from "./workflow.ts";

/** Of each alternative, the schemas of its fields: they are asked for again for each part of another. */
const FIELDS = new WeakMap<Alternative, Map<string, Rooted>>();

/** Returns the schema of a field, whether it is named or not. */
export function partOf(alternative: Alternative, name: string): Rooted {
  const { all, root } = alternative;
  const known = FIELDS.get(alternative) ?? new Map<string, Rooted>();
  const field = known.get(name) ?? allOf(all.flatMap((part) => fieldSchemas(part, name)), root);
  FIELDS.set(alternative, known.set(name, field));
  return field;
}

/** Returns the schema of fields that nothing names. */
export function otherFieldsOf({ all, root }: Alternative): Rooted {
  return allOf(
    all.flatMap((part) => "additionalProperties" in part ? [part.additionalProperties] : []),
    root,
  );
}

/** Returns the schema of the item at a place; behind the named ones, that of all others. */
export function itemOf({ all, root }: Alternative, index: number): Rooted {
  return allOf(
    all.flatMap(({ prefixItems, items = true }) => {
      const named = Array.isArray(prefixItems) ? prefixItems : [];
      return [index < named.length ? named[index] : items];
    }),
    root,
  );
}

/** Returns how many items are named by their place. */
export function namedItems(all: readonly JsonSchema[]): number {
  return Math.max(
    0,
    ...all.map(({ prefixItems }) => Array.isArray(prefixItems) ? prefixItems.length : 0),
  );
}

/** Returns schemas by the patterns of their fields' names. */
export function patternsOf(schema: JsonSchema): ReadonlyMap<string, unknown> {
  const { patternProperties } = schema;
  return new Map(isKeywords(patternProperties) ? Object.entries(patternProperties) : []);
}

/** Whether a field that all values of the one have is excluded by the other. */
export function tagsConflict(one: Alternative, other: Alternative, part: typeof partOf): boolean {
  const excludes = (has: Alternative, says: Alternative) =>
    [...requiredOf(has.all)].some((name) => {
      const [own, others] = [listed(part(has, name)), listed(part(says, name))];
      return own !== undefined && others !== undefined &&
        own.every((text) => !others.includes(text));
    });
  return excludes(one, other) || excludes(other, one);
}

/** The values of a schema as texts, where all can be listed; none: there are none. */
function listed(schema: Rooted): readonly string[] | undefined {
  const alternatives = alternativesOf(schema);
  if (alternatives.some(({ values }) => values === undefined)) return undefined;
  return alternatives.flatMap(({ values = [] }) => values.map(canonicalJson));
}

function fieldSchemas(part: JsonSchema, name: string): readonly unknown[] {
  const { properties, additionalProperties = true } = part;
  const named = isKeywords(properties) && Object.hasOwn(properties, name) ? [properties[name]] : [];
  const matched = [...patternsOf(part)].filter(([pattern]) => patternOf(pattern).test(name));
  const found = [...named, ...matched.map(([, schema]) => schema)];
  return found.length > 0 ? found : [additionalProperties];
}
