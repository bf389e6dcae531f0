/** Import: turns workflows of older Taskers into manifests, and reports what has no counterpart. */

import { Document, isMap } from "yaml";
import { EventType } from "../core/fields.ts";
import { readForeignSchema, type SchemaFault } from "../core/foreign_schema.ts";
import { buildWorkflow } from "./build.ts";
import { readRails } from "./import_rails.ts";
import { type ImportNote, ImportSource, OldFields } from "./import_source.ts";
import { readSuccessor } from "./import_successor.ts";
import type { OldStep, OldWorkflow } from "./import_workflow.ts";
import { Faults } from "./fault.ts";
import { readManifest } from "./manifest.ts";
import { type Path, readYaml, type YamlText } from "./yaml.ts";

/** A manifest that was made of an older file. */
export interface Imported {
  /** Its text; the loader takes it as it is. */
  readonly manifest: string;
  /** In the order of the older file. */
  readonly notes: readonly ImportNote[];
}

/** Parts of schemas that are left out before all of a schema is. */
const PARTS_LEFT_OUT_MAX = 100;

/**
 * Makes a manifest of a workflow of the Rails engine (`step_templates`) or of its Rust successor
 * (`steps` with `handler.callable`). Pure: nothing is written.
 *
 * Every field of the file is in the manifest or in the notes. Each step becomes one of another system:
 * the code that did its work stays where it is, and takes envelopes of type `WORKFLOW.STEP` with what
 * it was given before: the context of the task, its own configuration and the results of its parents.
 *
 * @throws {TaskerError} definition.invalid when the file is neither, or its steps make no workflow
 */
export function importWorkflow(file: string, text: string): Imported {
  const yaml = readYaml(file, text);
  const source = new ImportSource(yaml);
  const root = new OldFields(source, [], yaml.value);
  const old = readOld(root, yaml, file);
  root.close();
  const manifest = writeManifest(old.workflow, { source, paths: old });
  check(file, manifest);
  return { manifest, notes: source.notes };
}

/** Where a format has its schemas and steps. */
interface Paths {
  readonly input: string;
  readonly steps: string;
}

function readOld(
  root: OldFields,
  yaml: YamlText,
  file: string,
): Paths & { readonly workflow: OldWorkflow } {
  if (root.names.includes("step_templates")) {
    return { workflow: readRails(root), input: "schema", steps: "step_templates" };
  }
  if (root.names.includes("steps")) {
    return { workflow: readSuccessor(root), input: "input_schema", steps: "steps" };
  }
  const faults = new Faults();
  const detail = root.names.includes("workflow_steps")
    ? "is a manifest already: put it into the folder of workflows"
    : "has neither `step_templates` nor `steps`, expected a workflow of an older Tasker";
  faults.add({ path: "", at: () => yaml.at([]) }, "not_importable", detail);
  throw faults.toError(`"${file}"`);
}

function writeManifest(
  old: OldWorkflow,
  { source, paths }: { readonly source: ImportSource; readonly paths: Paths },
): string {
  const steps = uniqueNames(old.steps, source, paths);
  const input = schemaOf(old.input, [paths.input], source);
  const document = new Document({
    name: old.name,
    namespace: old.namespace,
    version: old.version,
    ...(old.description !== undefined && { description: old.description }),
    ...(old.deadlineMin !== undefined && { deadline: `${old.deadlineMin}m` }),
    ...(input !== undefined && { input }),
    workflow_steps: steps.map((step, index) => {
      const result = schemaOf(step.result, [paths.steps, index, "result_schema"], source);
      return stepOf(step, old.name, result);
    }),
  });
  steps.forEach(({ description, handler }, index) => {
    const node = document.getIn(["workflow_steps", index]);
    const lines = [description, handler === undefined ? undefined : `handler: ${handler}`];
    const comment = lines.filter((line) => line !== undefined).join("\n");
    if (isMap(node) && comment !== "") node.commentBefore = comment.replace(/^/gm, " ");
  });
  return document.toString({ lineWidth: 0 });
}

function stepOf(step: OldStep, workflow: string, result: unknown): Record<string, unknown> {
  const { name, owner, dependsOn, attemptsMax, backoff, delayMsMin, delayMsMax, timeoutS } = step;
  const retry = {
    ...(attemptsMax !== undefined && { attempts_max: attemptsMax }),
    ...(backoff !== undefined && { backoff }),
    ...(delayMsMin !== undefined && { delay_min: `${delayMsMin}ms` }),
    ...(delayMsMax !== undefined && { delay_max: `${delayMsMax}ms` }),
  };
  return {
    name,
    owner,
    event_pattern: eventOf(workflow, name),
    ...(dependsOn.length > 0 && { depends_on: dependsOn }),
    with: {
      context: "$.input",
      ...(hasValue(step.config) && { config: escaped(step.config) }),
      ...(dependsOn.length > 0 && {
        results: Object.fromEntries(dependsOn.map((parent) => [parent, `$.${parent}`])),
      }),
    },
    ...(result !== undefined && { result }),
    ...(timeoutS !== undefined && { timeout: `${timeoutS}s` }),
    ...(Object.keys(retry).length > 0 && { retry }),
  };
}

/** `tasker.…` is reserved. */
function eventOf(workflow: string, step: string): string {
  const type = `${workflow === "tasker" ? "workflow" : workflow}.${step}`;
  return EventType.safeParse(type).success ? type : step;
}

function hasValue(config: unknown): boolean {
  return typeof config === "object" ? Object.keys(config ?? {}).length > 0 : config !== undefined;
}

/** A value as a mapping that stands for itself: a `$` would begin a reference. */
function escaped(value: unknown): unknown {
  if (typeof value === "string") return value.replaceAll("$", "$$$$");
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, escaped(field)]));
}

/** Two names that became the same get numbers. */
function uniqueNames(
  steps: readonly OldStep[],
  source: ImportSource,
  paths: Paths,
): readonly OldStep[] {
  const known = new Set<string>();
  return steps.map((step, index) => {
    let name = step.name;
    for (let count = 2; known.has(name); count++) name = `${step.name.slice(0, 60)}_${count}`;
    known.add(name);
    if (name !== step.name) {
      const detail = `another step is named "${step.name}" as well: this one is named "${name}"; ` +
        "check which of them others depend on";
      source.note([paths.steps, index, "name"], "changed", detail);
    }
    return { ...step, name };
  });
}

/** A schema without the parts that are not supported, which are reported. */
function schemaOf(schema: unknown, path: Path, source: ImportSource): unknown {
  let left = schema;
  for (let parts = 0; parts < PARTS_LEFT_OUT_MAX && hasValue(left); parts++) {
    const read = readForeignSchema(left);
    if (read.ok) return left;
    const [first] = read.faults as readonly [SchemaFault];
    const what = first.at.length === 0 ? "all of the schema is" : "is";
    source.note([...path, ...first.at], "lost", `${first.detail}; ${what} left out`);
    left = first.at.length === 0 ? undefined : without(left, first.at);
  }
  return undefined;
}

function without(value: unknown, [key, ...rest]: Path): unknown {
  if (Array.isArray(value)) {
    return rest.length === 0
      ? value.filter((_, index) => index !== key)
      : value.map((item, index) => index === key ? without(item, rest) : item);
  }
  const fields = Object.entries(value as Record<string, unknown>);
  return Object.fromEntries(fields.flatMap(([name, field]) => {
    if (name !== key) return [[name, field]];
    return rest.length === 0 ? [] : [[name, without(field, rest)]];
  }));
}

/** Loads the manifest as a server would; what it refuses is a fault of the older file, such as a cycle. */
function check(file: string, text: string): void {
  const manifest = readManifest(file, text);
  const at = () => ({ file, line: 1, column: 1 });
  const module = { kind: "workflow", of: Symbol(file), at, wires: [] } as const;
  buildWorkflow(module, { digest: (canonical) => canonical, manifest });
}
