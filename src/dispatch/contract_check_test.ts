import assert from "node:assert/strict";
import { contractFailure, FAILURE_TEXT_LENGTH_MAX, textOf } from "./contract_check.ts";

Deno.test("a breach holds no character that a journal cannot", () => {
  const { error } = contractFailure("a\u0000b");

  assert.equal(JSON.parse(error).error_message, "ab");
});

Deno.test("a breach is short, however much is wrong", () => {
  const { error } = contractFailure("x".repeat(1_000_000));

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
