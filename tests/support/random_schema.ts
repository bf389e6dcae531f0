/** Random JSON Schemas, and values that are meant to be valid under them: ajv has the last word. */

import fc from "fast-check";
import type { JsonSchema } from "../../src/core/workflow.ts";

/** Draws what is random; fast-check's own. */
type Draw = fc.GeneratorValue;

/** Names of fields, some of which languages reserve or cannot write. */
const NAMES = [
  "id",
  "sku",
  "order_id",
  "orderId",
  "class",
  "type",
  "def",
  "func",
  "None",
  "int",
  "list",
  "Any",
  "__secret",
  "a-b",
  "1st",
  "-",
  "é",
  "it's",
  'quo"te',
  "back`tick",
  "back\\slash",
  "line\nbreak",
  "$ref",
];

const WORDS = ["", "a", "b", "ab", "card", "é", "it's", 'quo"te', "line\nbreak", "*/", "`"];
const KINDS = ["string", "integer", "number", "boolean", "null", "array", "object"] as const;

function pick<T>(draw: Draw, list: readonly T[]): T {
  return draw(fc.constantFrom, ...list) as T;
}

function chance(draw: Draw, percent: number): boolean {
  return draw(fc.integer, { min: 0, max: 99 }) < percent;
}

function some<T>(draw: Draw, list: readonly T[], max: number): T[] {
  return draw(fc.subarray, [...list], { maxLength: Math.min(max, list.length) }) as T[];
}

/** Draws a schema. Shape: draft 2020-12; it may have no value at all. */
export function drawSchema(draw: Draw): JsonSchema {
  const isRecursive = chance(draw, 15);
  const schema = drawPart(draw, { depth: 3, isRecursive });
  if (!isRecursive) return schema;
  // A definition that is nothing but itself can be checked by nobody.
  return {
    ...schema,
    $defs: { node: drawKind(draw, "object", () => drawPart(draw, { depth: 2, isRecursive })) },
  };
}

interface Place {
  readonly depth: number;
  readonly isRecursive: boolean;
}

function drawPart(draw: Draw, { depth, isRecursive }: Place): JsonSchema {
  const inner = () => drawPart(draw, { depth: depth - 1, isRecursive });
  if (isRecursive && depth < 3 && chance(draw, 15)) return { $ref: "#/$defs/node" };
  if (chance(draw, 4)) return {};
  if (chance(draw, 8)) {
    return { enum: some(draw, [...WORDS, 0, 1, 2.5, true, null], 4).concat("x") };
  }
  if (depth > 0 && chance(draw, 12)) {
    const word = pick(draw, ["anyOf", "oneOf", "allOf"]);
    return { [word]: [inner(), inner()] };
  }
  const kind = pick(draw, depth > 0 ? KINDS : KINDS.slice(0, 5));
  const own = drawKind(draw, kind, inner);
  const described = chance(draw, 10) ? { description: pick(draw, WORDS) } : {};
  return {
    type: kind !== "null" && chance(draw, 10) ? [kind, "null"] : kind,
    ...own,
    ...described,
  };
}

function drawKind(draw: Draw, kind: (typeof KINDS)[number], inner: () => JsonSchema): JsonSchema {
  switch (kind) {
    case "string":
      return drawBounds(draw, "minLength", "maxLength", 0);
    case "integer":
    case "number":
      return {
        ...drawBounds(draw, "minimum", "maximum", -2),
        ...(chance(draw, 10) && { multipleOf: 2 }),
      };
    case "array":
      if (chance(draw, 20)) {
        return { prefixItems: [inner(), inner()], ...(chance(draw, 50) && { items: false }) };
      }
      return {
        items: inner(),
        ...drawBounds(draw, "minItems", "maxItems", 0),
        ...(chance(draw, 10) && { uniqueItems: true }),
      };
    case "object":
      return drawObject(draw, inner);
    default:
      return {};
  }
}

function drawBounds(draw: Draw, min: string, max: string, from: number): JsonSchema {
  const low = draw(fc.integer, { min: from, max: from + 3 });
  return {
    ...(chance(draw, 25) && { [min]: low }),
    ...(chance(draw, 25) && { [max]: low + draw(fc.integer, { min: 0, max: 4 }) }),
  };
}

function drawObject(draw: Draw, inner: () => JsonSchema): JsonSchema {
  const names = some(draw, NAMES, 4);
  const properties = Object.fromEntries(names.map((name) => [name, inner()]));
  const required = some(draw, chance(draw, 10) ? NAMES : names, 3);
  const more = pick(draw, [undefined, undefined, false, true, "schema"] as const);
  return {
    ...(names.length > 0 && { properties }),
    ...(required.length > 0 && { required }),
    ...(more !== undefined && { additionalProperties: more === "schema" ? inner() : more }),
  };
}

/** Draws a schema that differs from another one in one place, or in none. */
export function drawChanged(draw: Draw, schema: JsonSchema): JsonSchema {
  const inner = Object.entries(schema).filter(([word]) => INNER.has(word));
  if (inner.length > 0 && chance(draw, 60)) {
    const [word, part] = pick(draw, inner);
    if (Array.isArray(part)) {
      const index = draw(fc.nat, part.length - 1);
      return { ...schema, [word]: part.with(index, changedPart(draw, part[index])) };
    }
    if (word !== "properties" && word !== "$defs") {
      return { ...schema, [word]: changedPart(draw, part) };
    }
    const name = pick(draw, Object.keys(part as object));
    return {
      ...schema,
      [word]: { ...part as object, [name]: changedPart(draw, (part as JsonSchema)[name]) },
    };
  }
  return drawChangedHere(draw, schema);
}

/** Keywords that hold schemas. */
const INNER: ReadonlySet<string> = new Set(
  "$defs additionalProperties allOf anyOf items oneOf prefixItems properties".split(" "),
);

function changedPart(draw: Draw, part: unknown): unknown {
  return isRecord(part) ? drawChanged(draw, part) : chance(draw, 50) ? part : !part;
}

function drawChangedHere(draw: Draw, schema: JsonSchema): JsonSchema {
  const words = Object.keys(schema).filter((word) => word !== "$defs");
  const { type, required = [], enum: values, properties = {} } = schema as {
    type?: string;
    required?: string[];
    enum?: unknown[];
    properties?: JsonSchema;
  };
  const without = (word: string) => {
    const { [word]: _, ...rest } = schema;
    return rest;
  };
  switch (draw(fc.nat, 7)) {
    case 0:
      return words.length > 0 ? without(pick(draw, words)) : schema;
    case 1:
      return type === "object"
        ? { ...schema, required: [...new Set([...required, pick(draw, NAMES)])] }
        : schema;
    case 2:
      return {
        ...schema,
        ...drawBounds(draw, "minLength", "maxLength", 0),
        ...drawBounds(draw, "minimum", "maximum", -2),
      };
    case 3:
      return type === "object"
        ? {
          ...schema,
          properties: { ...properties, [pick(draw, NAMES)]: { type: pick(draw, KINDS) } },
        }
        : schema;
    case 4:
      return values === undefined
        ? schema
        : { ...schema, enum: chance(draw, 50) ? [...values, "new"] : values.slice(0, 1) };
    case 5:
      return typeof type === "string"
        ? {
          ...schema,
          type: type === "integer" ? "number" : type === "null" ? "string" : [type, "null"],
        }
        : schema;
    case 6:
      return { ...schema, additionalProperties: chance(draw, 50) };
    default:
      return {
        anyOf: [schema, { type: pick(draw, KINDS) }],
        ...("$defs" in schema && { $defs: schema.$defs }),
      };
  }
}

/** Draws a value for a schema. It usually is valid; where it cannot be made easily, it is not. */
export function drawValue(draw: Draw, schema: unknown, root = schema, depth = 6): unknown {
  const inner = (part: unknown) => drawValue(draw, part, root, depth - 1);
  if (typeof schema !== "object" || schema === null || depth === 0) return drawAny(draw);
  const { $ref, $defs, enum: values, anyOf, oneOf, allOf, type } = schema as JsonSchema;
  if ($ref !== undefined) return inner((root as { $defs?: { node?: unknown } }).$defs?.node);
  if (Array.isArray(values)) return pick(draw, values);
  if (Array.isArray(anyOf ?? oneOf)) return inner(pick(draw, (anyOf ?? oneOf) as unknown[]));
  if (Array.isArray(allOf)) {
    const parts = allOf.map(inner);
    return parts.every(isRecord) ? Object.assign({}, ...parts) : parts[0];
  }
  void $defs;
  const kind = Array.isArray(type) ? pick(draw, type) : type;
  return drawOfKind(draw, kind, schema as JsonSchema, inner);
}

function drawOfKind(
  draw: Draw,
  kind: unknown,
  schema: JsonSchema,
  inner: (part: unknown) => unknown,
): unknown {
  const { minLength = 0, minimum = -3, minItems = 0 } = schema as Record<string, number>;
  switch (kind) {
    case "null":
      return null;
    case "boolean":
      return chance(draw, 50);
    case "string":
      return chance(draw, 50) ? pick(draw, WORDS) : "x".repeat(minLength + draw(fc.nat, 2));
    case "integer":
      return minimum + draw(fc.nat, 4);
    case "number":
      return minimum + draw(fc.nat, 8) / 2;
    case "array":
      return drawArray(draw, schema, minItems, inner);
    case "object":
      return drawFields(draw, schema, inner);
    default:
      return drawAny(draw);
  }
}

function drawArray(
  draw: Draw,
  { prefixItems, items }: JsonSchema,
  min: number,
  inner: (part: unknown) => unknown,
): unknown[] {
  if (Array.isArray(prefixItems)) return prefixItems.slice(0, draw(fc.nat, 2)).map(inner);
  return Array.from({ length: min + draw(fc.nat, 2) }, () => inner(items));
}

function drawFields(
  draw: Draw,
  { properties = {}, required = [], additionalProperties }: JsonSchema,
  inner: (part: unknown) => unknown,
): Record<string, unknown> {
  const known = properties as JsonSchema;
  const needed = required as readonly string[];
  const optional = Object.keys(known).filter(() => chance(draw, 50));
  const isOpen = additionalProperties !== undefined && additionalProperties !== false;
  const others = isOpen && chance(draw, 30) ? some(draw, NAMES, 1) : [];
  const names = new Set([...needed, ...optional, ...others]);
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      inner(Object.hasOwn(known, name) ? known[name] : additionalProperties),
    ]),
  );
}

/** Draws any small value. */
function drawAny(draw: Draw): unknown {
  return pick(draw, [null, true, false, 0, 1, -1, 2.5, "", "a", "ab", [], ["a"], {}, { id: 1 }]);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
