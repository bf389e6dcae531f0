import { equal } from "node:assert/strict";
import { errorsText } from "./write_errors.ts";

Deno.test("errors.md is what write_errors.ts writes", async () => {
  const written = await Deno.readTextFile(new URL("errors.md", import.meta.url));

  equal(written, errorsText());
});
