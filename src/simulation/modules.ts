/** Workflows of a scenario, built as the registry builds those of modules and manifests. */

import { planOf } from "../core/plan.ts";
import type { WorkflowModule } from "../core/workflow_module.ts";
import { MemoryDefinitions } from "../journal/memory_stores.ts";
import { remote, workflow, z } from "../mod.ts";
import { buildWorkflow, type BuiltWorkflow } from "../registry/build.ts";
import { Registry } from "../registry/workflows.ts";
import { type Scenario, type ScenarioWorkflow, valueAt } from "./scenario.ts";

/** Opens a registry of a scenario's workflows, in each version that they have at some minute. */
export function openScenarioRegistry(
  { workflows, minutes }: Scenario,
  { modules, digest }: {
    readonly modules: readonly WorkflowModule[];
    readonly digest: (text: string) => string;
  },
): Registry {
  const own = Object.entries(workflows).flatMap(([name, of]) =>
    [...versionsOf(of, minutes)].map((version) => {
      const built = buildWorkflow(moduleOf(name, version, of), { digest });
      return withCapabilities(built, digest);
    })
  );
  const others = modules.map((module) => buildWorkflow(module, { digest }));
  return new Registry({ definitions: new MemoryDefinitions() }, [...own, ...others], []);
}

/** Every version that new tasks have at some minute. */
function versionsOf({ version = "1.0.0" }: ScenarioWorkflow, minutes: number): Set<string> {
  return new Set(Array.from({ length: minutes + 1 }, (_, minute) => valueAt(version, minute)));
}

function moduleOf(fullName: string, version: string, of: ScenarioWorkflow): WorkflowModule {
  const [namespace = "", name = ""] = fullName.split("/");
  const heal = of.heal === undefined ? {} : { heal: of.heal };
  const meta = { namespace, name, version, input: z.looseObject({}), ...heal };
  return workflow(meta, (w) => {
    const made = new Map<string, ReturnType<typeof w.step>>();
    for (const [step, { system, event = `${system}.${step}`, after = [], policy }] of inOrder(of)) {
      const contract = { input: z.unknown(), success: z.unknown() };
      const definition = remote({ system, event, ...contract, ...policy });
      const needs = after.flatMap((parent) => made.get(parent) ?? []);
      made.set(step, w.step(step, definition, { after: needs }));
    }
  });
}

/** Each step asks its system for a capability of its event's name, as a manifest can state it. */
function withCapabilities(
  built: BuiltWorkflow,
  digest: (text: string) => string,
): BuiltWorkflow {
  const steps = built.definition.steps.map((step) => ({
    ...step,
    ...(step.event !== undefined && { capability: { name: step.event } }),
  }));
  const definition = { ...built.definition, steps };
  const hash = digest(JSON.stringify(definition));
  return { ...built, hash, definition, plan: planOf(hash, definition) };
}

/** Steps, each after those that it names. */
function inOrder(
  { steps }: ScenarioWorkflow,
): Iterable<[string, ScenarioWorkflow["steps"][string]]> {
  const open = new Map(Object.entries(steps));
  const ordered = new Map<string, ScenarioWorkflow["steps"][string]>();
  while (open.size > 0) {
    const ready = [...open].filter(([, { after = [] }]) => !after.some((name) => open.has(name)));
    if (ready.length === 0) {
      throw new Error(`Steps wait for each other: ${[...open.keys()].join(", ")}`);
    }
    for (const [name, step] of ready) ordered.set(name, step) && open.delete(name);
  }
  return ordered;
}
