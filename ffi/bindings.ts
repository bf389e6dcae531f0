/** The functions of the Rust core. Written by generate_bindings.ts: do not edit. */

/** What `Deno.dlopen` needs; a slice of bytes is a buffer and its length. */
export const BINDINGS = {
  tasker_abi_version: {
    parameters: [],
    result: "u32",
  },
  tasker_bytes_used: {
    parameters: ["u32"],
    result: "f64",
  },
  tasker_close: {
    parameters: ["u32", "u32", "u32"],
    result: "i32",
  },
  tasker_core_close: {
    parameters: ["u32"],
    result: "i32",
  },
  tasker_core_open: {
    parameters: [],
    result: "i32",
  },
  tasker_extend: {
    parameters: ["u32", "u32", "u32", "u32"],
    result: "i32",
  },
  tasker_intern: {
    parameters: ["u32", "buffer", "u32", "buffer", "u32", "buffer", "u32", "buffer", "u32"],
    result: "i32",
  },
  tasker_inventory: {
    parameters: ["buffer", "u32"],
    result: "i32",
  },
  tasker_open: {
    parameters: ["u32", "u32", "buffer", "u32"],
    result: "i32",
  },
  tasker_tick: {
    parameters: ["u32", "buffer", "u32", "buffer", "u32"],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;
