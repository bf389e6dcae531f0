/** Remote steps: what systems are asked for, by the envelope that asks for it. */

import { canonicalJson } from "../core/json.ts";
import { CONTRACT_PARTS, type ContractPart, stepSchemaId } from "../core/schema_id.ts";
import type { AskedCapability } from "../core/asked_capability.ts";
import { ANY_SYSTEM, type Instance, offerCheck } from "../core/system.ts";
import { compareVersions } from "../core/version.ts";
import {
  type Definition,
  namespaceOf,
  type StepContract,
  type StepDefinition,
  workflowName,
} from "../core/workflow.ts";

/** One thing that a system is asked for: an envelope type with one contract. */
export interface RemoteStep {
  /** ANY_SYSTEM: whoever offers `capability`. */
  readonly system: string;
  /** Of a step that asks by it alone. */
  readonly capability?: AskedCapability;
  /** The type of the envelope. */
  readonly event: string;
  readonly contract: StepContract;
  /** The steps that ask for it; at least one. */
  readonly askedBy: readonly AskingStep[];
}

/** A step of the highest version of a workflow. */
export interface AskingStep {
  /** `namespace/name`. */
  readonly workflow: string;
  readonly version: string;
  readonly step: string;
  /** As defined; a policy overlay may say otherwise. */
  readonly timeoutMs?: number;
  readonly heartbeatMs?: number;
  /** The ids of its contract's schemas; a part that is open has none. */
  readonly schemaIds: Readonly<Partial<Record<ContractPart, string>>>;
}

/**
 * Returns what systems are asked for by the highest version of each workflow.
 *
 * Shape: in the order of systems, events and asking steps, whatever the order of `definitions`. Steps
 * that send one event to one system, or for one capability, under one contract are one entry.
 */
export function remoteSteps(definitions: readonly Definition[]): readonly RemoteStep[] {
  const asked = highestVersions(definitions).flatMap(remoteStepsOf);
  const alike = Map.groupBy(
    asked,
    ({ system, capability = null, event, contract }) =>
      canonicalJson([system, capability, event, contract]),
  );
  const merged = [...alike.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    return [{ ...first, askedBy: [first, ...others].flatMap(({ askedBy }) => askedBy) }];
  });
  return merged.sort((one, other) => orderOf(one) < orderOf(other) ? -1 : 1);
}

/**
 * Returns every system that owns a step of the highest version of a workflow, in order: each of them
 * may ask the engine for tasks.
 */
export function owningSystems(definitions: readonly Definition[]): readonly string[] {
  const steps = highestVersions(definitions).flatMap(({ steps }) => steps);
  const owned = steps.filter(({ kind }) => kind === "local" || kind === "remote");
  return [...new Set(owned.map(({ owner }) => owner))].filter((one) => one !== ANY_SYSTEM).sort();
}

/**
 * Returns what one system is asked for, and what any system is that it may offer later.
 *
 * Shape: of the steps that ask by capability alone, those that an instance can get have its system; the
 * others keep ANY_SYSTEM.
 */
export function stepsFor(
  steps: readonly RemoteStep[],
  { system, instances }: { readonly system: string; readonly instances: readonly Instance[] },
): readonly RemoteStep[] {
  const there = instances.filter(({ state }) => state !== "gone");
  const gets = ({ capability, askedBy }: RemoteStep) =>
    capability !== undefined &&
    there.filter(offerCheck(capability)).some(({ namespaces }) =>
      askedBy.some(({ workflow }) => namespaces.includes(namespaceOf(workflow)))
    );
  return steps.filter((step) => step.system === system || step.system === ANY_SYSTEM)
    .map((step) => gets(step) ? { ...step, system } : step);
}

function highestVersions(definitions: readonly Definition[]): readonly Definition[] {
  const highest = new Map<string, Definition>();
  for (const one of definitions) {
    const known = highest.get(workflowName(one));
    if (known === undefined || compareVersions(known.version, one.version) < 0) {
      highest.set(workflowName(one), one);
    }
  }
  return [...highest.values()]
    .sort((one, other) => workflowName(one) < workflowName(other) ? -1 : 1);
}

function remoteStepsOf(definition: Definition): readonly RemoteStep[] {
  return definition.steps.filter(({ kind }) => kind === "remote").map((step) => ({
    system: step.owner,
    ...(step.owner === ANY_SYSTEM && { capability: step.capability }),
    event: step.event ?? step.name,
    contract: step.contract,
    askedBy: [{
      workflow: workflowName(definition),
      version: definition.version,
      step: step.name,
      ...timingOf(step),
      schemaIds: Object.fromEntries(
        CONTRACT_PARTS.filter((part) => step.contract[part] !== undefined)
          .map((part) => [part, stepSchemaId(definition, step.name, part)]),
      ),
    }],
  }));
}

function timingOf({ policy: { timeoutMs, heartbeatMs } }: StepDefinition) {
  return {
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(heartbeatMs !== undefined && { heartbeatMs }),
  };
}

/** Spaces sort before every character of a name. */
function orderOf({ system, event, askedBy: [first] }: RemoteStep): string {
  return [system, event, first?.workflow, first?.step].join(" ");
}
