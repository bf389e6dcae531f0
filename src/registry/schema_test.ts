import { deepEqual, equal } from "node:assert/strict";
import { z } from "zod";
import { compileCheck } from "../core/contract.ts";
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

Deno.test("convertSchema() tells all faults of a schema at once", () => {
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

Deno.test("convertSchema() gives schemas that check as zod does", () => {
  const schema = z.object({
    kind: z.enum(["a", "b"]),
    at: z.iso.datetime(),
    tree: z.lazy(() => z.array(z.json())),
    either: z.discriminatedUnion("k", [
      z.object({ k: z.literal("n"), n: z.int() }),
      z.object({ k: z.literal("t"), t: z.string().nullable() }),
    ]),
  });
  const check = compileCheck(convertSchema(schema).schema);
  const good = { kind: "a", at: "2024-01-02T03:04:05Z", tree: [[1]], either: { k: "t", t: null } };
  const bad = [{ ...good, kind: "c" }, { ...good, at: "noon" }, { ...good, either: { k: "n" } }];

  deepEqual(check(good), []);
  for (const value of bad) equal(check(value).length > 0, true);
});
