import assert from "node:assert/strict";
import fc from "fast-check";
import { parseMapping } from "./mapping.ts";
import { evaluateMapping } from "./mapping_value.ts";
import { PAYLOAD_SIZE_MAX } from "./payload.ts";
import type { Given } from "./workflow.ts";

function valueOf(template: unknown, given: Given) {
  const read = parseMapping(template);
  assert.ok(read.ok);
  const evaluated = evaluateMapping(read.mapping, given);
  return evaluated.ok ? { value: evaluated.value } : { failed: evaluated.detail };
}

const GIVEN: Given = {
  input: { email: "a@b.c", name: null, n: 7, list: [{ sku: "x" }], flag: false },
  order: { state: "failed", error: { error_message: "No lamps" } },
};

Deno.test("a mapping puts what its references name into their places", () => {
  const template = {
    to: "$.input.email",
    why: "$.order.error.error_message",
    sku: "$.input.list[0].sku",
    all: "$.input.list",
    text: "${input.email}: ${input.n} ${input.flag} ${input.list}",
    fixed: [1, true, null, "$$.x"],
  };

  assert.deepEqual(valueOf(template, GIVEN), {
    value: {
      to: "a@b.c",
      why: "No lamps",
      sku: "x",
      all: [{ sku: "x" }],
      text: 'a@b.c: 7 false [{"sku":"x"}]',
      fixed: [1, true, null, "$.x"],
    },
  });
});

Deno.test("what is absent leaves out its field, and is null in a list or alone", () => {
  assert.deepEqual(valueOf({ a: "$.input.none", b: ["$.none.x"], c: "$.input.name" }, GIVEN), {
    value: { b: [null], c: null },
  });
  assert.deepEqual(valueOf("$.input.none", GIVEN), { value: null });
});

Deno.test("a text with something absent or null in it has no value", () => {
  const { failed } = valueOf({ a: "Hello ${input.none}" }, GIVEN);
  assert.equal(failed, '"input.none" is absent, and a text cannot hold that');
  assert.ok(valueOf("${input.name}!", GIVEN).failed);
});

Deno.test("only fields and elements of the given values can be named", () => {
  for (
    const path of ["input.length", "input.email.length", "input.list.length", "input.toString"]
  ) {
    assert.deepEqual(valueOf({ x: `$.${path}` }, GIVEN), { value: {} });
  }
  for (
    const path of ["__proto__", "constructor", "input.__proto__", 'input.list["0"]', "input[0]"]
  ) {
    assert.deepEqual(valueOf({ x: `$.${path}` }, GIVEN), { value: {} });
  }
});

Deno.test("a field named __proto__ stays a field", () => {
  const given = { input: JSON.parse('{"x":{"__proto__":{"a":1}}}') };

  const { value } = valueOf({ y: "$.input.x" }, given);

  assert.equal(JSON.stringify(value), '{"y":{"__proto__":{"a":1}}}');
});

Deno.test("the value shares nothing with what it is made of", () => {
  const given = { input: { list: [1] } };
  const { value } = valueOf(["$.input.list", "$.input.list"], given);

  (value as number[][])[0]?.push(2);

  assert.deepEqual(value, [[1, 2], [1]]);
  assert.deepEqual(given, { input: { list: [1] } });
});

Deno.test("a mapping that repeats a large value many times has no value, and takes no memory", () => {
  const given = { input: { big: "x".repeat(PAYLOAD_SIZE_MAX - 100) } };

  assert.ok("value" in valueOf({ one: "$.input.big" }, given));
  for (const one of ["$.input.big", "${input.big}!", "$.input"]) {
    assert.ok(valueOf(Array(1_000).fill(one), given).failed);
  }
  assert.ok(valueOf("${input.big}".repeat(1_000), given).failed);
});

/** A template, and its value by another way: built together, from the same random choices. */
interface Pair {
  readonly template: unknown;
  /** Absent: undefined. Throws: no value. */
  readonly value: (given: Given) => unknown;
}

const names = fc.constantFrom("a", "b", "c d", "$", "", "é", "__proto__");
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean()),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.array(fc.tuple(names, tie("value")), { maxLength: 4 }).map(Object.fromEntries),
  ),
})).value;
const givens = fc.record({ input: values, one: values, two: values });

/** A path, and what lodash's `get` would give: an independent walk over pairs of entries. */
const paths: fc.Arbitrary<Pair & { readonly path: string }> = fc.tuple(
  fc.constantFrom("input", "one", "two", "three"),
  fc.array(fc.oneof(names, fc.nat(2)), { maxLength: 4 }),
).map(([root, keys]) => ({
  path: [root, ...keys.map((key) => `[${JSON.stringify(key)}]`)].join(""),
  template: ["$.", root, ...keys.map((key) => `[${JSON.stringify(key)}]`)].join(""),
  value: (given) => keys.reduce(step, new Map(Object.entries(given)).get(root)),
}));

function step(value: unknown, key: string | number): unknown {
  if (Array.isArray(value)) return typeof key === "number" ? value.at(key) : undefined;
  if (typeof value !== "object" || value === null || typeof key === "number") return undefined;
  return new Map(Object.entries(value)).get(key);
}

const texts: fc.Arbitrary<Pair> = fc.array(fc.oneof(fc.string(), paths), { maxLength: 4 }).map(
  (parts) => ({
    template: parts.map((part) =>
      typeof part === "string" ? part.split("$").join("$$") : "${" + part.path + "}"
    ).join(""),
    value: (given) => parts.map((part) => pieceOf(part, given)).join(""),
  }),
);

function pieceOf(part: string | Pair, given: Given): string {
  if (typeof part === "string") return part;
  const value = part.value(given);
  if (value === undefined || value === null) throw new Error("no text");
  return typeof value === "string" ? value : JSON.stringify(value);
}

const pairs = fc.letrec<{ pair: Pair }>((tie) => ({
  pair: fc.oneof(
    { maxDepth: 4, depthSize: "medium" },
    paths,
    texts,
    fc.oneof(fc.integer(), fc.boolean(), fc.constant(null)).map((one): Pair => ({
      template: one,
      value: () => one,
    })),
    fc.array(tie("pair"), { maxLength: 4 }).map((list): Pair => ({
      template: list.map(({ template }) => template),
      value: (given) => list.map(({ value }) => value(given) ?? null),
    })),
    fc.uniqueArray(fc.tuple(names, tie("pair")), { maxLength: 4, selector: ([name]) => name })
      .map((fields): Pair => ({
        template: Object.fromEntries(fields.map(([name, { template }]) => [name, template])),
        value: (given) =>
          Object.fromEntries(
            fields.map(([name, { value }]) => [name, value(given)])
              .filter(([, value]) => value !== undefined),
          ),
      })),
  ),
})).pair;

Deno.test("a random mapping has the value that an independent evaluator gives it", () => {
  let valued = 0;
  fc.assert(
    fc.property(pairs, givens, ({ template, value }, given) => {
      let expected: unknown;
      try {
        expected = { value: value(given) ?? null };
      } catch {
        assert.ok(valueOf(template, given).failed);
        return;
      }
      valued++;
      assert.deepEqual(valueOf(template, given), expected);
    }),
    { numRuns: 2_000 },
  );
  assert.ok(valued > 500, `only ${valued} of 2,000 mappings had a value`);
});
