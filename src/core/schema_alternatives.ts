/** Alternatives: a JSON Schema as a list of simpler ones, of which each value of it fits at least one. */

import { canonicalJson } from "./json.ts";
import type { JsonSchema } from "./workflow.ts";

/** A schema and the document in which its references are looked up. */
export interface Rooted {
  readonly schema: unknown;
  readonly root: JsonSchema;
}

/** The types that `type` may name, without "integer", which is a part of "number". */
export type TypeName = "null" | "boolean" | "number" | "string" | "array" | "object";

const TYPES: readonly TypeName[] = ["null", "boolean", "number", "string", "array", "object"];

/**
 * One alternative: values of one type, under keywords that all hold.
 *
 * Shape: `all` are schemas without references and combinations; each value fits every one of them.
 * `values` lists all values there are, where they can be listed.
 */
export interface Alternative {
  readonly type: TypeName;
  readonly isInteger: boolean;
  readonly all: readonly JsonSchema[];
  readonly values: readonly unknown[] | undefined;
  readonly root: JsonSchema;
}

/** More alternatives than this are taken as one. */
const ALTERNATIVES_MAX = 64;

/** Ways in which a schema can hold, each as schemas that all hold. */
type Ways = readonly (readonly JsonSchema[])[];

/** References are followed this deep without a value in between. */
const STEPS_MAX = 16;

/**
 * Returns alternatives that hold every value of a schema together; they may hold more, where the
 * schema says "not", or "exactly one of".
 */
export function alternativesOf({ schema, root }: Rooted): readonly Alternative[] {
  return new Conjunctions(root).of(schema, STEPS_MAX).flatMap((all) => byType(all, root));
}

/** Returns what a local reference points at; undefined: nothing, or another document. */
export function resolve(reference: string, root: JsonSchema): unknown {
  if (reference !== "#" && !reference.startsWith("#/")) return undefined;
  let at: unknown = root;
  for (const part of reference.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as JsonSchema)[name];
  }
  return at;
}

/** Whether a value is a schema with keywords. */
export function isKeywords(schema: unknown): schema is JsonSchema {
  return typeof schema === "object" && schema !== null && !Array.isArray(schema);
}

/** Whether a schema says nothing at all. */
export function isOpen(schema: unknown): boolean {
  if (typeof schema !== "object" || schema === null) return schema !== false;
  const words = Object.keys(schema);
  return words.length === 0 || (words[0] === "allOf" && words.length === 1 &&
    (schema as { allOf: readonly unknown[] }).allOf.every(isOpen));
}

function isOfType(value: unknown, type: unknown): boolean {
  if (type === "integer") return Number.isInteger(value);
  return typeOf(value) === type;
}

function typeOf(value: unknown): TypeName {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value as TypeName;
}

/** Lists the ways in which all of a schema can hold. What is left out makes them wider. */
class Conjunctions {
  /** By schema, then by the steps that are left: a schema may be referred to in many places. */
  readonly #known = new Map<JsonSchema, Ways[]>();
  /** The keywords of each schema without references and combinations. */
  readonly #own = new Map<JsonSchema, JsonSchema>();

  constructor(readonly root: JsonSchema) {}

  of(schema: unknown, steps: number): Ways {
    if (schema === false) return [];
    if (!isKeywords(schema) || steps === 0) return [[]];
    const known = this.#known.get(schema) ?? [];
    this.#known.set(schema, known);
    return known[steps] ??= this.#read(schema, steps);
  }

  #read(schema: JsonSchema, steps: number): Ways {
    const { $ref, allOf, anyOf, oneOf, ...rest } = schema;
    const own = this.#own.get(schema) ?? rest;
    this.#own.set(schema, own);
    const inner = (part: unknown) => this.of(part, steps - 1);
    const parts = [
      ...(typeof $ref === "string" ? [inner(resolve($ref, this.root) ?? true)] : []),
      ...(Array.isArray(allOf) ? allOf.map(inner) : []),
      ...[anyOf, oneOf].filter(Array.isArray).map((list) => distinct(waysOf(list, inner))),
    ];
    if (parts.some(({ length }) => length === 0)) return [];
    const single = parts.filter(({ length }) => length === 1).flat(2);
    const base = Object.keys(own).length === 0 ? single : [own, ...single];
    let ways: Ways = [[...new Set(base)]];
    for (const part of parts) {
      if (part.length === 1 || ways.length * part.length > ALTERNATIVES_MAX) continue;
      ways = distinct(
        ways.flatMap((way) => part.map((other) => [...new Set([...way, ...other])])),
      );
    }
    return ways;
  }
}

function* waysOf(list: readonly unknown[], inner: (part: unknown) => Ways): Iterable<Ways[number]> {
  for (const part of list) yield* inner(part);
}

/**
 * Ways without those that hold the same: of a recursive schema there would be twice as many a level. More
 * than are taken as one are not needed.
 */
function distinct(ways: Iterable<Ways[number]>): Ways {
  const found: { readonly way: Ways[number]; readonly held: ReadonlySet<JsonSchema> }[] = [];
  for (const way of ways) {
    const isSame = (held: ReadonlySet<JsonSchema>) =>
      held.size === way.length && way.every((one) => held.has(one));
    if (found.some(({ held }) => isSame(held))) continue;
    found.push({ way, held: new Set(way) });
    if (found.length > ALTERNATIVES_MAX) break;
  }
  return found.map(({ way }) => way);
}

function byType(all: readonly JsonSchema[], root: JsonSchema): readonly Alternative[] {
  const listed = valuesOf(all);
  return TYPES.flatMap((type): Alternative[] => {
    const words = all.flatMap(({ type }) => type === undefined ? [] : [[type].flat()]);
    const isPlain = words.every((list) => list.includes(type));
    const isInteger = type === "number" &&
      words.some((list) => list.includes("integer") && !list.includes("number"));
    const isAllowed = isPlain || (isInteger &&
      words.every((list) => list.includes("integer") || list.includes("number")));
    if (!isAllowed) return [];
    const values = listed?.filter((value) => isOfType(value, isInteger ? "integer" : type));
    if (values?.length === 0) return [];
    return [{ type, isInteger, all, values: values ?? allOfType(type), root }];
  });
}

function allOfType(type: TypeName): readonly unknown[] | undefined {
  if (type === "null") return [null];
  return type === "boolean" ? [false, true] : undefined;
}

/** The values that every list names; undefined where there is no list. */
function valuesOf(all: readonly JsonSchema[]): readonly unknown[] | undefined {
  const lists = all.flatMap((part) => [
    ...("const" in part ? [[part.const]] : []),
    ...(Array.isArray(part.enum) ? [part.enum] : []),
  ]);
  const [first, ...others] = lists;
  const texts = others.map((list) => new Set(list.map(canonicalJson)));
  return first?.filter((value) => texts.every((list) => list.has(canonicalJson(value))));
}
