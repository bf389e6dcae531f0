import assert from "node:assert/strict";
import { checkEnvelope, ENVELOPE_BYTES_MAX, parseEnvelope } from "./envelope.ts";

const LEAST = { specversion: "1.0", id: "1", source: "/shop", type: "shop.opened" } as const;

Deno.test("parseEnvelope() refused an envelope without data", () => {
  assert.deepEqual(parseEnvelope(JSON.stringify(LEAST)), LEAST);
});

Deno.test("parseEnvelope() keeps attributes that it does not know", () => {
  const envelope = { ...LEAST, shopcolour: "green", data: { n: 1 } };

  assert.deepEqual(parseEnvelope(JSON.stringify(envelope)), envelope);
});

Deno.test("checkEnvelope() names every attribute that is wrong", () => {
  assert.throws(() => checkEnvelope({ ...LEAST, specversion: "0.3", id: "" }), {
    code: "bus.envelope_invalid",
    message: /specversion.*id/,
  });
});

Deno.test("parseEnvelope() refuses what is too large, too deep or no JSON", () => {
  const large = JSON.stringify({ ...LEAST, data: "x".repeat(ENVELOPE_BYTES_MAX) });
  const deep = `{"data":${"[".repeat(40)}${"]".repeat(40)}}`;

  for (const body of [large, deep, "{"]) {
    assert.throws(() => parseEnvelope(body), { code: "bus.envelope_invalid" });
  }
});
