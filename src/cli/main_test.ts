import { equal, throws } from "node:assert/strict";
import { UsageError } from "./verb.ts";
import { fileText } from "./main.ts";

Deno.test("a file is read with or without a byte order mark, and refused as Latin-1", () => {
  const bytes = new TextEncoder().encode('{"city":"Köln"}');
  const marked = new Uint8Array([0xef, 0xbb, 0xbf, ...bytes]);
  const latin1 = Uint8Array.from('{"city":"Köln"}', (letter) => letter.charCodeAt(0));

  equal(fileText("o.json", bytes), '{"city":"Köln"}');
  equal(fileText("o.json", marked), '{"city":"Köln"}');
  throws(() => fileText("o.json", latin1), UsageError);
});
