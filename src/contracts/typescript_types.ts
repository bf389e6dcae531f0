/** TypeScript: named types as interfaces and type aliases. */

import type { NamedType } from "./named_types.ts";
import type { Field, Shape } from "./shape.ts";
import type { Language } from "./types_file.ts";

/** Writes types in TypeScript 4.7 or later. */
export const TYPESCRIPT: Language = {
  comment: (line) => `// ${line}`,
  head: () => [],
  type: typeLines,
};

function typeLines({ name, shape }: NamedType): readonly string[] {
  if (shape.kind !== "object") return [`export type ${name} = ${textOf(shape)};`];
  // TypeScript refuses a value that has none of the fields of a type in which all are optional.
  const isWeak = shape.others === "unsaid" && shape.fields.length > 0 &&
    shape.fields.every(({ isRequired }) => !isRequired);
  const isOpen = shape.others === "named" || isWeak;
  const rest = isOpen ? ["  readonly [other: string]: unknown;"] : [];
  return [`export interface ${name} {`, ...shape.fields.flatMap(fieldLines), ...rest, "}"];
}

function fieldLines({ name, shape, isRequired, description }: Field): readonly string[] {
  const key = /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name) ? name : JSON.stringify(name);
  return [
    ...(description === undefined ? [] : [`  /** ${description.replaceAll("*/", "* /")} */`]),
    `  readonly ${key}${isRequired ? "" : "?"}: ${textOf(shape)};`,
  ];
}

function textOf(shape: Shape): string {
  switch (shape.kind) {
    case "any":
      return "unknown";
    case "integer":
      return "number";
    case "literal":
      return shape.values.map((value) => JSON.stringify(value)).join(" | ");
    case "array":
      return `readonly ${grouped(shape.items)}[]`;
    case "tuple":
      return tupleText(shape.items, shape.required, shape.rest);
    case "map":
      return `Readonly<Record<string, ${textOf(shape.values)}>>`;
    case "union":
      return shape.of.map(textOf).join(" | ");
    case "ref":
      return shape.to;
    case "object":
      throw new TypeError("an object inside of a type has no name");
    default:
      return shape.kind;
  }
}

function tupleText(items: readonly Shape[], required: number, rest: Shape): string {
  const texts = items.map((item, index) => index < required ? textOf(item) : `${grouped(item)}?`);
  const more = rest.kind === "never" ? [] : [`...${grouped(rest)}[]`];
  return `readonly [${[...texts, ...more].join(", ")}]`;
}

/** What stands before a bracket or a question mark. */
function grouped(shape: Shape): string {
  const text = textOf(shape);
  return text.startsWith("readonly ") || / \| /.test(text) ? `(${text})` : text;
}
