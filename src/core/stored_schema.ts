/**
 * Stored schemas: JSON Schema (draft 2020-12) as a check, for values of a workflow whose code is not
 * loaded here.
 */

import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { z } from "zod";
import { type Fault, messageOf } from "./errors.ts";
import { FAULTS_MAX } from "./faults.ts";
import { canonicalJson } from "./json.ts";
import { endlessIn, patternOf } from "./pattern.ts";
import { boundReferences, forgetVerdicts } from "./recursive_reference.ts";
import { VISITS_MAX, visitsOf } from "./schema_visits.ts";
import type { JsonSchema } from "./workflow.ts";

/** A value as its contract made it, or what is wrong with it. */
export type Checked =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** Characters of a stored schema's JSON text. */
export const SCHEMA_SIZE_MAX = 64 * 1024;

/** Patterns of fields in one schema; compiling them takes 10 ms. */
const PATTERNS_MAX = 200;

/** Fields in a schema that has `unevaluated…`; compiling them takes 0.1 s. */
const FIELDS_SEEN_MAX = 500;

/** Characters of the schemas whose checks are kept; the oldest are dropped first. */
const KEPT_SIZE_MAX = 16 * SCHEMA_SIZE_MAX;

/**
 * Formats that zod checks by code. It says each other format by a `pattern` beside it; a format that
 * nothing checks where the code is loaded is not checked here either.
 */
export const FORMATS = { uri: z.url(), jwt: z.jwt(), ipv6: z.ipv6(), cidrv6: z.cidrv6() };

/** Formats that a pattern says, as zod writes it beside them. */
export const FORMAT_PATTERNS: Readonly<Record<string, string>> = {
  date: z.regexes.date.source,
  "date-time": z.regexes.datetime({ offset: true }).source,
  duration: z.regexes.duration.source,
  email: z.regexes.email.source,
  hostname: z.regexes.hostname.source,
  ipv4: z.regexes.ipv4.source,
  time:
    "^(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d+)?(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)$",
  uuid: z.regexes.uuid().source,
};

const FORMAT_OF_PATTERN: ReadonlyMap<string, string> = new Map(
  Object.entries(FORMAT_PATTERNS).map(([name, pattern]) => [pattern, name]),
);

/** Patterns that zod writes beside a format but does not use: they refuse `::ffff:10.0.0.1`. */
const UNUSED: ReadonlySet<string> = new Set([z.regexes.ipv6.source, z.regexes.cidrv6.source]);

/** How a schema refers to the meta-schema. */
const META_REFERENCE = '"$ref":"https://json-schema.org/draft/2020-12/';

const OPTIONS = {
  strict: false,
  logger: false,
  // All faults are listed at once, as zod does.
  allErrors: true,
  // Inlining one large definition 8,000 times takes all memory.
  inlineRefs: false,
  // An inherited name such as toString is not a field.
  ownProperties: true,
  validateSchema: false,
  formats: Object.fromEntries(
    Object.entries(FORMATS).map(([name, format]) => [
      name,
      (text: string) => format.safeParse(text).success,
    ]),
  ),
  // Optimizing the code takes longer than running it as it is.
  code: { regExp: Object.assign(regExpOf, { code: "regExpOf" }), optimize: false },
} as const;

/** The compiled form of a schema. */
interface Compiled {
  readonly check: ReturnType<Ajv2020["compile"]>;
  /** Fills in defaults; absent when the schema has none. Its verdict is not used. */
  readonly fill: ReturnType<Ajv2020["compile"]> | undefined;
  readonly size: number;
}

const kept = new Map<JsonSchema, Compiled>();
let keptSize = 0;

/** Knows the meta-schema; made when it is first needed, because that takes 30 ms. */
let meta: Ajv2020 | undefined;

/**
 * Checks a value by a stored schema, and fills in defaults, in a copy. Never throws: a schema that
 * cannot be used here is broken by every value, and the fault says why.
 *
 * Cost: about 1 ms when the schema is first used; then less than zod takes.
 */
export function checkByStored(schema: JsonSchema, value: unknown): Checked {
  try {
    const { check, fill } = kept.get(schema) ?? keep(schema);
    forgetVerdicts();
    if (!check(value)) {
      return { ok: false, faults: (check.errors ?? []).slice(0, FAULTS_MAX).map(faultOf) };
    }
    if (fill === undefined) return { ok: true, value };
    const filled = structuredClone(value);
    forgetVerdicts();
    fill(filled);
    return { ok: true, value: filled };
  } catch (thrown) {
    const detail = `the stored schema cannot be used: ${messageOf(thrown)}`;
    return { ok: false, faults: [{ path: "", code: "schema_unusable", detail }] };
  }
}

/** Says why a schema cannot be used as a check; undefined when it can. */
export function whyUnusable(schema: JsonSchema): string | undefined {
  try {
    openAjv(validText(schema)).compile(schema);
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/** Whether a keyword says something about values, so that a check looks at it. */
export function isAssertion(keyword: string): boolean {
  if (ANNOTATIONS.has(keyword)) return false;
  return keyword.startsWith("$") || metaSchema().getKeyword(keyword) !== false;
}

/** Keywords that only describe. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  "$comment",
  "$id",
  "contentEncoding",
  "contentMediaType",
  "default",
  "deprecated",
  "description",
  "examples",
  "format",
  "id",
  "readOnly",
  "title",
  "writeOnly",
]);

function keep(schema: JsonSchema): Compiled {
  const compiled = compile(schema);
  for (const [oldest, { size }] of kept) {
    if (keptSize + compiled.size <= KEPT_SIZE_MAX) break;
    kept.delete(oldest);
    keptSize -= size;
  }
  kept.set(schema, compiled);
  keptSize += compiled.size;
  return compiled;
}

function compile(schema: JsonSchema): Compiled {
  const text = validText(schema);
  const fill = text.includes('"default":')
    ? openAjv(text, { useDefaults: true }).compile(schema)
    : undefined;
  return { check: openAjv(text).compile(schema), fill, size: text.length };
}

/** Keywords whose values are no schemas. */
const VALUES: ReadonlySet<string> = new Set(["const", "default", "enum", "examples"]);

/**
 * Says what makes a schema too costly to compile; undefined: nothing. Ajv's work grows with the square
 * of patterns in one object, and of fields where one of them is looked for in all (`unevaluated…`):
 * 7,000 patterns in 64 KiB take 46 s, in which nothing else runs.
 */
export function whyCostly(schema: JsonSchema): string | undefined {
  let [patterns, fields] = [0, 0];
  let seesAll = false;
  const open: unknown[] = [schema];
  while (open.length > 0) {
    const one = open.pop();
    if (typeof one !== "object" || one === null) continue;
    for (const [keyword, value] of Object.entries(one)) {
      if (VALUES.has(keyword)) continue;
      const count = typeof value === "object" && value !== null ? Object.keys(value).length : 0;
      if (keyword === "patternProperties") patterns += count;
      if (keyword === "properties") fields += count;
      seesAll ||= keyword.startsWith("unevaluated");
      open.push(value);
    }
  }
  if (patterns > PATTERNS_MAX) {
    return `has ${patterns} patternProperties, at most ${PATTERNS_MAX} are allowed`;
  }
  if (!seesAll || fields <= FIELDS_SEEN_MAX) return undefined;
  return `has ${fields} properties beside unevaluatedProperties or unevaluatedItems, at most ` +
    `${FIELDS_SEEN_MAX} are allowed`;
}

/** Patterns that may look ahead, because they were tried: those of formats. */
const TRIED: ReadonlySet<string> = new Set([...Object.values(FORMAT_PATTERNS), ...UNUSED]);

/** Says what of a schema that somebody else wrote could hold up all that runs; undefined: nothing. */
export function whyEndless(schema: JsonSchema): string | undefined {
  if (visitsOf(schema) > VISITS_MAX) {
    return `would check one value by more than ${VISITS_MAX} schemas: definitions that refer to each ` +
      "other more than once multiply; refer to each once, or to fewer";
  }
  const pattern = endlessIn(schema, TRIED);
  if (pattern === undefined) return undefined;
  return `has the pattern ${
    JSON.stringify(pattern)
  }, which could be matched without end: look-ahead, ` +
    "look-behind, back-references, repetitions of more than 1,000 among others, and classes that RE2 " +
    "does not know are not supported; say it by several patterns in `allOf` and `not`";
}

/** Returns the text of a schema that is small enough, and one by the meta-schema. */
function validText(schema: JsonSchema): string {
  const text = JSON.stringify(schema);
  if (text.length > SCHEMA_SIZE_MAX) {
    throw new RangeError(
      `it has ${text.length} characters, at most ${SCHEMA_SIZE_MAX} are allowed`,
    );
  }
  const why = whyCostly(schema);
  if (why !== undefined) throw new RangeError(`it ${why}`);
  if (!metaSchema().validateSchema(schema)) throw new TypeError(metaSchema().errorsText());
  return text;
}

function metaSchema(): Ajv2020 {
  return meta ??= new Ajv2020(OPTIONS);
}

/** Opens an Ajv for one schema, by its text: a shared one keeps something of each. */
function openAjv(text: string, more: { useDefaults?: true } = {}): Ajv2020 {
  // The meta-schemas take longer to add than most schemas to compile, and few refer to them.
  const ajv = new Ajv2020({ ...OPTIONS, ...more, meta: text.includes(META_REFERENCE) });
  boundReferences(ajv);
  // Ajv's own divides floats: 0.3 would not be a multiple of 0.1.
  ajv.removeKeyword("multipleOf").addKeyword({
    keyword: "multipleOf",
    type: "number",
    schemaType: "number",
    compile: (divisor: number) => {
      const schema = z.number().multipleOf(divisor);
      return (value: number) => schema.safeParse(value).success;
    },
    error: { message: ({ schema }) => `must be a multiple of ${schema}` },
  });
  // Ajv's own compares each object with each other one.
  ajv.removeKeyword("uniqueItems").addKeyword({
    keyword: "uniqueItems",
    type: "array",
    schemaType: "boolean",
    compile: (isAsked: boolean) => (list: readonly unknown[]) =>
      !isAsked || new Set(list.map(canonicalJson)).size === list.length,
    error: { message: "must NOT have duplicate items" },
  });
  return ajv;
}

function regExpOf(pattern: string): Pick<RegExp, "test"> {
  return UNUSED.has(pattern) ? /^/ : patternOf(pattern);
}

/** Ajv points at the object whose field is missing or unknown; this points at the field. */
function faultOf({ instancePath, keyword, message, params }: ErrorObject): Fault {
  const parts = instancePath.split("/").slice(1).map(unescapePointer);
  const { missingProperty: missing, additionalProperty: unknown, pattern } = params;
  const path = [...parts, missing ?? unknown].filter((part) => part !== undefined).join(".");
  if (missing !== undefined) return { path, code: keyword, detail: "is missing" };
  if (unknown !== undefined) return { path, code: keyword, detail: "is not a known field" };
  const format = FORMAT_OF_PATTERN.get(pattern);
  if (format !== undefined) {
    return { path, code: "format", detail: `must match format "${format}"` };
  }
  return { path, code: keyword, detail: message ?? "is not valid" };
}

function unescapePointer(part: string): string {
  return part.replaceAll("~1", "/").replaceAll("~0", "~");
}
