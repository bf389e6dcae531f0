/** Writes bindings.ts from the inventory of the built library: `deno run -A ffi/generate_bindings.ts`. */

import { TaskerError } from "../src/core/errors.ts";
import { LIBRARY_PATH } from "./build.ts";

/** What one type of the border becomes. No 64-bit numbers: they would be bigints. */
const NATIVE_TYPES: Readonly<Record<string, readonly string[]>> = {
  u8: ["u8"],
  u16: ["u16"],
  u32: ["u32"],
  i8: ["i8"],
  i16: ["i16"],
  i32: ["i32"],
  f32: ["f32"],
  f64: ["f64"],
  buffer: ["buffer", "u32"],
};

const HEAD = `/** The functions of the Rust core. Written by generate_bindings.ts: do not edit. */

/** What \`Deno.dlopen\` needs; a slice of bytes is a buffer and its length. */
export const BINDINGS = {
`;

/** One function of the border, as the library describes it. */
export interface BorderFunction {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly result: string;
}

/** Asks a built library for its border functions, sorted by name. */
export function readInventory(libraryPath: string): BorderFunction[] {
  const library = Deno.dlopen(libraryPath, {
    tasker_inventory: { parameters: ["buffer", "u32"], result: "i32" },
  });
  const json = new Uint8Array(65_536);
  const length = library.symbols.tasker_inventory(json, json.length);
  library.close();
  return JSON.parse(new TextDecoder().decode(json.subarray(0, length)));
}

/**
 * Returns the text of bindings.ts.
 *
 * @throws {TaskerError} ffi.broken for a type that must not cross the border
 */
export function bindingsText(functions: readonly BorderFunction[]): string {
  const rows = functions.map(({ name, parameters, result }) => {
    const natives = parameters.flatMap((type) => nativeTypes(name, type));
    if (result === "buffer") throw refusal(name, result);
    const [native] = nativeTypes(name, result);
    const list = natives.map((type) => `"${type}"`).join(", ");
    return `  ${name}: {\n    parameters: [${list}],\n    result: "${native}",\n  },\n`;
  });
  return `${HEAD}${rows.join("")}} as const satisfies Deno.ForeignLibraryInterface;\n`;
}

function nativeTypes(name: string, type: string): readonly string[] {
  const natives = NATIVE_TYPES[type];
  if (natives === undefined) throw refusal(name, type);
  return natives;
}

function refusal(name: string, type: string): TaskerError {
  return new TaskerError(
    "ffi.broken",
    `Cannot bind "${name}": only numbers and byte slices may cross the border, found ${type}`,
  );
}

if (import.meta.main) {
  const text = bindingsText(readInventory(LIBRARY_PATH));
  await Deno.writeTextFile(new URL("bindings.ts", import.meta.url), text);
}
