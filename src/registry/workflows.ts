/** The registry: every workflow that is loaded here, and every definition that was stored. */

import { type Plan, planOf } from "../core/plan.ts";
import type { Definitions, Plans } from "../core/ports.ts";
import type { WorkflowModule } from "../core/workflow_module.ts";
import { type Definition, type WorkflowCode, workflowName } from "../core/workflow.ts";
import { compareVersions } from "../core/version.ts";
import type { BuiltWorkflow } from "./build.ts";
import { differences } from "./difference.ts";
import { discover } from "./discover.ts";
import { Faults } from "./fault.ts";
import { canonical } from "./hash.ts";
import { loadWorkflow } from "./load.ts";
import { type Owner, ownersOf } from "./owner.ts";

/** What a registry is opened with. */
export interface RegistryOptions {
  /** Folder of workflow modules; absent: only `modules`. */
  readonly folder?: string;
  /** Modules that are imported already. */
  readonly modules?: readonly WorkflowModule[];
  readonly definitions: Definitions;
  /** SHA-256 of a text, lower-case hex. */
  readonly digest: (text: string) => string;
  readonly onWarning: (text: string) => void;
  /**
   * In development: lets a version stand for another definition, and answers the ids of tasks that
   * keep it from doing so. Absent: a version stands for one definition for ever.
   */
  readonly forgetVersion?: (hash: string, definition: Definition) => Promise<readonly string[]>;
  /** Systems whose steps run here; absent: every owner that a module here implements. */
  readonly systems?: readonly string[];
}

/** A workflow in a list. */
export interface ListedWorkflow {
  readonly plan: Plan;
  /** Whether its code is loaded here. */
  readonly isLoaded: boolean;
  readonly description?: string;
}

/**
 * Loads, checks and stores all workflows.
 *
 * Nothing is stored unless everything is right; safe to repeat, and with several nodes at once.
 *
 * @throws {TaskerError} definition.invalid with the faults of all modules
 * @throws {TaskerError} definition.changed when that is the only kind of fault
 * @throws {TaskerError} config.invalid, journal.unavailable
 */
export async function openRegistry(options: RegistryOptions): Promise<Registry> {
  const faults = new Faults();
  const { folder, modules } = options.folder === undefined
    ? { folder: undefined, modules: [] }
    : await discover(options.folder, faults);
  const built: BuiltWorkflow[] = [];
  for (const module of [...options.modules ?? [], ...modules]) {
    try {
      built.push(await loadWorkflow(module, options));
    } catch (thrown) {
      faults.addAll(thrown);
    }
  }
  refuseDoubles(built, faults);
  const stored = await options.definitions.list();
  await refuseChanges(built, stored, { ...options, faults });
  demandNone(faults, folder);
  await store(built, stored, options.definitions);
  warnOfOpenSteps(built, options.onWarning);
  warnOfCodeOnly(built, options.onWarning);
  return new Registry(options, built, stored);
}

/** The code of the fault that a definition changed under its version. */
const CHANGED = "changed";

/** Workflows by name and by hash. */
export class Registry implements Plans {
  readonly #definitions: Definitions;
  readonly #built = new Map<string, BuiltWorkflow>();
  readonly #plans = new Map<string, Plan>();
  /** Loaded plans by `namespace/name`, the highest version first. */
  readonly #loaded: ReadonlyMap<string, readonly Plan[]>;
  /** Definitions without code here. They are planned when somebody asks: most are history. */
  readonly #stored: readonly StoredDefinition[];
  readonly #owners: ReadonlyMap<string, Owner>;

  constructor(
    { definitions, systems }: RegistryOptions,
    built: readonly BuiltWorkflow[],
    stored: readonly StoredDefinition[],
  ) {
    this.#definitions = definitions;
    this.#owners = ownersOf(built, systems);
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
   * taken back may still be stored; with one, also a stored one.
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
    return this.#owners.get(owner)?.kind === "local";
  }

  /** Every system that owns a step of a loaded workflow, or is named as local; by name. */
  owners(): readonly Owner[] {
    return [...this.#owners.values()];
  }

  /** Plans a definition once: plans of one hash are one object. */
  #planned({ hash, definition }: StoredDefinition): Plan {
    const plan = this.#plans.get(hash) ?? planOf(hash, definition);
    this.#plans.set(hash, plan);
    return plan;
  }
}

interface StoredDefinition {
  readonly hash: string;
  readonly definition: Definition;
}

function highestFirst(a: Plan, b: Plan): number {
  return compareVersions(b.definition.version, a.definition.version);
}

function versionedName(definition: Definition): string {
  return `${workflowName(definition)}@${definition.version}`;
}

function refuseDoubles(built: readonly BuiltWorkflow[], faults: Faults): void {
  const known = new Set<string>();
  for (const { definition, at } of built) {
    const name = versionedName(definition);
    if (known.has(name)) {
      faults.add({ path: name, at }, "name_taken", "two modules have this name and version");
    }
    known.add(name);
  }
}

/** A version that is free again is stored with the others, or, should another be wrong, later. */
async function refuseChanges(
  built: readonly BuiltWorkflow[],
  stored: readonly StoredDefinition[],
  { faults, forgetVersion }: Pick<RegistryOptions, "forgetVersion"> & { readonly faults: Faults },
): Promise<void> {
  const byName = new Map(stored.map((one) => [versionedName(one.definition), one]));
  for (const { hash, definition, at } of built) {
    const name = versionedName(definition);
    const before = byName.get(name);
    if (before === undefined || before.hash === hash) continue;
    const openTasks = await forgetVersion?.(before.hash, before.definition);
    if (openTasks?.length === 0) continue;
    const changes = differences(before.definition, definition).map((change) => `\n    ${change}`);
    const detail = openTasks === undefined
      ? "expected a higher version or the same definition"
      : `of which tasks have not ended (${openTasks.join(", ")}): give it a higher version, or ` +
        "put the definition back until they have ended";
    faults.add(
      { path: name, at },
      CHANGED,
      `differs from what is stored under this version, ${detail}:${changes.join("")}`,
    );
  }
}

/** Places are told relative to what holds the folder: they are read by people. */
function demandNone(faults: Faults, folder: string | undefined): void {
  const isOnlyChanged = faults.list.every(({ code }) => code === CHANGED);
  const code = isOnlyChanged ? "definition.changed" : "definition.invalid";
  const parent = folder === undefined ? undefined : new URL("..", folder).href;
  faults.relativeTo(parent).demandNone("workflows", code);
}

async function store(
  built: readonly BuiltWorkflow[],
  stored: readonly StoredDefinition[],
  definitions: Definitions,
): Promise<void> {
  const known = new Map(stored.map(({ hash, definition }) => [hash, canonical(definition)]));
  for (const { hash, definition } of built) {
    if (known.get(hash) !== canonical(definition)) await definitions.put(hash, definition);
  }
}

function warnOfOpenSteps(built: readonly BuiltWorkflow[], onWarning: (text: string) => void): void {
  const open = built.flatMap(({ definition, openSteps }) =>
    openSteps.map((step) => `${versionedName(definition)} "${step}"`)
  );
  if (open.length === 0) return;
  onWarning(
    `Steps without a definition take and give anything unchecked; bind one with implement(): ${
      open.join(", ")
    }`,
  );
}

function warnOfCodeOnly(built: readonly BuiltWorkflow[], onWarning: (text: string) => void): void {
  const places = built.flatMap(({ definition, codeOnly }) =>
    codeOnly.map((place) => `${versionedName(definition)} ${place}`)
  );
  if (places.length === 0) return;
  onWarning(
    "JSON Schema cannot say these checks; nodes that do not have the workflow's code leave them " +
      `out: ${places.join(", ")}`,
  );
}
