/** YAML texts: writes values as a person would, on one line where they fit. */

/** A value as JSON has it. */
export type Value = unknown;

/** Columns of a line that a value on one line may fill. */
const LINE_MAX = 100;

/** How a text is put into quotes. */
export type Quotes = "plain" | "single" | "double";

/** How a document is laid out. */
export interface Layout {
  /** Columns by which a map is deeper than its key. */
  readonly indent: number;
  /** Columns by which a list is deeper than its key. */
  readonly listIndent: number;
  readonly newline: string;
}

/** Begins like another token, or like a comment. */
const INDICATOR = /^[-?:,[\]{}#&*!|>'"%@`]/;
/** Ends a plain text, or begins a comment. */
const ENDS_PLAIN = /: |:$| #|[\t\n\r]|^ | $/;
const FLOW = /[,[\]{}]/;
/** What YAML 1.2, or 1.1 as other tools read it, takes for another value. */
const OTHER_VALUE =
  /^(?:~|null|true|false|yes|no|on|off|y|n|[-+]?(?:\.inf|\d[\d_,:]*(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|0x[\da-f]+|0o[0-7]+)|\.nan|<<|=|---|\.\.\.|\d{4}-\d\d?-\d\d?(?:[ t].*)?)$/i;
/** What is written as an escape: control characters, and those that are not seen. */
// deno-lint-ignore no-control-regex -- they are what is looked for
const UNSEEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/;

/** Writes a scalar on one line. Quotes are kept where they do, or chosen. */
export function scalarText(value: Value, quotes: Quotes = "plain"): string {
  if (typeof value !== "string") return JSON.stringify(value) ?? "null";
  const isSeen = !UNSEEN.test(value) && !/[\n\t]/.test(value);
  if (!isSeen || quotes === "double") return doubleQuoted(value);
  if (quotes === "single" || !isPlain(value)) return `'${value.replaceAll("'", "''")}'`;
  return value;
}

function doubleQuoted(text: string): string {
  return JSON.stringify(text).replaceAll(
    new RegExp(UNSEEN, "g"),
    (unseen) => `\\u${unseen.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function isPlain(text: string): boolean {
  return text !== "" && !INDICATOR.test(text) && !ENDS_PLAIN.test(text) && !FLOW.test(text) &&
    !OTHER_VALUE.test(text);
}

/** Writes a value on one line. */
export function flowText(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(flowText).join(", ")}]`;
  if (!isRecord(value)) return scalarText(value);
  const fields = Object.entries(value).map(([key, field]) => `${keyText(key)}: ${flowText(field)}`);
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}

/** Writes the key of a field. */
export function keyText(key: string): string {
  return scalarText(key);
}

/** Whether a value is written on one line that begins at a column. */
export function isOneLine(value: Value, column: number): boolean {
  if (typeof value === "string") return !isBlockText(value);
  if (typeof value !== "object" || value === null) return true;
  const inner = Object.values(value);
  if (inner.length === 0) return true;
  if (hasBlockText(value)) return false;
  if (Array.isArray(value) && inner.some(isRecord)) return false;
  return column + flowText(value).length <= LINE_MAX;
}

/** A text of several lines is written as such, if its lines come back as they are. */
function isBlockText(text: string): boolean {
  return /\n/.test(text) && !UNSEEN.test(text) && !/^[\s#]|[\t]|\n{2}$|[ ]\n|[ ]$|^\n*$/.test(text);
}

function hasBlockText(value: Value): boolean {
  if (typeof value === "string") return isBlockText(value);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(hasBlockText);
}

/**
 * Writes what follows the colon of a key that stands at a column: a blank and the value, or the value
 * in lines of its own.
 */
export function afterColon(
  value: Value,
  { column, width, layout }: {
    readonly column: number;
    /** Characters of the key and the colon. */
    readonly width: number;
    readonly layout: Layout;
  },
): string {
  if (typeof value === "string" && isBlockText(value)) {
    return ` ${blockText(value, column + layout.indent, layout)}`;
  }
  // Systems, and what a workflow gives, have a line each.
  const isListed = column === 0 && isRecord(value) && Object.values(value).every(isRecord);
  const isShort = !isListed || Object.keys(value).length === 0;
  if (isShort && isOneLine(value, column + width + 1)) return ` ${flowText(value)}`;
  const inner = column + (Array.isArray(value) ? layout.listIndent : layout.indent);
  return layout.newline + " ".repeat(inner) + blockLines(value, inner, layout);
}

/** Writes a list or a map in lines; the first one begins where the text is put. */
function blockLines(value: Value, column: number, layout: Layout): string {
  const next = layout.newline + " ".repeat(column);
  if (Array.isArray(value)) {
    return value.map((item) => `- ${itemText(item, column + 2, layout)}`).join(next);
  }
  return Object.entries(value as object).map(([key, field]) => {
    const name = keyText(key);
    return `${name}:${afterColon(field, { column, width: name.length + 1, layout })}`;
  }).join(next);
}

/** Writes a workflow as a manifest of its own. */
export function manifestText(value: Readonly<Record<string, unknown>>): string {
  return `${blockLines(value, 0, { indent: 2, listIndent: 2, newline: "\n" })}\n`;
}

/** Writes what follows the dash of an item; its lines stand at a column. */
export function itemText(value: Value, column: number, layout: Layout): string {
  if (typeof value === "string" && isBlockText(value)) return blockText(value, column, layout);
  const isStep = isRecord(value) && Object.hasOwn(value, "name");
  const fits = isOneLine(value, column) && (!isStep || Object.keys(value).length === 0);
  return fits ? flowText(value) : blockLines(value, column, layout);
}

/** A literal block: its lines stand as they are. */
function blockText(text: string, column: number, layout: Layout): string {
  const isEnded = text.endsWith("\n");
  const lines = (isEnded ? text.slice(0, -1) : text).split("\n");
  const indented = lines.map((line) => line === "" ? "" : " ".repeat(column) + line);
  return [isEnded ? "|" : "|-", ...indented].join(layout.newline);
}

/** Whether a value is a map. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
