/** References: which steps a mapping names, and whether it fits their contracts. */

import { HTTP_REQUEST } from "../core/http_call.ts";
import { type Mapping, referencesOf } from "../core/mapping.ts";
import type { JsonSchema, StepDefinition } from "../core/workflow.ts";
import type { Draft } from "./draft.ts";
import { type Faults, suggest } from "./fault.ts";
import { checkMapping, type PlaceIn, readTemplate } from "./mapping_check.ts";
import type { MappedDraft, ResultShapes } from "./result_shapes.ts";

/** The root that stands for the task's input. */
const INPUT = "input";

/** Makes each reference to a step a data edge; the faults of those that name none are added. */
export function withReferences(
  drafts: readonly Draft[],
  faults: Faults,
): readonly MappedDraft[] {
  const byName = new Map(drafts.map((draft) => [draft.name, draft]));
  return drafts.map((draft) => {
    const { template } = draft;
    if (template === undefined) return draft;
    const place: PlaceIn = (at) => draft.place(template.field, at);
    const mapping = readTemplate(template.value, place, faults);
    if (mapping === undefined) return draft;
    const roots = rootsIn(mapping, { byName, place, faults });
    const named = new Set(roots);
    return {
      ...draft,
      mapping,
      needs: { ...draft.needs, ...Object.fromEntries(roots.map((name) => [name, name])) },
      after: draft.after.filter((name) => !named.has(name)),
    };
  });
}

/** The steps that a mapping names, without those that are none, or have no result. */
export function rootsIn(
  mapping: Mapping,
  { byName, place, faults }: {
    readonly byName: ReadonlyMap<string, Pick<Draft, "kind">>;
    readonly place: PlaceIn;
    readonly faults: Faults;
  },
): readonly string[] {
  const roots = new Set<string>();
  for (const { reference: { root }, at } of referencesOf(mapping)) {
    const step = byName.get(root);
    if (root === INPUT) continue;
    if (step === undefined) {
      const hint = suggest(root, [...byName.keys(), INPUT]);
      const detail = `there is no step "${root}"; a reference begins with "$.${INPUT}" or the ` +
        `name of a step${hint}`;
      faults.add(place(at), "unknown_step", detail);
    } else if (step.kind === "sleep") {
      const detail = `sleep "${root}" has no result: name it in \`depends_on\``;
      faults.add(place(at), "gives_nothing", detail);
    } else roots.add(root);
  }
  return [...roots];
}

/** A number of milliseconds, a duration, or a time. */
const SLEEP_LENGTH: JsonSchema = { type: ["number", "string"] };

/** Checks the mappings of all steps against the contracts of what they name, and of the step. */
export function checkReferences(
  drafts: readonly MappedDraft[],
  { steps, results, faults }: {
    readonly steps: readonly StepDefinition[];
    readonly results: ResultShapes;
    readonly faults: Faults;
  },
): void {
  drafts.forEach((draft, index) => {
    const { mapping, template, kind } = draft;
    if (mapping === undefined || template === undefined) return;
    const roots = results.rootsOf(draft);
    const contract = steps[index]?.contract;
    const target = kind === "sleep"
      ? SLEEP_LENGTH
      : kind === "transform"
      ? contract?.success
      : kind === "http"
      ? HTTP_REQUEST
      : contract?.input;
    const place: PlaceIn = (at) => draft.place(template.field, at);
    checkMapping(mapping, { roots, target, place, faults });
  });
}
