/** The language of modules: documents in TypeScript. What they compute is shown, and never rewritten. */

import type * as TypeScript from "typescript";
import type { Position } from "../core/workflow_module.ts";
import type { Document, Fields, Language, Path, Reading } from "./document.ts";
import { problem, unreadable } from "./problem.ts";
import { accessesIn } from "./module_access.ts";
import { type Found, ModuleNodes, type Ts } from "./module_nodes.ts";
import { ModuleWires } from "./module_wires.ts";
import { writeModule } from "./module_writer.ts";

/** The largest module, in characters. */
const MODULE_LENGTH_MAX = 512_000;

/** What was found in each document. */
const READ = new WeakMap<Document, Found>();

let opened: Promise<Language> | undefined;

/** Opens the language of modules. The first time loads TypeScript, which takes some 0.3 s. */
export function openModules(): Promise<Language> {
  opened ??= loadTypeScript().then(languageOf);
  return opened;
}

/**
 * Loads the parser. In a process that looks like Node's, TypeScript asks for the environment and for
 * files as it is loaded; nothing here needs those, and the server may not have them.
 */
async function loadTypeScript(): Promise<Ts> {
  const { process } = globalThis as { process?: { browser?: boolean } };
  if (process !== undefined) process.browser = true;
  try {
    return (await import("typescript")).default;
  } finally {
    delete process?.browser;
  }
}

function languageOf(ts: Ts): Language {
  const language: Language = {
    format: "module",
    read(file, text) {
      try {
        return new ModuleReader(ts, file, text, language).read();
      } catch (thrown) {
        // The parser calls itself for what is inside, until it runs out of stack.
        if (!(thrown instanceof RangeError)) throw thrown;
        const at = { file, line: 1, column: 1 };
        const text = "is nested too deep to be read";
        return { ok: false, problems: [problem("W08", { path: [], at, text })] };
      }
    },
    write(document, value) {
      const found = READ.get(document);
      return found === undefined
        ? document.text
        : writeModule({ ts, text: document.text, found }, document.value, value);
    },
  };
  return language;
}

/** Reads one module. */
class ModuleReader {
  readonly #nodes: ModuleNodes;
  readonly #source: TypeScript.SourceFile;

  constructor(
    readonly ts: Ts,
    readonly file: string,
    readonly text: string,
    readonly language: Language,
  ) {
    const kept = text.length > MODULE_LENGTH_MAX ? "" : text;
    this.#source = ts.createSourceFile(file, kept, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
    this.#nodes = new ModuleNodes(ts, this.#source);
  }

  read(): Reading {
    if (this.text.length > MODULE_LENGTH_MAX) {
      return this.#refuse(0, `has more than ${MODULE_LENGTH_MAX} characters`);
    }
    // The parser keeps what it could not read to itself; the public way would compile the file.
    const { parseDiagnostics: [broken] = [] } = this.#source as TypeScript.SourceFile & {
      readonly parseDiagnostics?: readonly TypeScript.DiagnosticWithLocation[];
    };
    if (broken !== undefined) {
      const text = this.ts.flattenDiagnosticMessageText(broken.messageText, " ");
      return this.#refuse(broken.start, text);
    }
    const exported = this.#source.statements.find((one) => this.ts.isExportAssignment(one));
    if (exported === undefined || !this.ts.isExportAssignment(exported)) {
      return this.#refuse(0, "exports no workflow by default");
    }
    const call = this.#nodes.resolve(exported.expression);
    const value = this.ts.isCallExpression(call) ? this.#valueOf(call) : undefined;
    if (value === undefined) {
      const detail =
        "does not export `workflow(…)` or `implement(…)` by default: a document is one " +
        "workflow in a file of its own";
      return this.#refuse(exported.getStart(this.#source), detail);
    }
    return { ok: true, document: this.#document(value) };
  }

  #valueOf(call: TypeScript.CallExpression): Fields & { readonly [MANIFEST]?: string } | undefined {
    const { ts } = this;
    const callee = this.#nodes.calleeOf(call);
    const [source, meta] = call.arguments;
    const wires = new ModuleWires(this.#nodes);
    if (callee === "workflow") return wires.workflow(call);
    if (callee !== "implement" || source === undefined) return undefined;
    const stated = this.#nodes.resolve(source);
    if (ts.isObjectLiteralExpression(stated)) {
      const value = this.#nodes.read(stated, []) as Fields;
      if (meta !== undefined) wires.bound(call, value);
      return value;
    }
    const path = this.#nodes.literalOf(stated);
    if (typeof path?.value !== "string") return undefined;
    const fields = meta === undefined ? {} : wires.meta(meta);
    const steps = meta === undefined ? [] : wires.bindings(meta);
    return { ...fields, workflow_steps: steps, [MANIFEST]: path.value };
  }

  #document(
    { [MANIFEST]: manifest, ...value }: Fields & { readonly [MANIFEST]?: string },
  ): Document {
    const { values, keys, code } = this.#nodes.found;
    const document: Document = {
      file: this.file,
      text: this.text,
      language: this.language,
      value,
      code,
      accesses: accessesIn(this.ts, this.#source).map(({ offset, text, isRefused }) => ({
        at: this.#positionOf(offset),
        text,
        isRefused,
      })),
      ...(manifest !== undefined && { manifest }),
      at: (path) => this.#locate(this.#nearest(path, values)),
      atKey: (path) => this.#locate(keys.get(JSON.stringify(path)) ?? this.#nearest(path, values)),
    };
    READ.set(document, this.#nodes.found);
    return document;
  }

  #nearest(path: Path, among: Found["values"]): TypeScript.Node | undefined {
    for (let length = path.length; length >= 0; length--) {
      const node = among.get(JSON.stringify(path.slice(0, length)));
      if (node !== undefined) return node;
    }
    return undefined;
  }

  #locate(node: TypeScript.Node | undefined): Position {
    return this.#positionOf(node?.getStart(this.#source) ?? 0);
  }

  #positionOf(offset: number): Position {
    const { line, character } = this.#source.getLineAndCharacterOfPosition(offset);
    return { file: this.file, line: line + 1, column: character + 1 };
  }

  #refuse(offset: number, text: string): Reading {
    return unreadable(this.#positionOf(offset), text);
  }
}

/** The manifest that a module implements, beside what it says itself. */
const MANIFEST = Symbol("manifest");
