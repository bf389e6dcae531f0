/** Building: a recorded workflow becomes a checked definition, its plan and its code. */

import { DURATION_MS_MAX } from "../core/duration.ts";
import { WHENS } from "../core/graph.ts";
import { type Plan, planOf } from "../core/plan.ts";
import { ANY_SYSTEM } from "../core/system.ts";
import type { WorkflowModule } from "../core/workflow_module.ts";
import {
  type Definition,
  doesWork,
  FAILURE_POLICIES,
  type JsonSchema,
  type StepCode,
  type StepDefinition,
  type WorkflowCode,
  workflowName,
} from "../core/workflow.ts";
import { alternativesOf } from "./alternatives.ts";
import { bindManifest, type Placeholders } from "./bind.ts";
import { checkOutput, draftOutput } from "./output.ts";
import { checkReferences, withReferences } from "./references.ts";
import { ResultShapes } from "./result_shapes.ts";
import { readSchema } from "./step_kind.ts";
import { searchOf } from "./search_attributes.ts";
import { Contracts } from "./schema.ts";
import { checkEdges, checkTakesInput, type Draft, draftWires } from "./draft.ts";
import { Faults, type Place, suggest } from "./fault.ts";
import { hashOf } from "./hash.ts";
import { healOfManifest, type Manifest, type ManifestSystem } from "./manifest.ts";
import type { PlaceIn } from "./mapping_check.ts";
import { readablePath } from "./yaml.ts";
import {
  checkEvent,
  checkHeal,
  checkName,
  checkPolicy,
  checkVersion,
  checkWritten,
  show,
} from "./field_checks.ts";

/** A workflow that was checked. */
export interface BuiltWorkflow {
  readonly hash: string;
  readonly definition: Definition;
  readonly plan: Plan;
  readonly code: WorkflowCode;
  /** Where its module defines it. */
  readonly at: Place["at"];
  readonly description?: string;
  /** As the manifest declares them. */
  readonly systems: Readonly<Record<string, ManifestSystem>>;
  /** Steps whose results are not checked: nobody stated a contract. */
  readonly openSteps: readonly string[];
  /** Steps of a manifest whose handler no module binds: no code here runs them. */
  readonly uncodedSteps: readonly string[];
  /** Checks of contracts that only the code can do, with their places. */
  readonly codeOnly: readonly string[];
  /** Patterns of the code that may be matched without end, with their places. */
  readonly endlessPatterns: readonly string[];
}

/** What building needs besides the module. */
export interface BuildOptions {
  /** SHA-256 of a text, as `Runtime.digest` makes it. */
  readonly digest: (text: string) => string;
  /** The manifest that the module implements. */
  readonly manifest?: Manifest | undefined;
  /** Absent: steps whose work is still to be said are faults. */
  readonly placeholders?: Placeholders;
}

/**
 * Checks a recorded workflow and builds it. Pure.
 *
 * Cost: O(steps + edges); about 1 ms a contract that is seen for the first time.
 *
 * @throws {TaskerError} definition.invalid with all faults, each with its place in the source
 */
export function buildWorkflow(module: WorkflowModule, options: BuildOptions): BuiltWorkflow {
  const { manifest, placeholders } = options;
  const faults = new Faults();
  if (manifest !== undefined) faults.join(manifest.unknown);
  const head = headOf(module, manifest, faults);
  const drafts = withReferences([
    ...(manifest === undefined
      ? []
      : bindManifest(module, manifest, { namespace: head.namespace, placeholders, faults })),
    ...draftWires(module, head.namespace, faults),
  ], faults);
  const contracts = new Contracts(faults);
  const input = inputOf(module, manifest, contracts, faults);
  checkEdges(drafts, faults);
  const steps = drafts.map((draft) => {
    checkStep(draft, head.namespace, faults);
    return defineStep(draft, { contracts, faults });
  });
  drafts.forEach((draft, index) =>
    checkTakesInput(draft, steps[index]?.contract.input, input, faults)
  );
  const results = new ResultShapes(drafts, { steps, input });
  checkReferences(drafts, { steps, results, faults });
  const output = draftOutput(module, { manifest, contracts, steps, faults });
  if (output !== undefined) checkOutput(output, { steps, results, faults });
  const search = searchOf(module, { manifest, steps, results, faults });
  if (drafts.length === 0) {
    faults.add(
      { path: "steps", at: module.at },
      "no_steps",
      "the workflow has no steps, expected at least one",
    );
  }
  faults.demandNone(`workflow "${workflowName(head)}"`);
  const definition = {
    ...head,
    ...(input && { input }),
    ...(output && { output: output.definition }),
    ...(search && { search }),
    steps,
  };
  const hash = hashOf(definition, options.digest);
  const code = {
    ...(module.input !== undefined && { input: module.input }),
    ...(output?.code !== undefined && { output: output.code }),
    steps: new Map(drafts.map((draft) => [draft.name, codeOf(draft)])),
  };
  return {
    hash,
    definition,
    plan: planOf(hash, definition, code),
    code,
    at: module.at,
    ...(manifest?.description !== undefined && { description: manifest.description }),
    systems: manifest?.systems ?? {},
    ...{ codeOnly: contracts.codeOnly, endlessPatterns: contracts.endless },
    openSteps: drafts.filter(isOpen).map(({ name }) => name),
    uncodedSteps: drafts.filter(isUncoded).map(({ name }) => name),
  };
}

/** The contract of the task's input: the module's, or the manifest's. */
function inputOf(
  module: WorkflowModule,
  manifest: Manifest | undefined,
  contracts: Contracts,
  faults: Faults,
): JsonSchema | undefined {
  const place: PlaceIn = (at) => {
    const path = ["input", ...at];
    return { path: readablePath(path), at: () => manifest?.at(path) };
  };
  const isStated = manifest?.input !== undefined;
  if (isStated && module.input !== undefined) {
    faults.add(place([]), "bad_binding", "its module has the contract of the input: remove one");
  }
  if (module.input !== undefined) {
    return contracts.convert(module.input, { path: "input", at: module.at });
  }
  return isStated ? readSchema(manifest.input, place, faults) : undefined;
}

function isOpen({ kind, written, contract }: Draft): boolean {
  return doesWork(kind) && written === undefined && contract?.success === undefined;
}

function isUncoded({ kind, written }: Draft): boolean {
  return kind === "local" && written?.run === undefined;
}

type Head = Omit<Definition, "input" | "output" | "search" | "steps">;

/** Name, version and behaviour of a workflow; the manifest overrides its module. */
function headOf(module: WorkflowModule, manifest: Manifest | undefined, faults: Faults): Head {
  const place = (field: string, inManifest = field): Place =>
    manifest !== undefined && inManifest in manifest
      ? { path: inManifest, at: () => manifest.at([inManifest]) }
      : { path: field, at: module.at };
  const stated = manifest?.namespace;
  if (stated !== undefined && module.namespace !== undefined && stated !== module.namespace) {
    const detail = `is "${stated}", but its module says "${module.namespace}"`;
    faults.add(place("namespace"), "bad_binding", detail);
  }
  const head = {
    namespace: stated ?? module.namespace ?? "",
    name: manifest?.name ?? module.name ?? "",
    version: manifest?.version ?? module.version ?? "",
  };
  checkName(faults, place("namespace"), head.namespace);
  checkName(faults, place("name"), head.name);
  checkVersion(faults, place("version"), head.version);
  const failurePolicy = manifest?.failure_policy ?? module.failurePolicy ?? FAILURE_POLICIES[0];
  if (!FAILURE_POLICIES.includes(failurePolicy)) {
    const where = place("failurePolicy", "failure_policy");
    refuseChoice(faults, where, failurePolicy, FAILURE_POLICIES);
  }
  const deadlineMs = manifest?.deadline ?? module.deadlineMs;
  if (deadlineMs !== undefined) {
    checkMs(faults, place("deadlineMs", "deadline"), deadlineMs, 1);
  }
  const heal = (manifest && healOfManifest(manifest)) ?? module.heal;
  if (heal !== undefined) checkHeal(faults, place("heal"), heal);
  return {
    ...head,
    failurePolicy,
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(heal !== undefined && { heal }),
  };
}

function checkStep(draft: Draft, namespace: string, faults: Faults): void {
  const { name, kind, owner, event, place, written, policy, sleepMs } = draft;
  checkName(faults, place("name"), name);
  const isAny = owner === ANY_SYSTEM && draft.capability !== undefined;
  if (owner !== namespace && !isAny) checkName(faults, place("owner"), owner);
  if (kind === "remote") checkEvent(faults, place("event"), event);
  const isFixed = draft.template === undefined && typeof sleepMs !== "function";
  if (kind === "sleep" && isFixed) checkMs(faults, place("ms"), sleepMs, 0);
  if (kind !== "signal" && written !== undefined) checkWritten(faults, place, written);
  if (!WHENS.includes(draft.when)) refuseChoice(faults, place("when"), draft.when, WHENS);
  const { onTimeout = "fail" } = draft;
  if (!ON_TIMEOUT.includes(onTimeout)) {
    refuseChoice(faults, place("onTimeout"), onTimeout, ON_TIMEOUT);
  }
  checkPolicy(faults, place, policy);
}

/** What a signal may do when it times out. */
const ON_TIMEOUT: readonly NonNullable<Draft["onTimeout"]>[] = ["fail", "park"];

function refuseChoice(
  faults: Faults,
  place: Place,
  stated: string,
  choices: readonly string[],
): void {
  const list = choices.map((choice) => `"${choice}"`).join(", ");
  faults.add(
    place,
    "unknown_choice",
    `${show(stated)} is not valid, expected one of ${list}${suggest(stated, choices)}`,
  );
}

function defineStep(
  draft: Draft,
  { contracts, faults }: { readonly contracts: Contracts; readonly faults: Faults },
): StepDefinition {
  const { name, kind, owner, event, handler, needs, after, when, onTimeout } = draft;
  return {
    name,
    kind,
    owner,
    ...(event !== undefined && { event }),
    ...(draft.capability !== undefined && { capability: draft.capability }),
    ...(handler !== undefined && { handler }),
    needs,
    after,
    when,
    contract: contracts.ofStep(draft),
    ...(draft.template !== undefined && { with: draft.template.value }),
    ...(draft.http !== undefined && { http: draft.http }),
    ...(typeof draft.sleepMs === "number" && { sleepMs: draft.sleepMs }),
    ...(onTimeout !== undefined && { onTimeout }),
    atMostOnce: draft.atMostOnce,
    ...(draft.alternatives !== undefined && { alternatives: alternativesOf(draft, faults) }),
    policy: draft.policy,
  };
}

function checkMs(faults: Faults, place: Place, ms: unknown, min: number): void {
  if (Number.isInteger(ms) && (ms as number) >= min && (ms as number) <= DURATION_MS_MAX) return;
  const detail = `${show(ms)} is not a duration, expected whole milliseconds, at least ${min}`;
  faults.add(place, "bad_duration", detail);
}

function codeOf({ written, with: map, sleepMs }: Draft): StepCode {
  const { run, input, success, error } = written ?? {};
  return {
    ...(map !== undefined && { with: map }),
    ...(run !== undefined && { run }),
    ...(typeof sleepMs === "function" && { sleepMs }),
    ...(input !== undefined && { input }),
    ...(success !== undefined && { success }),
    ...(error !== undefined && { error }),
  };
}
