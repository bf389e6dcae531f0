/** A node that deploys documents, over stores in memory. */

import type { Definition } from "../../src/core/workflow.ts";
import type { Definitions, Deployer, DeployGrants } from "../../src/core/ports.ts";
import { MemoryDefinitions } from "../../src/journal/memory_stores.ts";
import type { BuiltWorkflow } from "../../src/registry/build.ts";
import { DeployedWorkflows } from "../../src/registry/deployed.ts";
import { type DeployerDeps, openDeployer } from "../../src/registry/deployer.ts";
import { openDocuments } from "../../src/server/documents.ts";
import { openRehearser } from "../../src/server/rehearser.ts";
import { openRuntime } from "../../src/server/runtime.ts";
import { Registry } from "../../src/registry/workflows.ts";
import { MemoryDeployments } from "./memory_deployments.ts";
import { digest } from "./registry_fixture.ts";

/** What may be different. */
interface DeployingOptions extends Partial<Pick<DeployerDeps, "refusals" | "documents">> {
  readonly own?: readonly BuiltWorkflow[];
  readonly definitions?: Definitions;
  readonly store?: MemoryDeployments;
  readonly openTasks?: (hash: string, definition: Definition) => Promise<number>;
}

/** Such a node. */
export interface Deploying {
  readonly deployer: Deployer;
  readonly deployed: DeployedWorkflows;
  readonly registry: Registry;
  readonly store: MemoryDeployments;
  readonly definitions: Definitions;
  /** What was logged. */
  readonly said: string[];
}

/** A key that may do everything. */
export const ALL: DeployGrants = {
  demandNamespace() {},
  coversSystem: () => true,
  coversAll: true,
};

/** Opens a node; several may share their stores. */
export function openDeploying(options: DeployingOptions = {}): Deploying {
  const { own = [], definitions = new MemoryDefinitions() } = options;
  const store = options.store ?? new MemoryDeployments(definitions);
  const registry = new Registry({ definitions }, own, []);
  const said: string[] = [];
  const say = (text: string) => void said.push(text);
  const runtime = { digest, soon: (call: () => void) => call() };
  const of = { runtime, store, definitions, registry };
  const deployed = new DeployedWorkflows({ ...of, warn: say });
  const deployer = openDeployer({
    ...{ ...of, deployed, info: say },
    documents: options.documents ?? openDocuments(openRuntime()),
    rehearser: openRehearser(openRuntime()),
    refusals: options.refusals ?? (() => []),
    openTasks: options.openTasks ?? (() => Promise.resolve(0)),
  });
  return { deployer, deployed, registry, store, definitions, said };
}

/** A manifest of one step, which asks `stock`. */
export function manifestText(
  version: string,
  { name = "process", namespace = "orders", lines = [], steps = [] }: {
    readonly name?: string;
    readonly namespace?: string;
    /** Of the workflow. */
    readonly lines?: readonly string[];
    /** More steps. */
    readonly steps?: readonly string[];
  } = {},
): string {
  return [
    `name: ${name}`,
    `namespace: ${namespace}`,
    `version: ${version}`,
    ...lines,
    "workflow_steps:",
    "  - { name: reserve, owner: stock, event_pattern: stock.reserve }",
    ...steps.map((step) => `  - ${step}`),
  ].join("\n");
}
