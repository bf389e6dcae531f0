import { equal } from "node:assert/strict";
import { schemasText, withLists } from "./write_envelopes.ts";

Deno.test("envelopes.md and envelopes.schema.json are what write_envelopes.ts writes", async () => {
  const read = (name: string) => Deno.readTextFile(new URL(name, import.meta.url));
  const text = await read("envelopes.md");

  equal(text, withLists(text));
  equal(await read("envelopes.schema.json"), schemasText());
});
