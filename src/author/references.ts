/** References: which steps the mappings of a document name, and what becomes of them in a renaming. */

import { parseMapping, type PlacedReference, referencesOf } from "../core/mapping.ts";
import { dependsOn, type Fields, type Path, type StepEntry, stepsOf } from "./document.ts";
import { isRecord } from "./yaml_text.ts";

/** The fields of an `http` step that are mappings. */
const HTTP_MAPPED = ["url", "query", "headers", "body"] as const;

/** The parts of a step that are mappings, by path. */
export function mappingsOf(
  step: Fields,
): readonly { readonly path: Path; readonly value: unknown }[] {
  const { http, sleep } = step;
  const whole = ["with", "transform"].map((field) => ({ path: [field], value: step[field] }));
  const inHttp = isRecord(http)
    ? HTTP_MAPPED.map((field) => ({ path: ["http", field], value: http[field] }))
    : [];
  const isReference = typeof sleep === "string" && sleep.startsWith("$");
  const length = isReference ? [{ path: ["sleep"], value: sleep }] : [];
  return [...whole, ...inHttp, ...length].filter(({ value }) => value !== undefined);
}

/** A reference of a step; its path begins in the step. */
export interface StepReference {
  readonly root: string;
  readonly keys: PlacedReference["reference"]["path"];
  readonly path: Path;
}

/** The references of a step. What is no mapping has none: that is a problem of its own. */
export function referencesIn(step: Fields): readonly StepReference[] {
  return mappingsOf(step).flatMap(({ path, value }) => {
    const read = parseMapping(value);
    if (!read.ok) return [];
    return referencesOf(read.mapping).map(({ reference, at }) => ({
      root: reference.root,
      keys: reference.path,
      path: [...path, ...at],
    }));
  });
}

/** The steps that a step depends on: those that it lists, and those that its mappings name. */
export function parentsOf({ fields }: StepEntry): ReadonlySet<string> {
  const named = referencesIn(fields).map(({ root }) => root);
  return new Set([...dependsOn(fields), ...named.filter((root) => root !== "input")]);
}

/** The parents of each step, by name; what is no step is left out. */
export function graphOf(value: Fields): ReadonlyMap<string, readonly string[]> {
  const steps = stepsOf(value);
  const names = new Set(steps.map(({ name }) => name));
  return new Map(steps.map((step) => [
    step.name,
    [...parentsOf(step)].filter((name) => names.has(name)),
  ]));
}

/** Puts another name for a root into all references of a template; the rest stays as it is. */
export function renameRoot(template: unknown, from: string, to: string): unknown {
  if (typeof template === "string") return renameInText(template, from, to);
  if (Array.isArray(template)) return template.map((item) => renameRoot(item, from, to));
  if (!isRecord(template)) return template;
  return Object.fromEntries(
    Object.entries(template).map(([name, field]) => [name, renameRoot(field, from, to)]),
  );
}

function renameInText(text: string, from: string, to: string): string {
  const rename = (root: string) => root === from ? to : root;
  if (text.startsWith("$.")) {
    return text.replace(/^\$\.([\p{L}\p{N}_-]+)/u, (_, root) => `$.${rename(root)}`);
  }
  return text.replace(
    /\$\$|\$\{(\$\.)?([\p{L}\p{N}_-]+)/gu,
    (all, prefix = "", root) => root === undefined ? all : `\${${prefix}${rename(root)}`,
  );
}
