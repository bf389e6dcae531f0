/** Step kinds: what runs a step of a manifest, and which fields that kind has. */

import { DURATION_FORMS, parseDuration } from "../core/duration.ts";
import type { Template } from "../core/mapping.ts";
import { readForeignSchema } from "../core/foreign_schema.ts";
import type { JsonSchema, StepContract } from "../core/workflow.ts";
import type { Draft } from "./draft.ts";
import type { Faults } from "./fault.ts";
import type { PlaceIn } from "./mapping_check.ts";
import { draftHttp } from "./http_kind.ts";
import { type ManifestStep, policyOfManifest } from "./manifest.ts";

/** Fields of a step that does work, though nobody reports that it is alive. */
const TUNABLE = [
  "timeout",
  "queue_timeout",
  "concurrency_max",
  "on_exhausted",
  "at_most_once",
  "retry",
] as const;

/** Kinds that the engine runs itself, and the fields that a step of such a kind has. */
const ENGINE_KINDS = {
  sleep: ["name", "depends_on", "when", "sleep"],
  signal: ["name", "depends_on", "when", "signal"],
  transform: ["name", "depends_on", "when", "transform", "result"],
  http: ["name", "depends_on", "when", "http", "result", "error", ...TUNABLE],
} as const satisfies Partial<Record<Draft["kind"], readonly (keyof ManifestStep)[]>>;

/** A kind of step that the engine runs itself. */
type EngineKind = keyof typeof ENGINE_KINDS;

/** The fields that say what runs a step. */
const RUNS = ["sleep", "signal", "transform", "http", "handler", "event_pattern", "todo"] as const;

/** Fields of a manifest's step that hold its contracts, and what they are in a definition. */
const CONTRACTS = { input: "input", result: "success", error: "error" } as const;

/** The kind of a step that the engine runs itself; undefined: code or another system runs it. */
export function engineKindOf(step: ManifestStep): EngineKind | undefined {
  return (Object.keys(ENGINE_KINDS) as EngineKind[]).find((kind) => step[kind] !== undefined);
}

/** Adds a fault when several things run a step, and for each field that its kind does not have. */
export function checkKind(step: ManifestStep, place: Draft["place"], faults: Faults): void {
  const kind = engineKindOf(step);
  const [first, ...others] = RUNS.filter((field) => step[field] !== undefined);
  const isTwice = first !== undefined && others.length > 0;
  if (isTwice && (kind !== undefined || step.todo !== undefined)) {
    const list = others.map((field) => `"${field}"`).join(", ");
    faults.add(
      place(others[0]),
      "two_kinds",
      `one thing runs a step, but this one has "${first}" and ${list}: make them steps of their own`,
    );
  }
  if (kind === undefined) {
    const isOwned = step.owner !== undefined || step.capability !== undefined;
    if (isOwned || step.event_pattern === undefined) return;
    return faults.add(place("owner"), "invalid_type", "is missing, expected string");
  }
  const fields: readonly string[] = ENGINE_KINDS[kind];
  const given = Object.entries(step).filter(([, value]) => value !== undefined);
  for (const [field] of given) {
    const isOther = fields.includes(field) || others.some((one) => one === field);
    if (isOther || field === "depends_on") continue;
    const detail = `a ${kind} has no "${field}", its fields are ${fields.join(", ")}`;
    faults.add(place(field), "not_of_kind", detail);
  }
}

/** What a step of an engine kind adds to its draft. */
export function draftEngineKind(
  step: ManifestStep,
  kind: EngineKind,
  { place, faults }: { readonly place: Draft["place"]; readonly faults: Faults },
): Pick<Draft, "kind" | "policy"> & Partial<Draft> {
  switch (kind) {
    case "sleep":
      return { kind, policy: {}, ...draftSleep(step.sleep, place, faults) };
    case "signal": {
      const { form, timeout, on_timeout } = step.signal ?? {};
      const success = form === undefined
        ? undefined
        : readSchema(form, (at) => place("form", at), faults);
      return {
        kind,
        onTimeout: on_timeout ?? "fail",
        policy: timeout === undefined ? {} : { timeoutMs: timeout },
        contract: success === undefined ? {} : { success },
      };
    }
    case "http":
      return {
        kind,
        policy: policyOfManifest(step),
        atMostOnce: step.at_most_once ?? false,
        ...draftHttp(step.http, place, faults),
        contract: contractOf(step, place, faults),
      };
    case "transform":
      return {
        kind,
        policy: {},
        ...templateOf(step, "transform", { place, faults }),
        contract: contractOf(step, place, faults),
      };
  }
}

function draftSleep(
  sleep: ManifestStep["sleep"],
  place: Draft["place"],
  faults: Faults,
): Pick<Draft, "sleepMs" | "template"> {
  if (typeof sleep === "string" && sleep.startsWith("$")) {
    return { template: { value: sleep, field: "sleep" } };
  }
  const ms = parseDuration(sleep ?? "");
  if (ms !== undefined) return { sleepMs: ms };
  const detail =
    `expected milliseconds as a whole number, ${DURATION_FORMS}, or a reference such ` +
    "as $.input.delay";
  faults.add(place("sleep"), "bad_duration", detail);
  return { sleepMs: 0 };
}

/** Reads a mapping of a step; null is what YAML makes of nothing. */
export function templateOf(
  step: ManifestStep,
  field: "with" | "transform",
  { place, faults }: { readonly place: Draft["place"]; readonly faults: Faults },
): Pick<Draft, "template"> {
  const value = step[field];
  if (value === undefined) return {};
  if (value === null) {
    faults.add(place(field), "bad_value", "is empty, expected a value, such as $.input");
    return {};
  }
  return { template: { value: value as Template, field } };
}

/** Reads the contracts that a step of a manifest states. */
export function contractOf(
  step: ManifestStep,
  place: Draft["place"],
  faults: Faults,
): StepContract {
  const contract: { -readonly [K in keyof StepContract]: StepContract[K] } = {};
  for (const [field, part] of Object.entries(CONTRACTS)) {
    const schema = step[field as keyof typeof CONTRACTS];
    if (schema === undefined) continue;
    const read = readSchema(schema, (at) => place(field, at), faults);
    if (read !== undefined) contract[part] = read;
  }
  return contract;
}

/** Reads a schema that a manifest states; its faults are found at their places. */
export function readSchema(
  schema: unknown,
  place: PlaceIn,
  faults: Faults,
): JsonSchema | undefined {
  const read = readForeignSchema(schema);
  if (read.ok) return read.schema;
  for (const { at, code, detail } of read.faults) faults.add(place(at), code, detail);
  return undefined;
}
