/**
 * Foreign schemas: JSON Schemas (draft 2020-12) that people and other systems write. What is not
 * supported is refused by name, so that no keyword is silently ignored.
 */

import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { messageOf } from "./errors.ts";
import { describeUnfit, findUnfit } from "./json.ts";
import { nearestOf } from "./nearest.ts";
import { endlessRefIn } from "./schema_cycles.ts";
import {
  FORMAT_PATTERNS,
  FORMATS,
  SCHEMA_SIZE_MAX,
  whyCostly,
  whyEndless,
} from "./stored_schema.ts";
import type { JsonSchema } from "./workflow.ts";

/** What is wrong at one place of a schema. */
export interface SchemaFault {
  /** Keys and indexes from the schema's root. */
  readonly at: readonly (string | number)[];
  readonly code: "bad_schema" | "unknown_keyword" | "unknown_format";
  readonly detail: string;
}

/** Levels of objects and lists in a schema. */
const SCHEMA_DEPTH_MAX = 64;

const DRAFT = "https://json-schema.org/draft/2020-12/schema";

/** What a keyword holds: a schema, several, several by name, or values. */
type Holds = "schema" | "list" | "map" | "value";

/** Every keyword of the draft that is supported. */
const KEYWORDS: ReadonlyMap<string, Holds> = new Map([
  ...keywords(
    "schema",
    "additionalProperties contains contentSchema else if items not propertyNames then " +
      "unevaluatedItems unevaluatedProperties",
  ),
  ...keywords("list", "allOf anyOf oneOf prefixItems"),
  ...keywords("map", "$defs dependentSchemas patternProperties properties"),
  ...keywords(
    "value",
    "$anchor $comment $id $ref $schema const contentEncoding " +
      "contentMediaType default dependentRequired deprecated description enum examples " +
      "exclusiveMaximum exclusiveMinimum format maxContains maxItems maxLength maxProperties " +
      "maximum minContains minItems minLength minProperties minimum multipleOf pattern readOnly " +
      "required title type uniqueItems writeOnly",
  ),
]);

/** Keywords of older drafts and of OpenAPI, and what says the same. */
const INSTEAD: ReadonlyMap<string, string> = new Map(Object.entries({
  // Ajv follows them to the root of the schema, and then without end.
  $dynamicAnchor: "write `$anchor`",
  $dynamicRef: "write `$ref`",
  additionalItems: "write `prefixItems` and `items`",
  definitions: "write `$defs`",
  dependencies: "write `dependentRequired` or `dependentSchemas`",
  discriminator: "write `oneOf` with a `const` in each",
  id: "write `$id`",
  optional: "list the other fields in `required`",
}));

const TYPES: readonly string[] = [
  "array",
  "boolean",
  "integer",
  "null",
  "number",
  "object",
  "string",
];

/** Keywords below which a default is not filled in, because the value may not be meant. */
const CHOOSING: ReadonlySet<string> = new Set(["anyOf", "else", "if", "not", "oneOf"]);

const OPTIONS = {
  strict: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  logger: false,
  allErrors: true,
  inlineRefs: false,
  // Optimizing the code takes longer than running it as it is.
  code: { optimize: false },
  formats: Object.fromEntries(
    [...Object.keys(FORMAT_PATTERNS), ...Object.keys(FORMATS)].map((name) => [name, true as const]),
  ),
} as const;

/** Characters of the schemas that are kept once they were read; the oldest are dropped first. */
const KEPT_SIZE_MAX = 16 * SCHEMA_SIZE_MAX;

/** What was read, by the text of the schema: workflows of one system state the same contracts. */
const kept = new Map<string, JsonSchema>();
let keptSize = 0;

/** Knows the meta-schema; made when it is first needed, because that takes 30 ms. */
let meta: Ajv2020 | undefined;

/**
 * Reads a schema that somebody else wrote. The answer says each `format` by a `pattern`, too, as zod
 * does, so that every node checks it.
 *
 * Cost: about 1 ms, 30 ms for the first, and next to nothing for one that was read lately.
 *
 * @returns the schema, or all that is wrong with it
 */
export function readForeignSchema(
  schema: unknown,
):
  | { readonly ok: true; readonly schema: JsonSchema }
  | { readonly ok: false; readonly faults: readonly SchemaFault[] } {
  if (!isObject(schema)) {
    return { ok: false, faults: [fault([], "expected a JSON Schema: an object of keywords")] };
  }
  const unfit = findUnfit(schema, SCHEMA_DEPTH_MAX);
  if (unfit !== undefined) return { ok: false, faults: [fault([], describeUnfit(unfit))] };
  const text = JSON.stringify(schema);
  const known = kept.get(text);
  if (known !== undefined) return { ok: true, schema: known };
  if (text.length > SCHEMA_SIZE_MAX) {
    const detail = `has ${text.length} characters, at most ${SCHEMA_SIZE_MAX} are allowed`;
    return { ok: false, faults: [fault([], detail)] };
  }
  const costly = whyCostly(schema) ?? whyEndless(schema);
  if (costly !== undefined) return { ok: false, faults: [fault([], costly)] };
  const reader = new SchemaReader();
  const read = reader.read(schema, []) as JsonSchema;
  const faults = [...reader.faults, ...metaFaults(schema, reader.faults)];
  if (faults.length > 0) return { ok: false, faults };
  const endless = endlessRefIn(schema);
  if (endless !== undefined) {
    const detail =
      "refers to itself: checking one value would never end; let it lead into a field " +
      "or an element";
    return { ok: false, faults: [fault(endless, detail)] };
  }
  const why = whyNotCompiled(read);
  if (why !== undefined) return { ok: false, faults: [fault([], why)] };
  keep(text, read);
  return { ok: true, schema: read };
}

function keep(text: string, read: JsonSchema): void {
  for (const oldest of kept.keys()) {
    if (keptSize + text.length <= KEPT_SIZE_MAX) break;
    kept.delete(oldest);
    keptSize -= oldest.length;
  }
  kept.set(text, read);
  keptSize += text.length;
}

function keywords(holds: Holds, names: string): (readonly [string, Holds])[] {
  return names.split(" ").map((name) => [name, holds]);
}

function fault(at: SchemaFault["at"], detail: string): SchemaFault {
  return { at, code: "bad_schema", detail };
}

/** Walks through a schema and the schemas in it. */
class SchemaReader {
  readonly faults: SchemaFault[] = [];
  /** How many keywords of `CHOOSING` stand around what is read. */
  #choices = 0;

  read(schema: unknown, at: SchemaFault["at"]): unknown {
    if (typeof schema === "boolean" && at.length > 0) return schema;
    if (!isObject(schema)) return schema; // the meta-schema says so
    const fields = Object.entries(schema).map(([word, value]) => {
      const place = [...at, word];
      const holds = KEYWORDS.get(word);
      if (holds === undefined) this.#refuseKeyword(place, word, schema);
      else if (holds === "value") this.#checkValue(place, word, value);
      this.#choices += CHOOSING.has(word) ? 1 : 0;
      const inside = this.#inside(holds, value, place);
      this.#choices -= CHOOSING.has(word) ? 1 : 0;
      return [word, inside] as const;
    });
    return withPattern(Object.fromEntries(fields));
  }

  #inside(holds: Holds | undefined, value: unknown, at: SchemaFault["at"]): unknown {
    switch (holds) {
      case "schema":
        return this.read(value, at);
      case "list":
        return Array.isArray(value)
          ? value.map((one, index) => this.read(one, [...at, index]))
          : value;
      case "map":
        return isObject(value)
          ? Object.fromEntries(
            Object.entries(value).map(([name, one]) => [name, this.read(one, [...at, name])]),
          )
          : value;
      default:
        return value;
    }
  }

  #refuseKeyword(at: SchemaFault["at"], word: string, schema: JsonSchema): void {
    const said = word === "nullable" ? insteadOfNullable(schema) : INSTEAD.get(word);
    const instead = said === undefined ? near(word, KEYWORDS.keys()) : `: ${said}`;
    const detail = `is not a keyword of JSON Schema 2020-12 that is supported${instead}`;
    this.faults.push({ at, code: "unknown_keyword", detail });
  }

  #checkValue(at: SchemaFault["at"], word: string, value: unknown): void {
    if (word === "type") this.#checkType(at, value);
    if (word === "format") this.#checkFormat(at, value);
    if (word === "$schema" && value !== DRAFT && value !== `${DRAFT}#`) {
      this.faults.push(fault(at, `${JSON.stringify(value)} is not supported, expected "${DRAFT}"`));
    }
    const isRef = word === "$ref" || word === "$dynamicRef";
    if (isRef && typeof value === "string" && !value.startsWith("#")) {
      const detail = `"${value}" is outside of this schema: copy it into \`$defs\` and refer to ` +
        '"#/$defs/NAME"';
      this.faults.push(fault(at, detail));
    }
    if (word === "default" && this.#choices > 0) {
      const detail = "a default inside of anyOf, oneOf, not or if is not filled in: remove it";
      this.faults.push(fault(at, detail));
    }
  }

  #checkType(at: SchemaFault["at"], value: unknown): void {
    for (const name of [value].flat()) {
      if (typeof name !== "string" || TYPES.includes(name)) continue;
      const hint = near(name, TYPES);
      this.faults.push(
        fault(at, `"${name}" is not a type, expected one of ${TYPES.join(", ")}${hint}`),
      );
    }
  }

  #checkFormat(at: SchemaFault["at"], value: unknown): void {
    const known = Object.keys(OPTIONS.formats).sort();
    if (typeof value !== "string" || known.includes(value)) return;
    const detail = `"${value}" is not supported, expected one of ${known.join(", ")}` +
      near(value, known);
    this.faults.push({ at, code: "unknown_format", detail });
  }
}

/** Adds the pattern of a format. */
function withPattern(schema: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { format, pattern: own, allOf = [] } = schema;
  const pattern = typeof format === "string" && Object.hasOwn(FORMAT_PATTERNS, format)
    ? FORMAT_PATTERNS[format]
    : undefined;
  if (pattern === undefined || own === pattern) return schema;
  if (own === undefined) return { ...schema, pattern };
  return { ...schema, allOf: [...Array.isArray(allOf) ? allOf : [], { pattern }] };
}

/** What the meta-schema refuses, once a place, without the places that have a fault already. */
function metaFaults(
  schema: JsonSchema,
  known: readonly SchemaFault[],
): readonly SchemaFault[] {
  meta ??= new Ajv2020({ ...OPTIONS, validateSchema: false });
  const { $schema: _, ...plain } = schema;
  if (meta.validateSchema(plain) === true) return [];
  const taken = new Set(known.map(({ at }) => at.join("/")));
  const faults: SchemaFault[] = [];
  for (const error of meta.errors ?? []) {
    const at = placeOf(error, schema);
    const key = at.join("/");
    const isKnown = taken.has(key) || [...taken].some((place) => key.startsWith(`${place}/`));
    if (!isKnown) faults.push(fault(at, detailOf(error)));
    taken.add(key);
  }
  return faults;
}

function placeOf({ instancePath }: ErrorObject, schema: JsonSchema): SchemaFault["at"] {
  let value: unknown = schema;
  return instancePath.split("/").slice(1).map((part) => {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    const key = Array.isArray(value) ? Number(name) : name;
    value = (value as Readonly<Record<string | number, unknown>>)[key];
    return key;
  });
}

function detailOf({ keyword, message, params }: ErrorObject): string {
  if (keyword === "type") return `must be ${[params.type].flat().join(" or ")}`;
  return message ?? "is not valid";
}

/** References that lead nowhere, patterns that are none, keywords that say nothing here. */
function whyNotCompiled(schema: JsonSchema): string | undefined {
  try {
    new Ajv2020({ ...OPTIONS, meta: false, validateSchema: false }).compile(schema);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof RangeError) return "refers to itself, or to too many schemas in a row";
    return messageOf(thrown).replace(/^strict mode: /, "");
  }
}

function near(name: string, names: Iterable<string>): string {
  const nearest = nearestOf(name, names);
  return nearest === undefined ? "" : `, did you mean "${nearest}"`;
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** OpenAPI's `nullable` adds null to the type beside it. */
function insteadOfNullable({ nullable, type }: JsonSchema): string {
  if (nullable === false) return "leave it out, null is refused unless `type` has it";
  if (type === undefined) return "leave it out, it says nothing without a `type`";
  const types = [type].flat().filter((one) => one !== "null");
  return `write \`type: [${types.join(", ")}, "null"]\``;
}
