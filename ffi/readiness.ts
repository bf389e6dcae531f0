/** The readiness port over the Rust core, and the choice between it and its twin in TypeScript. */

import { assert, type ErrorCode, messageOf, TaskerError } from "../src/core/errors.ts";
import type { Graph } from "../src/core/graph.ts";
import type {
  AnswerVisitor,
  Instance,
  Readiness,
  ReadinessInput,
  Template,
} from "../src/core/readiness.ts";
import { BINDINGS } from "./bindings.ts";
import { openOracle } from "./oracle.ts";

/** The border this file is written for: `ABI_VERSION` in src/lib.rs. */
const ABI_VERSION = 1;

/** A record is index, generation, input, step; an answer index, generation, kind, step, cause. */
const RECORD_WORDS = 4;
const ANSWER_WORDS = 5;
const WORD_BYTES = 4;

/** Records that can be staged before the room doubles, and answers taken by one call. */
const RECORDS_FIRST = 1_024;
const ANSWERS_MAX = 4_096;

/** An instance is `generation * INDEXES + index`. */
const INDEXES = 2 ** 32;

/** What is sent for an empty array, with length 0: its own pointer would be null, and no slice. */
const ONE_BYTE = new Uint8Array(1);

/** What the negative codes of the core mean: `CoreError` in src/fault.rs. */
const REFUSALS: Readonly<Record<number, { code: ErrorCode; reason: string }>> = {
  [-1]: { code: "ffi.broken", reason: "the core panicked" },
  [-2]: { code: "ffi.broken", reason: "the core is closed, or was lost in a panic" },
  [-3]: { code: "ffi.broken", reason: "a buffer has the wrong length" },
  [-4]: { code: "graph.invalid", reason: "the graph breaks its shape" },
  [-5]: { code: "graph.cycle", reason: "the steps depend on each other in a cycle" },
  [-6]: { code: "graph.invalid", reason: "there is no such template" },
  [-7]: { code: "graph.invalid", reason: "the instance is closed" },
  [-8]: { code: "graph.invalid", reason: "the template does not begin with the same steps" },
  [-9]: { code: "ffi.broken", reason: "the core is full" },
};

/** The codes after which a core answers nothing any more. */
const LOST: ReadonlySet<number> = new Set([-1, -2]);

type Library = Deno.DynamicLibrary<typeof BINDINGS>;

/** Libraries by path. None is ever closed: a call into one that was would crash the process. */
const libraries = new Map<string, Library>();

/** A readiness that holds memory outside of JavaScript until it is disposed of. */
export interface RustReadiness extends Readiness, Disposable {
  readonly kind: "rust";
}

/** The readiness of a process, and why it is not the one in Rust. */
export interface ReadinessChoice {
  readonly readiness: Readiness;
  readonly fallbackReason?: string;
}

/** Opens the Rust core, or its twin where that fails. */
export function openReadiness(options: { readonly libraryPath: string }): ReadinessChoice {
  try {
    return { readiness: openRustReadiness(options.libraryPath) };
  } catch (error) {
    return { readiness: openOracle(), fallbackReason: messageOf(error) };
  }
}

/**
 * Opens a core of its own in the library. Needs `--allow-ffi` for the library's path only.
 *
 * @throws {TaskerError} ffi.broken when the library is missing, or is of another ABI version
 */
export function openRustReadiness(libraryPath: string): RustReadiness {
  let library = libraries.get(libraryPath);
  if (library === undefined) {
    checkAbiVersion(libraryPath);
    library = openLibrary(libraryPath, BINDINGS);
    libraries.set(libraryPath, library);
  }
  return new RustCore(library);
}

/** Looks at the version alone first: a library of another version may lack the other functions. */
function checkAbiVersion(libraryPath: string): void {
  const { tasker_abi_version } = BINDINGS;
  const library = openLibrary(libraryPath, { tasker_abi_version });
  const version = library.symbols.tasker_abi_version();
  library.close();
  if (version === ABI_VERSION) return;
  throw new TaskerError(
    "ffi.broken",
    `Cannot use the Rust core "${libraryPath}": it has ABI version ${version}, wanted ${ABI_VERSION}`,
  );
}

function openLibrary<S extends Deno.ForeignLibraryInterface>(path: string, symbols: S) {
  try {
    return Deno.dlopen(path, symbols);
  } catch (error) {
    throw new TaskerError(
      "ffi.broken",
      `Cannot open the Rust core "${path}": ${messageOf(error)}`,
      { cause: error },
    );
  }
}

class RustCore implements RustReadiness {
  readonly kind = "rust";
  readonly #library: Library;
  readonly #core: number;
  readonly #answers = new Uint32Array(ANSWERS_MAX * ANSWER_WORDS);
  readonly #handle = new Uint32Array(2);
  #records = new Uint32Array(RECORDS_FIRST * RECORD_WORDS);
  #recordWords = 0;
  #visiting = false;

  constructor(library: Library) {
    this.#library = library;
    this.#core = checked(library.symbols.tasker_core_open(), "open a core");
  }

  intern(hash: string, graph: Graph): Template {
    const buffers = [
      new TextEncoder().encode(hash),
      graph.when,
      graph.parentOffsets,
      graph.parents,
    ].map(sendable);
    const [name, when, offsets, parents] = buffers as [Sendable, Sendable, Sendable, Sendable];
    const code = this.#library.symbols.tasker_intern(
      this.#core,
      name.bytes,
      name.length,
      when.bytes,
      when.length,
      offsets.bytes,
      offsets.length,
      parents.bytes,
      parents.length,
    );
    return checked(code, `intern the graph "${hash}"`);
  }

  open(template: Template): Instance {
    const handle = this.#handle;
    const code = this.#library.symbols.tasker_open(
      this.#core,
      template,
      handle,
      handle.byteLength,
    );
    checked(code, `open a task of template ${template}`);
    return instanceOf(handle[0] as number, handle[1] as number);
  }

  extend(instance: Instance, template: Template): void {
    const index = indexOf(instance);
    const generation = generationOf(instance, index);
    const code = this.#library.symbols.tasker_extend(this.#core, index, generation, template);
    checked(code, `extend instance ${instance} to template ${template}`);
  }

  close(instance: Instance): void {
    const index = indexOf(instance);
    const generation = generationOf(instance, index);
    const code = this.#library.symbols.tasker_close(this.#core, index, generation);
    // What a lost core held is gone with it: whoever clears up after it must get to the end.
    if (!LOST.has(code)) checked(code, `close instance ${instance}`);
  }

  push(instance: Instance, input: ReadinessInput, step: number): void {
    const at = this.#recordWords;
    if (at === this.#records.length) this.#growRecords();
    const records = this.#records;
    const index = indexOf(instance);
    records[at] = index;
    records[at + 1] = generationOf(instance, index);
    records[at + 2] = input;
    records[at + 3] = step;
    this.#recordWords = at + RECORD_WORDS;
  }

  tick(visit: AnswerVisitor): void {
    assert(!this.#visiting, "tick() was called by the visitor of a tick");
    let answered = this.#callTick(this.#recordWords);
    this.#recordWords = 0;
    this.#visiting = true;
    try {
      this.#visitAnswers(answered, visit);
      while (answered === ANSWERS_MAX) {
        answered = this.#callTick(0);
        this.#visitAnswers(answered, visit);
      }
    } finally {
      this.#visiting = false;
    }
  }

  bytesUsed(): number {
    return checked(this.#library.symbols.tasker_bytes_used(this.#core), "count bytes");
  }

  [Symbol.dispose](): void {
    this.#library.symbols.tasker_core_close(this.#core);
  }

  /** Returns how many answers were written; when the room was used up, more are waiting. */
  #callTick(recordWords: number): number {
    const answers = this.#answers;
    const code = this.#library.symbols.tasker_tick(
      this.#core,
      this.#records,
      recordWords * WORD_BYTES,
      answers,
      answers.byteLength,
    );
    return checked(code, "tick");
  }

  #visitAnswers(count: number, visit: AnswerVisitor): void {
    const answers = this.#answers;
    for (let at = 0; at < count * ANSWER_WORDS; at += ANSWER_WORDS) {
      const instance = instanceOf(answers[at] as number, answers[at + 1] as number);
      visit(
        instance,
        answers[at + 2] as number,
        answers[at + 3] as number,
        answers[at + 4] as number,
      );
    }
  }

  #growRecords(): void {
    const wider = new Uint32Array(this.#records.length * 2);
    wider.set(this.#records);
    this.#records = wider;
  }
}

interface Sendable {
  readonly bytes: BufferSource;
  readonly length: number;
}

function sendable(array: Uint8Array | Uint32Array): Sendable {
  const length = array.byteLength;
  return { bytes: length === 0 ? ONE_BYTE : array as BufferSource, length };
}

function indexOf(instance: Instance): number {
  return instance >>> 0;
}

function generationOf(instance: Instance, index: number): number {
  return (instance - index) / INDEXES;
}

function instanceOf(index: number, generation: number): Instance {
  return generation * INDEXES + index;
}

/** Returns what the core answered, unless that is a refusal. */
function checked(code: number, action: string): number {
  if (code >= 0) return code;
  const refusal = REFUSALS[code] ?? { code: "ffi.broken", reason: `unknown code ${code}` };
  throw new TaskerError(refusal.code, `Cannot ${action}: ${refusal.reason}`);
}
