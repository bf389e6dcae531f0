import { deepEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { madeValue } from "./made_value.ts";
import { checkByStored } from "./stored_schema.ts";
import type { JsonSchema } from "./workflow.ts";

const text = { type: "string" };

Deno.test("madeValue() names what nothing more is said about, and takes what fits where rules are", () => {
  const cases: readonly (readonly [JsonSchema, unknown])[] = [
    [{ type: "object", properties: { user_id: text, ok: { type: "boolean" } } }, {
      user_id: "user_id",
      ok: true,
    }],
    [{
      type: "object",
      required: ["mail", "id", "at"],
      properties: {
        mail: { type: "string", format: "email" },
        id: { type: "string", format: "uuid" },
        at: { type: "string", format: "date-time" },
      },
    }, {
      mail: "ada@example.com",
      id: "123e4567-e89b-42d3-a456-426614174000",
      at: "2026-01-31T12:00:00Z",
    }],
    [{ type: "string", minLength: 12 }, "valuexxxxxxx"],
    [{ type: "string", maxLength: 3 }, "val"],
    [{ type: "string", pattern: "^[A-Z]{3}$" }, "EUR"],
    [{ type: "integer", minimum: 5, multipleOf: 7 }, 7],
    [{ type: "number", exclusiveMinimum: 0, maximum: 0.5 }, 0.5],
    [{ enum: ["free", "pro"] }, "free"],
    [{ type: ["null", "string"] }, "value"],
    [{ anyOf: [{ type: "null" }, { type: "object", properties: { a: text } }] }, { a: "a" }],
    [{ type: "array", items: text, minItems: 2, uniqueItems: true }, ["value", "value 2"]],
    [{ type: "array", prefixItems: [text, { type: "integer" }] }, ["value", 1]],
    [{ type: "object", properties: { plan: { type: "string", examples: ["gold"] } } }, {
      plan: "gold",
    }],
    [{ type: "string", default: "EU" }, "EU"],
    // An example that does not fit is not taken.
    [{ type: "object", properties: { n: { type: "integer", examples: ["one"] } } }, { n: 1 }],
    [{ $ref: "#/$defs/a", $defs: { a: { type: "object", properties: { b: text } } } }, { b: "b" }],
    [{ allOf: [{ type: "object", required: ["a"] }, { properties: { a: { const: 4 } } }] }, {
      a: 4,
    }],
  ];
  for (const [schema, expected] of cases) {
    deepEqual(madeValue(schema, { name: "value" }), expected, JSON.stringify(schema));
    ok(checkByStored(schema, expected).ok, JSON.stringify(schema));
  }
});

Deno.test("madeValue() ends for a schema that contains itself, and finds nothing where nothing fits", () => {
  const tree = {
    type: "object",
    required: ["name"],
    properties: { name: text, children: { type: "array", items: { $ref: "#" } } },
  };

  ok(checkByStored(tree, madeValue(tree, { name: "tree" })).ok);
  deepEqual(madeValue({ type: "string", pattern: "^\\d{9}-[xyz]$" }, { name: "id" }), undefined);
  deepEqual(madeValue({ type: "integer", minimum: 3, maximum: 2 }, { name: "id" }), undefined);
});

Deno.test("what madeValue() makes fits its schema, whatever that is", () => {
  const leaf = fc.oneof(
    fc.record({ type: fc.constant("string"), minLength: fc.nat(40) }),
    fc.record({ type: fc.constant("string"), maxLength: fc.nat(5) }),
    fc.record({ type: fc.constant("integer"), minimum: fc.integer(), multipleOf: fc.constant(3) }),
    fc.record({ type: fc.constant("number"), exclusiveMaximum: fc.integer() }),
    fc.record({ type: fc.constant("string"), format: fc.constantFrom("email", "uuid", "date") }),
    fc.record({ enum: fc.uniqueArray(fc.jsonValue({ maxDepth: 1 }), { minLength: 1 }) }),
    fc.constant({ type: "boolean" }),
  );
  const { schema } = fc.letrec<{ schema: JsonSchema }>((tie) => ({
    schema: fc.oneof(
      { depthSize: "small" },
      leaf,
      fc.dictionary(fc.constantFrom("a", "b", "c"), tie("schema")).map((properties) => ({
        type: "object",
        properties,
        required: Object.keys(properties),
        additionalProperties: false,
      })),
      fc.record({ type: fc.constant("array"), items: tie("schema"), minItems: fc.nat(3) }),
      fc.array(tie("schema"), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    ),
  }));
  let [made, all] = [0, 0];

  fc.assert(fc.property(schema, (schema) => {
    const value = madeValue(schema, { name: "value" });
    all++;
    if (value === undefined) return;
    made++;
    ok(checkByStored(schema, value).ok);
  }));

  ok(made > 0.9 * all, `${made} of ${all}`);
});

Deno.test("madeValue() makes nothing of lists in lists that multiply", () => {
  let schema: JsonSchema = { type: "string" };
  for (let level = 0; level < 6; level++) schema = { type: "array", minItems: 50, items: schema };

  ok(madeValue(schema, { name: "value" }) === undefined);
});
