/** Binding: joins the steps of a manifest with the definitions and inputs of its module. */

import type { GiveWire, StepSpec, WorkflowModule } from "../core/workflow_module.ts";
import { type Draft, edgesOf, kindOf, placeOf } from "./draft.ts";
import { type Faults, type Place, suggest } from "./fault.ts";
import type { Manifest, ManifestStep } from "./manifest.ts";
import { mergePolicies, policyOf } from "./field_checks.ts";

/** What a manifest calls the fields of a draft. */
const FIELDS: Readonly<Record<string, string>> = {
  after: "depends_on",
  atMostOnce: "at_most_once",
  concurrencyMax: "concurrency_max",
  event: "event_pattern",
  heartbeatMs: "heartbeat",
  onExhausted: "on_exhausted",
  queueTimeoutMs: "queue_timeout",
  timeoutMs: "timeout",
  attemptsMax: "attempts_max",
  delayMsMin: "delay_min",
  delayMsMax: "delay_max",
};

/** Drafts the steps of a manifest, with the definitions and inputs of its module. */
export function bindManifest(module: WorkflowModule, manifest: Manifest, faults: Faults): Draft[] {
  const gives = givesOf(module, manifest, faults);
  refuseUnused(module, manifest, faults);
  return manifest.workflow_steps.map((step, index) => {
    const place = placeIn(manifest, index);
    const written = writtenFor(module, step);
    checkOwner(step, manifest, place, faults);
    checkBinding(step, written, place, faults);
    return draftStep(step, { written, give: gives.get(step.name), module, place, faults });
  });
}

/** Names the steps without a definition: their inputs and results are not checked. */
export function openSteps(module: WorkflowModule, manifest: Manifest): readonly string[] {
  return manifest.workflow_steps
    .filter((step) => writtenFor(module, step) === undefined)
    .map(({ name }) => name);
}

interface Bound {
  readonly written: StepSpec | undefined;
  readonly give: GiveWire | undefined;
  readonly module: WorkflowModule;
  readonly place: Draft["place"];
  readonly faults: Faults;
}

function draftStep(step: ManifestStep, { written, give, module, place, faults }: Bound): Draft {
  const needs = give === undefined ? {} : edgesOf(give, module, faults).needs;
  const needed = new Set(Object.values(needs));
  const isRemote = step.event_pattern !== undefined || written?.system !== undefined;
  const event = step.event_pattern ?? written?.event;
  return {
    name: step.name,
    kind: isRemote ? "remote" : "local",
    owner: step.owner,
    ...(isRemote && event !== undefined && { event }),
    ...(step.handler !== undefined && { handler: step.handler }),
    needs,
    after: [step.depends_on].flat().filter((name) => !needed.has(name)),
    when: step.when,
    ...(give !== undefined && { with: give.with }),
    policy: mergePolicies(policyOf(written), manifestPolicy(step)),
    atMostOnce: step.at_most_once ?? written?.atMostOnce === true,
    ...(written !== undefined && { written }),
    place,
  };
}

function manifestPolicy(step: ManifestStep): Draft["policy"] {
  const { attempts_max, backoff, delay_min, delay_max } = step.retry ?? {};
  const retry = {
    ...(attempts_max !== undefined && { attemptsMax: attempts_max }),
    ...(backoff !== undefined && { backoff: backoff as "none" }),
    ...(delay_min !== undefined && { delayMsMin: delay_min }),
    ...(delay_max !== undefined && { delayMsMax: delay_max }),
  };
  return {
    ...(step.retry !== undefined && { retry }),
    ...(step.timeout !== undefined && { timeoutMs: step.timeout }),
    ...(step.queue_timeout !== undefined && { queueTimeoutMs: step.queue_timeout }),
    ...(step.heartbeat !== undefined && { heartbeatMs: step.heartbeat }),
    ...(step.concurrency_max !== undefined && { concurrencyMax: step.concurrency_max }),
    ...(step.on_exhausted !== undefined && { onExhausted: step.on_exhausted }),
  };
}

function writtenFor(module: WorkflowModule, step: ManifestStep): StepSpec | undefined {
  const { steps = {}, handlers = {} } = module.manifest ?? {};
  if (Object.hasOwn(steps, step.name)) return steps[step.name];
  const { handler = "" } = step;
  return Object.hasOwn(handlers, handler) ? handlers[handler] : undefined;
}

function placeIn(manifest: Manifest, index: number): Draft["place"] {
  return (field) => {
    const parts = field?.split(".").map((part) => FIELDS[part.replace(/\[.*/, "")] ?? part) ?? [];
    const path = ["workflow_steps", index, ...parts];
    return {
      path: [`workflow_steps[${index}]`, ...parts].join("."),
      at: () => manifest.at(path),
    };
  };
}

function checkOwner(
  step: ManifestStep,
  { systems }: Manifest,
  place: Draft["place"],
  faults: Faults,
): void {
  const names = Object.keys(systems);
  const system = Object.hasOwn(systems, step.owner) ? systems[step.owner] : undefined;
  if (names.length > 0 && system === undefined) {
    faults.add(
      place("owner"),
      "unknown_system",
      `"${step.owner}" is not among the systems of this manifest${suggest(step.owner, names)}`,
    );
  }
  const { capability } = step;
  if (capability === undefined || system?.capabilities.includes(capability)) return;
  faults.add(
    place("capability"),
    "no_capability",
    `system "${step.owner}" has no capability "${capability}"${
      suggest(capability, system?.capabilities ?? [])
    }`,
  );
}

/** A definition must be of the kind that the manifest asks for, and agree with it. */
function checkBinding(
  step: ManifestStep,
  written: StepSpec | undefined,
  place: Draft["place"],
  faults: Faults,
): void {
  const refuse = (detail: string, field?: string) =>
    faults.add(place(field), "bad_binding", detail);
  const { event_pattern: event, handler, owner } = step;
  if (event !== undefined && handler !== undefined) {
    refuse("a step with an event_pattern runs in another system: remove one of the two", "handler");
  }
  if (written === undefined) {
    if (event === undefined && handler === undefined) {
      refuse("nothing runs this step, expected an event_pattern, a handler or a definition");
    }
    return;
  }
  const kind = kindOf(written);
  if (kind === undefined) {
    refuse("its definition needs either `run` or `system`: use step({…}) or remote({…})");
  } else if (kind === "local" && event !== undefined) {
    refuse(
      "its definition has code that runs here: bind a remote({…}), or remove the event_pattern",
      "event",
    );
  } else if (kind === "remote") {
    checkRemote(step, written, refuse);
  } else if (written.owner !== undefined && written.owner !== owner) {
    refuse(`is "${owner}", but its definition says "${written.owner}"`, "owner");
  }
}

function checkRemote(
  { event_pattern: event, owner }: ManifestStep,
  { system, event: writtenEvent }: StepSpec,
  refuse: (detail: string, field: string) => void,
): void {
  if (system !== owner) refuse(`is "${owner}", but its definition says "${system}"`, "owner");
  if (event !== undefined && event !== writtenEvent) {
    refuse(`is "${event}", but its definition says "${writtenEvent}"`, "event");
  }
}

function givesOf(
  module: WorkflowModule,
  manifest: Manifest,
  faults: Faults,
): ReadonlyMap<string, GiveWire> {
  const names = new Set(manifest.workflow_steps.map(({ name }) => name));
  const gives = new Map<string, GiveWire>();
  for (const wire of module.wires) {
    if (wire.kind !== "give") continue;
    const place = placeOf(wire)();
    if (!names.has(wire.name)) refuseUnknown(place, wire.name, names, faults);
    if (gives.has(wire.name)) {
      faults.add(place, "given_twice", "w.give(…) is called twice for this step");
    }
    gives.set(wire.name, wire);
  }
  return gives;
}

/** A binding that no step uses is a mistake. */
function refuseUnused(module: WorkflowModule, manifest: Manifest, faults: Faults): void {
  const { steps = {}, handlers = {} } = module.manifest ?? {};
  const names = manifest.workflow_steps.map(({ name }) => name);
  const called = manifest.workflow_steps.flatMap(({ handler }) => handler ?? []);
  for (const name of Object.keys(steps).filter((name) => !names.includes(name))) {
    refuseUnknown({ path: `steps.${name}`, at: module.at }, name, names, faults);
  }
  for (const name of Object.keys(handlers).filter((name) => !called.includes(name))) {
    faults.add(
      { path: `handlers.${name}`, at: module.at },
      "unknown_handler",
      `no step of the manifest has the handler "${name}"${suggest(name, called)}`,
    );
  }
}

function refuseUnknown(
  place: Place,
  name: string,
  names: Iterable<string>,
  faults: Faults,
): void {
  faults.add(place, "unknown_step", `the manifest has no step "${name}"${suggest(name, names)}`);
}
