/** The registry: every workflow that is loaded here, and every definition that was stored. */

import type { Answer } from "../core/command.ts";
import { describeFaults } from "../core/faults.ts";
import { TaskerError } from "../core/errors.ts";
import { planFork } from "../core/fork.ts";
import type { HttpSystem } from "../core/http_call.ts";
import { encodePayload } from "../core/payload.ts";
import { type Plan, planOf } from "../core/plan.ts";
import type {
  Cancel,
  CommandSink,
  Definitions,
  NewInstance,
  Plans,
  StartableWorkflow,
  Starter,
  StartRequest,
  Starts,
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

/** A workflow that was deployed as a document, in the version that starts take. */
export interface DeployedWorkflow {
  /** `namespace/name`. */
  readonly workflow: string;
  readonly version: string;
  /** What was built of its document, or why this server cannot. */
  readonly loaded: BuiltWorkflow | TaskerError;
}

/** Workflows by name and by hash. */
export class Registry implements Plans {
  readonly #definitions: Definitions;
  readonly #systems: readonly string[] | undefined;
  /** What files and modules define; it stays as it is. */
  readonly #own: readonly BuiltWorkflow[];
  /** Own plans by `namespace/name`, the highest version first. */
  readonly #ownPlans: ReadonlyMap<string, readonly Plan[]>;
  /** By `namespace/name`; a workflow that files define is none of them. */
  #deployed: ReadonlyMap<string, DeployedWorkflow> = new Map();
  #built: ReadonlyMap<string, BuiltWorkflow> = new Map();
  readonly #plans = new Map<string, Plan>();
  /** Every definition that was stored, by `namespace/name@version`; planned on demand: most are history. */
  readonly #stored: Map<string, StoredDefinition>;
  #owners: Owners;
  #declared: readonly NewInstance[] = [];
  #httpSystems: readonly HttpSystem[] = [];
  readonly #subscribers = new Set<() => void>();

  constructor(
    { definitions, systems }: {
      readonly definitions: Definitions;
      readonly systems?: readonly string[];
    },
    built: readonly BuiltWorkflow[],
    stored: readonly StoredDefinition[],
  ) {
    this.#definitions = definitions;
    this.#systems = systems;
    this.#own = built;
    for (const { hash, plan } of built) this.#plans.set(hash, plan);
    const plans = built.map(({ plan }) => plan).sort(highestFirst);
    this.#ownPlans = Map.groupBy(plans, ({ workflow }) => workflow);
    this.#stored = new Map(stored.map((one) => [versionedName(one.definition), one]));
    this.#owners = new Owners([], systems);
    this.#settle();
  }

  /**
   * Takes what is deployed now in place of what was before. A workflow that files define stays as they
   * define it.
   *
   * Cost: O(steps of all loaded workflows).
   */
  adopt(deployed: readonly DeployedWorkflow[]): void {
    const others = deployed.filter(({ workflow }) => !this.#ownPlans.has(workflow));
    this.#deployed = new Map(others.map((one) => [one.workflow, one]));
    this.#settle();
    for (const call of this.#subscribers) call();
  }

  /** Keeps a definition, so that its version can be started by name. */
  remember(stored: StoredDefinition): void {
    this.#stored.set(versionedName(stored.definition), stored);
  }

  /** Calls after each change of what is loaded. */
  subscribe(call: () => void): Cancel {
    this.#subscribers.add(call);
    return () => void this.#subscribers.delete(call);
  }

  /**
   * Finds a workflow by `namespace/name`.
   *
   * Shape: without a version the one that starts take: of files the highest that is loaded here,
   * because a version that was withdrawn may still be stored; of a deployed workflow the one that its
   * newest entry names. With a version, also a stored one.
   *
   * @throws {TaskerError} definition.invalid when this server cannot load what was deployed
   */
  find(name: string, version?: string): Plan | undefined {
    const own = this.#ownPlans.get(name) ?? [];
    if (version === undefined) return own[0] ?? this.#deployedPlan(name);
    const loaded = own.find(({ definition }) => definition.version === version);
    if (loaded !== undefined) return loaded;
    const stored = this.#stored.get(`${name}@${version}`);
    return stored && this.#planned(stored);
  }

  /** The version that a start without one takes; undefined: none is loaded here. */
  startVersion(name: string): string | undefined {
    return this.#ownPlans.get(name)?.[0]?.definition.version ?? this.#deployed.get(name)?.version;
  }

  /** The file that defines a workflow, or a version of it, in its folder; undefined: none here. */
  fileOf(name: string): string | undefined {
    const file = this.#own.find(({ plan }) => plan.workflow === name)?.at()?.file;
    return file?.split("/").slice(-2).join("/");
  }

  /** Names of the workflows that are loaded here. */
  names(): readonly string[] {
    const deployed = [...this.#deployed.values()].filter(({ loaded }) =>
      !(loaded instanceof TaskerError)
    );
    return [...this.#ownPlans.keys(), ...deployed.map(({ workflow }) => workflow)];
  }

  /** Every stored definition of a workflow. */
  versionsOf(name: string): readonly StoredDefinition[] {
    return [...this.#stored.values()].filter(({ definition }) => workflowName(definition) === name);
  }

  /** Every version of every workflow: by name, the highest version first. */
  list(): readonly ListedWorkflow[] {
    const loaded = [...this.#built.values()].map(({ plan, description }) => ({
      plan,
      isLoaded: true,
      ...(description !== undefined && { description }),
    }));
    const others = [...this.#stored.values()].filter(({ hash }) => !this.#built.has(hash));
    const stored = others.map((one) => ({ plan: this.#planned(one), isLoaded: false }));
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

  /** What a workflow that is loaded here says of itself. */
  descriptionOf(hash: string): string | undefined {
    return this.#built.get(hash)?.description;
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

  /** What the manifests that are loaded here say of systems. */
  get declared(): readonly NewInstance[] {
    return this.#declared;
  }

  /** The systems that are called by HTTP. */
  get httpSystems(): readonly HttpSystem[] {
    return this.#httpSystems;
  }

  /** What starts without a version take. */
  starting(): readonly BuiltWorkflow[] {
    return [...this.#built.values()].filter(({ plan: { workflow, definition } }) =>
      definition.version === this.startVersion(workflow)
    );
  }

  #settle(): void {
    const deployed = [...this.#deployed.values()].flatMap(({ loaded }) =>
      loaded instanceof TaskerError ? [] : [this.#planOnce(loaded)]
    );
    const built = [...this.#own, ...deployed];
    this.#built = new Map(built.map((one) => [one.hash, one]));
    this.#owners = new Owners(built, this.#systems);
    const starting = this.starting();
    this.#declared = declaredIn(starting);
    this.#httpSystems = httpSystemsIn(starting);
  }

  /** Plans of one hash are one object: tasks may have been read under one already. */
  #planOnce(built: BuiltWorkflow): BuiltWorkflow {
    const { hash, definition } = built;
    const plan = this.#plans.get(hash) ?? built.plan;
    this.#plans.set(hash, plan);
    this.remember({ hash, definition });
    return { ...built, plan };
  }

  #deployedPlan(name: string): Plan | undefined {
    const deployed = this.#deployed.get(name);
    if (!(deployed?.loaded instanceof TaskerError)) {
      return deployed && this.#plans.get(deployed.loaded.hash);
    }
    throw new TaskerError(
      "definition.invalid",
      `Cannot start workflow "${name}": this server cannot load version ${deployed.version}, which ` +
        `is deployed: ${deployed.loaded.message}. Deploy a version that it can load, or go back to one`,
      { faults: deployed.loaded.faults },
    );
  }

  /** Plans a definition once. */
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

/** `namespace/name@version`. */
export function versionedName(definition: Definition): string {
  return `${workflowName(definition)}@${definition.version}`;
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
      const fork = request.fork && planFork(request.fork, plan).start;
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
        ...(fork !== undefined && { fork }),
      });
    },
  };
}

/** Opens what can be started on a node. */
export function openStarts(registry: Registry): Starts {
  const startable = ({ hash, definition }: Plan): StartableWorkflow => {
    const description = registry.descriptionOf(hash);
    return { hash, definition, ...(description !== undefined && { description }) };
  };
  return {
    list: () =>
      registry.names().toSorted().flatMap((name) => {
        const plan = registry.find(name);
        return plan === undefined ? [] : [startable(plan)];
      }),
    versionOf: (workflow) => registry.startVersion(workflow),
    fileOf: (workflow) => registry.fileOf(workflow),
    check(request) {
      const plan = findPlan(registry, request);
      const input = inputOf(plan, request);
      encodePayload(input, `the input of "${plan.workflow}"`);
      const fork = request.fork && planFork(request.fork, plan);
      return { ...startable(plan), input, ...(fork !== undefined && { fork }) };
    },
  };
}

/** Versions that an error names, the highest first. */
const VERSIONS_SHOWN_MAX = 8;

/**
 * Finds the version of a workflow that is named, or that a start takes. Names are suggested from the
 * same namespace only: the caller may not see the others.
 *
 * @throws {TaskerError} definition.unknown
 */
export function findPlan(
  registry: Registry,
  { workflow, version }: Pick<StartRequest, "workflow" | "version">,
): Plan {
  const plan = registry.find(workflow, version);
  if (plan !== undefined) return plan;
  const namespace = `${namespaceOf(workflow)}/`;
  const near = registry.names().filter((name) => name.startsWith(namespace));
  const wanted = version === undefined ? workflow : `${workflow}@${version}`;
  const versions = registry.list().filter(({ plan }) => plan.workflow === workflow);
  const all = versions.map(({ plan }) => plan.definition.version)
    .sort((a, b) => compareVersions(b, a));
  const more = all.length > VERSIONS_SHOWN_MAX
    ? ` and ${all.length - VERSIONS_SHOWN_MAX} more`
    : "";
  const known = all.slice(0, VERSIONS_SHOWN_MAX).join(", ") + more;
  const why = known === ""
    ? `it is not loaded here${suggest(workflow, near)}`
    : version === undefined
    ? `its code is not loaded here; of the stored versions ${known}, name the one to start`
    : `there is no such version, known versions are ${known}`;
  throw new TaskerError("definition.unknown", `Cannot start workflow "${wanted}": ${why}`);
}

/** Fills in what the contract has defaults for, and refuses what breaks it. */
function inputOf(
  plan: Plan,
  { input, workflow }: Pick<StartRequest, "input" | "workflow">,
): unknown {
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
