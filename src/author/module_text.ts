/** Module texts: writes values and whole workflows in TypeScript, as `deno fmt` leaves them. */

import type { Fields } from "./document.ts";
import { isRecord } from "./yaml_text.ts";

/** Columns of a line. */
const LINE_MAX = 100;

/** Writes a value as a literal whose lines stand at a column. `used`: characters before it. */
export function literalText(value: unknown, column: number, used = 0): string {
  const line = lineText(value);
  const isStepList = Array.isArray(value) && value.some((one) => isRecord(one) && "name" in one);
  // Room for the comma; a list of steps has a line for each.
  const isShort = column + used + line.length + 1 <= LINE_MAX;
  const isInline = typeof value !== "object" || value === null || (isShort && !isStepList);
  return isInline ? line : blockText(value, column);
}

/** Writes a list or an object with a line for each part. */
function blockText(value: unknown, column: number): string {
  const inner = column + 2;
  const pad = `\n${" ".repeat(inner)}`;
  const end = `\n${" ".repeat(column)}`;
  if (Array.isArray(value)) {
    return `[${value.map((item) => `${pad}${literalText(item, inner)},`).join("")}${end}]`;
  }
  const fields = Object.entries(value as Fields).map(([name, field]) => {
    const key = keyText(name);
    return `${pad}${key}: ${literalText(field, inner, key.length + 2)},`;
  });
  return `{${fields.join("")}${end}}`;
}

function lineText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(lineText).join(", ")}]`;
  if (!isRecord(value)) return typeof value === "string" ? quoted(value) : JSON.stringify(value);
  const fields = Object.entries(value).map(([name, field]) =>
    `${keyText(name)}: ${lineText(field)}`
  );
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}

/** A text in the quotes it holds fewer of, as the formatter has it; in double quotes where it can choose. */
function quoted(text: string): string {
  const inDouble = JSON.stringify(text).replace(UNSEEN, escaped);
  if (text.split('"').length <= text.split("'").length) return inDouble;
  return `'${inDouble.slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

// deno-lint-ignore no-control-regex -- they are what is looked for
const UNSEEN = /[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]/g;

function escaped(unseen: string): string {
  return `\\u${unseen.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function keyText(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name);
}

/** Writes a workflow as a module of its own. */
export function moduleText(value: Fields): string {
  const { description } = value;
  const about = typeof description === "string" && /^[^*/\n]{1,90}$/.test(description)
    ? description
    : `The workflow "${String(value.name ?? "")}".`;
  return `/** ${about} */

import { implement } from "tasker";

export default implement(${blockText(value, 0)});
`;
}
