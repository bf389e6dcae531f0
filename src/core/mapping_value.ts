/** Values of mappings: the input of a step, or the output of a task, from what its references name. */

import { type Mapping, pathText, type Reference } from "./mapping.ts";
import { PAYLOAD_SIZE_MAX } from "./payload.ts";
import type { Given } from "./workflow.ts";

/**
 * Evaluates a mapping. The value shares nothing with what it is made of.
 *
 * What is absent leaves out its field; it is null in a list, and where the whole mapping is the
 * reference. In a text it is a failure, as is null.
 *
 * Cost: O(size of the value), which is at most PAYLOAD_SIZE_MAX.
 *
 * @returns the value, or why there is none
 */
export function evaluateMapping(
  mapping: Mapping,
  given: Given,
):
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly detail: string } {
  const evaluation = new Evaluation(given);
  const value = evaluation.valueOf(mapping);
  const { failure } = evaluation;
  return failure === undefined
    ? { ok: true, value: value ?? null }
    : { ok: false, detail: failure };
}

/** One evaluation; undefined stands for what is absent. */
class Evaluation {
  failure: string | undefined;
  /** Characters that the value may still have. */
  #left = PAYLOAD_SIZE_MAX;

  constructor(readonly given: Given) {}

  valueOf(mapping: Mapping): unknown {
    if (this.failure !== undefined) return undefined;
    switch (mapping.kind) {
      case "literal":
        return this.#copy(mapping.value);
      case "reference":
        return this.#copy(valueAt(this.given, mapping.reference));
      case "text":
        return this.#textOf(mapping.parts);
      case "list":
        return mapping.items.map((item) => this.valueOf(item) ?? null);
      case "object":
        return objectOf(mapping.fields.map(([name, field]) => {
          this.#take(name.length);
          return [name, this.valueOf(field)];
        }));
    }
  }

  #textOf(parts: readonly (string | Reference)[]): string {
    let text = "";
    for (const part of parts) {
      const piece = typeof part === "string" ? part : this.#pieceOf(part);
      if (!this.#take(piece.length)) return "";
      text += piece;
    }
    return text;
  }

  #pieceOf(reference: Reference): string {
    const value = valueAt(this.given, reference);
    if (typeof value === "string") return value;
    if (value !== undefined && value !== null) return JSON.stringify(value);
    this.failure ??= `"${pathText(reference)}" is ${value === null ? "null" : "absent"}, ` +
      "and a text cannot hold that";
    return "";
  }

  #copy(value: unknown): unknown {
    if (!this.#take(typeof value === "string" ? value.length : 1)) return undefined;
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((item) => this.#copy(item));
    return objectOf(
      Object.entries(value).map(([name, field]) => {
        this.#take(name.length);
        return [name, this.#copy(field)];
      }),
    );
  }

  /** Counts less than the value's JSON text has, so that no value is refused which could be kept. */
  #take(size: number): boolean {
    this.#left -= size;
    if (this.#left < 0) this.failure ??= `its value has more than ${PAYLOAD_SIZE_MAX} characters`;
    return this.failure === undefined;
  }
}

/** Leaves out what is absent. */
function objectOf(fields: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
}

/** Only own fields and elements count: `$.input.length` of a text is absent. */
function valueAt(given: Given, { root, path }: Reference): unknown {
  let value: unknown = Object.hasOwn(given, root) ? given[root] : undefined;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    if (Array.isArray(value) !== (typeof key === "number")) return undefined;
    value = Object.hasOwn(value, key)
      ? (value as Record<string | number, unknown>)[key]
      : undefined;
  }
  return value;
}
