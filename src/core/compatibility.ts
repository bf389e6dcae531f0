/**
 * Compatibility: whether each value that one JSON Schema accepts is accepted by another.
 *
 * It is proved keyword by keyword, or refuted by an example; else it is unclear. What is not
 * compared, and so never proved unless both schemas say it in the same words: patterns, `not`, `if`,
 * `contains`, `dependentSchemas` and `unevaluated…`.
 */

import { canonicalJson } from "./json.ts";
import {
  type Alternative,
  alternativesOf,
  isKeywords,
  isOpen,
  resolve,
  type Rooted,
} from "./schema_alternatives.ts";
import { examplesOf } from "./schema_examples.ts";
import { fitsOwn, type Misfit } from "./schema_keywords.ts";
import { partOf, tagsConflict } from "./schema_parts.ts";
import { checkByStored, type Checked } from "./stored_schema.ts";
import type { JsonSchema } from "./workflow.ts";

/** What is known of two schemas. `example` fits the first and not the second. */
export type Compatibility =
  | { readonly kind: "compatible" }
  | { readonly kind: "breaks"; readonly misfits: readonly Misfit[]; readonly example: unknown }
  | { readonly kind: "unclear"; readonly misfits: readonly Misfit[] };

/** Pairs of schemas that are compared; more is given up. */
const PAIRS_MAX = 2_000;
/**
 * What a comparison may cost, in characters of the schemas that are looked at: whoever registers a
 * capability has its contract compared in the server, where nothing else runs meanwhile.
 */
const COST_MAX = 4_000_000;
/** What a look at a schema costs beside that, and how much more compiling it costs. */
const LOOK_COST = 50;
const COMPILE_COST = 20;
/** Levels of schemas. */
const DEPTH_MAX = 64;
/** Reasons that are listed. */
const MISFITS_MAX = 20;
/** Values of a list that are named. */
const VALUES_SHOWN_MAX = 5;

/**
 * Compares what was accepted with what is accepted: inputs from the older to the newer version,
 * results from the newer to the older one.
 *
 * Shape: an absent schema accepts anything.
 * Cost: bounded; 1 ms for a contract of 20 fields.
 */
export function compareSchemas(from: JsonSchema = {}, to: JsonSchema = {}): Compatibility {
  const misfits = new Comparison().misfits(
    { schema: from, root: from },
    { schema: to, root: to },
    "",
  );
  if (misfits.length === 0) return { kind: "compatible" };
  const unique = new Map(misfits.map((one) => [`${one.path} ${one.detail}`, one]));
  const listed = [...unique.values()].slice(0, MISFITS_MAX);
  const found = exampleOf(from, to);
  if (found === undefined) return { kind: "unclear", misfits: listed };
  return { kind: "breaks", misfits: listed, example: found.value };
}

/** Finds a value that fits the first schema and not the second. */
function exampleOf(from: JsonSchema, to: JsonSchema): { readonly value: unknown } | undefined {
  for (const value of examplesOf({ schema: from, root: from })) {
    const [own, other] = [checkByStored(from, value), checkByStored(to, value)];
    if (isUnusable(own) || isUnusable(other)) return undefined;
    if (own.ok && !other.ok) return { value };
  }
  return undefined;
}

/** A schema that does nothing but refer to itself cannot be checked by. */
function isUnusable(checked: Checked): boolean {
  return !checked.ok && checked.faults.some(({ code }) => code === "schema_unusable");
}

/** One comparison. */
class Comparison {
  readonly #inProgress = new Set<string>();
  readonly #texts = new WeakMap<JsonSchema, string>();
  #pairs = 0;
  #cost = 0;

  /** Returns why values of `from` may not fit `to`; nothing: all of them do. */
  misfits(from: Rooted, to: Rooted, path: string): readonly Misfit[] {
    if (!isKeywords(to.schema) && to.schema !== false) return [];
    const [text, other] = [this.#textOf(from.schema), this.#textOf(to.schema)];
    if (text === other && this.#isSame(text, from, to)) return [];
    const pair = `${text} ${other}`;
    // Of a recursive schema: what is being proved may be assumed of the values inside.
    if (this.#inProgress.has(pair)) return [];
    const isTooMuch = this.#isTooMuch(pair.length);
    if (++this.#pairs > PAIRS_MAX || this.#inProgress.size >= DEPTH_MAX || isTooMuch) {
      return [{ path, detail: "is too large to be compared" }];
    }
    this.#inProgress.add(pair);
    try {
      const found = alternativesOf(from).flatMap((one) => this.#fits(one, to, path));
      if (found.length === 0 || !isOpen(from.schema)) return found;
      return [{ path, detail: "may be anything, and is checked" }];
    } finally {
      this.#inProgress.delete(pair);
    }
  }

  #fits(one: Alternative, to: Rooted, path: string, steps = 0): readonly Misfit[] {
    const { schema, root } = to;
    if (schema === false) return [{ path, detail: `is not accepted: ${one.type}` }];
    if (!isKeywords(schema)) return [];
    if (steps > DEPTH_MAX || this.#isTooMuch(LOOK_COST)) {
      return [{ path, detail: "is too large to be compared" }];
    }
    if (one.values !== undefined) return this.#listedMisfits(one.values, to, path);
    const inner = (part: unknown) => this.#fits(one, { schema: part, root }, path, steps + 1);
    const { $ref, allOf, anyOf, oneOf, ...own } = schema;
    return [
      ...(typeof $ref === "string" ? this.#referenceMisfits($ref, to, path, inner) : []),
      ...(Array.isArray(allOf) ? allOf.flatMap(inner) : []),
      ...(Array.isArray(anyOf) ? chosenMisfits(anyOf.map(inner), path) : []),
      ...(Array.isArray(oneOf) ? this.#oneOfMisfits(one, { list: oneOf, root }, path, inner) : []),
      ...fitsOwn(this, one, { schema: own, root }, path),
    ];
  }

  #referenceMisfits(
    $ref: string,
    { root }: Rooted,
    path: string,
    inner: (part: unknown) => readonly Misfit[],
  ): readonly Misfit[] {
    const target = resolve($ref, root);
    if (target === undefined) return [{ path, detail: `"${$ref}" cannot be looked up` }];
    return inner(target);
  }

  /** Exactly one has to fit, so all others have to be excluded. */
  #oneOfMisfits(
    one: Alternative,
    { list, root }: { readonly list: readonly unknown[]; readonly root: JsonSchema },
    path: string,
    inner: (part: unknown) => readonly Misfit[],
  ): readonly Misfit[] {
    const found = list.map(inner);
    const hit = found.findIndex((misfits) => misfits.length === 0);
    if (hit < 0) return chosenMisfits(found, path);
    const isAlone = list.every((part, index) =>
      index === hit ||
      alternativesOf({ schema: part, root }).every((other) => areDisjoint(one, other))
    );
    return isAlone ? [] : [{ path, detail: 'may fit more than one part of "oneOf"' }];
  }

  /** Values that are listed are checked one by one. */
  #listedMisfits(values: readonly unknown[], to: Rooted, path: string): readonly Misfit[] {
    const alone = this.#standingAlone(to);
    if (alone === undefined) return [{ path, detail: "refers to what cannot be compared" }];
    const refused = values.filter((value) => !checkByStored(alone, value).ok);
    if (refused.length === 0) return [];
    const shown = refused.slice(0, VALUES_SHOWN_MAX).map((value) => JSON.stringify(value));
    const more = refused.length > VALUES_SHOWN_MAX ? ", …" : "";
    return [{ path, detail: `does not accept ${shown.join(", ")}${more}` }];
  }

  /** A part of a schema as a whole one, with the definitions that it refers to. */
  #standingAlone({ schema, root }: Rooted): JsonSchema | undefined {
    if (!isKeywords(schema)) return undefined;
    const text = this.#textOf(schema);
    if (this.#isTooMuch(COMPILE_COST * text.length)) return undefined;
    if (schema === root) return root;
    if (!text.includes('"$ref":"')) return schema;
    const { $defs = {} } = root;
    const all = `${text}${this.#textOf($defs)}`;
    if (this.#isTooMuch(COMPILE_COST * all.length)) return undefined;
    const isOutside = [...all.matchAll(/"\$(?:ref|dynamicRef|id|anchor)":"([^"]*)"/g)]
      .some(([, target = ""]) => !target.startsWith("#/$defs/"));
    return isOutside || "$defs" in schema ? undefined : { ...schema, $defs };
  }

  /** Equal words mean the same unless they refer to something else. */
  #isSame(text: string, from: Rooted, to: Rooted): boolean {
    const refers = text.includes('"$ref"') || text.includes('"$dynamicRef"');
    return !refers || this.#textOf(from.root) === this.#textOf(to.root);
  }

  #textOf(schema: unknown): string {
    if (!isKeywords(schema)) return canonicalJson(schema);
    const text = this.#texts.get(schema) ?? canonicalJson(schema);
    this.#texts.set(schema, text);
    return text;
  }

  #isTooMuch(more: number): boolean {
    this.#cost += more;
    return this.#cost > COST_MAX;
  }
}

/** Of several parts one has to fit: where none does, the nearest one says why. */
function chosenMisfits(found: readonly (readonly Misfit[])[], path: string): readonly Misfit[] {
  if (found.some((misfits) => misfits.length === 0)) return [];
  const inside = found.filter((misfits) => misfits.every((one) => one.path !== path));
  const [nearest, ...others] = inside;
  if (nearest !== undefined && others.length === 0) return nearest;
  return [{ path, detail: `may fit none of ${found.length} alternatives` }];
}

/** Whether no value fits both, as far as types, lists and tags of objects say. */
function areDisjoint(one: Alternative, other: Alternative): boolean {
  if (one.type !== other.type) return true;
  if (one.values !== undefined && other.values !== undefined) {
    const texts = new Set(one.values.map(canonicalJson));
    return !other.values.some((value) => texts.has(canonicalJson(value)));
  }
  return one.type === "object" && tagsConflict(one, other, partOf);
}
