import assert from "node:assert/strict";
import fc from "fast-check";
import { decodePayload, encodePayload, isShallow, PAYLOAD_SIZE_MAX } from "./payload.ts";

const SEED = Date.now() % 1_000_000;
console.log(`payload_test seed ${SEED}`);

Deno.test("a payload is read back as it was", () => {
  const withoutNull = fc.jsonValue().filter((value) => !/\\u0000/.test(JSON.stringify(value)));
  const anyPayload = fc.property(withoutNull, (value) => {
    assert.deepEqual(
      decodePayload(encodePayload(value, "it")),
      JSON.parse(JSON.stringify(value)),
    );
  });
  fc.assert(anyPayload, { seed: SEED });
});

Deno.test("encodePayload() refuses U+0000, but not the text that only looks like it", () => {
  assert.throws(() => encodePayload("a\0b", "it"), { code: "journal.poison" });
  assert.throws(() => encodePayload({ "a\0": 1 }, "it"), { code: "journal.poison" });
  assert.equal(encodePayload("a\\u0000b", "it"), JSON.stringify("a\\u0000b"));
});

Deno.test("encodePayload() takes what is just large enough, and no more", () => {
  const quotes = 2;

  assert.equal(encodePayload("x".repeat(PAYLOAD_SIZE_MAX - quotes), "it").length, PAYLOAD_SIZE_MAX);
  assert.throws(() => encodePayload("x".repeat(PAYLOAD_SIZE_MAX), "it"), {
    code: "payload.too_large",
  });
});

Deno.test("encodePayload() makes null of undefined, and refuses what JSON cannot carry", () => {
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;

  assert.equal(encodePayload(undefined, "it"), "null");
  assert.throws(() => encodePayload(circle, "it"), { code: "contract.violation" });
  assert.throws(() => encodePayload(1n, "it"), { code: "contract.violation" });
});

Deno.test("isShallow() counts arrays and objects alike", () => {
  assert.ok(isShallow([{ a: [1] }], 3));
  assert.ok(!isShallow([{ a: [1] }], 2));
});
