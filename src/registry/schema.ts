/** Schemas: zod contracts as JSON Schema, and what JSON cannot carry. */

import { z } from "zod";
import type { Fault } from "../core/errors.ts";
import { patternOfCode } from "../core/pattern.ts";
import { isAssertion, whyUnusable } from "../core/stored_schema.ts";
import type { JsonSchema, StepContract } from "../core/workflow.ts";
import type { Draft } from "./draft.ts";
import { type Faults, type Place } from "./fault.ts";

/** Why a contract cannot have a kind of zod schema: what is replayed must be what was checked. */
const REFUSED: Readonly<Record<string, string>> = {
  bigint: "JSON has no bigint: use z.string() or z.int()",
  catch: "a value that breaks the contract must not be replaced: use .default() or .optional()",
  codec: "a contract must not transform: do it in `with` or `run`",
  coerce: "a contract must not convert: name the type that is sent",
  custom: "JSON Schema cannot express it: use a schema of plain data",
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
  | {
    readonly schema: JsonSchema;
    readonly faults: readonly [];
    /** What only the code checks: JSON Schema cannot express it. */
    readonly codeOnly: readonly Fault[];
    /** Patterns that may be matched without end. */
    readonly endless: readonly Fault[];
  }
  | { readonly schema: undefined; readonly faults: readonly Fault[] };

/**
 * Converts a contract's schema.
 *
 * The stored schema describes what is sent (zod's input side: a field with a default is optional).
 * Both sides are examined, so that a pipe hides nothing.
 */
export function convertSchema(schema: unknown): Converted {
  if (!isZod(schema)) {
    return refused([{ path: "", code: "not_a_schema", detail: "expected a zod schema" }]);
  }
  const notes = new Notes();
  const options = { unrepresentable: "any", override: (seen: Seen) => notes.take(seen) } as const;
  try {
    z.toJSONSchema(schema, { io: "output", ...options });
    const sent = z.toJSONSchema(schema, { io: "input", ...options });
    if (notes.faults.size > 0) return refused([...notes.faults.values()]);
    // What is stored is plain JSON; zod's object also carries its own, hidden parts.
    const plain: JsonSchema = JSON.parse(JSON.stringify(sent));
    const why = whyUnusable(plain);
    if (why !== undefined) return refused([{ path: "", code: "not_json", detail: why }]);
    const [codeOnly, endless] = [[...notes.codeOnly.values()], [...notes.endless.values()]];
    return { schema: plain, faults: [], codeOnly, endless };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return refused([{
      path: "",
      code: "not_json",
      detail: `JSON Schema cannot express it: ${why}`,
    }]);
  }
}

function refused(faults: readonly Fault[]): Converted {
  return { schema: undefined, faults };
}

function isZod(value: unknown): value is z.ZodType {
  return typeof value === "object" && value !== null && "_zod" in value;
}

type Override = NonNullable<NonNullable<Parameters<typeof z.toJSONSchema>[1]>["override"]>;
type Seen = Parameters<Override>[0];

/** What is noted while a schema is converted, by the path of the value. */
class Notes {
  readonly faults = new Map<string, Fault>();
  readonly codeOnly = new Map<string, Fault>();
  readonly endless = new Map<string, Fault>();

  take({ zodSchema, jsonSchema, path }: Seen): void {
    const { def } = zodSchema._zod;
    const place = readable(path);
    const refused = whyRefused(zodSchema) ?? keepFlags(zodSchema, jsonSchema);
    if (refused !== undefined) this.#add(this.faults, place, "not_json", refused);
    const isInUnion = path.includes("anyOf") || path.includes("oneOf");
    const lost = isInUnion && DEFAULTS.has(def.type) ? "its default" : codeOnlyCheck(zodSchema);
    if (lost !== undefined) this.#add(this.codeOnly, place, "code_only", lost);
    const endless = boundPatterns(zodSchema);
    if (endless !== undefined) this.#add(this.endless, place, "endless", `${endless}`);
  }

  #add(to: Map<string, Fault>, path: string, code: string, detail: string): void {
    to.set(path, { path, code, detail });
  }
}

const DEFAULTS: ReadonlySet<string> = new Set(["default", "prefault"]);

/** The parts of zod's definitions that are examined; each kind has some of them. */
interface Def {
  readonly type: string;
  readonly coerce?: boolean;
  readonly transform?: unknown;
  readonly values?: readonly unknown[];
  readonly in?: z.core.$ZodType;
  readonly out?: z.core.$ZodType;
  readonly checks?: readonly z.core.$ZodCheck[];
  readonly keyType?: z.core.$ZodType;
  readonly mode?: string;
  readonly shape?: object;
}

function whyRefused(schema: z.core.$ZodType): string | undefined {
  const def: Def = schema._zod.def;
  const kind = refusedKind(def);
  if (kind !== undefined) return REFUSED[kind];
  if (Object.hasOwn(def.shape ?? {}, "__proto__")) return "a field may not be named __proto__";
  const stray = Object.keys(z.globalRegistry.get(schema) ?? {}).find(isAssertion);
  if (stray !== undefined) return `.meta() may only describe: the code does not check "${stray}"`;
  const keys = def.mode === "loose" && def.keyType !== undefined ? patternsOf(def.keyType) : [];
  const flagged = keys.find(({ flags }) => /[ims]/.test(flags));
  return flagged && `the flags of ${flagged} have no place in the keys of z.looseRecord()`;
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

/** The parts of a check's definition that are examined; each kind has some of them. */
interface CheckDef {
  readonly check: string;
  readonly format?: string;
  pattern?: RegExp;
  readonly fn?: unknown;
  readonly alg?: unknown;
  readonly hostname?: unknown;
  readonly protocol?: unknown;
}

/** A format such as z.url() is its own first check. */
function checksOf({ _zod }: z.core.$ZodType): readonly CheckDef[] {
  const own = _zod.traits.has("$ZodCheck") ? [_zod.def as z.core.$ZodTypeDef & CheckDef] : [];
  return [...own, ...(_zod.def.checks ?? []).map((check): CheckDef => check._zod.def)];
}

/** Names a check that JSON Schema cannot express. */
function codeOnlyCheck(schema: z.core.$ZodType): string | undefined {
  for (const { check, format, pattern, ...def } of checksOf(schema)) {
    if (check === "custom") return ".refine()";
    if (check === "property") return "z.property()";
    if (def.fn !== undefined && pattern === undefined) return `z.stringFormat("${format}")`;
    if (def.hostname ?? def.protocol) return "protocol and hostname of z.url()";
    if (def.alg !== undefined) return "alg of z.jwt()";
  }
  return undefined;
}

function patternsOf(schema: z.core.$ZodType): readonly RegExp[] {
  return checksOf(schema).flatMap(({ pattern }) => pattern ?? []);
}

/** Has zod match patterns of the code's author in linear time; returns one where that cannot be. */
function boundPatterns(schema: z.core.$ZodType): RegExp | undefined {
  let endless: RegExp | undefined;
  for (const check of checksOf(schema)) {
    const isOwn = check.format === "regex" || check.fn !== undefined;
    if (check.pattern === undefined || !isOwn || bounded.has(check.pattern)) continue;
    const { pattern, isEndless } = patternOfCode(check.pattern);
    if (isEndless) endless = pattern;
    else bounded.add(check.pattern = pattern);
  }
  return endless;
}

/** Patterns that were looked at: a schema may be converted again. */
const bounded = new WeakSet<RegExp>();

/** Writes the flags that zod leaves out into the patterns; returns why it cannot. */
function keepFlags(schema: z.core.$ZodType, json: Seen["jsonSchema"]): string | undefined {
  if (schema._zod.def.type !== "string") return undefined;
  for (const regExp of patternsOf(schema)) {
    const { source, flags, unicode } = regExp;
    if (/[vy]/.test(flags)) return `${regExp}: JSON Schema has no flags v and y`;
    if (!unicode && /\\[pPu]\{/.test(source)) return `${regExp} needs the flag u`;
    const kept = flags.replace(/[^ims]/g, "");
    if (kept === "") continue;
    const holder = [json, ...json.allOf ?? []].find(({ pattern }) => pattern === source);
    if (holder !== undefined) holder.pattern = `(?${kept}:${source})`;
  }
  return undefined;
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

const PARTS = ["input", "success", "error"] as const;

/** Converts each schema once: a definition may be wired many times. */
export class Contracts {
  readonly #faults: Faults;
  readonly #known = new Map<z.ZodType, ReturnType<typeof convertSchema>>();
  readonly #codeOnly = new Set<string>();
  readonly #endless = new Set<string>();

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
    const describe = ({ path, detail }: Fault) =>
      `${path === "" ? place.path : `${place.path}.${path}`} (${detail})`;
    for (const one of converted.codeOnly) this.#codeOnly.add(describe(one));
    for (const one of converted.endless) this.#endless.add(describe(one));
    return converted.schema;
  }

  /** Patterns that may be matched without end, with their places. */
  get endless(): readonly string[] {
    return [...this.#endless];
  }

  /** Checks that the stored schemas cannot express, with their places. */
  get codeOnly(): readonly string[] {
    return [...this.#codeOnly];
  }

  /** Converts the contracts of a step. Without a definition they are as stated, or stay open. */
  ofStep({ kind, written, contract: stated = {}, place }: Draft): StepContract {
    if (written === undefined) return stated;
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
