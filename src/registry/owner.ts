/** Owners: the systems that steps belong to. */

import type { BuiltWorkflow } from "./build.ts";
import type { ManifestSystem } from "./manifest.ts";

/** A system that owns steps. */
export interface Owner {
  readonly name: string;
  /** Local: its steps run in this process. */
  readonly kind: "local" | "remote";
  /** `namespace/name` of the workflows that have steps of it. */
  readonly workflows: readonly string[];
  /** As a manifest declares it. */
  readonly baseUrl?: string;
  readonly healthCheckUrl?: string;
  readonly capabilities: readonly string[];
}

/**
 * Gathers the owners of all steps.
 *
 * Shape: `systems` are the local ones; absent, every owner of a step whose code is loaded.
 */
export function ownersOf(
  built: readonly BuiltWorkflow[],
  systems: readonly string[] | undefined,
): ReadonlyMap<string, Owner> {
  const workflows = new Map<string, Set<string>>();
  const implemented = new Set<string>();
  for (const { plan, definition, code } of built) {
    for (const { name, owner, kind } of definition.steps) {
      if (kind !== "local" && kind !== "remote") continue;
      workflows.set(owner, (workflows.get(owner) ?? new Set()).add(plan.workflow));
      if (code.steps.get(name)?.run !== undefined) implemented.add(owner);
    }
  }
  const local = systems === undefined ? implemented : new Set(systems);
  const declared = declaredSystems(built);
  const names = [...new Set([...workflows.keys(), ...local])].sort();
  return new Map(names.map((name) => [name, {
    name,
    kind: local.has(name) ? "local" : "remote",
    workflows: [...workflows.get(name) ?? []].sort(),
    ...describeSystem(declared.get(name)),
  }]));
}

/** Of several manifests that declare a system, the last one counts. */
function declaredSystems(built: readonly BuiltWorkflow[]): ReadonlyMap<string, ManifestSystem> {
  return new Map(built.flatMap(({ systems }) => Object.entries(systems)));
}

function describeSystem(
  system: ManifestSystem | undefined,
): Pick<Owner, "baseUrl" | "healthCheckUrl" | "capabilities"> {
  return {
    ...(system !== undefined && { baseUrl: system.base_url }),
    ...(system?.health_check_url !== undefined && { healthCheckUrl: system.health_check_url }),
    capabilities: system?.capabilities ?? [],
  };
}
