import { equal, match } from "node:assert/strict";
import { readForeignSchema } from "./foreign_schema.ts";
import { VISITS_MAX, visitsOf } from "./schema_visits.ts";
import { whyEndless } from "./stored_schema.ts";
import type { JsonSchema } from "./workflow.ts";

/** Each definition is twice the one before, by a reference of this form. */
function doubling(count: number, refTo: (n: number) => string, more = (_: number) => ({})) {
  const defs: Record<string, unknown> = { d0: { ...more(0), type: "integer" } };
  for (let n = 1; n <= count; n++) {
    defs[`d${n}`] = { ...more(n), anyOf: [{ $ref: refTo(n - 1) }, { $ref: refTo(n - 1) }] };
  }
  return defs;
}

const byPointer = (n: number) => `#/$defs/d${n}`;

Deno.test("schemas count as often as they are reached", () => {
  // Lists of schemas count, too.
  const once = visitsOf({ $ref: "#/$defs/d0", $defs: doubling(0, byPointer) });
  const twice = visitsOf({ $ref: "#/$defs/d1", $defs: doubling(1, byPointer) });
  const four = visitsOf({ $ref: "#/$defs/d2", $defs: doubling(2, byPointer) });

  equal([once, twice, four].join(), "2,7,17");
});

Deno.test("schemas that double without end are found by every kind of reference", () => {
  const byAnchor = doubling(24, (n) => `#a${n}`, (n) => ({ $anchor: `a${n}` }));
  const inside = {
    $id: "https://a.test/inner",
    $ref: "#/$defs/d24",
    $defs: doubling(24, byPointer),
  };
  const schemas: readonly JsonSchema[] = [
    { properties: { a: { $ref: "#/$defs/d24" } }, $defs: doubling(24, byPointer) },
    { $ref: "#a24", $defs: byAnchor },
    { allOf: [inside] },
    { $ref: "https://a.test/inner", $defs: { inside } },
    { $ref: "inner", $defs: { inside } },
  ];

  equal(schemas.map(visitsOf).join(), Array(schemas.length).fill(VISITS_MAX + 1).join());
});

Deno.test("a schema inside itself, and one that is used often, may be", () => {
  const tree: JsonSchema = {
    type: "object",
    properties: { left: { $ref: "#" }, right: { $ref: "#" }, all: { items: { $ref: "#" } } },
  };
  const properties = Object.fromEntries(
    Array.from({ length: 500 }, (_, n) => [`f${n}`, { $ref: "#/$defs/money" }]),
  );
  const money = { type: "object", properties: { amount: { type: "integer" }, unit: {} } };

  equal(whyEndless(tree), undefined);
  equal(whyEndless({ properties, $defs: { money } }), undefined);
});

Deno.test("a foreign schema that doubles without end is refused", () => {
  const read = readForeignSchema({
    properties: { a: { $ref: "#/$defs/d24" } },
    $defs: doubling(24, byPointer),
  });

  equal(read.ok, false);
  match(JSON.stringify(read), /more than 20000 schemas/);
});
