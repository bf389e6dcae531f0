import fc from "fast-check";
import { deepEqual, equal, ok } from "node:assert/strict";
import { drawChanged, drawSchema, drawValue } from "../../tests/support/random_schema.ts";
import { compareSchemas } from "./compatibility.ts";
import { alternativesOf } from "./schema_alternatives.ts";
import { examplesOf } from "./schema_examples.ts";
import { partOf } from "./schema_parts.ts";
import { checkByStored } from "./stored_schema.ts";
import type { JsonSchema } from "./workflow.ts";

/** Pairs of schemas, and values of each pair. */
const PAIRS = 500;
const VALUES_EACH = 8;

Deno.test("what is called compatible accepts each value, and what breaks refuses its example", () => {
  const seed = crypto.getRandomValues(new Int32Array(1))[0] as number;
  const counts = { compatible: 0, breaks: 0, unclear: 0, values: 0 };

  fc.assert(
    fc.property(fc.gen(), (draw) => {
      const from = drawSchema(draw);
      const isChanged = draw(fc.boolean);
      const to = isChanged ? drawChanged(draw, from) : drawSchema(draw);
      const found = compareSchemas(from, to);
      counts[found.kind]++;
      if (found.kind === "breaks") {
        ok(checkByStored(from, found.example).ok);
        ok(!checkByStored(to, found.example).ok);
      }
      for (let index = 0; index < VALUES_EACH; index++) {
        const value = drawValue(draw, index % 2 === 0 ? from : to);
        if (found.kind !== "compatible" || !checkByStored(from, value).ok) continue;
        counts.values++;
        ok(checkByStored(to, value).ok, JSON.stringify({ from, to, value }));
      }
    }),
    { numRuns: PAIRS, seed },
  );

  console.log(`seed ${seed}:`, counts);
  ok(counts.values > PAIRS / 4);
  ok(counts.unclear < PAIRS / 5, "most pairs are unclear");
});

/** Compares two schemas of a field "a" of an object. */
function compareFields(from: JsonSchema, to: JsonSchema) {
  return compareSchemas(
    { type: "object", properties: { a: from } },
    { type: "object", properties: { a: to } },
  );
}

const TEXT: JsonSchema = { type: "string" };

Deno.test("a new required field breaks, and the example lacks it", () => {
  const from = { type: "object", properties: { id: TEXT }, required: ["id"] };
  const to = { ...from, properties: { id: TEXT, sku: TEXT }, required: ["id", "sku"] };

  const found = compareSchemas(from, to);

  ok(found.kind === "breaks");
  deepEqual(found.misfits.filter(({ detail }) => detail.includes("required")), [
    { path: "sku", detail: "is required" },
  ]);
  deepEqual(Object.keys(found.example as object), ["id"]);
});

Deno.test("a new optional field breaks only where others were allowed", () => {
  const closed = { type: "object", properties: { id: TEXT }, additionalProperties: false };
  const more = { ...closed, properties: { id: TEXT, sku: TEXT } };
  const { additionalProperties: _, ...open } = closed;

  equal(compareSchemas(closed, more).kind, "compatible");
  equal(compareSchemas(more, closed).kind, "breaks");
  equal(compareSchemas(open, more).kind, "breaks");
});

Deno.test("what a keyword accepts may grow, and may not shrink", () => {
  const wider: readonly (readonly [JsonSchema, JsonSchema])[] = [
    [{ type: "integer" }, { type: "number" }],
    [TEXT, { type: ["string", "null"] }],
    [{ enum: ["a"] }, { enum: ["a", "b"] }],
    [{ const: 1 }, { type: "integer" }],
    [{ type: "string", maxLength: 3 }, { type: "string", maxLength: 4 }],
    [{ type: "string", minLength: 3 }, { type: "string", minLength: 2 }],
    [{ type: "integer", minimum: 1 }, { type: "integer", exclusiveMinimum: -1 }],
    [{ type: "number", maximum: 1 }, { type: "number", maximum: 2 }],
    [{ type: "integer", multipleOf: 4 }, { type: "integer", multipleOf: 2 }],
    [{ type: "array", items: TEXT, minItems: 1 }, { type: "array", items: TEXT }],
    [{ type: "array", uniqueItems: true }, { type: "array" }],
    [{ type: "array", prefixItems: [TEXT], items: false }, { type: "array", items: TEXT }],
    [{ type: "string", pattern: "^a" }, TEXT],
    [TEXT, { anyOf: [TEXT, { type: "null" }] }],
    [{ allOf: [TEXT, { minLength: 2 }] }, { type: "string", minLength: 1 }],
  ];

  for (const [narrow, wide] of wider) {
    const name = JSON.stringify([narrow, wide]);
    equal(compareFields(narrow, wide).kind, "compatible", name);
    equal(compareFields(wide, narrow).kind, "breaks", name);
  }
});

Deno.test("another alternative of a tagged union is compatible, one less breaks", () => {
  const kind = (name: string) => ({
    type: "object",
    properties: { kind: { const: name }, sum: { type: "number" } },
    required: ["kind"],
  });
  const two = { oneOf: [kind("card"), kind("cash")] };
  const three = { oneOf: [kind("card"), kind("cash"), kind("bill")] };

  equal(compareFields(two, three).kind, "compatible");
  equal(compareFields(three, two).kind, "breaks");
});

Deno.test("a recursive schema is compared with another one", () => {
  const tree = (leaf: JsonSchema): JsonSchema => ({
    $ref: "#/$defs/tree",
    $defs: {
      tree: {
        type: "object",
        properties: { leaf, of: { $ref: "#/$defs/tree" } },
        required: ["of"],
      },
      list: { type: "object", properties: { leaf, next: { $ref: "#/$defs/list" } } },
    },
  });
  const list = (leaf: JsonSchema) => ({ ...tree(leaf), $ref: "#/$defs/list" });

  equal(compareSchemas(list({ type: "integer" }), list({ type: "number" })).kind, "compatible");
  equal(compareSchemas(list({ type: "number" }), list({ type: "integer" })).kind, "breaks");
});

Deno.test("what is not compared is unclear, unless both say it in the same words", () => {
  const words: readonly JsonSchema[] = [
    { not: { const: "x" } },
    { if: { minLength: 2 }, then: { pattern: "^z" } },
    { pattern: "^q[0-9]{9}$" },
  ];

  for (const word of words) {
    equal(compareFields({ ...TEXT, ...word }, { ...TEXT, ...word, title: "t" }).kind, "compatible");
    equal(
      compareFields({ ...TEXT, pattern: "^q[0-9]{8}7$" }, { ...TEXT, ...word }).kind,
      "unclear",
    );
  }
});

Deno.test("a comparison of many alternatives ends, as unclear", () => {
  const one = (depth: number): JsonSchema =>
    depth === 0
      ? TEXT
      : { anyOf: [{ properties: { a: one(depth - 1) } }, { properties: { b: one(depth - 1) } }] };

  ok(["unclear", "breaks", "compatible"].includes(compareSchemas(one(7), { not: one(6) }).kind));
});

Deno.test("a schema that names itself several times in one place is no larger a level deeper", () => {
  const node = { $ref: "#/$defs/node" };
  const next = { allOf: [node, { anyOf: [node, node] }] };
  const root = { ...node, $defs: { node: { type: "object", properties: { next } } } };
  let at: Parameters<typeof alternativesOf>[0] = { schema: root, root };

  for (let level = 0; level < 12; level++) {
    const [one, ...others] = alternativesOf(at);
    ok(one !== undefined && others.length === 0);
    at = partOf(one, "next");
    ok(JSON.stringify(at.schema).length < 500, `level ${level}`);
  }
});

Deno.test("a definition that many refer to is read once a level, not once for each of them", () => {
  let reads = 0;
  const next = (level: number) =>
    Array.from({ length: 3 }, () => ({ $ref: `#/$defs/d${level + 1}` }));
  const $defs: Record<string, JsonSchema> = { d6: TEXT };
  for (let level = 0; level < 6; level++) {
    $defs[`d${level}`] = {
      get anyOf() {
        reads++;
        return next(level);
      },
    };
  }
  const root = { $ref: "#/$defs/d0", $defs };

  equal(alternativesOf({ schema: root, root }).length, 1);
  ok(reads <= 6, `${reads} reads`);
});

Deno.test("a schema of many parts is compared field by field, not once more for each of its parts", () => {
  let looks = 0;
  const parts = (field: JsonSchema) =>
    Array.from({ length: 60 }, (_, part) => ({
      properties: new Proxy({ [`f${part}`]: field }, {
        getOwnPropertyDescriptor(target, name) {
          looks++;
          return Reflect.getOwnPropertyDescriptor(target, name);
        },
      }),
    }));
  const one = { type: "object", allOf: parts(TEXT) };

  equal(compareSchemas(one, { type: "object", allOf: parts({ type: "number" }) }).kind, "breaks");
  ok(looks < 10 * 60 * 60, `${looks} looks`);
});

Deno.test("all examples of a schema with many fields are bounded together", () => {
  const required = Array.from({ length: 600 }, (_, at) => `f${at}`);
  const properties = Object.fromEntries(required.map((name) => [name, TEXT]));
  const schema = { type: "object", properties, required };

  const examples = examplesOf({ schema, root: schema }) as readonly object[];

  ok(examples.length > 10);
  const values = examples.reduce((sum, one) => sum + Object.keys(one).length, 0);
  ok(values <= 200_000, `${values} values`);
});
