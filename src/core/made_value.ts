/**
 * Made values: one readable value that fits a JSON Schema, for runs in which nobody gives a real one.
 * A text without further rules is the name of its field, so that a mapping can be followed by eye. Pure.
 */

import {
  type Alternative,
  alternativesOf,
  isKeywords,
  isOpen,
  type Rooted,
} from "./schema_alternatives.ts";
import { patternOf } from "./pattern.ts";
import { examplesOf } from "./schema_examples.ts";
import { fieldNames, requiredOf } from "./schema_fields.ts";
import { itemOf, namedItems, partOf } from "./schema_parts.ts";
import { checkByStored } from "./stored_schema.ts";
import type { JsonSchema } from "./workflow.ts";

/** Levels of values in which fields that may be absent are made, too. */
const OPTIONAL_DEPTH_MAX = 4;

/** Levels of values; a schema that requires more has no made value. */
const DEPTH_MAX = 24;

/** Parts of one value. */
const PARTS_MAX = 2_000;

/** Characters of the longest text, and items of the longest list, that are made to be long enough. */
const LENGTH_MAX = 1_000;

/** A text of each format. */
const FORMAT_TEXTS: Readonly<Record<string, string>> = {
  "date-time": "2026-01-31T12:00:00Z",
  date: "2026-01-31",
  time: "12:00:00Z",
  duration: "PT5M",
  email: "ada@example.com",
  hostname: "example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  cidrv6: "2001:db8::/32",
  uri: "https://example.com/",
  uuid: "123e4567-e89b-42d3-a456-426614174000",
};

/**
 * Makes a value that fits a schema; undefined: none was found, because of a pattern, or of rules that
 * exclude each other.
 *
 * Shape: what the schema states as `examples` or `default` goes before what is made.
 * Cost: O(parts of the value), and about 1 ms when the schema is first used.
 */
export function madeValue(
  schema: JsonSchema,
  { name, fits = (value) => checkByStored(schema, value).ok }: {
    /** What the value is, for texts about which nothing more is said. */
    readonly name: string;
    /** Decides; by default the schema does. */
    readonly fits?: (value: unknown) => boolean;
  },
): unknown {
  const rooted = { schema, root: schema };
  for (const usesStated of [true, false]) {
    const made = new Maker(usesStated).make(rooted, name, 0);
    if (made !== undefined && fits(made)) return made;
  }
  return examplesOf(rooted).find(fits);
}

class Maker {
  #parts = 0;

  constructor(readonly usesStated: boolean) {}

  make(part: Rooted, name: string, depth: number): unknown {
    if (++this.#parts > PARTS_MAX || depth > DEPTH_MAX) return undefined;
    if (isOpen(part.schema)) return name;
    const stated = this.usesStated ? statedIn(part.schema) : undefined;
    if (stated !== undefined) return stated;
    // Nothing is said by null: it comes last.
    const ways = alternativesOf(part).toSorted((one, other) => rankOf(one) - rankOf(other));
    for (const way of ways) {
      const made = listedIn(way) ?? this.#ofType(way, name, depth);
      if (made !== undefined) return made;
    }
    return undefined;
  }

  #ofType(one: Alternative, name: string, depth: number): unknown {
    switch (one.type) {
      case "object":
        return this.#object(one, depth);
      case "array":
        return this.#array(one, name, depth);
      case "string":
        return textOf(one, name);
      case "number":
        return numberOf(one);
      case "boolean":
      case "null":
        return undefined; // all of their values are listed
    }
  }

  #object(one: Alternative, depth: number): unknown {
    const required = requiredOf(one.all);
    const made: [string, unknown][] = [];
    for (const name of new Set([...fieldNames(one.all), ...required])) {
      if (depth >= OPTIONAL_DEPTH_MAX && !required.has(name)) continue;
      const value = this.make(partOf(one, name), name, depth + 1);
      if (value !== undefined) made.push([name, value]);
      else if (required.has(name)) return undefined;
    }
    return Object.fromEntries(made);
  }

  #array(one: Alternative, name: string, depth: number): unknown {
    const least = Math.max(namedItems(one.all), ...saidIn(one, "minItems"));
    const most = Math.min(LENGTH_MAX, ...saidIn(one, "maxItems"));
    const length = Math.min(depth < OPTIONAL_DEPTH_MAX ? Math.max(1, least) : least, most);
    const isUnique = one.all.some(({ uniqueItems }) => uniqueItems === true);
    const items: unknown[] = [];
    for (let index = 0; index < length; index++) {
      const itemName = isUnique && index > 0 ? `${name} ${index + 1}` : name;
      const item = this.make(itemOf(one, index), itemName, depth + 1);
      if (item === undefined) return items.length >= least ? items : undefined;
      items.push(item);
    }
    return items;
  }
}

/** What the author of a schema gives as an example. */
function statedIn(schema: unknown): unknown {
  if (!isKeywords(schema)) return undefined;
  const { examples } = schema;
  return Array.isArray(examples) && examples.length > 0 ? examples[0] : schema.default;
}

/** The first value that is listed; of both booleans, yes. */
function listedIn({ type, values }: Alternative): unknown {
  return type === "boolean" ? values?.at(-1) : values?.[0];
}

const RANKS = ["object", "array", "string", "number", "boolean", "null"];

function rankOf({ type }: Alternative): number {
  return RANKS.indexOf(type);
}

function textOf(one: Alternative, name: string): string | undefined {
  const formats = one.all.flatMap(({ format }) => FORMAT_TEXTS[String(format)] ?? []);
  const [min, max] = [Math.max(0, ...saidIn(one, "minLength")), saidIn(one, "maxLength")];
  const cut = name.slice(0, Math.min(LENGTH_MAX, ...max));
  const long = cut.padEnd(Math.min(min, LENGTH_MAX), "x");
  const found = examplesOf({ schema: { allOf: one.all }, root: one.root });
  const texts = [...formats, long, ...found.filter((value) => typeof value === "string")];
  return texts.find((text) => fitsText(one, text));
}

/** Lengths are those of JSON Schema: characters, not units of UTF-16. */
function fitsText({ all }: Alternative, text: string): boolean {
  const length = [...text].length;
  return all.every(({ pattern, minLength = 0, maxLength = Infinity }) =>
    length >= Number(minLength) && length <= Number(maxLength) &&
    (typeof pattern !== "string" || matches(pattern, text))
  );
}

function matches(pattern: string, text: string): boolean {
  try {
    return patternOf(pattern).test(text);
  } catch {
    return true; // the check of the whole value decides
  }
}

function numberOf(one: Alternative): number | undefined {
  const found = examplesOf({ schema: { allOf: one.all }, root: one.root });
  return found.filter((value) => typeof value === "number").find((value) =>
    one.all.every((part) => fitsNumber(part, value))
  );
}

function fitsNumber(part: JsonSchema, value: number): boolean {
  const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum, exclusiveMaximum } = part;
  const { multipleOf = 0 } = part;
  const share = Number(multipleOf) === 0 ? 0 : value / Number(multipleOf);
  return value >= Number(minimum) && value <= Number(maximum) &&
    (exclusiveMinimum === undefined || value > Number(exclusiveMinimum)) &&
    (exclusiveMaximum === undefined || value < Number(exclusiveMaximum)) &&
    Math.abs(share - Math.round(share)) < 1e-9;
}

function saidIn({ all }: Alternative, word: string): readonly number[] {
  return all.flatMap((part) => typeof part[word] === "number" ? [part[word] as number] : []);
}
