/** Binding: joins the steps of a manifest with the definitions and inputs of its module. */

import type { GiveWire, StepSpec, WorkflowModule } from "../core/workflow_module.ts";
import { ANY_SYSTEM } from "../core/system.ts";
import { type Asked, askedOf } from "./capability.ts";
import { type Draft, edgesOf, kindOf, placeOf } from "./draft.ts";
import { type Faults, type Place, suggest } from "./fault.ts";
import { type Manifest, type ManifestStep, policyOfManifest } from "./manifest.ts";
import { readablePath } from "./yaml.ts";
import { mergePolicies, policyOf, show } from "./field_checks.ts";
import { checkKind, contractOf, draftEngineKind, engineKindOf, templateOf } from "./step_kind.ts";

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
  success: "result",
};

/** Where the fields of a signal are. */
const SIGNAL_FIELDS: Readonly<Record<string, readonly string[]>> = {
  form: ["signal", "form"],
  onTimeout: ["signal", "on_timeout"],
  timeoutMs: ["signal", "timeout"],
};

/** The namespace of a manifest that names none, and that no module implements. */
export const NAMESPACE_DEFAULT = "default";

/** Whether steps whose work is still to be said are faults. */
export type Placeholders = "refused" | "taken";

/** Drafts the steps of a manifest, with the definitions and inputs of its module. */
export function bindManifest(
  module: WorkflowModule,
  manifest: Manifest,
  { namespace, placeholders = "refused", faults }: {
    readonly namespace: string;
    readonly placeholders?: Placeholders | undefined;
    readonly faults: Faults;
  },
): Draft[] {
  const gives = givesOf(module, manifest, faults);
  refuseUnused(module, manifest, faults);
  return manifest.workflow_steps.map((step, index) => {
    const place = placeIn(manifest, index);
    const written = definitionIn(writtenFor(module, step), place, faults);
    const bound = { written, give: gives.get(step.name), module };
    refuseInput(step, place, faults);
    checkKind(step, place, faults);
    if (placeholders === "refused") refusePlaceholder(step, place, faults);
    checkBinding(step, bound, place, faults);
    const kind = engineKindOf(step);
    if (kind === undefined) {
      checkOwner(step, manifest, place, faults);
      const asked = askedOf(step, manifest, place, faults);
      return draftStep(step, { ...bound, asked, namespace, place, faults });
    }
    return {
      name: step.name,
      owner: namespace,
      needs: {},
      after: [step.depends_on].flat(),
      when: step.when,
      atMostOnce: false,
      place,
      ...draftEngineKind(step, kind, { place, faults }),
    };
  });
}

/** A step that says what is still to be done takes part in everything but a deployment. */
function refusePlaceholder({ todo }: ManifestStep, place: Draft["place"], faults: Faults): void {
  if (todo === undefined) return;
  faults.add(
    place("todo"),
    "placeholder",
    `is still to be done (${show(todo)}): put what runs the step in its place`,
  );
}

/** No reference could name such a step: `$.input` is the task's input. */
function refuseInput({ name }: ManifestStep, place: Draft["place"], faults: Faults): void {
  if (name !== "input") return;
  faults.add(place("name"), "bad_name", '"input" stands for the task\'s input: use another name');
}

interface Bound {
  readonly written: StepSpec | undefined;
  readonly give: GiveWire | undefined;
  readonly module: WorkflowModule;
  readonly asked: Asked;
  readonly namespace: string;
  readonly place: Draft["place"];
  readonly faults: Faults;
}

function draftStep(
  step: ManifestStep,
  { written, give, module, asked, namespace, place, faults }: Bound,
): Draft {
  const needs = give === undefined ? {} : edgesOf(give, module, faults).needs;
  const needed = new Set(Object.values(needs));
  const event = eventOf(step, written, asked);
  const isRemote = event !== undefined;
  const { capability, timeoutMs } = isRemote ? asked : {};
  const stated = templateOf(step, "with", { place, faults });
  // Without code, what a step takes is said as data, so that any node can send it.
  const hasCode = module.manifest !== undefined && module.manifest.value === undefined ||
    written !== undefined || give !== undefined;
  const isSaid = !hasCode && stated.template === undefined;
  return {
    name: step.name,
    kind: isRemote ? "remote" : "local",
    owner: step.owner ?? (capability === undefined ? namespace : ANY_SYSTEM),
    ...(capability !== undefined && { capability }),
    ...(event !== undefined && { event }),
    ...(step.handler !== undefined && { handler: step.handler }),
    needs,
    after: [step.depends_on].flat().filter((name) => !needed.has(name)),
    when: step.when,
    ...(give !== undefined && { with: give.with }),
    ...(isSaid ? { template: { value: "$.input", field: "with" } } : stated),
    policy: mergePolicies(
      mergePolicies(timeoutMs === undefined ? {} : { timeoutMs }, policyOf(written)),
      policyOfManifest(step),
    ),
    atMostOnce: step.at_most_once ?? written?.atMostOnce === true,
    ...alternativesOf(step, written),
    ...(written === undefined
      ? { contract: { ...asked.contract, ...contractOf(step, place, faults) } }
      : { written }),
    place,
  };
}

/** The manifest's alternatives, or else those of the definition. */
function alternativesOf(step: ManifestStep, written: StepSpec | undefined) {
  const alternatives = step.alternatives ?? written?.alternatives;
  return alternatives === undefined ? {} : { alternatives };
}

/** The envelope type of a step that another system runs; undefined: code here runs it. */
function eventOf(
  { event_pattern, handler }: ManifestStep,
  written: StepSpec | undefined,
  { capability }: Asked,
): string | undefined {
  if (event_pattern !== undefined) return event_pattern;
  if (written !== undefined) return written.system === undefined ? undefined : written.event ?? "";
  return handler === undefined ? capability?.name : undefined;
}

function writtenFor(module: WorkflowModule, step: ManifestStep): StepSpec | undefined {
  const { steps = {}, handlers = {} } = module.manifest ?? {};
  if (Object.hasOwn(steps, step.name)) return steps[step.name];
  const { handler = "" } = step;
  return Object.hasOwn(handlers, handler) ? handlers[handler] : undefined;
}

/** What is not a definition is one fault, not one for each field that it lacks. */
function definitionIn(
  written: unknown,
  place: Draft["place"],
  faults: Faults,
): StepSpec | undefined {
  if (written === undefined || (typeof written === "object" && written !== null)) {
    return written as StepSpec | undefined;
  }
  const detail = `its definition is a ${typeof written}, expected step({…}) or remote({…})`;
  faults.add(place(), "bad_binding", detail);
  return undefined;
}

function placeIn(manifest: Manifest, index: number): Draft["place"] {
  const isSignal = manifest.workflow_steps[index]?.signal !== undefined;
  return (field = "", inside = []) => {
    const signal = isSignal ? SIGNAL_FIELDS[field] : undefined;
    const parts = field === ""
      ? []
      : signal ?? field.split(".").map((part) => FIELDS[part.replace(/\[.*/, "")] ?? part);
    const path = ["workflow_steps", index, ...parts, ...inside];
    return { path: readablePath(path), at: () => manifest.at(path) };
  };
}

function checkOwner(
  { owner = "" }: ManifestStep,
  { systems }: Manifest,
  place: Draft["place"],
  faults: Faults,
): void {
  const names = Object.keys(systems);
  const system = Object.hasOwn(systems, owner) ? systems[owner] : undefined;
  if (names.length > 0 && owner !== "" && system === undefined) {
    faults.add(
      place("owner"),
      "unknown_system",
      `"${owner}" is not among the systems of this manifest${suggest(owner, names)}`,
    );
  }
}

/** A definition must be of the kind that the manifest asks for, and agree with it. */
function checkBinding(
  step: ManifestStep,
  { written, give }: Pick<Bound, "written" | "give">,
  place: Draft["place"],
  faults: Faults,
): void {
  const refuse = (detail: string, field?: string) =>
    faults.add(place(field), "bad_binding", detail);
  const { event_pattern: event, handler, owner, capability, todo } = step;
  const engineKind = engineKindOf(step);
  if (give !== undefined && (step.with !== undefined || engineKind !== undefined)) {
    refuse("its module gives the input by w.give(…): remove one of the two", "with");
  }
  if (engineKind !== undefined) {
    if (written !== undefined) refuse(`a ${engineKind} runs no code: remove its definition`);
    return;
  }
  if (event !== undefined && handler !== undefined) {
    refuse("a step with an event_pattern runs in another system: remove one of the two", "handler");
  }
  if (written === undefined) {
    if ([event, handler, capability, todo].every((one) => one === undefined)) {
      refuse(
        "nothing runs this step, expected one of event_pattern, capability, handler, signal, sleep, " +
          "transform and http, or a definition in its module",
      );
    }
    return;
  }
  for (const field of ["input", "result", "error"] as const) {
    if (step[field] !== undefined) refuse("its definition has this contract already", field);
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
