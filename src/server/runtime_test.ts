import { Buffer } from "node:buffer";
import { equal } from "node:assert/strict";
import { createHmac } from "node:crypto";
import { openRuntime } from "./runtime.ts";

Deno.test("sign() is HMAC-SHA-256, whatever the lengths of secret and text", () => {
  const runtime = openRuntime();
  for (const secretBytes of [0, 1, 32, 63, 64, 65, 200]) {
    const secret = crypto.getRandomValues(new Uint8Array(secretBytes)).toBase64();
    for (const text of ["", "a", "ż🐢".repeat(40), "x".repeat(5_000)]) {
      const expected = createHmac("sha256", Buffer.from(secret, "base64")).update(text);

      equal(runtime.sign(secret, text), expected.digest("base64url"));
    }
  }
});
