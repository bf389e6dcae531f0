import assert from "node:assert/strict";
import { checkEnvelope, ENVELOPE_BYTES_MAX, parseEnvelope } from "./envelope.ts";
import { TaskerError } from "./errors.ts";

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

Deno.test("parseEnvelope() refuses what JSON and Postgres cannot keep, and says where", () => {
  const head = '"specversion":"1.0","id":"1","source":"/s","type":"t"';
  const faultIn = (more: string) => {
    try {
      parseEnvelope(`{${head},${more}}`);
    } catch (error) {
      assert.ok(error instanceof TaskerError && error.code === "bus.envelope_invalid");
      return error.faults.map(({ path, code }) => `${code} ${path}`).join();
    }
  };

  assert.equal(faultIn('"data":{"by":"a\\u0000"}'), "text data.by");
  assert.equal(faultIn('"data":{"tags":["\\ud83d"]}'), "text data.tags.0");
  assert.equal(faultIn('"data":{"cents":9007199254740993}'), "number ");
  assert.equal(faultIn('"data":{"cents":1e400}'), "number data.cents");
  assert.equal(faultIn('"data":{"cents":42}'), undefined);
});
