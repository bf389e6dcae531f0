/** YAML: reads a text as plain values, and knows line and column of each. */

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseAllDocuments,
  type Scalar,
} from "yaml";
import { isNumberKept, whyUnfitText } from "../core/json.ts";
import type { CarriedPlace, CarriedValue } from "../core/authoring.ts";
import type { Position } from "../core/workflow_module.ts";
import { Faults } from "./fault.ts";

/** The largest text, in UTF-8 bytes. */
export const YAML_BYTES_MAX = 256_000;

/** Values in one text: 2,000 steps have about 25,000. */
export const YAML_NODES_MAX = 50_000;

/** Levels of nesting in one text. */
export const YAML_DEPTH_MAX = 32;

/** Syntax errors that are shown: the first one often causes the rest. */
const SYNTAX_ERRORS_SHOWN_MAX = 5;

/** The path of a value: keys and indexes. */
export type Path = readonly (string | number)[];

/** A value, and where it is written. */
export interface PlacedValue {
  readonly value: unknown;
  /** The place of a value, or of the nearest one around it that is there. */
  at(path: Path): Position;
  /** The place of a key, or of its value where it has none. */
  atKey(path: Path): Position;
}

/** A text that was read. */
export interface YamlText extends PlacedValue {
  /** The same as JSON can carry it. */
  carried(): CarriedValue;
  /** How a scalar is written, without quotes: "2.0", whose value is the number 2. */
  written(path: Path): string | undefined;
  /** The node of `yaml` that holds all others, with ranges and, if that was asked for, tokens. */
  readonly contents: unknown;
}

/**
 * Reads one YAML document. Aliases are refused: a few lines of them can stand for gigabytes.
 *
 * Cost: O(size); 2,000 steps take about 0.2 s.
 *
 * @throws {TaskerError} definition.invalid with the place of each fault
 */
export function readYaml(
  file: string,
  text: string,
  { keepTokens = false }: { readonly keepTokens?: boolean } = {},
): YamlText {
  const lines = new LineCounter();
  const locate = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const faults = new Faults();
  const refuse: Refuse = (offset, code, detail, path = []) =>
    faults.add({ path: readablePath(path), at: () => locate(offset) }, code, detail);
  const reader = new Reader(refuse);
  const document = parse(text, { lines, keepTokens, refuse });
  const value = document === undefined ? undefined : reader.read(document.contents, [], 0);
  // In a comment, too: the text is stored as it is.
  const why = faults.list.length === 0 ? whyUnfitText(text) : undefined;
  if (why !== undefined) refuse(text.search(/[\0\p{Surrogate}]/u), "bad_text", why);
  faults.demandNone(`manifest "${file}"`);
  return {
    value,
    contents: document?.contents,
    at: (path) => locate(reader.offsetOf(path, reader.values)),
    atKey: (path) => locate(reader.offsetOf(path, reader.keys)),
    carried() {
      const placesOf = (offsets: ReadonlyMap<string, number>) =>
        [...offsets].map(([key, offset]) => {
          const { line, column } = locate(offset);
          return [key, line, column] as const;
        });
      return { value, values: placesOf(reader.values), keys: placesOf(reader.keys) };
    },
    written(path) {
      const node = document?.getIn(path, true);
      return isScalar(node) ? node.source : undefined;
    },
  };
}

/** Takes what another process has read of a text. */
export function placedValue(file: string, { value, values, keys }: CarriedValue): PlacedValue {
  const mapOf = (places: readonly CarriedPlace[]) =>
    new Map(places.map(([key, line, column]) => [key, { file, line, column }]));
  const [ofValues, ofKeys] = [mapOf(values), mapOf(keys)];
  const start = { file, line: 1, column: 1 };
  return {
    value,
    at: (path) => nearest(path, ofValues, ofValues) ?? start,
    atKey: (path) => nearest(path, ofKeys, ofValues) ?? start,
  };
}

/** `["systems", "app", "capabilities", 0]` → `systems.app.capabilities[0]`. */
export function readablePath(path: Path): string {
  const parts = path.map((part) => typeof part === "number" ? `[${part}]` : `.${part}`);
  return parts.join("").replace(/^\./, "");
}

type Refuse = (offset: number, code: string, detail: string, path?: Path) => void;

/** `uniqueKeys` is off because yaml compares all pairs of keys; the reader finds duplicates. */
function parse(
  text: string,
  { lines, keepTokens, refuse }: {
    readonly lines: LineCounter;
    readonly keepTokens: boolean;
    readonly refuse: Refuse;
  },
): Document | undefined {
  if (new TextEncoder().encode(text).length > YAML_BYTES_MAX) {
    refuse(0, "too_large", `has more than ${YAML_BYTES_MAX} bytes`);
    return undefined;
  }
  const options = {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false,
    keepSourceTokens: keepTokens,
  };
  const documents = parseAllDocuments(text, options);
  const first = "empty" in documents ? undefined : documents[0];
  if (first === undefined) refuse(0, "empty", "is empty, expected a manifest");
  const second = documents[1];
  if (second !== undefined) {
    refuse(second.range[0], "bad_yaml", "starts a second document, expected one");
  }
  const errors = [...first?.errors ?? [], ...first?.warnings ?? []];
  // The parser runs out of stack far beyond the levels that are allowed; the rest follows from it.
  const deep = errors.find(({ message }) => /stack (size|overflow)/i.test(message));
  if (deep !== undefined) {
    refuse(deep.pos[0], "too_deep", `is nested more than ${YAML_DEPTH_MAX} levels deep`);
    return undefined;
  }
  for (const { message, pos: [offset] } of errors.slice(0, SYNTAX_ERRORS_SHOWN_MAX)) {
    refuse(offset, "bad_yaml", message);
  }
  return errors.length > 0 ? undefined : first;
}

/** Turns nodes into plain values and notes where they are. */
class Reader {
  readonly values = new Map<string, number>();
  readonly keys = new Map<string, number>();
  readonly #refuse: Refuse;
  #nodes = 0;

  constructor(refuse: Refuse) {
    this.#refuse = refuse;
  }

  read(node: unknown, path: Path, offset: number): unknown {
    const start = offsetOf(node) ?? offset;
    this.values.set(keyOf(path), start);
    if (!this.#isWithinLimits(start, path)) return undefined;
    if (isMap(node)) return this.#readMap(node.items, path, start);
    if (isSeq(node)) return node.items.map((item, at) => this.read(item, [...path, at], start));
    if (isScalar(node)) return this.#readScalar(node, path, start);
    if (isAlias(node)) {
      this.#refuse(
        start,
        "alias",
        `aliases such as "*${node.source}" are not allowed: write the value out`,
        path,
      );
    }
    return null;
  }

  /** What would be another number, or cannot be stored, is refused where it stands. */
  #readScalar({ value, source = "" }: Scalar, path: Path, start: number): unknown {
    if (typeof value === "number" && !isNumberKept(source, value)) {
      const detail = `is ${source.slice(0, 40)}, which JSON cannot carry unchanged: write it as ` +
        "text, in quotes";
      this.#refuse(start, "bad_number", detail, path);
    }
    const why = typeof value === "string" ? whyUnfitText(value) : undefined;
    if (why !== undefined) this.#refuse(start, "bad_text", why, path);
    return value;
  }

  offsetOf(path: Path, among: ReadonlyMap<string, number>): number {
    return nearest(path, among, this.values) ?? 0;
  }

  #readMap(pairs: readonly Pair[], path: Path, start: number): Record<string, unknown> {
    const fields: Record<string, unknown> = {};
    for (const { key, value } of pairs) {
      const name = isScalar(key) ? String(key.value) : "";
      const place = [...path, name];
      const offset = offsetOf(key) ?? start;
      const isTaken = Object.hasOwn(fields, name);
      const why = name === "__proto__"
        ? "is not allowed as the name of a field"
        : isTaken
        ? "is set twice"
        : whyUnfitText(name);
      if (why !== undefined) {
        this.#refuse(offset, "bad_key", why, place);
        continue;
      }
      this.keys.set(keyOf(place), offset);
      fields[name] = this.read(value, place, offset);
    }
    return fields;
  }

  #isWithinLimits(offset: number, path: Path): boolean {
    this.#nodes++;
    if (this.#nodes === YAML_NODES_MAX + 1) {
      this.#refuse(offset, "too_large", `has more than ${YAML_NODES_MAX} values`, path);
    }
    if (path.length > YAML_DEPTH_MAX) {
      this.#refuse(offset, "too_deep", `is nested more than ${YAML_DEPTH_MAX} levels deep`, path);
    }
    return this.#nodes <= YAML_NODES_MAX && path.length <= YAML_DEPTH_MAX;
  }
}

/** What is known of a path, or of the longest part of it that is there. */
function nearest<T>(
  path: Path,
  among: ReadonlyMap<string, T>,
  values: ReadonlyMap<string, T>,
): T | undefined {
  for (let length = path.length; length >= 0; length--) {
    const key = keyOf(path.slice(0, length));
    const found = among.get(key) ?? values.get(key);
    if (found !== undefined) return found;
  }
  return undefined;
}

function keyOf(path: Path): string {
  return path.join("\0");
}

function offsetOf(node: unknown): number | undefined {
  const hasRange = typeof node === "object" && node !== null && "range" in node;
  return hasRange && Array.isArray(node.range) ? node.range[0] : undefined;
}
