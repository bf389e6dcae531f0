/** Outputs of workflows: drafted from a module or a manifest, and checked against the contracts. */

import type { z } from "zod";
import type { Mapping, Template } from "../core/mapping.ts";
import type { WorkflowModule } from "../core/workflow_module.ts";
import type { OutputDefinition, StepDefinition } from "../core/workflow.ts";
import { edgesOf, placeOf } from "./draft.ts";
import type { Faults } from "./fault.ts";
import type { Manifest } from "./manifest.ts";
import { checkMapping, type PlaceIn, readTemplate } from "./mapping_check.ts";
import { rootsIn } from "./references.ts";
import type { Contracts } from "./schema.ts";
import type { ResultShapes } from "./result_shapes.ts";
import { readSchema } from "./step_kind.ts";
import { readablePath } from "./yaml.ts";

/** An output as its module or manifest states it. */
export interface OutputDraft {
  readonly definition: OutputDefinition;
  /** The module's own schema. */
  readonly code?: z.ZodType;
  readonly mapping: Mapping | undefined;
  readonly place: PlaceIn;
}

/** What drafting an output needs. */
interface OutputParts {
  readonly manifest: Manifest | undefined;
  readonly contracts: Contracts;
  readonly steps: readonly StepDefinition[];
  readonly faults: Faults;
}

/** Drafts the output of a workflow; undefined: it has none. */
export function draftOutput(module: WorkflowModule, parts: OutputParts): OutputDraft | undefined {
  const { manifest, contracts, faults } = parts;
  const [wire, ...others] = module.wires.filter(({ kind }) => kind === "output");
  const stated = manifest?.output;
  const doubled = others[0] ?? (stated === undefined ? undefined : wire);
  if (doubled !== undefined) {
    faults.add(placeOf(doubled)(), "name_taken", "the output is stated twice: remove one");
  }
  if (wire?.kind === "output") {
    const place: PlaceIn = (at) => ({ path: readablePath(["output", ...at]), at: wire.at });
    const success = contracts.convert(wire.success, place([]));
    const mapping = readTemplate(wire.template, place, faults);
    const { needs } = edgesOf(wire, module, faults);
    if ("input" in needs) {
      const detail = '"input" stands for the task\'s input: use another name';
      faults.add(place(["needs", "input"]), "bad_alias", detail);
    }
    const definition = { needs, with: wire.template, ...(success && { success }) };
    return { definition, code: wire.success, mapping, place };
  }
  return stated === undefined ? undefined : draftStated(stated, parts);
}

function draftStated(
  { with: template, result }: NonNullable<Manifest["output"]>,
  { manifest, steps, faults }: OutputParts,
): OutputDraft {
  const placeAt = (field: string): PlaceIn => (at) => {
    const path = ["output", field, ...at];
    return { path: readablePath(path), at: () => manifest?.at(path) };
  };
  const place = placeAt("with");
  if (template === null) {
    faults.add(place([]), "bad_value", "is empty, expected a value, such as $.step.field");
  }
  const value = template as Template;
  const mapping = readTemplate(value, place, faults);
  const byName = new Map(steps.map((step) => [step.name, step]));
  const roots = mapping === undefined ? [] : rootsIn(mapping, { byName, place, faults });
  const success = result === undefined ? undefined : readSchema(result, placeAt("result"), faults);
  const needs = Object.fromEntries(roots.map((name) => [name, name]));
  return { definition: { needs, with: value, ...(success && { success }) }, mapping, place };
}

/**
 * Checks an output against the contracts of what it names. The result of a step that may be unreached
 * in a task that completes may be absent.
 */
export function checkOutput(
  { definition, mapping, place }: OutputDraft,
  { steps, results, faults }: {
    readonly steps: readonly StepDefinition[];
    readonly results: ResultShapes;
    readonly faults: Faults;
  },
): void {
  if (mapping === undefined) return;
  const unreached = unreachedIn(steps);
  const needs = Object.entries(definition.needs);
  const roots = results.rootsOf({ needs: definition.needs, when: "succeeded" });
  const unsure = new Set(needs.flatMap(([alias, name]) => unreached.has(name) ? [alias] : []));
  checkMapping(mapping, { roots, unsure, target: definition.success, place, faults });
}

/** Steps that need not run in a task that completes. Cost: O(steps + edges). */
function unreachedIn(steps: readonly StepDefinition[]): ReadonlySet<string> {
  const children = new Map<string, StepDefinition[]>();
  for (const step of steps) {
    for (const parent of new Set([...Object.values(step.needs), ...step.after])) {
      const known = children.get(parent);
      if (known === undefined) children.set(parent, [step]);
      else known.push(step);
    }
  }
  const unreached = new Set<string>();
  const waiting = steps.filter(({ when }) => when === "failed" || when === "cancelled");
  for (let step = waiting.pop(); step !== undefined; step = waiting.pop()) {
    if (unreached.has(step.name)) continue;
    unreached.add(step.name);
    waiting.push(...(children.get(step.name) ?? []).filter(({ when }) => when === "succeeded"));
  }
  return unreached;
}
