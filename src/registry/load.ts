/** Loading: reads, checks and stores all workflows, and opens the registry. */

import { messageOf, type TaskerError } from "../core/errors.ts";
import { OWN_NAMESPACE } from "../core/incident.ts";
import type { Definitions } from "../core/ports.ts";
import { type Definition } from "../core/workflow.ts";
import type { WorkflowModule } from "../core/workflow_module.ts";
import { buildWorkflow, type BuiltWorkflow } from "./build.ts";
import { NAMESPACE_DEFAULT } from "./bind.ts";
import { discover } from "./discover.ts";
import { Faults } from "./fault.ts";
import { type Gate, guardVersions } from "./gate.ts";
import { refuseDifferentSystems } from "./http_systems.ts";
import { canonical, differences } from "./hash.ts";
import { type Manifest, manifestOf, readManifest } from "./manifest.ts";
import { Registry, type StoredDefinition, versionedName } from "./workflows.ts";
import { YAML_BYTES_MAX } from "./yaml.ts";

/** What a registry is opened with. */
export interface RegistryOptions {
  /** Folder of workflow modules and manifests; absent: only `modules`. */
  readonly folder?: string;
  /** Modules that are imported already, and the URLs of manifests that no module implements. */
  readonly modules?: readonly (WorkflowModule | URL)[];
  /** Tasker's own workflows: no other may be in their namespace, and they break nobody. */
  readonly own?: readonly WorkflowModule[];
  readonly definitions: Definitions;
  /** SHA-256 of a text, lower-case hex. */
  readonly digest: (text: string) => string;
  readonly onWarning: (text: string) => void;
  /**
   * In development: frees a version for another definition, or returns the ids of tasks that
   * prevent that. Absent: a version keeps its definition for ever.
   */
  readonly forgetVersion?: (hash: string, definition: Definition) => Promise<readonly string[]>;
  /** Absent: new versions may break whom they like. */
  readonly gate?: Gate;
  /** Systems whose steps run here; absent: every owner that a module here implements. */
  readonly systems?: readonly string[];
}

/**
 * Loads, checks and stores all workflows.
 *
 * Nothing is stored unless everything is valid; safe to repeat, and with several nodes at once.
 *
 * @throws {TaskerError} definition.invalid with the faults of all modules
 * @throws {TaskerError} definition.changed when that is the only kind of fault
 * @throws {TaskerError} config.invalid, journal.unavailable
 */
export async function openRegistry(options: RegistryOptions): Promise<Registry> {
  const faults = new Faults();
  const { folder, modules, manifests } = options.folder === undefined
    ? { folder: undefined, modules: [], manifests: [] }
    : await discover(options.folder, faults);
  const own = new Set<WorkflowModule | URL>(options.own);
  const all = [...own, ...options.modules ?? [], ...modules];
  const implemented = new Set(all.flatMap((one) => one instanceof URL ? [] : manifestUrl(one)));
  const alone = manifests.filter(({ href }) => !implemented.has(href));
  const built: BuiltWorkflow[] = [];
  const users: BuiltWorkflow[] = [];
  for (const one of [...all, ...alone]) {
    try {
      const workflow = await build(one, options);
      built.push(workflow);
      if (!own.has(one)) users.push(workflow);
    } catch (thrown) {
      faults.addAll(thrown);
    }
  }
  refuseOwnNamespace(users, faults);
  refuseDoubles(built, faults);
  refuseDifferentSystems(built, faults);
  const stored = await options.definitions.list();
  await refuseChanges(built, stored, { ...options, faults });
  const { gate, onWarning } = options;
  const recordForced = gate &&
    await guardVersions({ built: users, stored }, { gate, faults, onWarning });
  demandNone(faults, folder);
  await recordForced?.();
  await store(built, stored, options.definitions);
  warnOfOpenSteps(built, options.onWarning);
  warnOfUncodedSteps(built, options.onWarning);
  warnOfCodeOnly(built, options.onWarning);
  warnOfPatterns(built, options.onWarning);
  return new Registry(options, built, stored);
}

/** The code of the fault that a definition changed under its version. */
const CHANGED = "changed";

/** What has the name of Tasker's own workflows would be taken for one of them. */
function refuseOwnNamespace(users: readonly BuiltWorkflow[], faults: Faults): void {
  for (const { definition, at } of users) {
    if (definition.namespace !== OWN_NAMESPACE) continue;
    faults.add(
      { path: versionedName(definition), at },
      "own_namespace",
      `is in the namespace "${OWN_NAMESPACE}" of Tasker's own workflows: choose another one`,
    );
  }
}

function refuseDoubles(built: readonly BuiltWorkflow[], faults: Faults): void {
  const known = new Set<string>();
  for (const { definition, at } of built) {
    const name = versionedName(definition);
    if (known.has(name)) {
      faults.add({ path: name, at }, "name_taken", "two workflows have this name and version");
    }
    known.add(name);
  }
}

/** A version that was freed is stored with the others, or later if another one has a fault. */
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

/** Files are named relative to the folder's parent, for people. */
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
    "Results of steps without a contract are not checked; state it as `result` in the manifest, or " +
      `bind a definition by implement(): ${open.join(", ")}`,
  );
}

function warnOfUncodedSteps(
  built: readonly BuiltWorkflow[],
  onWarning: (text: string) => void,
): void {
  const uncoded = built.flatMap(({ definition, uncodedSteps }) =>
    uncodedSteps.map((step) => `${versionedName(definition)} "${step}"`)
  );
  if (uncoded.length === 0) return;
  onWarning(
    "No code here runs the handlers of these steps, so they wait as code_not_loaded; bind them by " +
      `implement(): ${uncoded.join(", ")}`,
  );
}

function warnOfCodeOnly(built: readonly BuiltWorkflow[], onWarning: (text: string) => void): void {
  const places = built.flatMap(({ definition, codeOnly }) =>
    codeOnly.map((place) => `${versionedName(definition)} ${place}`)
  );
  if (places.length === 0) return;
  onWarning(
    "JSON Schema cannot express these checks; nodes without the workflow's code leave them out: " +
      places.join(", "),
  );
}

function warnOfPatterns(built: readonly BuiltWorkflow[], onWarning: (text: string) => void): void {
  const places = built.flatMap(({ definition, endlessPatterns }) =>
    endlessPatterns.map((place) => `${versionedName(definition)} ${place}`)
  );
  if (places.length === 0) return;
  onWarning(
    "A value may make these patterns hold up the server, because they repeat what repeats and look " +
      "around or back, which takes more than linear time; write several simpler ones: " +
      places.join(", "),
  );
}

async function build(
  one: WorkflowModule | URL,
  { digest }: Pick<RegistryOptions, "digest">,
): Promise<BuiltWorkflow> {
  if (one instanceof URL) {
    const manifest = await manifestAt(one, moduleOf(one));
    return buildWorkflow(moduleOf(one, manifest), { digest, manifest });
  }
  const [href] = manifestUrl(one);
  if (one.manifest === undefined) return buildWorkflow(one, { digest });
  if (one.manifest.value !== undefined) return buildStated(one, one.manifest.value, digest);
  if (href === undefined) {
    throw unusableManifest(one, "its folder is not known, expected `base: import.meta.url`");
  }
  return buildWorkflow(one, { digest, manifest: await manifestAt(new URL(href), one) });
}

/** Builds a workflow whose module states the manifest itself. */
function buildStated(
  module: WorkflowModule,
  stated: unknown,
  digest: (text: string) => string,
): BuiltWorkflow {
  const here = () => module.at() ?? { file: "", line: 1, column: 1 };
  const file = here().file;
  // What JSON leaves out, such as a field that is undefined, is not there.
  const value: unknown = JSON.parse(JSON.stringify(stated));
  const manifest = manifestOf(file, { value, at: here, atKey: here });
  const isNameless = manifest.namespace === undefined && module.namespace === undefined;
  const named = isNameless ? { ...module, namespace: NAMESPACE_DEFAULT } : module;
  return buildWorkflow(named, { digest, manifest });
}

/** What a manifest that no module implements has in place of one. */
export function moduleOf(url: URL, manifest?: Manifest): WorkflowModule {
  return {
    kind: "workflow",
    of: Symbol(url.href),
    at: () => ({ file: url.href, line: 1, column: 1 }),
    ...(manifest?.namespace === undefined && { namespace: NAMESPACE_DEFAULT }),
    wires: [],
  };
}

/** The URL of the manifest that a module implements, where that is known. */
function manifestUrl({ manifest, at }: WorkflowModule): [] | [href: string] {
  if (manifest === undefined || manifest.value !== undefined) return [];
  const url = URL.parse(manifest.path, manifest.base ?? at()?.file);
  return url?.protocol === "file:" ? [url.href] : [];
}

async function manifestAt(url: URL, module: WorkflowModule): Promise<Manifest> {
  const text = await readText(url).catch((cause) => {
    throw unusableManifest(module, `cannot be read: ${messageOf(cause)}`);
  });
  return readManifest(url.href, text);
}

/** Looks at the size first, so that no huge file is read. */
async function readText(file: URL): Promise<string> {
  const { size } = await Deno.stat(file);
  if (size <= YAML_BYTES_MAX) return await Deno.readTextFile(file);
  throw new RangeError(`it has ${size} bytes, at most ${YAML_BYTES_MAX} are allowed`);
}

function unusableManifest(module: WorkflowModule, detail: string): TaskerError {
  const path = module.manifest?.path ?? module.at()?.file ?? "";
  const faults = new Faults();
  faults.add({ path, at: module.at }, "no_manifest", detail);
  return faults.toError(`manifest "${path}"`);
}
