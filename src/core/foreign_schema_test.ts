import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import { readForeignSchema } from "./foreign_schema.ts";
import { checkByStored, whyUnusable } from "./stored_schema.ts";
import type { JsonSchema } from "./workflow.ts";

function faultsIn(schema: unknown): readonly string[] {
  const read = readForeignSchema(schema);
  assert.ok(!read.ok, JSON.stringify(schema));
  return read.faults.map(({ at, code }) => `${at.join("/")} ${code}`);
}

function check(schema: unknown, value: unknown) {
  const read = readForeignSchema(schema);
  assert.ok(read.ok, JSON.stringify(read));
  return checkByStored(read.schema, value);
}

Deno.test("a keyword that is not supported is refused by name, wherever it stands", () => {
  const schema = {
    type: "object",
    propertys: {},
    properties: { a: { nullable: true }, b: { items: { discriminator: {} } } },
    $defs: { c: { anyOf: [{ "x-note": 1 }] } },
    definitions: {},
  };

  assert.deepEqual(faultsIn(schema), [
    "propertys unknown_keyword",
    "properties/a/nullable unknown_keyword",
    "properties/b/items/discriminator unknown_keyword",
    "$defs/c/anyOf/0/x-note unknown_keyword",
    "definitions unknown_keyword",
  ]);
});

Deno.test("what to write for nullable has the types that stand beside it", () => {
  const adviceFor = (schema: Readonly<Record<string, unknown>>) => {
    const read = readForeignSchema(schema);
    return read.ok ? undefined : read.faults[0]?.detail.split("supported: ")[1];
  };

  assert.deepEqual(
    [
      { nullable: true, type: "integer" },
      { nullable: true, type: ["string", "boolean"] },
      { nullable: true },
      { nullable: false, type: "string" },
    ].map(adviceFor),
    [
      'write `type: [integer, "null"]`',
      'write `type: [string, boolean, "null"]`',
      "leave it out, it says nothing without a `type`",
      "leave it out, null is refused unless `type` has it",
    ],
  );
});

Deno.test("a field of an object may have the name of a keyword, known or not", () => {
  const fields = { nullable: { type: "string" }, if: { default: "x" }, format: {} };

  assert.ok(readForeignSchema({ type: "object", properties: fields }).ok);
});

Deno.test("a keyword with a value that it cannot have is refused at its place", () => {
  const schema = {
    type: "object",
    required: "a",
    properties: {
      "a/b": { type: "strin", minLength: "1" },
      c: { minimum: [] },
      d: 3,
      e: { enum: {} },
    },
  };

  assert.deepEqual(faultsIn(schema).toSorted(), [
    "properties/a/b/minLength bad_schema",
    "properties/a/b/type bad_schema",
    "properties/c/minimum bad_schema",
    "properties/d bad_schema",
    "properties/e/enum bad_schema",
    "required bad_schema",
  ]);
});

Deno.test("what would silently check nothing is refused", () => {
  for (
    const schema of [
      { if: {} },
      { then: {} },
      { minContains: 1 },
      { type: "string", format: "emai" },
      { $ref: "https://company.test/order.json" },
      { properties: { a: { $ref: "#/$defs/none" } } },
      { pattern: "(" },
      { anyOf: [{ properties: { a: { default: 1 } } }] },
      { $schema: "http://json-schema.org/draft-07/schema#" },
      { items: [{}] },
      { enum: [] },
      { required: ["a", "a"] },
      { description: "x".repeat(70_000) },
      true,
      null,
      [],
      "string",
    ]
  ) assert.equal(faultsIn(schema).length, 1, JSON.stringify(schema).slice(0, 99));
});

Deno.test("a format is checked by every node, and its fault names it", () => {
  const bad = {
    date: "2026-02-30",
    "date-time": "2026-01-01",
    email: "a@b",
    hostname: "-",
    ipv4: "1.2.3",
    ipv6: "1::2::3",
    time: "25:00:00Z",
    uri: "x",
    uuid: "1",
  };
  for (const [format, value] of Object.entries(bad)) {
    const checked = check({ type: "string", format }, value);
    assert.deepEqual(checked, {
      ok: false,
      faults: [{ path: "", code: "format", detail: `must match format "${format}"` }],
    });
  }
  assert.ok(check({ type: "string", format: "date-time" }, "2026-01-01T00:00:00+01:00").ok);
});

Deno.test("a format and a pattern of one text are both checked", () => {
  const schema = { type: "string", format: "email", pattern: "^a" };

  assert.ok(check(schema, "ada@b.test").ok);
  assert.ok(!check(schema, "bob@b.test").ok);
  assert.ok(!check(schema, "ada").ok);
});

Deno.test("keywords that a converter would drop are checked", () => {
  const schema = {
    type: "object",
    properties: { kind: { enum: ["a", "b"] }, list: { type: "array", contains: { const: 1 } } },
    if: { properties: { kind: { const: "a" } }, required: ["kind"] },
    then: { required: ["list"] },
    dependentRequired: { list: ["kind"] },
    unevaluatedProperties: false,
  };

  assert.ok(check(schema, { kind: "a", list: [1] }).ok);
  for (const bad of [{ kind: "a" }, { kind: "b", list: [] }, { list: [1] }, { other: 1 }]) {
    assert.ok(!check(schema, bad).ok, JSON.stringify(bad));
  }
});

Deno.test("a schema that nests without end is refused, and takes no stack", () => {
  let schema: unknown = {};
  for (let level = 0; level < 5_000; level++) schema = { not: schema };

  assert.deepEqual(faultsIn(schema).map((fault) => fault.split(" ")[1]), ["bad_schema"]);
});

/** A schema with each keyword that checks, a value that it accepts, and one that it refuses. */
const CHECKED: Readonly<Record<string, readonly [schema: object, good: unknown, bad: unknown]>> = {
  $ref: [{ $defs: { a: { type: "null" } }, $ref: "#/$defs/a" }, null, 1],
  $anchor: [{ $defs: { a: { $anchor: "x", type: "null" } }, $ref: "#x" }, null, 1],
  $defs: [{ $defs: { a: { type: "null" } }, $ref: "#/$defs/a" }, null, 1],
  additionalProperties: [{ type: "object", additionalProperties: false }, {}, { a: 1 }],
  allOf: [{ allOf: [{ type: "null" }] }, null, 1],
  anyOf: [{ anyOf: [{ type: "null" }] }, null, 1],
  const: [{ const: 1 }, 1, 2],
  contains: [{ type: "array", contains: { const: 1 } }, [1], [2]],
  dependentRequired: [{ type: "object", dependentRequired: { a: ["b"] } }, {}, { a: 1 }],
  dependentSchemas: [
    { type: "object", dependentSchemas: { a: { type: "object", maxProperties: 1 } } },
    { a: 1 },
    { a: 1, b: 2 },
  ],
  else: [{ if: { const: 1 }, else: { type: "null" } }, null, 2],
  enum: [{ enum: [1] }, 1, 2],
  exclusiveMaximum: [{ type: "number", exclusiveMaximum: 1 }, 0, 1],
  exclusiveMinimum: [{ type: "number", exclusiveMinimum: 1 }, 2, 1],
  format: [{ type: "string", format: "date" }, "2026-01-31", "x"],
  if: [{ if: { const: 1 }, else: { type: "null" } }, 1, 2],
  items: [{ type: "array", items: { type: "null" } }, [null], [1]],
  maxContains: [{ type: "array", contains: { const: 1 }, maxContains: 1 }, [1], [1, 1]],
  maxItems: [{ type: "array", maxItems: 1 }, [1], [1, 1]],
  maxLength: [{ type: "string", maxLength: 1 }, "a", "aa"],
  maxProperties: [{ type: "object", maxProperties: 0 }, {}, { a: 1 }],
  maximum: [{ type: "number", maximum: 1 }, 1, 2],
  minContains: [{ type: "array", contains: { const: 1 }, minContains: 2 }, [1, 1], [1]],
  minItems: [{ type: "array", minItems: 1 }, [1], []],
  minLength: [{ type: "string", minLength: 1 }, "a", ""],
  minProperties: [{ type: "object", minProperties: 1 }, { a: 1 }, {}],
  minimum: [{ type: "number", minimum: 1 }, 1, 0],
  multipleOf: [{ type: "number", multipleOf: 0.1 }, 0.3, 0.35],
  not: [{ not: { type: "null" } }, 1, null],
  oneOf: [{ oneOf: [{ type: "integer" }, { const: 1 }] }, 2, 1],
  pattern: [{ type: "string", pattern: "^a" }, "a", "b"],
  patternProperties: [
    { type: "object", patternProperties: { "^a": { type: "null" } } },
    { a: null },
    { a: 1 },
  ],
  prefixItems: [
    { type: "array", prefixItems: [{ type: "null" }], minItems: 1, items: false },
    [null],
    [1],
  ],
  properties: [{ type: "object", properties: { a: { type: "null" } } }, { a: null }, { a: 1 }],
  propertyNames: [{ type: "object", propertyNames: { maxLength: 1 } }, { a: 1 }, { ab: 1 }],
  required: [{ type: "object", properties: { a: {} }, required: ["a"] }, { a: 1 }, {}],
  then: [{ if: { type: "number" }, then: { type: "integer" } }, 1, 0.5],
  type: [{ type: "null" }, null, 1],
  unevaluatedItems: [{ type: "array", unevaluatedItems: false }, [], [1]],
  unevaluatedProperties: [{ type: "object", unevaluatedProperties: false }, {}, { a: 1 }],
  uniqueItems: [{ type: "array", uniqueItems: true }, [1, 2], [1, 1]],
};

/** Keywords that only describe, by the draft. */
const DESCRIBING = "$comment $id $schema contentEncoding contentMediaType contentSchema default " +
  "deprecated description examples readOnly title writeOnly";

Deno.test("every keyword of the draft is checked, only describes, or is refused by name", () => {
  const ajv = new Ajv2020();
  const parts = ["core", "applicator", "unevaluated", "validation", "meta-data", "content"];
  const words = parts.flatMap((part) => {
    const schema = ajv.getSchema(`https://json-schema.org/draft/2020-12/meta/${part}`)?.schema;
    return Object.keys((schema as { properties: object }).properties);
  }).concat("format");
  const known = new Set([...Object.keys(CHECKED), ...DESCRIBING.split(" ")]);

  const others = words.filter((word) => !known.has(word));

  assert.deepEqual(others.toSorted(), ["$dynamicAnchor", "$dynamicRef", "$vocabulary"]);
  for (const word of others) {
    assert.deepEqual(faultsIn({ [word]: "#x" }), [`${word} unknown_keyword`]);
  }
  for (const [word, [schema, good, bad]] of Object.entries(CHECKED)) {
    const read = readForeignSchema(schema);
    if (!read.ok) {
      assert.ok(read.faults.some(({ detail, at }) => `${at} ${detail}`.includes(word)), word);
      continue;
    }
    assert.ok(checkByStored(read.schema, good).ok, word);
    assert.ok(!checkByStored(read.schema, bad).ok, word);
  }
});

Deno.test("a schema that would take seconds to compile is refused before, by what is too much", () => {
  const named = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`f${at}`, {}]));
  const patterns = {
    patternProperties: named(6_000),
    additionalProperties: false,
    unevaluatedProperties: false,
  };
  const fields = { properties: named(3_000), unevaluatedProperties: false };
  const detailsOf = (schema: JsonSchema) => {
    const read = readForeignSchema(schema);
    return read.ok ? [] : read.faults.map(({ detail }) => detail);
  };

  assert.match(detailsOf(patterns)[0] ?? "", /has 6000 patternProperties, at most 200/);
  assert.match(detailsOf(fields)[0] ?? "", /has 3000 properties beside unevaluated/);
  assert.match(whyUnusable(patterns) ?? "", /patternProperties/);
  assert.deepEqual(detailsOf({ properties: named(3_000), additionalProperties: false }), []);
  assert.deepEqual(detailsOf({ default: { patternProperties: named(300) } }), []);
});

Deno.test("readForeignSchema() refuses references that never end, and names the place", () => {
  const endless = [
    { $ref: "#" },
    { properties: { a: { $ref: "#/properties/a" } } },
    { $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } },
    { $defs: { a: { anyOf: [{ type: "string" }, { $ref: "#/$defs/a" }] } } },
  ];
  for (const schema of endless) {
    const read = readForeignSchema(schema);
    assert.ok(!read.ok);
    assert.match(read.faults[0]?.detail ?? "", /^refers to itself/);
    assert.equal(read.faults[0]?.at.at(-1), "$ref");
  }
  const tree = { type: "object", properties: { kids: { type: "array", items: { $ref: "#" } } } };
  assert.ok(readForeignSchema(tree).ok);
  assert.ok(
    readForeignSchema({ $defs: { a: {} }, allOf: [{ $ref: "#/$defs/a" }, { $ref: "#/$defs/a" }] })
      .ok,
  );
});
