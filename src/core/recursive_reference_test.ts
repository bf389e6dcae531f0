import { equal } from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import { checkByStored } from "./stored_schema.ts";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import type { JsonSchema } from "./workflow.ts";

/** A schema that goes on in `next` by two ways, each with another field beside it. */
function twoWays(ref: string, more: JsonSchema = {}): JsonSchema {
  const way = (field: string) => ({
    type: "object",
    required: [field],
    properties: { next: { $ref: ref } },
  });
  return { ...more, anyOf: [way("x"), way("y"), { type: "integer" }] };
}

const SCHEMAS: readonly JsonSchema[] = [
  twoWays("#"),
  { $ref: "#/$defs/one", $defs: { one: twoWays("#/$defs/one") } },
  { $ref: "#one", $defs: { one: { $anchor: "one", ...twoWays("#one") } } },
  {
    $ref: "#/$defs/one",
    $defs: { one: twoWays("#/$defs/two"), two: twoWays("#/$defs/one") },
  },
  { properties: { next: { $ref: "#/$defs/one" } }, $defs: { one: twoWays("#") } },
  twoWays("#", { unevaluatedProperties: { type: "integer" } }),
  { oneOf: [twoWays("#"), { type: "array", items: { $ref: "#" }, uniqueItems: true }] },
  { not: twoWays("#") },
];

Deno.test("each part of a value is looked at a few times, however many ways lead to it", () => {
  for (const schema of SCHEMAS) {
    let reads = 0;
    let value: unknown = "no integer";
    for (let depth = 0; depth < 14; depth++) {
      const next = value;
      value = {
        y: 1,
        get next() {
          reads++;
          return next;
        },
      };
    }

    checkByStored(schema, value);

    // By each way again, it would be 2^14.
    equal(reads < 1_000, true, `${reads} reads by ${JSON.stringify(schema)}`);
  }
});

Deno.test("recursive schemas take the same values as by Ajv's own $ref", () => {
  const seed = 7;
  const runtime = new VirtualRuntime(seed);
  const oneOf = <T>(list: readonly T[]) => list[Math.floor(runtime.random() * list.length)] as T;
  const valueOf = (depth: number): unknown => {
    if (depth === 0) return oneOf<unknown>([1, "a", null, {}, []]);
    const next = valueOf(depth - 1);
    return oneOf<unknown>([
      ...[{ x: 1, next }, { y: 1, next }, { x: 1, y: 2, next }, { x: 1, z: "a", next }, { next }],
      ...[[next], [next, next], 2],
    ]);
  };
  let taken = 0;
  for (const schema of SCHEMAS) {
    const plain = new Ajv2020({ strict: false, allErrors: true, inlineRefs: false });
    const isValid = plain.compile(schema);
    for (let round = 0; round < 150; round++) {
      const value = valueOf(round % 6);
      const { ok } = checkByStored(schema, value);
      taken += ok ? 1 : 0;
      equal(ok, isValid(value), `seed ${seed}: ${JSON.stringify({ schema, value })}`);
    }
  }
  equal(taken > 100 && taken < 1_100, true, `${taken} of 1,200 are valid`);
});
