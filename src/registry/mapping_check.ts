/** Mapping checks: whether what a mapping names is there, and fits what takes it. */

import {
  type Mapping,
  parseMapping,
  pathText,
  type PlacedReference,
  type Reference,
  referencesOf,
  type Template,
} from "../core/mapping.ts";
import type { JsonSchema } from "../core/workflow.ts";
import { type Faults, type Place, suggest } from "./fault.ts";
import { show } from "./field_checks.ts";
import {
  choicesOf,
  fieldNamesOf,
  innerOf,
  isFieldRefused,
  type JsonType,
  requiredOf,
  type Shape,
  shapeOf,
  typeOfValue,
  typesOf,
  UNKNOWN,
} from "./shape.ts";

/** Where the values of a template stand, by keys and indexes. */
export type PlaceIn = (at: PlacedReference["at"]) => Place;

/** Reads a template; its faults are found at their places. */
export function readTemplate(
  template: Template,
  place: PlaceIn,
  faults: Faults,
): Mapping | undefined {
  const read = parseMapping(template);
  if (read.ok) return read.mapping;
  for (const { at, code, detail } of read.faults) faults.add(place(at), code, detail);
  return undefined;
}

/** What a mapping is checked against. */
export interface MappingScope {
  /** The values that it may name, by root. */
  readonly roots: ReadonlyMap<string, Shape>;
  /** Roots that may be absent. */
  readonly unsure?: ReadonlySet<string>;
  /** What takes its value. */
  readonly target: JsonSchema | undefined;
  readonly place: PlaceIn;
  readonly faults: Faults;
}

/**
 * Checks a mapping: that each reference names something there, and, as far as the structure of the
 * schemas says, that its value fits the target. Cost: O(size of the mapping and the schemas).
 */
export function checkMapping(mapping: Mapping, { target, ...scope }: MappingScope): void {
  const whole = { shape: shapeOf(target), isRequired: target !== undefined };
  new MappingCheck(scope).check(mapping, whole, []);
}

/** What takes a value. */
interface Target {
  readonly shape: Shape;
  /** Whether something must be there. */
  readonly isRequired: boolean;
}

const ANYTHING: Target = { shape: UNKNOWN, isRequired: false };

class MappingCheck {
  constructor(private readonly scope: Omit<MappingScope, "target">) {}

  check(mapping: Mapping, target: Target, at: PlacedReference["at"]): void {
    switch (mapping.kind) {
      case "literal":
        return this.#checkLiteral(mapping.value, target, at);
      case "reference":
        return this.#checkReference(mapping.reference, target, at);
      case "text":
        for (const { reference } of referencesOf(mapping)) this.#checkInText(reference, at);
        return void this.#checkTypes(["string"], target.shape, at, "a text");
      case "list":
        return this.#checkList(mapping.items, target, at);
      case "object":
        return this.#checkObject(mapping.fields, target, at);
    }
  }

  #checkLiteral(value: unknown, { shape }: Target, at: PlacedReference["at"]): void {
    const choices = choicesOf(shape);
    if (choices !== undefined && !choices.includes(value)) {
      const hint = suggest(String(value), choices.map(String));
      const list = choices.map(show).join(", ");
      return this.#refuse(at, "type_mismatch", `is ${show(value)}, expected ${list}${hint}`);
    }
    this.#checkTypes([typeOfValue(value)], shape, at, show(value));
  }

  #checkReference(reference: Reference, target: Target, at: PlacedReference["at"]): void {
    const found = this.#find(reference, at);
    if (found === undefined) return;
    const name = `"$.${pathText(reference)}"`;
    const fits = this.#checkTypes([...typesOf(found.shape)], target.shape, at, name);
    if (fits && target.isRequired && found.isUnsure) {
      this.#refuse(at, "maybe_absent", `${name} may be absent, but something is required here`);
    } else if (fits) this.#checkFields(name, found.shape, target.shape, at);
  }

  #checkInText(reference: Reference, at: PlacedReference["at"]): void {
    const found = this.#find(reference, at);
    if (found === undefined) return;
    const isNullable = found.shape.kind === "known" && typesOf(found.shape).has("null");
    if (!found.isUnsure && !isNullable) return;
    const detail = `"${pathText(reference)}" may be ${found.isUnsure ? "absent" : "null"}, and a ` +
      "text cannot hold that: give it a field of its own";
    this.#refuse(at, "maybe_absent", detail);
  }

  /** An object must have the fields that the target asks for. */
  #checkFields(name: string, source: Shape, target: Shape, at: PlacedReference["at"]): void {
    const isObject = [source, target].every((shape) => isOnly(typesOf(shape), "object"));
    if (!isObject) return;
    const missing = requiredOf(target).filter((field) => innerOf(source, field).kind === "missing");
    if (missing.length === 0) return;
    this.#refuse(at, "required", `${name} does not have ${names(missing)}, which is required here`);
  }

  #checkList(items: readonly Mapping[], { shape }: Target, at: PlacedReference["at"]): void {
    const fits = this.#checkTypes(["array"], shape, at, "a list");
    items.forEach((item, index) => {
      const inner = fits ? innerOf(shape, index) : undefined;
      const target = inner?.kind === "found" ? inner.shape : UNKNOWN;
      this.check(item, { shape: target, isRequired: false }, [...at, index]);
    });
  }

  #checkObject(
    fields: readonly (readonly [string, Mapping])[],
    { shape }: Target,
    at: PlacedReference["at"],
  ): void {
    const fits = this.#checkTypes(["object"], shape, at, "an object");
    const required = fits ? requiredOf(shape) : [];
    for (const [name, field] of fields) {
      if (fits && isFieldRefused(shape, name)) {
        const hint = suggest(name, fieldNamesOf(shape));
        this.#refuse([...at, name], "not_expected", `is not a field of what is expected${hint}`);
      }
      const inner = fits ? innerOf(shape, name) : undefined;
      const target = inner?.kind === "found"
        ? { shape: inner.shape, isRequired: required.includes(name) }
        : ANYTHING;
      this.check(field, target, [...at, name]);
    }
    const given = new Set(fields.map(([name]) => name));
    const missing = required.filter((name) => !given.has(name));
    if (missing.length > 0) this.#refuse(at, "required", `does not have ${names(missing)}`);
  }

  /** Follows a path; the fault of what is not there names the first such part of it. */
  #find({ root, path }: Reference, at: PlacedReference["at"]) {
    const start = this.scope.roots.get(root);
    if (start === undefined) return undefined; // its fault is that of the root
    let shape = start;
    let isOptional = false;
    for (const [index, key] of path.entries()) {
      const inner = innerOf(shape, key);
      if (inner.kind === "missing") {
        const before = pathText({ root, path: path.slice(0, index) });
        return void this.#refuse(at, "no_such_field", whyMissing(before, shape, key, inner.names));
      }
      shape = inner.shape;
      isOptional ||= inner.isOptional;
    }
    // A field that no contract knows may be there all the same.
    const isUnsure = (isOptional && shape.kind !== "unknown") ||
      this.scope.unsure?.has(root) === true;
    return { shape, isUnsure };
  }

  #checkTypes(
    given: readonly JsonType[],
    target: Shape,
    at: PlacedReference["at"],
    what: string,
  ): boolean {
    const wanted = typesOf(target);
    if (given.length === 0 || given.some((type) => wanted.has(type))) return true;
    const is = what.startsWith('"$.') ? `${what} is ${typeNames(given)}` : `is ${what}`;
    this.#refuse(at, "type_mismatch", `${is}, expected ${typeNames([...wanted])}`);
    return false;
  }

  #refuse(at: PlacedReference["at"], code: string, detail: string): void {
    this.scope.faults.add(this.scope.place(at), code, detail);
  }
}

function whyMissing(
  before: string,
  shape: Shape,
  key: string | number,
  known: readonly string[] | undefined,
): string {
  const what = typeof key === "number" ? `element ${key}` : `field "${key}"`;
  if (known === undefined) {
    return `"${before}" is ${typeNames([...typesOf(shape)])}, so it has no ${what}`;
  }
  if (typeof key === "number") return `"${before}" has no ${what}`;
  const near = suggest(key, known);
  const list = near === "" ? `, it has ${names(known)}` : near;
  return `"${before}" has no ${what} in its contract${list}`;
}

function isOnly(types: ReadonlySet<JsonType>, type: JsonType): boolean {
  return types.size === 1 && types.has(type);
}

/** Names shown of an object's fields. */
const NAMES_SHOWN_MAX = 8;

function names(all: readonly string[]): string {
  if (all.length === 0) return "no fields";
  const shown = all.slice(0, NAMES_SHOWN_MAX).map((name) => `"${name}"`).join(", ");
  return all.length > NAMES_SHOWN_MAX ? `${shown} and more` : shown;
}

const WORDS: Readonly<Record<JsonType, string>> = {
  null: "null",
  boolean: "a boolean",
  string: "a text",
  integer: "a whole number",
  fraction: "a number",
  object: "an object",
  array: "a list",
};

function typeNames(types: readonly JsonType[]): string {
  const words = types.includes("fraction") ? types.filter((type) => type !== "integer") : types;
  return words.length === 0 ? "nothing" : words.map((type) => WORDS[type]).join(" or ");
}
