/**
 * Sensitive values: what a contract marks with `writeOnly`, JSON Schema's word for what is given and
 * not shown again (JSON Schema Validation 2020-12, §9.4). Pure.
 */

import type { Event } from "./event.ts";
import { decodePayload, type JsonText } from "./payload.ts";
import type { Plan } from "./plan.ts";
import type { JsonSchema } from "./workflow.ts";

/** Stands for a value that is not shown. */
const HIDDEN = "<sensitive>";

/** Shorter texts are not looked for: they are part of too many others. */
const LENGTH_MIN = 4;

/** Values that are looked for; more are a document, and not fields. */
const VALUES_MAX = 200;

/** Parts of a value that are looked at. */
const VISITS_MAX = 20_000;

/** How deep schemas refer to others, and values go. */
const DEPTH_MAX = 40;

/**
 * The values of one task that its contracts mark: they are hidden wherever an error repeats them.
 *
 * Cost: nothing but a look-up for contracts that mark nothing.
 */
export class SensitiveValues {
  readonly #found = new Set<string>();

  constructor(readonly plan: Plan) {}

  /** Notes what an event of the task holds. */
  note(event: Event): void {
    if (event.kind === "TaskStarted") return this.#take(this.plan.definition.input, event.input);
    const contract = "step" in event ? this.plan.steps[event.step]?.definition.contract : undefined;
    if ("result" in event) this.#take(contract?.success, event.result);
    if ("failure" in event && event.failure) this.#take(contract?.error, event.failure.error);
  }

  /** Returns a text without those values. */
  hide(text: string): string {
    const longestFirst = [...this.#found].toSorted((one, other) => other.length - one.length);
    return longestFirst.reduce((left, value) => left.replaceAll(value, HIDDEN), text);
  }

  #take(schema: JsonSchema | undefined, value: JsonText): void {
    if (schema === undefined || !isMarking(schema)) return;
    for (const text of sensitiveTexts(schema, decodePayload(value))) this.#found.add(text);
  }
}

const marking = new WeakMap<JsonSchema, boolean>();

function isMarking(schema: JsonSchema): boolean {
  const known = marking.get(schema) ?? JSON.stringify(schema).includes('"writeOnly":true');
  marking.set(schema, known);
  return known;
}

/** Returns the texts and numbers in a value that its contract marks, as they are and as JSON has them. */
function sensitiveTexts(schema: JsonSchema, value: unknown): Iterable<string> {
  const search = new Search(schema);
  search.visit(schema, value, 0);
  return search.found;
}

class Search {
  readonly found = new Set<string>();
  #visits = 0;

  constructor(readonly root: unknown) {}

  /** Looks at one value under one schema. */
  visit(schema: unknown, value: unknown, depth: number): void {
    this.#visits += 1;
    if (!isObject(schema) || depth > DEPTH_MAX || this.#visits > VISITS_MAX) return;
    if (schema.writeOnly === true) return this.#take(value, depth);
    for (const same of this.alsoOf(schema)) this.visit(same, value, depth + 1);
    if (Array.isArray(value)) {
      value.forEach((item, index) => this.visit(itemSchema(schema, index), item, depth + 1));
    } else if (isObject(value)) {
      for (const [name, field] of Object.entries(value)) {
        for (const part of fieldSchemas(schema, name)) this.visit(part, field, depth + 1);
      }
    }
  }

  /** What else is said of the same value, whether it holds in this case or not. */
  protected alsoOf(schema: Readonly<Record<string, unknown>>): readonly unknown[] {
    const { $ref, allOf, anyOf, oneOf, then, else: other } = schema;
    const referred = typeof $ref === "string" ? [partAt(this.root, $ref)] : [];
    return [...referred, ...[allOf, anyOf, oneOf].flat(), then, other];
  }

  #take(value: unknown, depth: number): void {
    this.#visits += 1;
    if (this.found.size >= VALUES_MAX || this.#visits > VISITS_MAX || depth > DEPTH_MAX) return;
    if (typeof value === "object" && value !== null) {
      for (const part of Object.values(value)) this.#take(part, depth + 1);
    } else if (typeof value === "string" || typeof value === "number") {
      const text = String(value);
      if (text.length < LENGTH_MIN) return;
      this.found.add(text);
      this.found.add(JSON.stringify(text).slice(1, -1));
    }
  }
}

/**
 * Returns a value as it may be shown: with HIDDEN for each part that its contract marks, and for what is
 * deeper than schemas are followed.
 *
 * Cost: a look-up for a contract that marks nothing, which gives back the value itself; else O(value).
 */
export function withoutSensitive(schema: JsonSchema | undefined, value: unknown): unknown {
  if (schema === undefined || !isMarking(schema)) return value;
  return new Hiding(schema).hidden([schema], value, 0);
}

class Hiding extends Search {
  /** Hides in one value; `schemas`: all that is said of it. */
  hidden(schemas: readonly unknown[], value: unknown, depth: number): unknown {
    const all = this.#whole(schemas);
    if (all.some(({ writeOnly }) => writeOnly === true)) return HIDDEN;
    if (all.length === 0 || !isObject(value)) return value;
    if (depth > DEPTH_MAX) return HIDDEN;
    if (Array.isArray(value)) {
      return value.map((item, index) =>
        this.hidden(all.map((schema) => itemSchema(schema, index)), item, depth + 1)
      );
    }
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => [
        name,
        this.hidden(all.flatMap((schema) => fieldSchemas(schema, name)), field, depth + 1),
      ]),
    );
  }

  /** The schemas with what they refer to and combine, each once. */
  #whole(schemas: readonly unknown[]): readonly Readonly<Record<string, unknown>>[] {
    const found = new Set<Readonly<Record<string, unknown>>>();
    for (const schema of schemas) if (isObject(schema)) found.add(schema);
    // A set is walked in the order of insertion, what is added meanwhile included.
    for (const schema of found) {
      for (const same of this.alsoOf(schema)) if (isObject(same)) found.add(same);
    }
    return [...found];
  }
}

function itemSchema(schema: Readonly<Record<string, unknown>>, index: number): unknown {
  const first = Array.isArray(schema.prefixItems) ? schema.prefixItems : [];
  return first[index] ?? schema.items;
}

/** A pattern is taken to fit each name: a search must not run what others wrote. */
function fieldSchemas(schema: Readonly<Record<string, unknown>>, name: string): readonly unknown[] {
  const { properties, patternProperties, additionalProperties } = schema;
  const named = isObject(properties) && Object.hasOwn(properties, name) ? [properties[name]] : [];
  const patterns = isObject(patternProperties) ? Object.values(patternProperties) : [];
  return [...named, ...patterns, ...named.length === 0 ? [additionalProperties] : []];
}

/** Follows a reference within the document, such as `#/$defs/card`. */
function partAt(root: unknown, reference: string): unknown {
  if (!reference.startsWith("#")) return undefined;
  const path = reference.slice(1).split("/").slice(1);
  return path.reduce<unknown>((part, name) => {
    const key = name.replaceAll("~1", "/").replaceAll("~0", "~");
    return isObject(part) && Object.hasOwn(part, key) ? part[key] : undefined;
  }, root);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
