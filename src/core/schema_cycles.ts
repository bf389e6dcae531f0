/** Schema cycles: references that lead back to themselves without going into a value. */

import type { JsonSchema } from "./workflow.ts";

type Path = readonly (string | number)[];

/** Keywords whose schemas apply to the same value as the schema that has them. */
const SAME_VALUE = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"];

/**
 * Finds a `$ref` that leads back to itself while it looks at one value: checking would never end.
 * Cost: O(size). References by `$anchor` are not followed.
 *
 * @returns keys and indexes of the `$ref` from the schema's root
 */
export function endlessRefIn(root: JsonSchema): Path | undefined {
  const open = new Set<unknown>();
  const done = new Set<unknown>();
  const follow = (schema: unknown, at: Path, ref: Path): Path | undefined => {
    if (!isObject(schema) || done.has(schema)) return undefined;
    if (open.has(schema)) return ref;
    open.add(schema);
    const { $ref } = schema;
    const target = typeof $ref === "string" ? targetOf($ref) : undefined;
    let found = target && follow(inside(root, target), target, [...at, "$ref"]);
    for (const word of SAME_VALUE) {
      const held = schema[word];
      const isMany = Array.isArray(held) || word === "dependentSchemas";
      const inner: readonly (readonly [Path, unknown])[] = isMany && typeof held === "object"
        ? Object.entries(held ?? {}).map(([key, one]) => [[word, key], one])
        : [[[word], held]];
      for (const [path, one] of inner) found ??= follow(one, [...at, ...path], ref);
    }
    open.delete(schema);
    done.add(schema);
    return found;
  };
  const walk = (value: unknown, at: Path): Path | undefined => {
    if (typeof value !== "object" || value === null) return undefined;
    let found = follow(value, at, at);
    for (const [key, one] of Object.entries(value)) found ??= walk(one, [...at, key]);
    return found;
  };
  return walk(root, []);
}

/** The path of `#/a/b`; undefined for an anchor. */
function targetOf(ref: string): Path | undefined {
  if (ref === "#") return [];
  if (!ref.startsWith("#/")) return undefined;
  return ref.slice(2).split("/").map((part) =>
    decoded(part).replaceAll("~1", "/").replaceAll("~0", "~")
  );
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function inside(root: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, key)
        ? (value as Readonly<Record<string | number, unknown>>)[key]
        : undefined,
    root,
  );
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
