import assert from "node:assert/strict";
import { z } from "zod";
import { breachOf, checkBySchema, FAILURE_TEXT_LENGTH_MAX, textOf } from "./breach.ts";

Deno.test("checkBySchema() gives the value that the schema makes", () => {
  const schema = z.object({ count: z.number().default(1) });

  assert.deepEqual(checkBySchema(schema, {}), { ok: true, value: { count: 1 } });
});

Deno.test("checkBySchema() says which place is wrong", () => {
  const schema = z.object({ count: z.number() });

  const checked = checkBySchema(schema, { count: "1" });

  assert.ok(!checked.ok);
  assert.match(checked.why, /^count: /);
});

Deno.test("a schema that throws is broken by every value", () => {
  const schema = z.string().refine(() => {
    throw new Error("no table");
  });

  assert.deepEqual(checkBySchema(schema, "a"), { ok: false, why: "checking it threw: no table" });
});

Deno.test("a schema that wants to wait is broken by every value", () => {
  const schema = z.string().refine(() => Promise.resolve(true));

  assert.equal(checkBySchema(schema, "a").ok, false);
});

Deno.test("a breach holds no character that a journal cannot", () => {
  const { error } = breachOf("a\u0000b");

  assert.equal(JSON.parse(error).error_message, "ab");
});

Deno.test("a breach is short, however much is wrong", () => {
  const { error } = breachOf("x".repeat(1_000_000));

  assert.equal(JSON.parse(error).error_message.length, FAILURE_TEXT_LENGTH_MAX);
});

for (
  const [what, thrown, text] of [
    ["an error", new Error("boom"), "boom"],
    ["a text", "boom", "boom"],
    ["undefined", undefined, "undefined"],
    ["an object without a prototype", Object.create(null), "what was thrown has no text"],
    ["an error whose message is a number", Object.assign(new Error(), { message: 5 }), "5"],
    ["an error without a text", Object.assign(new Error(), { message: Symbol("s") }), undefined],
  ] as const
) {
  Deno.test(`${what} that is thrown has a text`, () => {
    assert.equal(textOf(thrown), text ?? "what was thrown has no text");
  });
}
