/** The registry: every workflow that is loaded here, and every definition that was stored. */

import type { Answer } from "../core/command.ts";
import { describeFaults } from "../core/faults.ts";
import { TaskerError } from "../core/errors.ts";
import type { HttpSystem } from "../core/http_call.ts";
import { encodePayload } from "../core/payload.ts";
import { type Plan, planOf } from "../core/plan.ts";
import type {
  CommandSink,
  Definitions,
  NewInstance,
  Plans,
  Starter,
  StartRequest,
} from "../core/ports.ts";
import { compareVersions } from "../core/version.ts";
import { type Definition, namespaceOf, type WorkflowCode, workflowName } from "../core/workflow.ts";
import type { BuiltWorkflow } from "./build.ts";
import { suggest } from "./fault.ts";
import { httpSystemsIn } from "./http_systems.ts";
import { declaredIn, type Owner, Owners } from "./owners.ts";

/** A workflow in a list. */
export interface ListedWorkflow {
  readonly plan: Plan;
  /** Whether its code is loaded here. */
  readonly isLoaded: boolean;
  readonly description?: string;
}

/** Workflows by name and by hash. */
export class Registry implements Plans {
  readonly #definitions: Definitions;
  readonly #built = new Map<string, BuiltWorkflow>();
  readonly #plans = new Map<string, Plan>();
  /** Loaded plans by `namespace/name`, the highest version first. */
  readonly #loaded: ReadonlyMap<string, readonly Plan[]>;
  /** Definitions without code here. They are planned on demand: most are history. */
  readonly #stored: readonly StoredDefinition[];
  readonly #owners: Owners;
  /** What the manifests that are loaded here say of systems. */
  readonly declared: readonly NewInstance[];

  /** The systems that are called by HTTP. */
  readonly httpSystems: readonly HttpSystem[];

  constructor(
    { definitions, systems }: {
      readonly definitions: Definitions;
      readonly systems?: readonly string[];
    },
    built: readonly BuiltWorkflow[],
    stored: readonly StoredDefinition[],
  ) {
    this.#definitions = definitions;
    this.#owners = new Owners(built, systems);
    this.declared = declaredIn(built);
    this.httpSystems = httpSystemsIn(built);
    for (const one of built) {
      this.#built.set(one.hash, one);
      this.#plans.set(one.hash, one.plan);
    }
    const plans = built.map(({ plan }) => plan).sort(highestFirst);
    this.#loaded = Map.groupBy(plans, ({ workflow }) => workflow);
    this.#stored = stored.filter(({ hash }) => !this.#built.has(hash));
  }

  /**
   * Finds a workflow by `namespace/name`.
   *
   * Shape: without a version the highest whose code is loaded here, because a version that was
   * withdrawn may still be stored; with one, also a stored one.
   */
  find(name: string, version?: string): Plan | undefined {
    const loaded = this.#loaded.get(name) ?? [];
    if (version === undefined) return loaded[0];
    const stored = this.#stored.find(({ definition }) =>
      definition.version === version && workflowName(definition) === name
    );
    return loaded.find(({ definition }) => definition.version === version) ??
      (stored && this.#planned(stored));
  }

  /** Names of the workflows whose code is loaded here. */
  names(): readonly string[] {
    return [...this.#loaded.keys()];
  }

  /** Every version of every workflow: by name, the highest version first. */
  list(): readonly ListedWorkflow[] {
    const loaded = [...this.#built.values()].map(({ plan, description }) => ({
      plan,
      isLoaded: true,
      ...(description !== undefined && { description }),
    }));
    const stored = this.#stored.map((one) => ({ plan: this.#planned(one), isLoaded: false }));
    return [...loaded, ...stored].sort(({ plan: a }, { plan: b }) =>
      a.workflow === b.workflow ? highestFirst(a, b) : a.workflow < b.workflow ? -1 : 1
    );
  }

  cached(hash: string): Plan | undefined {
    return this.#plans.get(hash);
  }

  /** Finds a plan in memory, or reads its definition: another node may have stored it later. */
  async byHash(hash: string): Promise<Plan | undefined> {
    const known = this.#plans.get(hash);
    if (known !== undefined) return known;
    const definition = await this.#definitions.get(hash);
    return definition && this.#planned({ hash, definition });
  }

  /** The code of a workflow, when it is loaded here. */
  codeOf(hash: string): WorkflowCode | undefined {
    return this.#built.get(hash)?.code;
  }

  /** Whether steps of an owner run in this process. */
  isLocalOwner(owner: string): boolean {
    return this.#owners.isLocal(owner);
  }

  /** Every system that a loaded workflow names, or the configuration as local; by name. */
  owners(): readonly Owner[] {
    return this.#owners.list;
  }

  /** Whether a workflow of a namespace names a system. */
  isNamed(system: string, namespace: string): boolean {
    return this.#owners.names(system, namespace);
  }

  /** Plans a definition once: plans of one hash are one object. */
  #planned({ hash, definition }: StoredDefinition): Plan {
    const plan = this.#plans.get(hash) ?? planOf(hash, definition);
    this.#plans.set(hash, plan);
    return plan;
  }
}

/** A definition and its hash. */
export interface StoredDefinition {
  readonly hash: string;
  readonly definition: Definition;
}

function highestFirst(a: Plan, b: Plan): number {
  return compareVersions(b.definition.version, a.definition.version);
}

/** Opens the Starter of a node: its tasks get ids in slots of this node. */
export function openStarter(registry: Registry, sink: CommandSink): Starter {
  return {
    async start(request: StartRequest): Promise<Answer> {
      const plan = findPlan(registry, request);
      const input = inputOf(plan, request);
      const { namespace, version } = plan.definition;
      return await sink.send({
        kind: "StartTask",
        taskId: sink.mintTaskId(),
        commandId: request.commandId,
        namespace,
        workflow: plan.workflow,
        version,
        ...(request.version !== undefined && { versionAsked: request.version }),
        definitionHash: plan.hash,
        input: encodePayload(input, `the input of "${plan.workflow}"`),
        tags: request.tags,
        ...(request.key !== undefined && { key: request.key }),
        ...(request.deadlineMs !== undefined && { deadlineMs: request.deadlineMs }),
        ...(request.priority !== undefined && { priority: request.priority }),
        ...(request.traceparent !== undefined && { traceparent: request.traceparent }),
      });
    },
  };
}

/** Names are suggested from the same namespace only: the caller may not see the others. */
function findPlan(registry: Registry, { workflow, version }: StartRequest): Plan {
  const plan = registry.find(workflow, version);
  if (plan !== undefined) return plan;
  const namespace = `${namespaceOf(workflow)}/`;
  const near = registry.names().filter((name) => name.startsWith(namespace));
  const wanted = version === undefined ? workflow : `${workflow}@${version}`;
  const versions = registry.list().filter(({ plan }) => plan.workflow === workflow);
  const known = versions.map(({ plan }) => plan.definition.version).join(", ");
  const why = known === ""
    ? `it is not loaded here${suggest(workflow, near)}`
    : version === undefined
    ? `its code is not loaded here; of the stored versions ${known}, name the one to start`
    : `there is no such version, known versions are ${known}`;
  throw new TaskerError("definition.unknown", `Cannot start workflow "${wanted}": ${why}`);
}

/** Fills in what the contract has defaults for, and refuses what breaks it. */
function inputOf(plan: Plan, { input, workflow }: StartRequest): unknown {
  const checked = plan.checkInput(input);
  if (checked.ok) return checked.value;
  const faults = checked.faults.map((fault) => ({
    ...fault,
    path: fault.path === "" ? "input" : `input.${fault.path}`,
  }));
  throw new TaskerError(
    "contract.violation",
    `Cannot start workflow "${workflow}": ${describeFaults(faults)}`,
    { faults },
  );
}
