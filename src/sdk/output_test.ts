import { deepEqual, throws } from "node:assert/strict";
import { parseMapping } from "../core/mapping.ts";
import { evaluateMapping } from "../core/mapping_value.ts";
import { templateOf } from "./output.ts";

type Map = Parameters<typeof templateOf>[0];
// deno-lint-ignore no-explicit-any -- a mistake that the types would refuse is what is tried
type Anything = any;

const template = (map: (given: Anything) => unknown) => templateOf(map as Map, ["order"]);

Deno.test("what a mapping passes on becomes references, and what it knows stays", () => {
  deepEqual(
    template(({ input, order }) => ({
      id: order.id,
      first: order.lines[0].sku,
      odd: order["a key"],
      all: input,
      list: [input.a, 1, null, true],
      none: undefined,
    })),
    {
      id: "$.order.id",
      first: "$.order.lines[0].sku",
      odd: '$.order["a key"]',
      all: "$.input",
      list: ["$.input.a", 1, null, true],
    },
  );
});

Deno.test("a text with references, and one that only looks like that, evaluate to what was meant", () => {
  const made = template(({ input }) => [`${input.a}: $${input.b}`, "$.input.a", "${input.a} $$"]);
  const read = parseMapping(made);

  deepEqual(read.ok && evaluateMapping(read.mapping, { input: { a: "x", b: 5 } }), {
    ok: true,
    value: ["x: $5", "$.input.a", "${input.a} $$"],
  });
});

for (
  const [what, map] of [
    ["adds", ({ order }) => order.total + 1],
    ["joins by +", ({ order }) => "x" + order.id],
    ["compares", ({ order }) => order.total > 3],
    ["calls", ({ order }) => order.lines.map((line: unknown) => line)],
    ["spreads an object", ({ order }) => ({ ...order })],
    ["spreads a list", ({ order }) => [...order.lines]],
    ["looks for a field", ({ order }) => "id" in order],
    ["encodes", ({ order }) => JSON.stringify(order)],
    ["makes a date", () => new Date(0)],
    ["makes a bigint", () => ({ a: [1n] })],
  ] as const satisfies readonly (readonly [string, (given: Anything) => unknown])[]
) {
  Deno.test(`an output whose mapping ${what} is refused when the module is loaded`, () => {
    throws(() => template(map), TypeError);
  });
}
