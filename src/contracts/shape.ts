/** Shapes: JSON Schemas as the types of programming languages. */

import type { JsonSchema } from "../core/workflow.ts";

/** A value that a language can name as a type. */
export type Literal = string | number | boolean | null;

/** A field of an object. */
export interface Field {
  readonly name: string;
  readonly shape: Shape;
  readonly isRequired: boolean;
  readonly description?: string;
}

/**
 * The shape of a JSON value. It holds every value of its schema, and may hold more: no type says what
 * a pattern, a bound or a condition says.
 *
 * Shape: `ref` names another shape: one of the schema's definitions by its JSON pointer, `#` being the
 * whole; among named types, one of those by its name.
 */
export type Shape =
  | { readonly kind: "any" | "never" }
  | { readonly kind: "null" | "boolean" | "integer" | "number" | "string" }
  | { readonly kind: "literal"; readonly values: readonly Literal[] }
  | { readonly kind: "array"; readonly items: Shape }
  | {
    readonly kind: "tuple";
    readonly items: readonly Shape[];
    readonly required: number;
    readonly rest: Shape;
  }
  | { readonly kind: "map"; readonly values: Shape }
  | ObjectShape
  | { readonly kind: "union"; readonly of: readonly Shape[] }
  | { readonly kind: "ref"; readonly to: string };

/** An object with named fields. */
export interface ObjectShape {
  readonly kind: "object";
  readonly fields: readonly Field[];
  /** Whether the schema speaks of further fields, says nothing of them, or allows none. */
  readonly others: "named" | "unsaid" | "none";
  /** The schema says nothing of values that are not objects. */
  readonly isLoose: boolean;
}

/** A schema as shapes. */
export interface Shapes {
  readonly shape: Shape;
  /** The definitions that shapes refer to, by JSON pointer. */
  readonly definitions: ReadonlyMap<string, Shape>;
}

const ANY: Shape = { kind: "any" };
const NEVER: Shape = { kind: "never" };

/** Reads the shape of a schema. What a type cannot say is left open. */
export function readShapes(schema: JsonSchema): Shapes {
  const reader = new Reader(schema);
  const shape = reader.whole(schema);
  return { shape, definitions: reader.definitions };
}

class Reader {
  readonly definitions = new Map<string, Shape>();
  readonly #root: JsonSchema;

  constructor(root: JsonSchema) {
    this.#root = root;
  }

  /** Reads a schema that stands alone. */
  whole(schema: unknown): Shape {
    const shape = this.#read(schema);
    const parts = shape.kind === "union" ? shape.of : [shape];
    return parts.some((part) => part.kind === "object" && part.isLoose) ? ANY : shape;
  }

  /** Reads a schema that others may add to. */
  #read(schema: unknown): Shape {
    if (schema === false) return NEVER;
    if (!isRecord(schema)) return ANY;
    const { $ref, allOf, anyOf, oneOf, not } = schema;
    const isNothing = not === true || (isRecord(not) && Object.keys(not).length === 0);
    const parts = [
      isNothing ? NEVER : this.#own(schema),
      ...(typeof $ref === "string" ? [this.#reference($ref)] : []),
      ...listOf(allOf).map((part) => this.#read(part)),
      ...[anyOf, oneOf].filter(Array.isArray)
        .map((parts) => unionOf(parts.map((part) => this.#read(part)))),
    ];
    return parts.reduce((one, other) => this.#both(one, other));
  }

  /** Reads what the schema itself says, without its parts. */
  #own(schema: JsonSchema): Shape {
    const types = schema.type === undefined ? undefined : listOf(schema.type);
    const values = "const" in schema ? [schema.const] : schema.enum;
    if (Array.isArray(values) && values.every(isLiteral)) {
      const fit = values.filter((value) => types?.some((type) => isOfType(value, type)) ?? true);
      return fit.length === 0 ? NEVER : { kind: "literal", values: fit };
    }
    if (types !== undefined) return unionOf(types.map((type) => this.#ofType(type, schema)));
    return isRecord(schema.properties) ? this.#object(schema, true) : ANY;
  }

  #ofType(type: unknown, schema: JsonSchema): Shape {
    switch (type) {
      case "null":
      case "boolean":
      case "integer":
      case "number":
      case "string":
        return { kind: type };
      case "array":
        return this.#array(schema);
      case "object":
        return this.#object(schema, false);
      default:
        return ANY;
    }
  }

  #array({ prefixItems, items, minItems }: JsonSchema): Shape {
    const first = listOf(prefixItems);
    const rest = this.whole(items);
    if (first.length === 0) return { kind: "array", items: rest };
    const required = typeof minItems === "number" ? Math.min(minItems, first.length) : 0;
    return { kind: "tuple", items: first.map((item) => this.whole(item)), required, rest };
  }

  #object(schema: JsonSchema, isLoose: boolean): Shape {
    const { additionalProperties: more, patternProperties } = schema;
    const properties = isRecord(schema.properties) ? schema.properties : {};
    const required = new Set(listOf(schema.required).filter((name) => typeof name === "string"));
    const names = [...new Set([...Object.keys(properties), ...required])];
    const isMap = names.length === 0 && !isLoose;
    if (isMap && patternProperties !== undefined) return { kind: "map", values: ANY };
    if (isMap && more !== false) return { kind: "map", values: this.whole(more) };
    const fields = names.map((name): Field => {
      const known = Object.hasOwn(properties, name) ? properties[name] : more;
      const text = isRecord(known) ? known.description : undefined;
      return {
        name,
        shape: this.whole(known),
        isRequired: required.has(name),
        ...(typeof text === "string" && { description: oneLine(text) }),
      };
    });
    const others = more === true || isRecord(more) ? "named" : more === false ? "none" : "unsaid";
    return { kind: "object", fields, others, isLoose };
  }

  /** A reference to a definition that is being read is kept: it is recursive. */
  #reference(pointer: string): Shape {
    const target = this.#find(pointer);
    if (target === undefined) return ANY;
    if (!this.definitions.has(pointer)) {
      this.definitions.set(pointer, ANY);
      this.definitions.set(pointer, this.whole(target));
    }
    return { kind: "ref", to: pointer };
  }

  /** Other documents are not read. */
  #find(pointer: string): unknown {
    if (pointer !== "#" && !pointer.startsWith("#/")) return undefined;
    let at: unknown = this.#root;
    for (const part of pointer.split("/").slice(1)) {
      const name = decoded(part).replaceAll("~1", "/").replaceAll("~0", "~");
      if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
      at = (at as JsonSchema)[name];
    }
    return at;
  }

  /** Returns a shape that holds what both hold. Where no type can say it, one of the two does. */
  #both(one: Shape, other: Shape): Shape {
    if (one.kind === "any" || other.kind === "never") return other;
    if (other.kind === "any" || one.kind === "never") return one;
    if (one.kind === "union") return unionOf(one.of.map((part) => this.#both(part, other)));
    if (other.kind === "union") return unionOf(other.of.map((part) => this.#both(one, part)));
    if (one.kind === "ref" || other.kind === "ref") return this.#bothOfReferences(one, other);
    if (one.kind === "object" && other.kind === "object") return this.#bothObjects(one, other);
    if (isLooseObject(one)) return other;
    if (isLooseObject(other)) return one;
    if (one.kind === "array" && other.kind === "array") {
      return { kind: "array", items: this.#both(one.items, other.items) };
    }
    if (one.kind === "map" && other.kind === "map") {
      return { kind: "map", values: this.#both(one.values, other.values) };
    }
    return narrower(one, other) ?? narrower(other, one) ?? NEVER;
  }

  #bothOfReferences(one: Shape, other: Shape): Shape {
    const reference = one.kind === "ref" ? one : other;
    const beside = one.kind === "ref" ? other : one;
    if (reference.kind !== "ref" || (beside.kind === "ref")) return reference;
    const known = this.definitions.get(reference.to) ?? ANY;
    if (known.kind === "any" || known.kind === "ref") return reference;
    return this.#both(known, beside);
  }

  #bothObjects(one: ObjectShape, other: ObjectShape): Shape {
    const fields = new Map(one.fields.map((field) => [field.name, field]));
    for (const field of other.fields) {
      const known = fields.get(field.name);
      const shape = known === undefined ? field.shape : this.#both(known.shape, field.shape);
      const isRequired = field.isRequired || known?.isRequired === true;
      fields.set(field.name, { ...known, ...field, shape, isRequired });
    }
    const said = [one.others, other.others];
    return {
      kind: "object",
      fields: [...fields.values()],
      others: (["named", "none"] as const).find((others) => said.includes(others)) ?? "unsaid",
      isLoose: one.isLoose && other.isLoose,
    };
  }
}

/** Returns the first where it is as narrow as the second; undefined where it may not be. */
function narrower(one: Shape, other: Shape): Shape | undefined {
  if (one.kind === "literal") {
    const values = one.values.filter((value) => isInside(value, other));
    return values.length === 0 ? undefined : { kind: "literal", values };
  }
  if (one.kind === other.kind) return one;
  if (one.kind === "integer" && other.kind === "number") return one;
  if (one.kind === "tuple" && other.kind === "array") return one;
  if (one.kind === "object" && other.kind === "map") return one;
  return undefined;
}

function isInside(value: Literal, shape: Shape): boolean {
  return shape.kind === "literal" ? shape.values.includes(value) : isOfType(value, shape.kind);
}

/** Returns one of several shapes, without doubles. */
export function unionOf(shapes: readonly Shape[]): Shape {
  const flat = shapes.flatMap((shape) => shape.kind === "union" ? shape.of : [shape]);
  if (flat.some(({ kind }) => kind === "any")) return ANY;
  const values = flat.flatMap((shape) => shape.kind === "literal" ? shape.values : []);
  const literals: Shape[] = values.length === 0
    ? []
    : [{ kind: "literal", values: [...new Set(values)] }];
  const others = flat.filter(({ kind }) => kind !== "literal" && kind !== "never");
  const unique = new Map([...others, ...literals].map((shape) => [JSON.stringify(shape), shape]));
  const of = [...unique.values()];
  const [only] = of;
  return of.length > 1 ? { kind: "union", of } : only ?? NEVER;
}

/** Returns what a shape refers to. */
export function refsIn(shape: Shape): readonly string[] {
  switch (shape.kind) {
    case "ref":
      return [shape.to];
    case "object":
      return shape.fields.flatMap((field) => refsIn(field.shape));
    case "array":
      return refsIn(shape.items);
    case "map":
      return refsIn(shape.values);
    case "tuple":
      return [...shape.items, shape.rest].flatMap(refsIn);
    case "union":
      return shape.of.flatMap(refsIn);
    default:
      return [];
  }
}

function isLooseObject(shape: Shape): boolean {
  return shape.kind === "object" && shape.isLoose;
}

function isOfType(value: Literal, type: unknown): boolean {
  if (typeof value !== "number") return type === (value === null ? "null" : typeof value);
  return type === "number" || (type === "integer" && Number.isInteger(value));
}

function isLiteral(value: unknown): value is Literal {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

function isRecord(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

/** As a comment can hold it, whoever wrote it: no line break, nothing that is not seen. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{C}\p{Z}]+/gu, " ").trim();
}

/** A pointer in a fragment may be percent-encoded. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
