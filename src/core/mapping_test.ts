import assert from "node:assert/strict";
import fc from "fast-check";
import {
  MAPPING_DEPTH_MAX,
  MAPPING_VALUES_MAX,
  parseMapping,
  pathText,
  type Reference,
  referencesOf,
} from "./mapping.ts";

function parsed(template: unknown) {
  const read = parseMapping(template);
  assert.ok(read.ok, JSON.stringify(read));
  return read.mapping;
}

function faultsIn(template: unknown) {
  const read = parseMapping(template);
  assert.ok(!read.ok);
  return read.faults.map(({ at, code }) => [at.join("."), code]);
}

function references(template: unknown) {
  return referencesOf(parsed(template)).map(({ reference, at, isInText }) =>
    [pathText(reference), at.join("."), isInText] as const
  );
}

Deno.test("a text that begins with `$.` is a reference, and `${…}` one inside a text", () => {
  assert.deepEqual(
    references({ to: "$.input.email", list: ["Hello ${input.name}, ${$.order.items[0].sku}"] }),
    [
      ["input.email", "to", false],
      ["input.name", "list.0", true],
      ["order.items[0].sku", "list.0", true],
    ],
  );
});

Deno.test("a key of any characters is written as a quoted text", () => {
  const [placed] = referencesOf(parsed('$.input["a \\"}] key"].x[12]'));

  assert.deepEqual(placed?.reference, { root: "input", path: ['a "}] key', "x", 12] });
});

Deno.test("`$` stands for itself unless a reference begins there, and `$$` is one `$`", () => {
  const literals = {
    "costs $5": "costs $5",
    "US$": "US$",
    "$": "$",
    "$x.y": "$x.y",
    "$$.input.email": "$.input.email",
    "$${input.email}": "${input.email}",
    "a$$b$$$$c": "a$b$$c",
    "": "",
  };
  for (const [text, value] of Object.entries(literals)) {
    assert.deepEqual(parsed(text), { kind: "literal", value });
  }
  assert.deepEqual(parsed("$$${input.price}"), {
    kind: "text",
    parts: ["$", { root: "input", path: ["price"] }],
  });
});

Deno.test("all broken references of a template are found, each with its place", () => {
  assert.deepEqual(
    faultsIn({
      a: "$.",
      b: ["$.input.", "$.input..x", "$.input[x]", "$.input[01]", "$.input x"],
      c: { d: "${", e: "${input", f: "x ${} y", g: "${input.a + 1}" },
      h: '$.input["x]',
      i: "$.input.email",
    }),
    ["a", "b.0", "b.1", "b.2", "b.3", "b.4", "c.d", "c.e", "c.f", "c.g", "h"]
      .map((at) => [at, "bad_reference"]),
  );
});

Deno.test("a value that JSON does not have is refused", () => {
  assert.deepEqual(faultsIn({ a: NaN, b: undefined, c: () => 1, d: 1n }), [
    ["a", "bad_value"],
    ["b", "bad_value"],
    ["c", "bad_value"],
    ["d", "bad_value"],
  ]);
});

Deno.test("a template that is too deep, too long or too large is refused once", () => {
  let deep: unknown = "$.input";
  for (let level = 0; level <= MAPPING_DEPTH_MAX; level++) deep = [deep];

  assert.deepEqual(faultsIn(deep).map(([, code]) => code), ["too_deep"]);
  assert.deepEqual(faultsIn(Array(MAPPING_VALUES_MAX + 10).fill(0)), [["", "too_large"]]);
  assert.deepEqual(faultsIn(["x".repeat(70_000), "y"]), [["", "too_large"]]);
  assert.deepEqual(faultsIn(`$.input${".a".repeat(40)}`), [["", "bad_reference"]]);
});

const anyReference: fc.Arbitrary<Reference> = fc.record({
  root: fc.stringMatching(/^[a-z0-9_-]{1,9}$/),
  path: fc.array(fc.oneof(fc.nat(99), fc.string(), fc.string({ unit: "binary" })), {
    maxLength: 8,
  }),
}, { noNullPrototype: true });

Deno.test("every reference is read back as it was written, whole and in a text", () => {
  fc.assert(fc.property(anyReference, (reference) => {
    assert.deepEqual(parsed(`$.${pathText(reference)}`), { kind: "reference", reference });
    assert.deepEqual(parsed(`a \${${pathText(reference)}} b`), {
      kind: "text",
      parts: ["a ", reference, " b"],
    });
  }));
});

Deno.test("parseMapping() answers any text, and never throws", () => {
  const pieces = fc.constantFrom(
    "$",
    "$.",
    "${",
    "}",
    "[",
    "]",
    '"',
    "\\",
    "a",
    ".",
    "0",
    "é",
    " ",
  );
  fc.assert(fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
    const read = parseMapping(parts.join(""));
    assert.equal(typeof read.ok, "boolean");
  }));
});
