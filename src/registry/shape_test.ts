import { deepEqual, equal } from "node:assert/strict";
import type { JsonSchema } from "../core/workflow.ts";
import { type Inner, innerOf, requiredOf, type Shape, shapeOf, typesOf } from "./shape.ts";

/** What is at a path: its types, `?` when it may be absent; or what is missing. */
function at(schema: JsonSchema, ...path: (string | number)[]): string {
  let inner: Inner = { kind: "found", shape: shapeOf(schema), isOptional: false };
  let isOptional = false;
  for (const key of path) {
    if (inner.kind === "missing") break;
    const found: Inner = innerOf(inner.shape, key);
    isOptional ||= found.kind === "found" && found.isOptional;
    inner = found;
  }
  if (inner.kind === "missing") return `missing of ${inner.names?.join(",") ?? "no object"}`;
  return textOf(inner.shape) + (isOptional ? "?" : "");
}

function textOf(shape: Shape): string {
  return shape.kind === "unknown" ? "unknown" : [...typesOf(shape)].join("|");
}

const ORDER: JsonSchema = {
  type: "object",
  required: ["id", "lines"],
  properties: {
    id: { type: "string" },
    lines: { type: "array", minItems: 1, items: { $ref: "#/$defs/line" } },
    buyer: { type: ["object", "null"], properties: { name: { const: "ada" } } },
    pair: { type: "array", prefixItems: [{ type: "string" }], items: false },
    open: { type: "object" },
    map: { type: "object", additionalProperties: { type: "integer" } },
    tagged: { type: "object", patternProperties: { "^x-": { type: "boolean" } } },
  },
  $defs: {
    line: {
      type: "object",
      required: ["n"],
      properties: { n: { type: "number" }, next: { $ref: "#/$defs/line" } },
    },
  },
};

Deno.test("a path through objects, lists and references ends at a type", () => {
  deepEqual(
    [
      at(ORDER, "id"),
      at(ORDER, "lines", 0, "n"),
      at(ORDER, "lines", 1, "n"),
      at(ORDER, "lines", 0, "next", "next", "n"),
      at(ORDER, "buyer", "name"),
      at(ORDER, "pair", 0),
      at(ORDER, "open", "x"),
      at(ORDER, "map", "x"),
      at(ORDER, "tagged", "x-a"),
    ],
    [
      "string",
      "integer|fraction",
      "integer|fraction?",
      "integer|fraction?",
      "string?",
      "string?",
      "unknown?",
      "integer?",
      "boolean?",
    ],
  );
});

Deno.test("a field that an object does not declare is missing", () => {
  deepEqual(
    [at(ORDER, "idd"), at(ORDER, "id", "x"), at(ORDER, "lines", "n"), at(ORDER, "pair", 1)],
    [
      "missing of id,lines,buyer,pair,open,map,tagged",
      "missing of no object",
      "missing of no object",
      "missing of ",
    ],
  );
});

Deno.test("a value that may be of several forms has what one of them has", () => {
  const either: JsonSchema = {
    anyOf: [
      { type: "object", required: ["a", "c"], properties: { a: { type: "string" }, c: {} } },
      {
        type: "object",
        required: ["a", "b"],
        properties: { a: { type: "null" }, b: { type: "boolean" } },
      },
    ],
  };

  deepEqual([at(either, "a"), at(either, "b"), at(either, "d")], [
    "string|null",
    "boolean?",
    "missing of a,c,b",
  ]);
  deepEqual(requiredOf(shapeOf(either)), ["a"]);
});

Deno.test("schemas that hold together add to each other", () => {
  const both: JsonSchema = {
    type: "object",
    properties: { a: { type: ["string", "null"] } },
    allOf: [{ required: ["a"], properties: { a: { type: ["string", "integer"] } } }],
  };

  equal(at(both, "a"), "string");
});

Deno.test("what would take too long to follow is not known", () => {
  const two = { anyOf: [{ type: "string" }, { type: "integer" }] };
  const endless: JsonSchema = { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/a" } } };

  equal(
    textOf(shapeOf({ allOf: Array(20).fill({ anyOf: [{ minLength: 1 }, { minimum: 1 }] }) })),
    "unknown",
  );
  equal(textOf(shapeOf(endless)), "unknown");
  equal(textOf(shapeOf({ $ref: "#/$defs/none" })), "unknown");
  equal(textOf(shapeOf({ allOf: Array(20).fill(two) })), "string|integer");
});

Deno.test("schemas that cross each other without end are not known, and are soon left alone", () => {
  let looks = 0;
  const counted = (schema: JsonSchema) => ({
    get type() {
      looks++;
      return "object";
    },
    ...schema,
  });
  const three = (n: number) => ({
    anyOf: ["p", "q", "z"].map((name) => counted({ required: [`${name}${n}`] })),
  });
  const crossing: JsonSchema = { allOf: Array.from({ length: 40 }, (_, n) => three(n)) };
  const nothing = (n: number): unknown => ({ $ref: `#/$defs/d${n}` });
  const refused: JsonSchema = {
    ...{ $ref: "#/$defs/d12" },
    $defs: {
      d0: false,
      ...Object.fromEntries(
        Array.from({ length: 12 }, (_, n) => [`d${n + 1}`, { anyOf: Array(20).fill(nothing(n)) }]),
      ),
    },
  };

  equal(textOf(shapeOf(crossing)), "unknown");
  equal(textOf(shapeOf(refused)), "unknown");
  equal(looks <= 120, true);
});
