/** Search attributes of workflows: read from a module or a manifest, and checked. */

import { SearchFields } from "../core/fields.ts";
import type { Reference } from "../core/mapping.ts";
import { referenceOf, type SearchAttribute } from "../core/search.ts";
import type { Definition, StepDefinition } from "../core/workflow.ts";
import type { WorkflowModule } from "../core/workflow_module.ts";
import type { Faults, Place } from "./fault.ts";
import type { Manifest } from "./manifest.ts";
import { checkMapping } from "./mapping_check.ts";
import { rootsIn } from "./references.ts";
import type { ResultShapes } from "./result_shapes.ts";
import { innerOf, type Shape } from "./shape.ts";
import { readablePath } from "./yaml.ts";

/** What attributes are checked with. */
interface SearchParts {
  readonly manifest: Manifest | undefined;
  readonly steps: readonly StepDefinition[];
  readonly results: ResultShapes;
  readonly faults: Faults;
}

/** Reads what a workflow's tasks are found by; the manifest overrides its module. */
export function searchOf(module: WorkflowModule, parts: SearchParts): Definition["search"] {
  const { manifest, faults } = parts;
  const stated = manifest?.search;
  const place = (path: readonly (string | number)[]): Place => ({
    path: readablePath(["search", ...path]),
    at: stated === undefined ? module.at : () => manifest?.at(["search", ...path]),
  });
  const read = SearchFields.safeParse(stated ?? module.search ?? {});
  for (const { path, code, message } of read.error?.issues ?? []) {
    faults.add(
      place(path.map((key) => typeof key === "number" ? key : String(key))),
      code,
      message,
    );
  }
  const attributes = Object.entries(read.data ?? {});
  for (const [name, attribute] of attributes) {
    checkAttribute(attribute, place([name, "from"]), parts);
  }
  return attributes.length === 0 ? undefined : Object.fromEntries(attributes);
}

function checkAttribute(
  { from }: SearchAttribute,
  place: Place,
  { steps, results, faults }: SearchParts,
): void {
  const reference = referenceOf(from);
  if (reference === undefined) {
    const detail = `"${from}" is not a reference, expected one such as $.input.region`;
    return faults.add(place, "bad_reference", detail);
  }
  const mapping = { kind: "reference", reference } as const;
  const byName = new Map(steps.map((step) => [step.name, step]));
  const names = rootsIn(mapping, { byName, place: () => place, faults });
  const needs = Object.fromEntries(names.map((name) => [name, name]));
  const roots = results.rootsOf({ needs, when: "succeeded" });
  // A step may not have run: nobody is found by its values then.
  const unsure = new Set(names);
  checkMapping(mapping, { roots, unsure, target: undefined, place: () => place, faults });
  if (isSensitive(roots.get(reference.root), reference)) {
    const detail = "is marked with writeOnly: what tasks are found by is shown to all readers";
    faults.add(place, "sensitive", detail);
  }
}

/** Whether a contract marks the value, or what it is in, as one that is not shown. */
function isSensitive(root: Shape | undefined, { path }: Reference): boolean {
  let shape = root;
  for (const key of [undefined, ...path]) {
    if (key !== undefined && shape !== undefined) {
      const inner = innerOf(shape, key);
      shape = inner.kind === "found" ? inner.shape : undefined;
    }
    if (shape?.kind !== "known") continue;
    const marks = shape.variants.flat().map(({ writeOnly }) => writeOnly);
    if (marks.includes(true)) return true;
  }
  return false;
}
