/** References: which steps a mapping names, and whether it fits their contracts. */

import { HTTP_REQUEST } from "../core/http_call.ts";
import { type Mapping, referencesOf } from "../core/mapping.ts";
import type { JsonSchema, StepContract, StepDefinition } from "../core/workflow.ts";
import type { Draft } from "./draft.ts";
import { type Faults, suggest } from "./fault.ts";
import { checkMapping, type PlaceIn, readTemplate } from "./mapping_check.ts";
import { type Inner, type Shape, shapeOf } from "./shape.ts";

/** The root that stands for the task's input. */
const INPUT = "input";

/** Makes each reference to a step a data edge; the faults of those that name none are added. */
export function withReferences(
  drafts: readonly Draft[],
  faults: Faults,
): readonly (Draft & { readonly mapping?: Mapping })[] {
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
  drafts: readonly (Draft & { readonly mapping?: Mapping })[],
  { steps, input, faults }: {
    readonly steps: readonly StepDefinition[];
    readonly input: JsonSchema | undefined;
    readonly faults: Faults;
  },
): void {
  const contracts = new Map(steps.map(({ name, contract }) => [name, contract]));
  const task = shapeOf(input);
  drafts.forEach((draft, index) => {
    const { mapping, template, kind, when } = draft;
    if (mapping === undefined || template === undefined) return;
    const roots = new Map(
      Object.entries(draft.needs).map(([alias, name]) => {
        const contract = contracts.get(name) ?? {};
        return [alias, when === "succeeded" ? shapeOf(contract.success) : outcomeOf(contract)];
      }),
    );
    roots.set(INPUT, task);
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

/** What a step sees of a parent that may have failed. */
function outcomeOf({ success, error }: StepContract): Shape {
  const found = (schema: JsonSchema | undefined, isOptional = true): Inner => ({
    kind: "found",
    shape: shapeOf(schema),
    isOptional,
  });
  return {
    kind: "fields",
    fields: {
      state: found({ type: "string" }, false),
      result: found(success),
      error: found(error && { anyOf: [ENGINE_ERROR, error], $defs: error.$defs }),
    },
  };
}

/** How the engine describes a failure: a time-out, a broken contract. */
const ENGINE_ERROR: JsonSchema = {
  type: "object",
  required: ["error_code", "error_message"],
  properties: { error_code: { type: "string" }, error_message: { type: "string" } },
};
