/** Drafts: steps as modules and manifests say them, in one form, still to be checked. */

import type { When } from "../core/graph.ts";
import type { Policy } from "../core/policy.ts";
import type {
  GiveWire,
  SleepWire,
  StepSpec,
  StepWire,
  Wire,
  WiredStep,
  WorkflowModule,
} from "../core/workflow_module.ts";
import type { Given, StepKind } from "../core/workflow.ts";
import type { Faults, Place } from "./fault.ts";
import { policyOf } from "./policy.ts";

/** A step that is not checked yet. */
export interface Draft {
  readonly name: string;
  readonly kind: StepKind;
  readonly owner: string;
  readonly event?: string;
  readonly handler?: string;
  readonly needs: Readonly<Record<string, string>>;
  readonly after: readonly string[];
  readonly when: When;
  readonly with?: (given: Given) => unknown;
  readonly sleepMs?: SleepWire["ms"];
  readonly onTimeout?: "fail" | "park";
  readonly policy: Policy;
  readonly atMostOnce: boolean;
  /** Contracts and code; absent for an open contract, and for sleeps. */
  readonly written?: Partial<StepSpec>;
  /** Where the step, or one of its fields, is said. */
  readonly place: (field?: string) => Place;
}

/** Drafts the steps that a module wired; what it gives to a manifest's steps is not among them. */
export function draftWires(module: WorkflowModule, namespace: string, faults: Faults): Draft[] {
  return module.wires.flatMap((wire) => {
    if (wire.kind === "give") return [];
    const edges = edgesOf(wire, module, faults);
    const place = placeOf(wire);
    return [{ ...edges, place, ...draftKind(wire, namespace, place, faults) }];
  });
}

/** What a wire's kind makes of it. */
function draftKind(
  wire: Exclude<Wire, GiveWire>,
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
      "has neither `run` nor `system`, expected step({…}) or remote({…})",
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
  };
}

/** Whether code here or another system runs a step; undefined when it says neither, or both. */
export function kindOf(written: StepSpec): "local" | "remote" | undefined {
  const isLocal = typeof written.run === "function";
  const isRemote = typeof written.system === "string";
  if (isLocal === isRemote) return undefined;
  return isLocal ? "local" : "remote";
}

/** The names of the steps that a wire hangs on. */
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

/** All fields of a wire are found at its call. */
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
    ? "names no step"
    : `names step "${handle.name}" of another workflow`;
  faults.add(place, "bad_edge", `${what}, expected what a \`w.step(…)\` of this one returned`);
  return undefined;
}
