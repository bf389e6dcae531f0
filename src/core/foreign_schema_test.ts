import assert from "node:assert/strict";
import { readForeignSchema } from "./foreign_schema.ts";
import { checkByStored } from "./stored_schema.ts";

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
