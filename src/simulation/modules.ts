/** Modules: the workflows of a scenario as the registry takes them. */

import type { WorkflowModule } from "../core/workflow_module.ts";
import { remote, workflow, z } from "../mod.ts";
import { type Scenario, type ScenarioWorkflow, valueAt } from "./scenario.ts";

/** Makes a module of each version that a scenario's workflows have at some minute. */
export function modulesOf({ workflows, minutes }: Scenario): readonly WorkflowModule[] {
  return Object.entries(workflows).flatMap(([name, of]) =>
    [...versionsOf(of, minutes)].map((version) => moduleOf(name, version, of))
  );
}

/** Every version that new tasks have at some minute. */
function versionsOf({ version = "1.0.0" }: ScenarioWorkflow, minutes: number): Set<string> {
  return new Set(Array.from({ length: minutes + 1 }, (_, minute) => valueAt(version, minute)));
}

function moduleOf(fullName: string, version: string, of: ScenarioWorkflow): WorkflowModule {
  const [namespace = "", name = ""] = fullName.split("/");
  const meta = { namespace, name, version, input: z.looseObject({}) };
  return workflow({ ...meta, ...(of.heal !== undefined && { heal: of.heal }) }, (w) => {
    const made = new Map<string, ReturnType<typeof w.step>>();
    for (const [step, { system, event = `${system}.${step}`, after = [], policy }] of inOrder(of)) {
      const definition = remote({
        system,
        event,
        input: z.unknown(),
        success: z.unknown(),
        ...policy,
      });
      const needs = after.flatMap((parent) => made.get(parent) ?? []);
      made.set(step, w.step(step, definition, { after: needs }));
    }
  });
}

/** Steps, each after those that it names. */
function inOrder({ steps }: ScenarioWorkflow) {
  const [open, ordered] = [new Map(Object.entries(steps)), new Map<string, typeof steps[string]>()];
  while (open.size > 0) {
    const ready = [...open].filter(([, { after = [] }]) => !after.some((name) => open.has(name)));
    if (ready.length === 0) throw new Error(`Steps wait for each other: ${[...open.keys()]}`);
    for (const [name, step] of ready) ordered.set(name, step) && open.delete(name);
  }
  return ordered;
}
