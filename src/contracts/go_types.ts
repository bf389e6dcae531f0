/** Go: named types as structs, with the tags of encoding/json. */

import { type NamedType, Names, pascalCase } from "./named_types.ts";
import { type Field, type Literal, refsIn, type Shape } from "./shape.ts";
import type { Language } from "./types_file.ts";

/** What stands for a value that no type of Go can say: the reader decodes it. */
const RAW = "json.RawMessage";

/** Slices and maps may hold what they are part of. */
const NO_POINTER = () => false;

/** Writes types in Go 1.18 or later. */
export const GO: Language = {
  comment: (line) => `// ${line}`,
  head: (body) => [
    "package contracts",
    ...(body.includes(RAW) ? ["", 'import "encoding/json"'] : []),
  ],
  type: (type, _, types) => typeLines(type, types),
};

function typeLines(
  { name, shape }: NamedType,
  types: ReadonlyMap<string, Shape>,
): readonly string[] {
  const recursive = (to: string) => reaches(to, to, types, new Set());
  if (shape.kind !== "object") {
    // A defined type may refer to itself, an alias may not; raw JSON would lose its methods.
    return [`type ${name} ${recursive(name) ? "" : "= "}${textOf(shape, NO_POINTER)}`];
  }
  if (!shape.fields.every(({ name }) => isTag(name))) {
    return [`type ${name} = map[string]${RAW} // no tag can name all of its fields`];
  }
  const names = new Names();
  return [
    `type ${name} struct {`,
    ...shape.fields.flatMap((field) => [
      ...(field.description === undefined ? [] : [`\t// ${field.description}`]),
      `\t${names.take(fieldName(field.name))} ${fieldText(field, recursive)}`,
    ]),
    "}",
  ];
}

function fieldName(name: string): string {
  const word = pascalCase(name);
  return /^[A-Z]/.test(word) ? word : `Field${word}`;
}

function fieldText({ name, shape, isRequired }: Field, recursive: (to: string) => boolean): string {
  const text = textOf(shape, recursive);
  const tag = `${name === "-" && isRequired ? "-," : name}${isRequired ? "" : ",omitempty"}`;
  const note = noteOf(shape);
  const type = isRequired || isNilable(text) ? text : `*${text}`;
  return `${type} \`json:"${tag}"\`${note === "" ? "" : ` // ${note}`}`;
}

/** What a tag can hold as a name; see isValidTag of encoding/json. */
function isTag(name: string): boolean {
  return /^[A-Za-z0-9!#$%&()*+\-./:;<=>?@[\]^_{|}~ ]+$/.test(name);
}

function isNilable(type: string): boolean {
  return /^(\*|\[\]|map\[|any$|json\.)/.test(type);
}

function textOf(shape: Shape, recursive: (to: string) => boolean): string {
  switch (shape.kind) {
    case "any":
    case "never":
    case "null":
      return "any";
    case "boolean":
      return "bool";
    case "integer":
      return "int64";
    case "number":
      return "float64";
    case "string":
      return "string";
    case "literal":
      return unionText(shape.values.map(shapeOfLiteral), recursive);
    case "array":
      return `[]${textOf(shape.items, NO_POINTER)}`;
    case "tuple":
      return `[]${unionText([...shape.items, shape.rest], NO_POINTER)}`;
    case "map":
      return `map[string]${textOf(shape.values, NO_POINTER)}`;
    case "union":
      return unionText(shape.of, recursive);
    case "ref":
      return recursive(shape.to) ? `*${shape.to}` : shape.to;
    case "object":
      throw new TypeError("an object inside of a type has no name");
  }
}

/** Alternatives of one type are that type; null is a pointer to nothing. */
function unionText(shapes: readonly Shape[], recursive: (to: string) => boolean): string {
  const parts = shapes.flatMap((shape) =>
    shape.kind === "literal" ? shape.values.map(shapeOfLiteral) : shape
  ).filter(({ kind }) => kind !== "never");
  const texts = [
    ...new Set(
      parts.filter(({ kind }) => kind !== "null").map((part) => textOf(part, recursive)),
    ),
  ];
  const [only] = texts;
  if (only === undefined) return "any";
  if (texts.length > 1) return texts.every((text) => /64$/.test(text)) ? "float64" : RAW;
  const hasNull = parts.some(({ kind }) => kind === "null");
  return hasNull && !isNilable(only) ? `*${only}` : only;
}

function shapeOfLiteral(value: Literal): Shape {
  if (value === null) return { kind: "null" };
  if (typeof value === "string") return { kind: "string" };
  if (typeof value === "boolean") return { kind: "boolean" };
  return { kind: Number.isSafeInteger(value) ? "integer" : "number" };
}

/** Names what the type does not say. */
function noteOf(shape: Shape): string {
  if (shape.kind === "array") return noteOf(shape.items);
  if (shape.kind === "literal") {
    return shape.values.map((value) => JSON.stringify(value)).join(" or ");
  }
  if (shape.kind !== "union") return "";
  return shape.of.map((one) =>
    noteOf(one) || (one.kind === "ref" ? one.to : one.kind === "map" ? "object" : one.kind)
  ).join(" or ");
}

/** Whether a type holds another one, over whatever way. */
function reaches(
  from: string,
  to: string,
  types: ReadonlyMap<string, Shape>,
  seen: Set<string>,
): boolean {
  const shape = types.get(from);
  if (shape === undefined || seen.has(from)) return false;
  seen.add(from);
  return refsIn(shape).some((ref) => ref === to || reaches(ref, to, types, seen));
}
