/** JSON: which texts and values journal and bus return unchanged. */

import type { Fault } from "./errors.ts";

/** A document as it is handed around: nobody changes it. */
export type DeepReadonly<T> = T extends readonly [infer A, infer B]
  ? readonly [DeepReadonly<A>, DeepReadonly<B>]
  : T extends readonly (infer E)[] ? readonly DeepReadonly<E>[]
  : T extends object ? { readonly [Field in keyof T]: DeepReadonly<T[Field]> }
  : T;

/**
 * Why a value cannot be kept.
 *
 * no_json: the text is not JSON · too_deep: it nests too deep · text: a string that Postgres cannot
 * store · number: one that would become another number, or null.
 */
export type UnfitCode = "no_json" | "too_deep" | "text" | "number";

/** One place of a value that cannot be kept. */
export interface Unfit extends Fault {
  readonly code: UnfitCode;
}

/** A parsed value, or why there is none. */
export type Parsed =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly unfit: Unfit };

/** A JSON text can only name numbers this small with such an exponent. */
const SMALL_EXPONENT = /[eE]-\d{3}/;

/**
 * Parses JSON from outside: all bodies, envelopes and files go through it.
 *
 * Refuses what would change silently: integers that a double cannot hold, such as
 * 9007199254740993; numbers beyond its range, such as 1e400; U+0000 and halves of surrogate pairs,
 * in values and in names; what nests deeper than `depthMax`.
 *
 * Cost: one JSON.parse and one walk; a second parse if a number is suspicious.
 */
export function parseJson(text: string, depthMax: number): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, unfit: notJson(error) };
  }
  const walk = { isLarge: false };
  const unfit = find(value, depthMax, walk) ??
    (walk.isLarge || SMALL_EXPONENT.test(text) ? changedNumberIn(text) : undefined);
  return unfit === undefined ? { ok: true, value } : { ok: false, unfit };
}

/**
 * Parses JSON of which parts are checked by themselves, with `findUnfit`.
 *
 * Refuses what is not JSON, and numbers that would be changed silently, wherever they are.
 * Cost: two parses of the text.
 */
export function parseJsonOfParts(text: string): Parsed {
  try {
    const unfit = changedNumberIn(text);
    return unfit === undefined ? { ok: true, value: JSON.parse(text) } : { ok: false, unfit };
  } catch (error) {
    return { ok: false, unfit: notJson(error) };
  }
}

/** Says where a text is not JSON, as far as JSON.parse says it; its own words may quote the text. */
export function notJson(error: unknown): Unfit {
  const { message } = error as SyntaxError;
  const [, line, column] = /\(line (\d+) column (\d+)\)$/.exec(message) ?? [];
  const where = line !== undefined
    ? ` at line ${line}, column ${column}`
    : message.includes("end of JSON")
    ? ", it ends too early"
    : "";
  return { path: "", code: "no_json", detail: `is not valid JSON${where}` };
}

/** Finds the first place of a value that JSON, or Postgres, cannot keep. Cost: O(size). */
export function findUnfit(value: unknown, depthMax: number): Unfit | undefined {
  return find(value, depthMax, { isLarge: false });
}

/**
 * Writes a value as JSON with the fields of every object in one order: equal values, equal texts.
 *
 * Cost: one walk and one JSON.stringify.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(
      Object.entries(inner).toSorted(([one], [other]) => one < other ? -1 : 1),
    );
  });
}

/** Says which place cannot be kept, and why. */
export function describeUnfit({ path, detail }: Unfit): string {
  return `${path === "" ? "it" : `"${path}"`} ${detail}`;
}

/** What a walk over a value has found. */
interface Walk {
  /** An integer that may have been another one in the text. */
  isLarge: boolean;
}

function find(value: unknown, depthMax: number, walk: Walk): Unfit | undefined {
  if (typeof value === "string") return unfitText(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return unfitNumber(String(value));
    walk.isLarge ||= Number.isInteger(value) && !Number.isSafeInteger(value);
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  if ("toJSON" in value && typeof value.toJSON === "function") {
    return find(value.toJSON(), depthMax, walk);
  }
  if (depthMax === 0) return { path: "", code: "too_deep", detail: "nests too deep" };
  for (const [name, inner] of Object.entries(value)) {
    const unfit = unfitText(name) ?? find(inner, depthMax - 1, walk);
    if (unfit !== undefined) return under(name, unfit);
  }
  return undefined;
}

function under(name: string, unfit: Unfit): Unfit {
  const shown = name.replaceAll("\0", "").toWellFormed().slice(0, 64);
  return { ...unfit, path: unfit.path === "" ? shown : `${shown}.${unfit.path}` };
}

/** Why Postgres cannot keep a text; undefined: it can. */
export function whyUnfitText(text: string): string | undefined {
  return unfitText(text)?.detail;
}

function unfitText(text: string): Unfit | undefined {
  const detail = text.includes("\0")
    ? "holds the character U+0000"
    : text.isWellFormed()
    ? undefined
    : "holds half of a surrogate pair";
  return detail === undefined ? undefined : { path: "", code: "text", detail };
}

function unfitNumber(shown: string): Unfit {
  const detail = `holds the number ${shown.slice(0, 40)}, which JSON cannot carry unchanged: ` +
    "send it as a text";
  return { path: "", code: "number", detail };
}

/** Parses once more, now with the text of each number; a reviver does not know the whole path. */
function changedNumberIn(text: string): Unfit | undefined {
  let changed: string | undefined;
  const look = (_name: string, value: unknown, ...context: { source?: string }[]) => {
    const source = context[0]?.source;
    if (typeof value === "number" && source !== undefined && !isNumberKept(source, value)) {
      changed ??= source;
    }
    return value;
  };
  JSON.parse(text, look);
  return changed === undefined ? undefined : unfitNumber(changed);
}

/**
 * Whether a number is what was written, or is at least written back as it came.
 *
 * Shape: `source` is decimal, or `0x…`, or `0o…`.
 */
export function isNumberKept(source: string, value: number): boolean {
  if (!Number.isFinite(value)) return false;
  if (/^0[xo]/.test(source)) return BigInt(source) === BigInt(value);
  if (value === 0) return !/[1-9]/.test(source.split(/[eE]/)[0] ?? "");
  if (/[.eE]/.test(source) || Number.isSafeInteger(value)) return true;
  return String(value) === source || BigInt(source) === BigInt(value);
}
