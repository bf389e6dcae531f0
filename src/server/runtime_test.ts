import { Buffer } from "node:buffer";
import { equal, ok } from "node:assert/strict";
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

Deno.test("calls of soon() that follow each other for seconds do not keep requests waiting", async () => {
  const runtime = openRuntime();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const accepted = listener.accept();
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const served = await accepted;
  await connection.write(new Uint8Array(1));
  let isRead = false;
  const reading = served.read(new Uint8Array(1)).then(() => isRead = true);
  let slices = 0;
  const done = Promise.withResolvers<void>();
  const work = () => {
    const untilMs = runtime.monotonic() + 25;
    while (runtime.monotonic() < untilMs);
    if (isRead || ++slices === 50) done.resolve();
    else runtime.soon(work);
  };

  runtime.soon(work);
  await done.promise;

  ok(slices < 10, `read after ${slices} slices`);
  await reading;
  for (const one of [connection, served, listener]) one.close();
});
