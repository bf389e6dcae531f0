/** HTTP systems: which systems the loaded manifests say are called by HTTP. */

import type { HttpSystem } from "../core/http_call.ts";
import { compareVersions } from "../core/version.ts";
import type { BuiltWorkflow } from "./build.ts";
import type { Faults } from "./fault.ts";

/** Systems of the highest version of each workflow; a system is there once. */
export function httpSystemsIn(built: readonly BuiltWorkflow[]): readonly HttpSystem[] {
  return [...new Map(declared(built).map(({ system }) => [system.name, system])).values()];
}

/** Adds a fault when two workflows say that the same system is called in different ways. */
export function refuseDifferentSystems(built: readonly BuiltWorkflow[], faults: Faults): void {
  const known = new Map<string, { readonly system: HttpSystem; readonly workflow: string }>();
  for (const { system, workflow, at } of declared(built)) {
    const before = known.get(system.name);
    known.set(system.name, before ?? { system, workflow });
    if (before === undefined || JSON.stringify(before.system) === JSON.stringify(system)) continue;
    const detail = `is called at another url, or with other headers, by "${before.workflow}"`;
    faults.add({ path: `systems.${system.name}`, at }, "system_differs", detail);
  }
}

function declared(built: readonly BuiltWorkflow[]) {
  const highest = new Map<string, BuiltWorkflow>();
  for (const one of built) {
    const known = highest.get(one.plan.workflow);
    const isHigher = known === undefined ||
      compareVersions(one.definition.version, known.definition.version) > 0;
    if (isHigher) highest.set(one.plan.workflow, one);
  }
  return [...highest.values()].flatMap(({ systems, plan: { workflow }, at }) =>
    Object.entries(systems).flatMap(([name, { transport, base_url: url, headers = {} }]) =>
      transport === "http" && url !== undefined
        ? [{ system: { name, url, headers }, workflow, at }]
        : []
    )
  );
}
