/** Contracts of drafts: zod schemas become JSON Schema, or faults. */

import type { z } from "zod";
import type { JsonSchema, StepContract } from "../core/workflow.ts";
import type { Draft } from "./draft.ts";
import { type Faults, type Place } from "./fault.ts";
import { convertSchema } from "./schema.ts";

const PARTS = ["input", "success", "error"] as const;

/** Converts schemas, each one once: a definition may be wired many times. */
export class Contracts {
  readonly #faults: Faults;
  readonly #known = new Map<z.ZodType, ReturnType<typeof convertSchema>>();
  readonly #codeOnly = new Set<string>();

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  /** Converts one schema; its faults are found below `place`. */
  convert(schema: z.ZodType, place: Place): JsonSchema | undefined {
    const converted = this.#known.get(schema) ?? convertSchema(schema);
    this.#known.set(schema, converted);
    for (const { path, code, detail } of converted.faults) {
      const full = path === "" ? place.path : `${place.path}.${path}`;
      this.#faults.add({ path: full, at: place.at }, code, detail);
    }
    if (converted.schema === undefined) return undefined;
    for (const { path, detail } of converted.codeOnly) {
      this.#codeOnly.add(`${path === "" ? place.path : `${place.path}.${path}`} (${detail})`);
    }
    return converted.schema;
  }

  /** Checks that the stored schemas cannot say, with their places. */
  get codeOnly(): readonly string[] {
    return [...this.#codeOnly];
  }

  /** Converts the contracts of a step. What a draft does not say stays open. */
  ofStep({ kind, written, place }: Draft): StepContract {
    if (written === undefined) return {};
    const contract: { -readonly [K in keyof StepContract]: StepContract[K] } = {};
    for (const part of PARTS) {
      const schema = written[part];
      if (schema !== undefined) {
        const converted = this.convert(schema, place(part));
        if (converted !== undefined) contract[part] = converted;
      } else if (part === "success" || (part === "input" && kind !== "signal")) {
        this.#faults.add(place(part), "not_a_schema", "is missing, expected a zod schema");
      }
    }
    return contract;
  }
}

/**
 * Adds a fault when a step that takes the task's input asks for fields that it does not have.
 *
 * Only the outermost required fields are compared: the compiler sees the rest, except across a
 * manifest.
 */
export function checkTakesInput(
  draft: Draft,
  taken: JsonSchema | undefined,
  given: JsonSchema | undefined,
  faults: Faults,
): void {
  if (draft.with !== undefined || given?.type !== "object") return;
  const fields = Object.keys(given.properties ?? {});
  const asked = Array.isArray(taken?.required) ? taken.required.map(String) : [];
  const missing = asked.filter((field) => !fields.includes(field));
  const isOpen = typeof (given.additionalProperties ?? false) === "object";
  if (missing.length === 0 || isOpen) return;
  const names = missing.map((field) => `"${field}"`).join(", ");
  faults.add(
    draft.place("input"),
    "with_missing",
    `takes ${names}, which the task's input does not have: say \`with\` where it is wired, ` +
      "or `w.give` for a manifest's step",
  );
}
