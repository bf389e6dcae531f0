/** Python: named types as TypedDicts and type aliases. */

import type { NamedType } from "./named_types.ts";
import { type Field, type Literal, refsIn, type Shape } from "./shape.ts";
import type { Language } from "./types_file.ts";

/** Names that cannot be written as a field in the body of a class, or would hide a type there. */
const RESERVED: ReadonlySet<string> = new Set(
  `False None True and as assert async await break class continue def del elif else except finally
  for from global if import in is lambda nonlocal not or pass raise return try while with yield
  bool dict float int list str Any Literal Never NotRequired TypeAlias TypedDict`.split(/\s+/),
);

/** Writes types in Python 3.11 or later. */
export const PYTHON: Language = {
  comment: (line) => `# ${line}`,
  head: (body) => {
    const names = ["Any", "Literal", "Never", "NotRequired", "TypeAlias", "TypedDict"]
      .filter((name) => new RegExp(`\\b${name}\\b`).test(body));
    return names.length === 0 ? [] : [`from typing import ${names.join(", ")}`];
  },
  type: typeLines,
  isDefinedFirst: true,
};

function typeLines(
  { name, shape }: NamedType,
  defined: ReadonlySet<string>,
  all: ReadonlyMap<string, Shape>,
): readonly string[] {
  const write = (part: Shape, wrap = (text: string) => text) => {
    // In quotes unless it can be evaluated: what is not defined yet cannot, nor `None | None`.
    const isKnown = refsIn(part).every((one) =>
      defined.has(one) && all.get(one)?.kind === "object"
    );
    return wrap(isKnown ? textOf(part) : JSON.stringify(textOf(part)));
  };
  if (shape.kind !== "object") return [`${name}: TypeAlias = ${write(shape)}`];
  const fieldText = ({ shape, isRequired }: Field) =>
    write(shape, (text) => isRequired ? text : `NotRequired[${text}]`);
  if (shape.fields.every((field) => isPlain(field.name))) {
    const lines = shape.fields.flatMap((field) => [
      ...commentLines(field),
      `    ${field.name}: ${fieldText(field)}`,
    ]);
    return [`class ${name}(TypedDict):`, ...(lines.length === 0 ? ["    pass"] : lines)];
  }
  return [
    `${name} = TypedDict("${name}", {`,
    ...shape.fields.flatMap((field) => [
      ...commentLines(field),
      `    ${JSON.stringify(field.name)}: ${fieldText(field)},`,
    ]),
    "})",
  ];
}

function commentLines({ description }: Field): readonly string[] {
  return description === undefined ? [] : [`    # ${description}`];
}

/** In the body of a class, names that begin with two underscores would be changed. */
function isPlain(name: string): boolean {
  return /^(?!__)[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !RESERVED.has(name);
}

function textOf(shape: Shape): string {
  switch (shape.kind) {
    case "any":
      return "Any";
    case "never":
      return "Never";
    case "null":
      return "None";
    case "boolean":
      return "bool";
    case "integer":
      return "int";
    case "number":
      return "float";
    case "string":
      return "str";
    case "literal":
      return literalText(shape.values);
    case "array":
      return `list[${textOf(shape.items)}]`;
    case "tuple": // JSON has lists only
      return `list[${joined([...shape.items, shape.rest].map(textOf))}]`;
    case "map":
      return `dict[str, ${textOf(shape.values)}]`;
    case "union":
      return joined(shape.of.map(textOf));
    case "ref":
      return shape.to;
    case "object":
      throw new TypeError("an object inside of a type has no name");
  }
}

/** Only whole numbers can be literals. */
function literalText(values: readonly Literal[]): string {
  const isFloat = (value: Literal) => typeof value === "number" && !Number.isSafeInteger(value);
  const exact = values.filter((value) => !isFloat(value)).map((value) => {
    if (value === null) return "None";
    return typeof value === "boolean" ? (value ? "True" : "False") : JSON.stringify(value);
  });
  return joined([
    ...(exact.length === 0 ? [] : [`Literal[${exact.join(", ")}]`]),
    ...(values.some(isFloat) ? ["float"] : []),
  ]);
}

/** Alternatives. "Never" adds nothing, and "Any" is all of them. */
function joined(texts: readonly string[]): string {
  if (texts.includes("Any")) return "Any";
  const rest = [...new Set(texts)].filter((text) => text !== "Never");
  return rest.join(" | ") || "Never";
}
