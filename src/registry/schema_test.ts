import { deepEqual, equal } from "node:assert/strict";
import { z } from "zod";
import { checkOf } from "../core/contract.ts";
import { convertSchema } from "./schema.ts";

Deno.test("convertSchema() refuses what JSON cannot carry, at its path", () => {
  const refused: Record<string, z.ZodType> = {
    "at": z.object({ at: z.date() }),
    "sums[]": z.object({ sums: z.array(z.bigint()) }),
    "nested.map": z.object({ nested: z.object({ map: z.map(z.string(), z.string()) }) }),
    "by.*": z.object({ by: z.record(z.string(), z.set(z.string())) }),
    "a": z.object({ a: z.string().transform((text) => text.length) }),
    "b": z.object({ b: z.preprocess((value) => value, z.number()) }),
    "c": z.object({ c: z.coerce.number() }),
    "d": z.object({ d: z.string().trim() }),
    "e": z.object({ e: z.number().catch(1) }),
    "f": z.object({ f: z.undefined() }),
    "g": z.object({ g: z.custom<string>() }),
    "h": z.object({ h: z.stringbool() }),
    "i": z.object({ i: z.date().pipe(z.any()) }),
    "j": z.object({ j: z.literal(undefined) }),
    "": z.void(),
  };

  for (const [path, schema] of Object.entries(refused)) {
    const { faults } = convertSchema(schema);
    deepEqual(faults.map((fault) => [fault.path, fault.code]), [[path, "not_json"]], path);
  }
});

Deno.test("convertSchema() lists all faults of a schema at once", () => {
  const { faults } = convertSchema(z.object({ a: z.date(), b: z.union([z.string(), z.nan()]) }));

  deepEqual(faults.map(({ path }) => path).sort(), ["a", "b"]);
});

Deno.test("convertSchema() refuses what is no schema", () => {
  equal(convertSchema({ type: "object" }).faults[0]?.code, "not_a_schema");
  equal(convertSchema(undefined).faults[0]?.code, "not_a_schema");
});

Deno.test("convertSchema() keeps what is sent: a field with a default may be left out", () => {
  const { schema } = convertSchema(z.object({ a: z.string(), b: z.int().default(1) }));

  deepEqual(schema?.required, ["a"]);
});

/** Checks by the stored schema, as a node does that does not have the code. */
function stored(schema: z.ZodType) {
  const converted = convertSchema(schema);
  deepEqual(converted.faults, []);
  return checkOf(undefined, converted.schema);
}

Deno.test("convertSchema() gives schemas that check as zod does", () => {
  const uuid = "0b9d8a52-7c4b-4f0c-9a3e-1f2d3c4b5a69";
  const cases: Record<string, [z.ZodType, readonly unknown[]]> = {
    union: [
      z.discriminatedUnion("k", [
        z.object({ k: z.literal("n"), n: z.int() }),
        z.object({ k: z.literal("t"), t: z.string().nullable() }),
      ]),
      [{ k: "t", t: null }, { k: "n", n: 1 }, { k: "n" }, { k: "x" }, {}],
    ],
    strict: [z.strictObject({ a: z.int() }), [{ a: 1 }, { a: 1, b: 2 }, {}, { a: 1.5 }]],
    inherited: [z.object({ toString: z.string() }), [{}, { toString: "a" }]],
    tree: [z.json(), [[[1, { a: null }]], 1]],
    tuple: [z.tuple([z.int()]).rest(z.string()), [[1], [1, "a"], [], ["a"], [1, 2]]],
    record: [z.record(z.enum(["a", "b"]), z.int()), [{ a: 1, b: 2 }, { a: 1 }, { a: 1, c: 2 }]],
    multiple: [z.number().multipleOf(0.1), [0.3, 0.35, 1e308]],
    flags: [z.string().regex(/^ab$/i), ["AB", "ab", "abc"]],
    twoFlags: [z.string().regex(/a.b/s).regex(/B$/i), ["a\nb", "a\nB", "a\nc"]],
    formatFlags: [z.stringFormat("code", /^x+$/i), ["X", "y"]],
    notUnicode: [z.string().regex(/^[\w-.]+$/), ["a-b.c", "a b"]],
    unicode: [z.string().regex(/^\p{Lu}$/u), ["Ä", "ä"]],
    email: [z.email(), ["ada@example.org", "ada"]],
    uri: [z.url(), ["https://exämple.org/a b", "nowhere", "mailto:a@b.c"]],
    guid: [z.guid(), [uuid, uuid.replace("4f0c", "0f0c"), "x"]],
    uuid: [z.uuid(), [uuid, uuid.replace("4f0c", "0f0c")]],
    emoji: [z.emoji(), ["😀", "a", ""]],
    datetime: [z.iso.datetime({ offset: true }), [
      "2024-02-29T03:04:05+01:00",
      "2023-02-29T00:00Z",
    ]],
    date: [z.iso.date(), ["2024-02-29", "2023-02-29"]],
    time: [z.iso.time(), ["23:59", "24:00"]],
    duration: [z.iso.duration(), ["P1DT2H", "P"]],
    ipv6: [z.ipv6(), ["::1", "::ffff:192.168.0.1", "1::2::3"]],
    cidrv6: [z.cidrv6(), ["::/0", "::ffff:10.0.0.1/96", "::1"]],
    base64: [z.base64(), ["YWI=", "YWI"]],
    jwt: [z.jwt(), ["eyJhbGciOiJub25lIn0.e30.", "a.b.c"]],
  };

  for (const [name, [schema, values]] of Object.entries(cases)) {
    const check = stored(schema);
    for (const value of values) {
      equal(check(value).ok, schema.safeParse(value).success, `${name}: ${JSON.stringify(value)}`);
    }
  }
});

Deno.test("a stored schema fills in defaults as zod does, in a copy", () => {
  const schema = z.object({
    a: z.int().default(1),
    lines: z.array(z.object({ count: z.int().default(2) })),
    far: z.record(z.string(), z.object({ b: z.string().prefault("x") })).default({}),
  });
  const sent = { lines: [{}, { count: 5 }] };

  const checked = stored(schema)(sent);

  deepEqual(checked, { ok: true, value: schema.parse(sent) });
  deepEqual(sent, { lines: [{}, { count: 5 }] });
});

Deno.test("patterns of zod that would backtrack for hours are answered, and take what they took", () => {
  const slug = z.string().regex(/^([a-z0-9]+-?){1,64}$/i);
  const unicode = z.string().regex(/^(\p{L}+ ?)+$/u);
  const odd = z.stringFormat("odd", /^(?:a{1,9}b?){17,}$/g);
  const plain = z.string().regex(/^[a-z]+$/);
  const contract = z.object({ slug, unicode, odd, plain });

  const first = convertSchema(contract);
  const again = convertSchema(contract);

  deepEqual(again, first);
  deepEqual(first.schema?.properties, {
    slug: { type: "string", pattern: "(?i:^([a-z0-9]+-?){1,64}$)" },
    unicode: { type: "string", pattern: "^(\\p{L}+ ?)+$" },
    odd: { type: "string", format: "odd", pattern: "^(?:a{1,9}b?){17,}$" },
    plain: { type: "string", pattern: "^[a-z]+$" },
  });
  const long = "a".repeat(60);
  const good = { slug: "A-b-1", unicode: "Ä b", odd: "ab".repeat(17), plain: "a" };
  equal(contract.safeParse(good).success, true);
  const bad = contract.safeParse({
    slug: `${long}!`,
    unicode: `${long}!`,
    odd: `${long}!`,
    plain: `${long}!`,
  });
  deepEqual(bad.error?.issues.map(({ path }) => path[0]), ["slug", "unicode", "odd", "plain"]);
});

Deno.test("convertSchema() names patterns that nothing matches in linear time and that may be endless", () => {
  const converted = convertSchema(z.object({
    mail: z.email(),
    password: z.string().regex(/^(?=.*\d)(?=.*[a-z]).{8,}$/),
    twice: z.string().regex(/^(?:(\w)\1?)+$/),
    list: z.array(z.string().regex(/^(?!-)([a-z]+-?)+$/)),
    linear: z.string().regex(/^([a-z]+-?)+$/),
  }));

  deepEqual("endless" in converted && converted.endless.map(({ path, detail }) => [path, detail]), [
    ["list[]", "/^(?!-)([a-z]+-?)+$/"],
    ["twice", "/^(?:(\\w)\\1?)+$/"],
  ]);
});

Deno.test("convertSchema() names what only the code checks", () => {
  const schema = z.object({
    from: z.string().refine((text) => text !== "never"),
    list: z.array(z.object({ a: z.string() }).superRefine(() => {})),
    either: z.union([z.object({ b: z.int().default(1) }), z.null()]),
    link: z.url({ protocol: /^https$/ }),
    odd: z.stringFormat("odd", (text) => text.length % 2 === 1),
    three: z.array(z.int()).check(z.property("length", z.literal(3))),
    token: z.jwt({ alg: "HS256" }),
  });

  const converted = convertSchema(schema);

  deepEqual(converted.faults, []);
  deepEqual(
    "codeOnly" in converted && converted.codeOnly.map(({ path, detail }) => `${path} ${detail}`)
      .sort(),
    [
      "either.b its default",
      "from .refine()",
      "link protocol and hostname of z.url()",
      "list[] .refine()",
      'odd z.stringFormat("odd")',
      "three z.property()",
      "token alg of z.jwt()",
    ],
  );
});

Deno.test("convertSchema() refuses by name what a stored schema would check otherwise", () => {
  const refused: Record<string, z.ZodType> = {
    "/a/v": z.string().regex(/a/v),
    "/a/y": z.string().regex(/a/y),
    "needs the flag u": z.string().regex(new RegExp("\\p{Lu}")),
    "keys of z.looseRecord()": z.looseRecord(z.string().regex(/^x/i), z.int()),
    "__proto__": z.object({ ["__proto__"]: z.int() }),
    "minLength": z.string().meta({ minLength: 3 }),
    ...Object.fromEntries(
      ["$dynamicRef", "$vocabulary", "if", "unevaluatedItems", "unevaluatedProperties"]
        .map((keyword) => [keyword, z.array(z.int()).meta({ [keyword]: {} })]),
    ),
    "65536": z.enum(Array.from({ length: 10_000 }, (_, index) => `name${index}`)),
  };

  for (const [name, schema] of Object.entries(refused)) {
    const { faults } = convertSchema(schema);
    equal(faults.length, 1, name);
    equal(faults[0]?.detail.includes(name), true, `${name}: ${faults[0]?.detail}`);
  }
});
