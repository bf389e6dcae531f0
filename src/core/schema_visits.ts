/** Schema visits: how often checking one value looks at schemas, when each is followed where it is used. */

import type { JsonSchema } from "./workflow.ts";

/** Schemas that one value may be checked by, each as often as it is reached. */
export const VISITS_MAX = 20_000;

/** Keywords whose values are no schemas. */
const VALUES: ReadonlySet<string> = new Set(["const", "default", "enum", "examples"]);

/** What references lead to. */
interface Targets {
  readonly anchors: ReadonlyMap<string, readonly JsonSchema[]>;
  readonly resources: ReadonlyMap<string, JsonSchema>;
}

/**
 * Counts the schemas that checking a value may look at: a schema that two choices refer to counts twice,
 * and what it refers to four times. A list counts as one element, and a schema inside itself as one.
 *
 * Cost: O(size of the schema).
 *
 * @returns the count, at most VISITS_MAX + 1
 */
export function visitsOf(root: JsonSchema): number {
  const targets = targetsIn(root);
  const done = new Map<unknown, number>();
  const open = new Set<unknown>();
  const count = (value: unknown, base: JsonSchema): number => {
    if (typeof value !== "object" || value === null) return 0;
    const known = done.get(value);
    if (known !== undefined) return known;
    if (open.has(value)) return 1;
    open.add(value);
    const own = isSchema(value) && typeof value.$id === "string" ? value : base;
    let visits = 1;
    for (const [word, held] of Object.entries(value)) {
      if (VALUES.has(word) || word === "$defs") continue;
      const isReference = word === "$ref" && typeof held === "string";
      visits += count(isReference ? targetOf(held, own, targets) : held, own);
    }
    open.delete(value);
    visits = Math.min(visits, VISITS_MAX + 1);
    done.set(value, visits);
    return visits;
  };
  return count(root, root);
}

/** By document and reference. */
const referred = new WeakMap<JsonSchema, Map<string, readonly unknown[]>>();

/**
 * Returns all that a reference may lead to in a document, whichever `$id` is around it.
 *
 * Cost: O(size of the document) the first time, then a look-up.
 */
export function referredBy(root: JsonSchema, reference: string): readonly unknown[] {
  const known = referred.get(root) ?? new Map<string, readonly unknown[]>();
  referred.set(root, known);
  const found = known.get(reference) ?? allTargetsOf(root, reference);
  known.set(reference, found);
  return found;
}

function allTargetsOf(root: JsonSchema, reference: string): readonly unknown[] {
  const targets = targetsIn(root);
  const bases = [root, ...targets.resources.values()];
  return [...new Set(bases.flatMap((base) => targetOf(reference, base, targets)))];
}

function targetsIn(root: JsonSchema): Targets {
  const anchors = new Map<string, JsonSchema[]>();
  const resources = new Map<string, JsonSchema>();
  const open: unknown[] = [root];
  while (open.length > 0) {
    const one = open.pop();
    if (typeof one !== "object" || one === null) continue;
    if (isSchema(one)) {
      const { $anchor, $dynamicAnchor, $id } = one;
      for (const anchor of [$anchor, $dynamicAnchor]) {
        if (typeof anchor === "string") anchors.set(anchor, [...anchors.get(anchor) ?? [], one]);
      }
      if (typeof $id === "string") resources.set($id, one);
    }
    for (const value of Object.values(one)) open.push(value);
  }
  return { anchors, resources };
}

/** Where a reference leads; of anchors with one name, to all of them. */
function targetOf(reference: string, base: JsonSchema, targets: Targets): unknown {
  const [head = "", ...rest] = reference.split("#");
  const fragment = rest.join("#");
  const named = head === "" ? base : targets.resources.get(head) ?? endingWith(head, targets);
  if (fragment !== "" && !fragment.startsWith("/")) return targets.anchors.get(fragment);
  return fragment.split("/").slice(1).reduce<unknown>((value, part) => {
    const key = decoded(part).replaceAll("~1", "/").replaceAll("~0", "~");
    const isThere = typeof value === "object" && value !== null && Object.hasOwn(value, key);
    return isThere ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
  }, named);
}

/** A resource that is named by the end of its id. */
function endingWith(head: string, { resources }: Targets): JsonSchema | undefined {
  return [...resources].find(([id]) => id.endsWith(`/${head}`))?.[1];
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function isSchema(value: object): value is JsonSchema {
  return !Array.isArray(value);
}
