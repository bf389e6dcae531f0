import assert from "node:assert/strict";
import fc from "fast-check";
import { decodePayload, encodePayload, PAYLOAD_DEPTH_MAX, PAYLOAD_SIZE_MAX } from "./payload.ts";

const SEED = Date.now() % 1_000_000;
console.log(`payload_test seed ${SEED}`);

Deno.test("a payload is read back as it was", () => {
  const withoutNull = fc.jsonValue({ maxDepth: 10 })
    .filter((value) => !/\\u0000/.test(JSON.stringify(value)));
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
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;

  assert.equal(encodePayload(undefined, "it"), "null");
  assert.throws(() => encodePayload(cycle, "it"), { code: "contract.violation" });
  assert.throws(() => encodePayload(1n, "it"), { code: "contract.violation" });
  assert.throws(() => encodePayload({ a: [NaN] }, "it"), { code: "contract.violation" });
  assert.throws(() => encodePayload(-Infinity, "it"), { code: "contract.violation" });
});

Deno.test("encodePayload() refuses half of a surrogate pair, wherever it stands", () => {
  assert.throws(() => encodePayload("a\ud83d", "it"), { code: "journal.poison" });
  assert.throws(() => encodePayload([{ "\udc00": 1 }], "it"), { code: "journal.poison" });
  assert.throws(() => encodePayload({ toJSON: () => "\ud83d" }, "it"), { code: "journal.poison" });
  assert.equal(encodePayload("\ud83d\ude00", "it"), '"\ud83d\ude00"');
});

Deno.test("encodePayload() takes what nests just shallow enough, and no more", () => {
  const nested = (depth: number): unknown => depth === 0 ? 1 : [nested(depth - 1)];

  assert.ok(encodePayload(nested(PAYLOAD_DEPTH_MAX), "it"));
  assert.throws(() => encodePayload(nested(PAYLOAD_DEPTH_MAX + 1), "it"), {
    code: "payload.too_large",
  });
});
