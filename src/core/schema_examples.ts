/** Examples: small values that are likely to fit a JSON Schema, at the borders of what it says. */

import { type Alternative, alternativesOf, isOpen, type Rooted } from "./schema_alternatives.ts";
import { fieldNames, requiredOf } from "./schema_fields.ts";
import { itemOf, namedItems, partOf } from "./schema_parts.ts";

/** Examples of one schema. */
const EXAMPLES_MAX = 400;
/** Examples of a part of a value; each stands in the value once. */
const INNER_MAX = 24;
/** Parts inside of parts. */
const DEPTH_MAX = 6;
/** Characters and items of the longest example. */
const LENGTH_MAX = 1_000;
/** Values in an example, with all that is inside: lists of lists multiply. */
const VALUES_MAX = 10_000;
/** Values in all examples together. */
const TOTAL_MAX = 200_000;

/** Texts that fit common patterns. */
const TEXTS = [
  "a",
  "",
  "A",
  "1",
  "EUR",
  "a-b",
  "a@example.com",
  "2026-01-31",
  "2026-01-31T12:00:00Z",
  "https://example.com/",
  "123e4567-e89b-42d3-a456-426614174000",
];

/** Names that no schema has, for fields beside those that are named. */
const OTHER_FIELD = "another_field";

/** What fits a schema that says nothing. */
const ANYTHING: readonly unknown[] = [null, "a", 1, true, 0.5, [], {}];

/** Schemas that are looked at; more have no examples. */
const SCHEMAS_MAX = 2_000;

/**
 * Returns examples; those that do not fit have to be left out by a check.
 *
 * Shape: the same for the same schema; none when it cannot be read.
 */
export function examplesOf(schema: Rooted): readonly unknown[] {
  let seen = 0;
  const countOf = counter();
  const inside = (schemaOf: () => Rooted, depth: number, max: number): readonly unknown[] => {
    if (depth === 0 || ++seen > SCHEMAS_MAX) return [];
    const part = schemaOf();
    if (isOpen(part.schema)) return ANYTHING;
    const found = alternativesOf(part).map((one) =>
      firstOf(one.values ?? ofType(one, (inner) => inside(inner, depth - 1, INNER_MAX)), max)
    );
    return interleaved(found, max).filter((value) => countOf(value) <= VALUES_MAX);
  };
  let total = 0;
  return inside(() => schema, DEPTH_MAX, EXAMPLES_MAX).filter((value) =>
    (total += countOf(value)) <= TOTAL_MAX
  );
}

/** Counts the values in a value. Parts that stand in several places are looked at once. */
function counter(): (value: unknown) => number {
  const known = new WeakMap<object, number>();
  const countOf = (value: unknown): number => {
    if (typeof value !== "object" || value === null) return 1;
    const counted = known.get(value);
    if (counted !== undefined) return counted;
    const count = Object.values(value).reduce<number>((sum, part) => sum + countOf(part), 1);
    known.set(value, count);
    return count;
  };
  return countOf;
}

/** Takes no more than are needed: 2,000 fields would have 60,000 examples of 2,000 fields. */
function firstOf(values: Iterable<unknown>, max: number): readonly unknown[] {
  const taken: unknown[] = [];
  for (const value of values) {
    if (taken.length === max) break;
    taken.push(value);
  }
  return taken;
}

/** Takes from each list in turn, so that every alternative has its share. */
function interleaved(lists: readonly (readonly unknown[])[], max: number): readonly unknown[] {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  const taken: unknown[] = [];
  for (let index = 0; index < longest && taken.length < max; index++) {
    for (const list of lists) if (index < list.length) taken.push(list[index]);
  }
  return taken.slice(0, max);
}

/** Gives examples of a part of a value; its schema is not asked for when there are none any more. */
type Inside = (schemaOf: () => Rooted) => readonly unknown[];

function ofType(one: Alternative, inside: Inside): Iterable<unknown> {
  switch (one.type) {
    case "string":
      return texts(one);
    case "number":
      return numbers(one);
    case "array":
      return arrays(one, inside);
    case "object":
      return objects(one, inside);
    default:
      return [];
  }
}

function texts(one: Alternative): readonly string[] {
  const lengths = sizes(one, "minLength", "maxLength");
  return [...TEXTS, ...lengths.map((length) => "a".repeat(length))];
}

function numbers({ all, isInteger }: Alternative): readonly number[] {
  const words = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
  const said = words.flatMap((word) => all.flatMap((part) => part[word]))
    .filter((value) => typeof value === "number");
  const near = said.flatMap((value) => [value, value + 1, value - 1, value * 2, -value]);
  const whole = [1, 0, -1, 2, 3, 1_000_000_007, -1_000_000_007, ...near];
  return isInteger ? whole : [...whole, 0.5, -0.5, 1.5, ...said.map((value) => value + 0.5)];
}

function* arrays(one: Alternative, inside: Inside): Iterable<unknown> {
  const named = namedItems(one.all);
  const at = (index: number) => inside(() => itemOf(one, index));
  const first = Array.from({ length: named }, (_, index) => at(index));
  const rest = at(named);
  const base = first.map((list) => list[0]).filter((item) => item !== undefined);
  const ofLength = (length: number) =>
    length <= base.length ? base.slice(0, length) : [
      ...base,
      ...Array.from({ length: length - base.length }, (_, index) => rest[index % rest.length]),
    ];
  const lengths = [...sizes(one, "minItems", "maxItems"), 0, 1, named, named + 1]
    .filter((length) => length <= base.length || rest.length > 0);
  const least = lengths[0] ?? 0;
  const filled = ofLength(Math.max(least, named));
  for (const length of lengths) yield ofLength(length);
  for (const [place, list] of first.entries()) {
    for (const item of list) yield filled.with(place, item);
  }
  for (const item of rest) yield [...ofLength(Math.max(named, least - 1)), item];
  for (const item of rest.slice(0, 1)) yield [...base, item, item];
}

function* objects(one: Alternative, inside: Inside): Iterable<unknown> {
  const required = requiredOf(one.all);
  const names = [...new Set([...required, ...fieldNames(one.all)])];
  const examples = new Map(
    [...names, OTHER_FIELD].map((name) => [name, inside(() => partOf(one, name))]),
  );
  const withFirst = (wanted: readonly string[]) =>
    Object.fromEntries(
      wanted.flatMap((name) => {
        const [first, ...others] = examples.get(name) ?? [];
        return first === undefined && others.length === 0 ? [] : [[name, first]];
      }),
    );
  const least = withFirst([...required]);
  const most = withFirst(names);
  yield most;
  yield least;
  for (const around of [least, most]) {
    for (const [name, values] of examples) {
      for (const value of values) yield { ...around, [name]: value };
    }
  }
}

/** The least and the most that is allowed, as far as examples go. */
function sizes({ all }: Alternative, min: string, max: string): readonly number[] {
  const said = (word: string) =>
    all.flatMap((part) => typeof part[word] === "number" ? [part[word]] : []);
  const least = Math.max(0, ...said(min));
  const most = Math.min(...said(max), LENGTH_MAX);
  return [least, most, least + 1].filter((size) => size <= LENGTH_MAX);
}
