/** Keywords: whether all values of an alternative fit the keywords of another schema. */

import { canonicalJson } from "./json.ts";
import { type Alternative, isKeywords, isOpen, type Rooted } from "./schema_alternatives.ts";
import { fieldNames, requiredOf } from "./schema_fields.ts";
import { itemOf, namedItems, otherFieldsOf, partOf, patternsOf } from "./schema_parts.ts";
import { FORMATS } from "./stored_schema.ts";
import type { JsonSchema } from "./workflow.ts";

/** Why values of one schema may not fit another one. */
export interface Misfit {
  /** The place of the value: `items[].quantity`; "" is the whole. */
  readonly path: string;
  readonly detail: string;
}

/** Compares the schemas of parts of values. */
interface Comparison {
  misfits(from: Rooted, to: Rooted, path: string): readonly Misfit[];
}

/** A schema without references and combinations. */
interface Own {
  readonly schema: JsonSchema;
  readonly root: JsonSchema;
}

/** Returns why values of an alternative may not fit. Values that are listed are not for here. */
export function fitsOwn(
  comparison: Comparison,
  one: Alternative,
  own: Own,
  path: string,
): readonly Misfit[] {
  const { schema } = own;
  const types = schema.type === undefined ? undefined : [schema.type].flat();
  const isWhole = one.isInteger || multiples(one).some(Number.isInteger);
  if (types !== undefined && !types.includes(one.type) && !(isWhole && types.includes("integer"))) {
    const word = one.type === "number" && types.includes("integer") ? "a fraction" : one.type;
    return [{ path, detail: `does not accept ${word}, only ${types.join(" or ")}` }];
  }
  const list = "const" in schema ? [schema.const] : schema.enum;
  if (Array.isArray(list)) {
    return [{ path, detail: `has to be one of ${shown(list)}` }];
  }
  return [
    ...wordMisfits(one, schema, path),
    ...ofType(comparison, one, own, path),
  ];
}

function ofType(
  comparison: Comparison,
  one: Alternative,
  own: Own,
  path: string,
): readonly Misfit[] {
  switch (one.type) {
    case "string":
      return stringMisfits(one, own.schema, path);
    case "number":
      return numberMisfits(one, own.schema, path);
    case "array":
      return arrayMisfits(comparison, one, own, path);
    case "object":
      return objectMisfits(comparison, one, own, path);
    default:
      return [];
  }
}

/** Keywords that are not understood, by groups that belong together. */
const WORDS: readonly (readonly string[])[] = [
  ["not"],
  ["if", "then", "else"],
  ["contains", "minContains", "maxContains"],
  ["dependentSchemas"],
];

/** Keywords that mean something else beside other keywords, and references that move. */
const NEVER_COMPARED = ["unevaluatedItems", "unevaluatedProperties", "$dynamicRef"];

/** What is not understood has to be said by both in the same words. */
function wordMisfits({ all }: Alternative, schema: JsonSchema, path: string): readonly Misfit[] {
  const unknown = WORDS.filter((words) => {
    const text = textOf(schema, words);
    if (text === "{}") return false;
    return text.includes('"$ref"') || !all.some((part) => textOf(part, words) === text);
  }).map(([word]) => word);
  const never = NEVER_COMPARED.filter((word) => word in schema);
  return [...unknown, ...never].map((word) => ({ path, detail: `"${word}" cannot be compared` }));
}

function textOf(schema: JsonSchema, words: readonly string[]): string {
  const found = words.filter((word) => word in schema).map((word) => [word, schema[word]]);
  return canonicalJson(Object.fromEntries(found));
}

function stringMisfits({ all }: Alternative, schema: JsonSchema, path: string): readonly Misfit[] {
  const { pattern, format } = schema;
  const isChecked = typeof format === "string" && format in FORMATS;
  return [
    ...atLeast(all, schema, "minLength", { path, what: "characters" }),
    ...atMost(all, schema, "maxLength", { path, what: "characters" }),
    ...(pattern === undefined || all.some((part) => part.pattern === pattern)
      ? []
      : [{ path, detail: `has to match ${String(pattern)}` }]),
    ...(!isChecked || all.some((part) => part.format === format)
      ? []
      : [{ path, detail: `has to be of format "${format}"` }]),
  ];
}

function numberMisfits(one: Alternative, schema: JsonSchema, path: string): readonly Misfit[] {
  const misfits: Misfit[] = [];
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf } = schema;
  const low = bounds(one.all, "minimum", "exclusiveMinimum", Math.max, -Infinity);
  // Between whole numbers there is nothing.
  if (one.isInteger) low.closed = Math.max(low.closed, Math.floor(low.open) + 1);
  const high = bounds(one.all, "maximum", "exclusiveMaximum", Math.min, Infinity);
  if (one.isInteger) high.closed = Math.min(high.closed, Math.ceil(high.open) - 1);
  if (typeof minimum === "number" && Math.max(low.closed, low.open) < minimum) {
    misfits.push({ path, detail: `has to be at least ${minimum}` });
  }
  if (
    typeof exclusiveMinimum === "number" && low.open < exclusiveMinimum &&
    low.closed <= exclusiveMinimum
  ) {
    misfits.push({ path, detail: `has to be more than ${exclusiveMinimum}` });
  }
  if (typeof maximum === "number" && Math.min(high.closed, high.open) > maximum) {
    misfits.push({ path, detail: `has to be at most ${maximum}` });
  }
  if (
    typeof exclusiveMaximum === "number" && high.open > exclusiveMaximum &&
    high.closed >= exclusiveMaximum
  ) {
    misfits.push({ path, detail: `has to be less than ${exclusiveMaximum}` });
  }
  if (typeof multipleOf === "number" && !isMultiple(one, multipleOf)) {
    misfits.push({ path, detail: `has to be a multiple of ${multipleOf}` });
  }
  return misfits;
}

function multiples({ all }: Alternative): readonly number[] {
  return all.flatMap(({ multipleOf }) => typeof multipleOf === "number" ? [multipleOf] : []);
}

function isMultiple(one: Alternative, of: number): boolean {
  if (one.isInteger && of === 1) return true;
  return multiples(one).some((own) =>
    own === of || (Number.isInteger(own) && Number.isInteger(of) && own % of === 0)
  );
}

function bounds(
  all: readonly JsonSchema[],
  closed: string,
  open: string,
  tighter: (...values: number[]) => number,
  none: number,
) {
  return {
    closed: tighter(none, ...numbersOf(all, closed)),
    open: tighter(none, ...numbersOf(all, open)),
  };
}

function arrayMisfits(
  comparison: Comparison,
  one: Alternative,
  { schema, root }: Own,
  path: string,
): readonly Misfit[] {
  const most = Math.min(...numbersOf(one.all, "maxItems"), Infinity);
  const named = Math.max(namedItems(one.all), namedItems([schema]));
  const places = Array.from({ length: named + 1 }, (_, index) => index).filter((at) => at < most);
  const other = { ...one, all: [schema], root };
  const isUnique = schema.uniqueItems !== true || most <= 1 ||
    one.all.some((part) => part.uniqueItems === true);
  return [
    ...atLeast(one.all, schema, "minItems", { path, what: "items" }),
    ...atMost(one.all, schema, "maxItems", { path, what: "items" }),
    ...(isUnique ? [] : [{ path, detail: "does not accept an item twice" }]),
    ...places.flatMap((at) =>
      comparison.misfits(
        itemOf(one, at),
        itemOf(other, at),
        `${path}[${at < named ? at : ""}]`,
      )
    ),
  ];
}

function objectMisfits(
  comparison: Comparison,
  one: Alternative,
  { schema, root }: Own,
  path: string,
): readonly Misfit[] {
  const required = requiredOf(one.all);
  const other = { ...one, all: [schema], root };
  const missing = [...requiredOf([schema])].filter((name) => !required.has(name));
  const names = [...new Set([...fieldNames(one.all), ...fieldNames([schema]), ...required])];
  const counted = { all: [...one.all, { minProperties: required.size }], path, what: "fields" };
  return [
    ...missing.map((name) => ({ path: below(path, name), detail: "is required" })),
    ...atLeast(counted.all, schema, "minProperties", counted),
    ...atMost(one.all, schema, "maxProperties", counted),
    ...names.filter((name) => !(missing.includes(name) && isOpen(partOf(one, name).schema)))
      .flatMap((name) =>
        comparison.misfits(partOf(one, name), partOf(other, name), below(path, name))
      ),
    ...otherFieldMisfits(comparison, one, other, below(path, "*")),
    ...nameMisfits(comparison, one, other, path),
    ...dependentMisfits(one, schema, path),
  ];
}

/** Fields that are not named may match any pattern of the other schema, or none. */
function otherFieldMisfits(
  comparison: Comparison,
  one: Alternative,
  other: Alternative,
  path: string,
): readonly Misfit[] {
  const rest = otherFieldsOf(other);
  const patterns = new Map(other.all.flatMap((part) => [...patternsOf(part)]));
  const all = [...patterns.values()].map((schema) => ({ schema, root: other.root }));
  const own = one.all.flatMap((part) => [...patternsOf(part)]).flatMap(([pattern, schema]) =>
    [...all, ...(patterns.has(pattern) ? [] : [rest])]
      .map((to) => comparison.misfits({ schema, root: one.root }, to, path))
  );
  const from = otherFieldsOf(one);
  return [...own, ...[...all, rest].map((to) => comparison.misfits(from, to, path))].flat();
}

function nameMisfits(
  comparison: Comparison,
  one: Alternative,
  other: Alternative,
  path: string,
): readonly Misfit[] {
  const names = (all: readonly JsonSchema[]) =>
    all.flatMap(({ propertyNames = true }) => propertyNames === true ? [] : [propertyNames]);
  const wanted = names(other.all);
  if (wanted.length === 0) return [];
  const own = { schema: { allOf: [{ type: "string" }, ...names(one.all)] }, root: one.root };
  return comparison.misfits(own, { schema: { allOf: wanted }, root: other.root }, path)
    .map(({ detail }) => ({ path, detail: `a name of a field ${detail}` }));
}

function dependentMisfits(
  { all }: Alternative,
  schema: JsonSchema,
  path: string,
): readonly Misfit[] {
  const { dependentRequired } = schema;
  if (!isKeywords(dependentRequired)) return [];
  const required = requiredOf(all);
  const text = textOf(schema, ["dependentRequired"]);
  if (all.some((part) => textOf(part, ["dependentRequired"]) === text)) return [];
  return Object.entries(dependentRequired).flatMap(([name, needed]) =>
    [needed].flat().map(String).filter((other) => !required.has(other))
      .map((other) => ({ path: below(path, other), detail: `is required with ${name}` }))
  );
}

/** Where and what is counted. */
interface Counted {
  readonly path: string;
  readonly what: string;
}

function atLeast(
  all: readonly JsonSchema[],
  schema: JsonSchema,
  word: string,
  { path, what }: Counted,
): readonly Misfit[] {
  const wanted = schema[word];
  if (typeof wanted !== "number" || Math.max(0, ...numbersOf(all, word)) >= wanted) return [];
  return [{ path, detail: `needs at least ${wanted} ${what}` }];
}

function atMost(
  all: readonly JsonSchema[],
  schema: JsonSchema,
  word: string,
  { path, what }: Counted,
): readonly Misfit[] {
  const wanted = schema[word];
  if (typeof wanted !== "number" || Math.min(...numbersOf(all, word), Infinity) <= wanted) {
    return [];
  }
  return [{ path, detail: `accepts at most ${wanted} ${what}` }];
}

function numbersOf(all: readonly JsonSchema[], word: string): readonly number[] {
  return all.flatMap((part) => typeof part[word] === "number" ? [part[word]] : []);
}

function below(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function shown(list: readonly unknown[]): string {
  const texts = list.slice(0, 5).map((value) => JSON.stringify(value)).join(", ");
  return list.length > 5 ? `${texts}, …` : texts;
}
