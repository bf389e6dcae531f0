/** Owners: the systems that the loaded workflows name, and what their manifests say of them. */

import type { NewInstance } from "../core/ports.ts";
import { ANY_SYSTEM } from "../core/system.ts";
import { compareVersions } from "../core/version.ts";
import { type JsonSchema, namespaceOf } from "../core/workflow.ts";
import type { BuiltWorkflow } from "./build.ts";
import type { ManifestSystem } from "./manifest.ts";
import { DECLARED_LEASE_MS } from "./system_registry.ts";

/** A system that workflows name. */
export interface Owner {
  readonly name: string;
  /** Local: its steps run in this process, and no workflow asks it over the bus. */
  readonly kind: "local" | "remote";
  /** `namespace/name` of the workflows that name it. */
  readonly workflows: readonly string[];
}

/** What workflows say of one system. */
interface Named {
  readonly workflows: Set<string>;
  /** Of the workflows that name it as a system: a local step without an owner names none. */
  readonly namespaces: Set<string>;
  isAsked: boolean;
}

/** The owners of all steps, and the systems of all manifests. */
export class Owners {
  readonly list: readonly Owner[];
  readonly #named = new Map<string, Named>();
  readonly #local: ReadonlySet<string>;

  /** `systems` are the local ones; absent, every owner of a step whose code is loaded. */
  constructor(built: readonly BuiltWorkflow[], systems: readonly string[] | undefined) {
    const implemented = new Set<string>();
    for (const { plan, definition, code, systems } of built) {
      for (const { name, owner, kind, alternatives = [] } of definition.steps) {
        for (const { system } of alternatives) {
          if (system !== undefined) this.#name(system, plan.workflow, true).isAsked = true;
        }
        if ((kind !== "local" && kind !== "remote") || owner === ANY_SYSTEM) continue;
        const isSystem = kind === "remote" || owner !== definition.namespace;
        const named = this.#name(owner, plan.workflow, isSystem);
        named.isAsked ||= kind === "remote";
        if (code.steps.get(name)?.run !== undefined) implemented.add(owner);
      }
      for (const system of Object.keys(systems)) this.#name(system, plan.workflow, true);
    }
    this.#local = systems === undefined ? implemented : new Set(systems);
    const names = [...new Set([...this.#named.keys(), ...this.#local])].sort();
    this.list = names.map((name) => {
      const { isAsked = false, workflows = [] } = this.#named.get(name) ?? {};
      const kind = this.#local.has(name) && !isAsked ? "local" : "remote";
      return { name, kind, workflows: [...workflows].sort() };
    });
  }

  /** Whether steps of an owner run in this process. */
  isLocal(owner: string): boolean {
    return this.#local.has(owner);
  }

  /**
   * Whether a workflow of a namespace names a system: as the owner of a remote step or as an alternative
   * of it, as another owner of a local one than the namespace itself, or in a manifest. So a system that is called like a namespace
   * may do nothing there.
   */
  names(system: string, namespace: string): boolean {
    return this.#named.get(system)?.namespaces.has(namespace) === true;
  }

  #name(system: string, workflow: string, isSystem: boolean): Named {
    const known = this.#named.get(system);
    const named = known ?? { workflows: new Set(), namespaces: new Set(), isAsked: false };
    named.workflows.add(workflow);
    if (isSystem) named.namespaces.add(namespaceOf(workflow));
    this.#named.set(system, named);
    return named;
  }
}

/** Returns what the highest version of each workflow declares of systems, as instances. */
export function declaredIn(built: readonly BuiltWorkflow[]): readonly NewInstance[] {
  const highest = new Map<string, BuiltWorkflow>();
  for (const one of built) {
    const { workflow } = one.plan;
    const { version } = one.definition;
    const known = highest.get(workflow)?.definition.version;
    if (known === undefined || compareVersions(version, known) > 0) highest.set(workflow, one);
  }
  return [...highest.values()].flatMap(({ plan, definition, systems }) =>
    Object.entries(systems).map(([system, declared]) => ({
      system,
      // No name that an instance may have.
      instance: `@${plan.workflow}`,
      isDeclared: true,
      version: definition.version,
      capabilities: capabilitiesOf(declared),
      namespaces: [definition.namespace],
      leaseMs: DECLARED_LEASE_MS,
      ...(declared.health_check_url !== undefined && { healthUrl: declared.health_check_url }),
    }))
  );
}

function capabilitiesOf({ capabilities }: ManifestSystem): NewInstance["capabilities"] {
  return capabilities.map(({ name, ...rest }) => ({ name, ...offerOf(rest) }));
}

/** Schemas are checked where a step asks for them; a wrong one is a fault of the manifest. */
function offerOf(
  { description, version, input, output, timeout, effect }: Omit<
    ManifestSystem["capabilities"][number],
    "name"
  >,
): Omit<NewInstance["capabilities"][number], "name"> {
  return {
    ...(description !== undefined && { description }),
    ...(version !== undefined && { version }),
    ...(isSchema(input) && { input }),
    ...(isSchema(output) && { output }),
    ...(timeout !== undefined && { timeoutMs: timeout }),
    ...(effect !== undefined && { effect }),
  };
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null;
}
