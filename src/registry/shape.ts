/** Shapes: what a JSON Schema says of a value's types and fields, as far as its structure says. */

import { patternOf } from "../core/pattern.ts";
import type { JsonSchema } from "../core/workflow.ts";

/** Schemas that hold together: one way in which a value may be. */
type Variant = readonly JsonSchema[];

/** A value as its schema describes it: in one of several ways, field by field, or not at all. */
export type Shape =
  | { readonly kind: "unknown" }
  | { readonly kind: "fields"; readonly fields: Readonly<Record<string, Inner>> }
  | { readonly kind: "known"; readonly variants: readonly Variant[]; readonly root: JsonSchema };

/** What is at a key of a value. */
export type Inner =
  | { readonly kind: "found"; readonly shape: Shape; readonly isOptional: boolean }
  /** `names`: the fields that there are; absent when the value is not one that has fields. */
  | { readonly kind: "missing"; readonly names?: readonly string[] };

/** The types of JSON; a number that is not whole is a `fraction`. */
const TYPES = ["null", "boolean", "string", "integer", "fraction", "object", "array"] as const;

/** One of `TYPES`. */
export type JsonType = typeof TYPES[number];

/** More ways than this are not looked at. */
const VARIANTS_MAX = 64;

/** References to references, and schemas in schemas, that are followed. */
const DEPTH_MAX = 16;

/** Schemas that are looked at for one shape, each as often as the ways that it stands in: about 10 ms. */
const LOOKS_MAX = 10_000;

/** How many more schemas may be looked at. */
interface Budget {
  left: number;
}

/** Nothing is known. */
export const UNKNOWN: Shape = { kind: "unknown" };

/** The shape of what a schema accepts. */
export function shapeOf(schema: JsonSchema | undefined, root = schema): Shape {
  if (schema === undefined || root === undefined) return UNKNOWN;
  const variants = variantsOf(schema, { root, depth: 0, budget: { left: LOOKS_MAX } });
  return variants === undefined ? UNKNOWN : { kind: "known", variants, root };
}

/** The types that a value may have. */
export function typesOf(shape: Shape): ReadonlySet<JsonType> {
  if (shape.kind === "unknown") return new Set(TYPES);
  if (shape.kind === "fields") return new Set(["object"]);
  return new Set(shape.variants.flatMap((variant) => [...variantTypes(variant)]));
}

/** The fields that a value must have; of several ways, those that all of them ask for. */
export function requiredOf(shape: Shape): readonly string[] {
  if (shape.kind !== "known") return [];
  const [first = [], ...others] = shape.variants.map((variant) => variant.flatMap(requiredIn));
  return [...new Set(first)].filter((name) => others.every((names) => names.includes(name)));
}

/** The values that a value must be one of; undefined: any. */
export function choicesOf(shape: Shape): readonly unknown[] | undefined {
  if (shape.kind !== "known") return undefined;
  const choices = shape.variants.map((variant) => variant.flatMap(enumIn)[0]);
  return choices.some((list) => list === undefined) ? undefined : choices.flat();
}

/**
 * What a value has at a key. A field that an object does not declare is missing, unless
 * `additionalProperties` says that there are others.
 */
export function innerOf(shape: Shape, key: string | number): Inner {
  if (shape.kind === "unknown") return { kind: "found", shape, isOptional: true };
  if (shape.kind === "fields") {
    const names = Object.keys(shape.fields);
    return names.includes(String(key)) && shape.fields[key] || { kind: "missing", names };
  }
  const { root } = shape;
  const inners = shape.variants.map((variant) =>
    typeof key === "string" ? fieldOf(variant, key, root) : elementOf(variant, key, root)
  );
  const found = inners.filter((inner) => inner.kind === "found");
  if (found.length === 0) {
    const names = inners.flatMap((inner) => inner.kind === "missing" ? inner.names ?? [] : []);
    const hasFields = inners.some((inner) => inner.kind === "missing" && inner.names !== undefined);
    return { kind: "missing", ...(hasFields && { names: [...new Set(names)] }) };
  }
  const isOptional = found.length < inners.length || found.some((inner) => inner.isOptional);
  return { kind: "found", shape: anyOf(found.map((inner) => inner.shape), root), isOptional };
}

/** Whether an object that has a field of this name cannot be valid. */
export function isFieldRefused(shape: Shape, name: string): boolean {
  if (shape.kind !== "known") return false;
  return shape.variants.every((variant) =>
    variant.some((schema) => isClosed(schema) && declared(schema, name) === undefined) &&
    variant.every((schema) => declared(schema, name) === undefined)
  );
}

/** The names of the fields that an object declares. */
export function fieldNamesOf(shape: Shape): readonly string[] {
  return shape.kind === "known"
    ? shape.variants.flatMap((variant) => variant.flatMap(namesIn))
    : [];
}

function anyOf(shapes: readonly Shape[], root: JsonSchema): Shape {
  const variants = shapes.flatMap((shape) => shape.kind === "known" ? shape.variants : []);
  const isKnown = shapes.every(({ kind }) => kind === "known") && variants.length <= VARIANTS_MAX;
  return isKnown ? { kind: "known", variants, root } : UNKNOWN;
}

/** Where a schema stands, and how many may be looked at. */
interface Looking {
  readonly root: JsonSchema;
  readonly depth: number;
  readonly budget: Budget;
}

/** Undefined: too many, or a reference that leads nowhere here. */
function variantsOf(schema: unknown, at: Looking): readonly Variant[] | undefined {
  const { root, depth, budget } = at;
  if (budget.left-- <= 0) return undefined;
  if (schema === true) return [[]];
  if (schema === false) return [];
  if (!isSchema(schema) || depth > DEPTH_MAX) return undefined;
  const inner = { ...at, depth: depth + 1 };
  const { $ref, $dynamicRef, allOf, anyOf, oneOf, ...own } = schema;
  if ($dynamicRef !== undefined) return undefined;
  let variants: readonly Variant[] | undefined = [[own]];
  const all = Array.isArray(allOf) ? allOf : [];
  for (const one of [...$ref === undefined ? [] : [targetOf($ref, root)], ...all]) {
    const more = variantsOf(one, inner);
    variants = more && crossed(variants, more, budget);
    if (variants === undefined) return undefined;
  }
  for (const choices of [anyOf, oneOf]) {
    if (!Array.isArray(choices)) continue;
    const ways: Variant[] = [];
    for (const one of choices) {
      const more = variantsOf(one, inner);
      if (more === undefined) return undefined;
      ways.push(...more);
    }
    variants = crossed(variants, ways, budget);
    if (variants === undefined) return undefined;
  }
  return variants;
}

/** Undefined: too many. */
function crossed(
  some: readonly Variant[],
  others: readonly Variant[],
  budget: Budget,
): readonly Variant[] | undefined {
  const pairs: Variant[] = [];
  for (const one of some) {
    for (const other of others) {
      budget.left -= one.length + other.length;
      if (budget.left <= 0) return undefined;
      const pair = [...one, ...other];
      if (variantTypes(pair).size > 0) pairs.push(pair);
      if (pairs.length > VARIANTS_MAX) return undefined;
    }
  }
  return pairs;
}

function targetOf(reference: unknown, root: JsonSchema): unknown {
  if (typeof reference !== "string" || !/^#(?:\/|$)/.test(reference)) return undefined;
  return reference.split("/").slice(1).reduce<unknown>((value, part) => {
    const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    const isThere = typeof value === "object" && value !== null && Object.hasOwn(value, key);
    return isThere ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
  }, root);
}

function variantTypes(variant: Variant): ReadonlySet<JsonType> {
  let types: ReadonlySet<JsonType> = new Set(TYPES);
  for (const schema of variant) types = types.intersection(typesIn(schema));
  return types;
}

function typesIn(schema: JsonSchema): ReadonlySet<JsonType> {
  const [choices] = enumIn(schema);
  if (choices !== undefined) return new Set(choices.map(typeOfValue));
  if (schema.type === undefined) return new Set(TYPES);
  return new Set(
    [schema.type].flat().flatMap((type) =>
      type === "number" ? ["integer", "fraction"] as const : [type as JsonType]
    ),
  );
}

/** The type of a value. */
export function typeOfValue(value: unknown): JsonType {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "fraction";
  return typeof value as "boolean" | "string" | "object";
}

function enumIn(schema: JsonSchema): readonly (readonly unknown[])[] {
  if (Object.hasOwn(schema, "const")) return [[schema.const]];
  return Array.isArray(schema.enum) ? [schema.enum] : [];
}

function requiredIn({ required }: JsonSchema): readonly string[] {
  return Array.isArray(required) ? required.map(String) : [];
}

function namesIn({ properties }: JsonSchema): readonly string[] {
  return isSchema(properties) ? Object.keys(properties) : [];
}

/** The schema of a field that an object names, by itself or by a pattern. */
function declared(schema: JsonSchema, name: string): unknown {
  const { properties, patternProperties } = schema;
  if (isSchema(properties) && Object.hasOwn(properties, name)) return properties[name];
  const patterns = isSchema(patternProperties) ? Object.entries(patternProperties) : [];
  return patterns.find(([pattern]) => matches(pattern, name))?.[1];
}

function matches(pattern: string, name: string): boolean {
  try {
    return patternOf(pattern).test(name);
  } catch {
    return true; // what it means is not known here
  }
}

function isClosed(schema: JsonSchema): boolean {
  return schema.additionalProperties === false || schema.unevaluatedProperties === false;
}

function fieldOf(variant: Variant, name: string, root: JsonSchema): Inner {
  if (!variantTypes(variant).has("object")) return { kind: "missing" };
  const schemas = variant.flatMap((schema) => {
    const own = declared(schema, name);
    return own === undefined ? [] : [own];
  });
  const isOptional = !variantTypes(variant).isSubsetOf(new Set(["object"])) ||
    !variant.flatMap(requiredIn).includes(name);
  if (schemas.length > 0) {
    return { kind: "found", shape: shapeOf({ allOf: schemas }, root), isOptional };
  }
  const names = variant.flatMap(namesIn);
  const extra = variant.map(({ additionalProperties }) => additionalProperties);
  const isOpen = extra.some((one) => one === true || isSchema(one)) || names.length === 0;
  if (variant.some(isClosed) || !isOpen) return { kind: "missing", names };
  const schema = extra.find(isSchema);
  return { kind: "found", shape: shapeOf(schema, root), isOptional };
}

function elementOf(variant: Variant, index: number, root: JsonSchema): Inner {
  if (!variantTypes(variant).has("array")) return { kind: "missing" };
  const schemas = variant.flatMap(({ prefixItems, items }) => {
    const own = Array.isArray(prefixItems) ? prefixItems[index] : undefined;
    return own === undefined ? items === undefined ? [] : [items] : [own];
  });
  if (schemas.includes(false)) return { kind: "missing", names: [] };
  const isOptional = !variantTypes(variant).isSubsetOf(new Set(["array"])) ||
    !variant.some(({ minItems }) => typeof minItems === "number" && minItems > index);
  const shape = schemas.length === 0 ? UNKNOWN : shapeOf({ allOf: schemas }, root);
  return { kind: "found", shape, isOptional };
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
