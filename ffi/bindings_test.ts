import { deepStrictEqual as assertEquals, throws } from "node:assert/strict";

import { TaskerError } from "../src/core/errors.ts";
import { buildLibrary } from "./build.ts";
import { bindingsText, readInventory } from "./generate_bindings.ts";

const library = await buildLibrary();
if (library.kind === "absent") console.log(`Bindings are not compared: ${library.reason}`);

Deno.test({
  name: "bindings.ts is what the generator writes",
  ignore: library.kind === "absent",
  fn: async () => {
    if (library.kind === "absent") return;

    const written = await Deno.readTextFile(new URL("bindings.ts", import.meta.url));

    assertEquals(written, bindingsText(readInventory(library.libraryPath)));
  },
});

for (const type of ["bool", "pointer", "u64", "class", "void"]) {
  Deno.test(`bindingsText() refuses ${type}, which must not cross the border`, () => {
    const parameter = { name: "f", parameters: [type], result: "i32" };
    const result = { name: "f", parameters: [], result: type };

    for (const row of [parameter, result]) {
      throws(
        () => bindingsText([row]),
        (error) => error instanceof TaskerError && error.code === "ffi.broken",
      );
    }
  });
}

Deno.test("bindingsText() sends a slice as a buffer and its length", () => {
  const text = bindingsText([{ name: "f", parameters: ["u32", "buffer"], result: "i32" }]);

  assertEquals(text.includes(`f: {\n    parameters: ["u32", "buffer", "u32"],`), true);
});
