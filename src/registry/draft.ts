/** Drafts: steps as modules and manifests state them, in one form, and whether they fit together. */

import type { WrittenAlternative } from "../core/alternative.ts";
import { packGraph, type When } from "../core/graph.ts";
import type { HttpCall } from "../core/http_call.ts";
import type { Policy } from "../core/policy.ts";
import type {
  GiveWire,
  OutputWire,
  SleepWire,
  StepSpec,
  StepWire,
  Wire,
  WiredStep,
  WorkflowModule,
} from "../core/workflow_module.ts";
import type { Template } from "../core/mapping.ts";
import type { Given, JsonSchema, StepContract, StepKind } from "../core/workflow.ts";
import { type Faults, type Place } from "./fault.ts";
import type { AskedCapability } from "../core/asked_capability.ts";
import { policyOf } from "./field_checks.ts";
import { TaskerError } from "../core/errors.ts";
import type { Path } from "./yaml.ts";

/** A step that is not checked yet. */
export interface Draft {
  readonly name: string;
  readonly kind: StepKind;
  readonly owner: string;
  readonly event?: string;
  readonly capability?: AskedCapability;
  readonly handler?: string;
  readonly needs: Readonly<Record<string, string>>;
  readonly after: readonly string[];
  readonly when: When;
  readonly with?: (given: Given) => unknown;
  /** The same as data; `field` has it. */
  readonly template?: { readonly value: Template; readonly field: string };
  readonly sleepMs?: SleepWire["ms"];
  readonly http?: HttpCall;
  readonly onTimeout?: "fail" | "park";
  readonly policy: Policy;
  readonly atMostOnce: boolean;
  readonly alternatives?: readonly WrittenAlternative[];
  /** Contracts and code; absent for an open contract, and for sleeps. */
  readonly written?: Partial<StepSpec>;
  /** Contracts that a manifest states. */
  readonly contract?: StepContract;
  /** Where the step, one of its fields, or a value inside of that, is written. */
  readonly place: (field?: string, inside?: Path) => Place;
}

/** Drafts the steps that a module wired, without its `w.give` and `w.output` calls. */
export function draftWires(module: WorkflowModule, namespace: string, faults: Faults): Draft[] {
  return module.wires.flatMap((wire) => {
    if (wire.kind === "give" || wire.kind === "output") return [];
    const edges = edgesOf(wire, module, faults);
    const place = placeOf(wire);
    return [{ ...edges, place, ...draftKind(wire, namespace, place, faults) }];
  });
}

/** The fields of a draft that depend on the kind of its wire. */
function draftKind(
  wire: Exclude<Wire, GiveWire | OutputWire>,
  namespace: string,
  place: Draft["place"],
  faults: Faults,
): Omit<Draft, "needs" | "after" | "place"> {
  const common = {
    name: wire.name,
    owner: namespace,
    when: "succeeded",
    atMostOnce: false,
  } as const;
  switch (wire.kind) {
    case "sleep":
      return { ...common, kind: "sleep", sleepMs: wire.ms, policy: {} };
    case "signal":
      return {
        ...common,
        kind: "signal",
        written: { success: wire.success },
        onTimeout: wire.onTimeout ?? "fail",
        policy: wire.timeoutMs === undefined ? {} : { timeoutMs: wire.timeoutMs },
      };
    case "step":
      return { ...common, ...draftStep(wire, namespace, place, faults) };
  }
}

function draftStep(
  { definition, when, with: map }: StepWire,
  namespace: string,
  place: Draft["place"],
  faults: Faults,
): Omit<Draft, "needs" | "after" | "place" | "name"> {
  const kind = kindOf(definition);
  if (kind === undefined) {
    faults.add(
      place(),
      "no_code",
      "needs either `run` or `system`, expected step({…}) or remote({…})",
    );
  }
  return {
    kind: kind ?? "local",
    owner: (kind === "remote" ? definition.system : definition.owner) ?? namespace,
    ...(kind === "remote" && { event: definition.event ?? "" }),
    when,
    ...(map === undefined ? {} : { with: map }),
    written: definition,
    policy: policyOf(definition),
    atMostOnce: definition.atMostOnce === true,
    ...(definition.alternatives !== undefined && { alternatives: definition.alternatives }),
  };
}

/** Whether code here or another system runs a step; undefined when it has neither, or both. */
export function kindOf(written: StepSpec): "local" | "remote" | undefined {
  const isLocal = typeof written.run === "function";
  const isRemote = typeof written.system === "string";
  if (isLocal === isRemote) return undefined;
  return isLocal ? "local" : "remote";
}

/** The names of the steps that a wire depends on. */
export function edgesOf(
  wire: Wire,
  module: WorkflowModule,
  faults: Faults,
): Pick<Draft, "needs" | "after"> {
  const place = placeOf(wire);
  const needs: Record<string, string> = {};
  for (const [alias, handle] of Object.entries(wire.needs)) {
    const name = nameOf(handle, module, place(`needs.${alias}`), faults);
    if (name !== undefined) needs[alias] = name;
  }
  const after = wire.after.flatMap((handle, index) =>
    nameOf(handle, module, place(`after[${index}]`), faults) ?? []
  );
  return { needs, after };
}

/** All fields of a wire are at the place of its call. */
export function placeOf(wire: Wire): Draft["place"] {
  const path = `steps.${wire.name}`;
  return (field) => ({ path: field === undefined ? path : `${path}.${field}`, at: wire.at });
}

function nameOf(
  handle: WiredStep | undefined,
  module: WorkflowModule,
  place: Place,
  faults: Faults,
): string | undefined {
  if (handle?.of === module.of) return handle.name;
  const what = handle === undefined
    ? "does not name a step"
    : `names step "${handle.name}" of another workflow`;
  faults.add(place, "bad_edge", `${what}, expected what a \`w.step(…)\` of this workflow returned`);
  return undefined;
}

/** The alias under which `with` finds the task's input. */
const INPUT = "input";

/** Adds a fault for each name that is taken, each edge to an unknown step, and one cycle. */
export function checkEdges(drafts: readonly Draft[], faults: Faults): void {
  const byName = new Map<string, Draft>();
  for (const draft of drafts) {
    if (byName.has(draft.name)) {
      faults.add(draft.place("name"), "name_taken", `two steps have the name "${draft.name}"`);
    } else byName.set(draft.name, draft);
  }
  for (const draft of drafts) checkParents(draft, byName, faults);
  checkCycles([...byName.values()], faults);
}

function checkParents(draft: Draft, byName: ReadonlyMap<string, Draft>, faults: Faults): void {
  const { needs, after, when, place } = draft;
  for (const [alias, name] of Object.entries(needs)) {
    const field = `needs.${alias}`;
    checkParent(draft, name, field, byName, faults);
    if (alias === INPUT) {
      faults.add(
        place(field),
        "bad_alias",
        `"${INPUT}" stands for the task's input: use another name`,
      );
    }
    if (byName.get(name)?.kind === "sleep") {
      faults.add(
        place(field),
        "gives_nothing",
        `sleep "${name}" has no result: name it in \`after\``,
      );
    }
  }
  for (const name of after) checkParent(draft, name, "after", byName, faults);
  const isRoot = Object.keys(needs).length + after.length === 0;
  if (isRoot && (when === "failed" || when === "cancelled")) {
    faults.add(
      place("when"),
      "when_without_parents",
      `"${when}" needs a parent, but the step has none`,
    );
  }
}

function checkParent(
  { place }: Draft,
  name: string,
  field: string,
  byName: ReadonlyMap<string, Draft>,
  faults: Faults,
): void {
  if (byName.has(name)) return;
  faults.add(
    place(field),
    "unknown_step",
    `there is no step "${name}"${faults.suggest(name, byName.keys())}`,
  );
}

/** Edges to unknown steps have their own fault and are left out. */
function checkCycles(drafts: readonly Draft[], faults: Faults): void {
  const indexOf = new Map(drafts.map(({ name }, index) => [name, index]));
  try {
    packGraph(drafts.map(({ name, needs, after, when }) => ({
      name,
      when,
      parents: [...Object.values(needs), ...after].flatMap((parent) => indexOf.get(parent) ?? []),
    })));
  } catch (thrown) {
    if (!(thrown instanceof TaskerError)) throw thrown;
    const first = /"([^"]*)"/.exec(thrown.message)?.[1] ?? "";
    const draft = drafts[indexOf.get(first) ?? 0];
    if (draft !== undefined) faults.add(draft.place("after"), thrown.code, thrown.message);
  }
}

/**
 * Adds a fault when a step that takes the task's input asks for fields that it does not have.
 *
 * Only the outermost required fields are compared: the compiler checks the rest, except for steps of
 * a manifest.
 */
export function checkTakesInput(
  draft: Draft,
  taken: JsonSchema | undefined,
  given: JsonSchema | undefined,
  faults: Faults,
): void {
  if (draft.with !== undefined || draft.template !== undefined || given?.type !== "object") return;
  const fields = Object.keys(given.properties ?? {});
  const asked = Array.isArray(taken?.required) ? taken.required.map(String) : [];
  const missing = asked.filter((field) => !fields.includes(field));
  const isOpen = typeof (given.additionalProperties ?? false) === "object";
  if (missing.length === 0 || isOpen) return;
  const names = missing.map((field) => `"${field}"`).join(", ");
  faults.add(
    draft.place("input"),
    "with_missing",
    `requires ${names}, which the task's input does not have: map the input by \`with\`, ` +
      "or by `w.give` for a step of a manifest",
  );
}
