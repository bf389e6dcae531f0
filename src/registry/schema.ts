/** Schemas: zod contracts as JSON Schema, and what JSON cannot carry. */

import { z } from "zod";
import type { Fault } from "../core/errors.ts";
import type { JsonSchema } from "../core/workflow.ts";

/** Why a kind of zod schema has no place in a contract: what is replayed must be what was typed. */
const REFUSED: Readonly<Record<string, string>> = {
  bigint: "JSON has no bigint: use z.string() or z.int()",
  catch: "a value that breaks the contract must not be replaced: use .default() or .optional()",
  codec: "a contract must not transform: do it in `with` or `run`",
  coerce: "a contract must not convert: name the type that is sent",
  custom: "JSON Schema cannot say it: use the schema of plain data",
  date: "JSON has no dates: use z.iso.datetime() or z.int() of milliseconds",
  file: "JSON has no files: keep the file elsewhere and pass a reference",
  function: "JSON has no functions",
  literal: "JSON has only strings, numbers, booleans and null as literals",
  map: "JSON has no maps: use z.record()",
  nan: "JSON has no NaN",
  overwrite: "a contract must not change the value: do it in `with` or `run`",
  promise: "JSON has no promises",
  set: "JSON has no sets: use z.array()",
  success: "a contract must not transform: do it in `with` or `run`",
  symbol: "JSON has no symbols",
  transform: "a contract must not transform: do it in `with` or `run`",
  undefined: "JSON has no undefined: use z.null() or .optional()",
  void: "JSON has no undefined: use z.null()",
};

/** A schema as JSON, or why it cannot be one. Paths are relative to the schema. */
export type Converted =
  | { readonly schema: JsonSchema; readonly faults: readonly [] }
  | { readonly schema: undefined; readonly faults: readonly Fault[] };

/**
 * Converts a contract's schema.
 *
 * The stored schema says what is sent (zod's input side: a field with a default may be left out).
 * Both sides are looked at, so that nothing hides behind a pipe.
 */
export function convertSchema(schema: unknown): Converted {
  if (!isZod(schema)) {
    return refused([{ path: "", code: "not_a_schema", detail: "expected a zod schema" }]);
  }
  const faults = new Map<string, Fault>();
  try {
    z.toJSONSchema(schema, { io: "output", unrepresentable: "any", override: note(faults) });
    const sent = z.toJSONSchema(schema, {
      io: "input",
      unrepresentable: "any",
      override: note(faults),
    });
    if (faults.size > 0) return refused([...faults.values()]);
    // What is stored is plain JSON; zod's object also carries its own, hidden parts.
    const plain: JsonSchema = JSON.parse(JSON.stringify(sent));
    z.fromJSONSchema(plain as Parameters<typeof z.fromJSONSchema>[0]);
    return { schema: plain, faults: [] };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return refused([{ path: "", code: "not_json", detail: `JSON Schema cannot say it: ${why}` }]);
  }
}

function refused(faults: readonly Fault[]): Converted {
  return { schema: undefined, faults };
}

function isZod(value: unknown): value is z.ZodType {
  return typeof value === "object" && value !== null && "_zod" in value;
}

type Override = NonNullable<NonNullable<Parameters<typeof z.toJSONSchema>[1]>["override"]>;

function note(faults: Map<string, Fault>): Override {
  return ({ zodSchema, path }) => {
    const kind = refusedKind(zodSchema._zod.def);
    if (kind === undefined) return;
    const place = readable(path);
    faults.set(place, { path: place, code: "not_json", detail: `${REFUSED[kind]}` });
  };
}

/** The parts of zod's definitions that are looked at; each kind has some of them. */
interface Def {
  readonly type: string;
  readonly coerce?: boolean;
  readonly transform?: unknown;
  readonly values?: readonly unknown[];
  readonly in?: z.core.$ZodType;
  readonly out?: z.core.$ZodType;
  readonly checks?: readonly z.core.$ZodCheck[];
}

function refusedKind(def: Def): string | undefined {
  if (def.coerce) return "coerce";
  if (def.checks?.some((check) => check._zod.def.check === "overwrite")) return "overwrite";
  if (def.type === "pipe") return refusedPipe(def);
  if (def.type === "literal") return def.values?.every(isJsonLiteral) ? undefined : "literal";
  return def.type in REFUSED ? def.type : undefined;
}

function refusedPipe(def: Def): string | undefined {
  if (def.transform !== undefined) return "codec";
  const isTransform = [def.in, def.out].some((side) => side?._zod.def.type === "transform");
  return isTransform ? "transform" : undefined;
}

function isJsonLiteral(value: unknown): boolean {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

/** `["properties", "items", "items"]` → `items[]`: the path of the value, not of the schema. */
function readable(path: readonly (string | number)[]): string {
  let text = "";
  for (let index = 0; index < path.length; index++) {
    const part = path[index];
    if (part === "properties") text += `.${path[++index]}`;
    else if (part === "items" || part === "prefixItems") text += "[]";
    else if (part === "additionalProperties") text += ".*";
  }
  return text.replace(/^\./, "");
}
