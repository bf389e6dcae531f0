import assert from "node:assert/strict";
import { isOfWriteLoop } from "./pg_client.ts";

const WRITE =
  "    at nextWrite (file:///cache/npm/registry.npmjs.org/postgres/3.4.9/src/connection.js:257:22)";

Deno.test("the guard lets pass what the write loop of postgres.js throws, and nothing else", () => {
  const ours = "    at nextWrite (file:///srv/src/journal/writer.ts:1:1)";
  const elsewhere = "    at data (file:///cache/npm/postgres/3.4.9/src/connection.js:324:9)";

  assert.equal(isOfWriteLoop(thrown(TypeError, WRITE)), true);
  for (const stack of [ours, elsewhere]) {
    assert.equal(isOfWriteLoop(thrown(TypeError, stack)), false);
  }
  assert.equal(isOfWriteLoop(thrown(Error, WRITE)), false);
  assert.equal(isOfWriteLoop("nextWrite postgres connection.js"), false);
});

function thrown(kind: new (text: string) => Error, stack: string): Error {
  return Object.assign(new kind("gone"), { stack: `TypeError: gone\n${stack}` });
}
