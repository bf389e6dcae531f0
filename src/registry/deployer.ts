/** The deployer: a document becomes a version of its workflow, if nothing speaks against it. */

import type {
  DeploymentEntry,
  DeployReport,
  RevertRequest,
  StoredVersion,
  WorkflowName,
  WorkflowSource,
} from "../core/deployment.ts";
import type { Problem } from "../core/authoring.ts";
import type { ProblemCode } from "../core/problem_codes.ts";
import { type Fault, TaskerError } from "../core/errors.ts";
import { OWN_NAMESPACE } from "../core/incident.ts";
import type {
  Definitions,
  Deployer,
  DeployGrants,
  Deployments,
  DeployRequest,
  Documents,
  EgressHeader,
  Rehearser,
  Runtime,
} from "../core/ports.ts";
import { ANY_SYSTEM } from "../core/system.ts";
import { compareVersions } from "../core/version.ts";
import { type VersionBreak, versionBreaks } from "../core/version_breaks.ts";
import { type Definition, workflowName } from "../core/workflow.ts";
import type { BuiltWorkflow } from "./build.ts";
import { changesBetween } from "./changes.ts";
import { buildDocument, type DeployedWorkflows, readDocument } from "./deployed.ts";
import { Faults } from "./fault.ts";
import { type Gate, linesOf, strandedTasks } from "./gate.ts";
import { canonical } from "./hash.ts";
import type { Manifest } from "./manifest.ts";
import { refuseDifferentSystems } from "./http_systems.ts";
import { readablePath } from "./yaml.ts";
import { type Registry, type StoredDefinition, versionedName } from "./workflows.ts";

/** How often a lost race for the next entry is run again. */
const RACES_MAX = 10;

/** What is not allowed in a document, and where. */
export type Refusal = Fault & { readonly code: ProblemCode };

/** What deploying works with. */
export interface DeployerDeps extends Pick<Gate, "openTasks"> {
  readonly runtime: Pick<Runtime, "digest">;
  readonly store: Deployments;
  readonly definitions: Pick<Definitions, "get">;
  readonly registry: Registry;
  readonly deployed: Pick<DeployedWorkflows, "build" | "refresh">;
  /** What is wrong with a text, and what it says. */
  readonly documents: Pick<Documents, "check" | "read">;
  readonly rehearser: Rehearser;
  /** What a document asks for that this server, or who deploys it, does not allow. */
  refusals(built: BuiltWorkflow, grants: DeployGrants): readonly Refusal[];
  info(text: string, fields: Readonly<Record<string, unknown>>): void;
}

/** Where a deployment begins. */
interface State {
  /** The newest entry, 0 for none. */
  readonly after: number;
  readonly versions: readonly StoredVersion[];
  /** What starts take; undefined: nothing is stored of the workflow. */
  readonly before: StoredDefinition | undefined;
}

/** Opens the deployer of a node. */
export function openDeployer(deps: DeployerDeps): Deployer {
  const { store } = deps;
  return {
    deploy: (request) => deploy(deps, request),
    revert: (request) => revert(deps, request),
    history: (of, page) => store.entries(of, page),
    source: (of, version) => sourceOf(deps, of, version),
  };
}

async function deploy(deps: DeployerDeps, request: DeployRequest): Promise<DeployReport> {
  const { text, file, by, directory, grants } = request;
  const problems = await deps.documents.check({ text, file, by, format: "yaml" }, directory);
  const faults = faultsOf(problems);
  const { built, manifest } = await buildChecked(deps, request, faults);
  const { definition, hash } = built;
  grants.demandNamespace(definition.namespace);
  demandNoFile(deps.registry, definition);
  for (let race = 0; race < RACES_MAX; race++) {
    const state = await stateOf(deps, definition);
    const starts = definition.version;
    const report = {
      ...await reportOf(deps, state, { ...built, starts }),
      ...{ problems, reaches: reachesOf(built) },
    };
    if (await isDeployed(deps, state, built)) {
      return { ...report, outcome: "unchanged", starts: state.before?.definition.version ?? "" };
    }
    demandAllowed(deps, built, { grants, faults, manifest });
    demandHighest(state, definition);
    const breaks = linesOf(report.breaks, "breaks");
    const isAccepted = breaks.length === 0 || request.force !== undefined;
    if (request.isDryRun) return { ...report, isAccepted, ...await rehearsed(deps, request) };
    if (!isAccepted) throw breaking(definition, report.breaks, breaks);
    const { namespace, name, version } = definition;
    const { reason, force } = request;
    const entry = await deps.store.add({
      ...{ namespace, name, version, hash, by, reason, after: state.after },
      document: { text, definition },
      ...(breaks.length > 0 && force !== undefined && { forced: { reason: force, breaks } }),
    });
    if (entry === undefined) continue;
    await taken(deps, entry, "Deployed a workflow");
    const { forced } = entry;
    return { ...report, outcome: "deployed", ...(forced && { forced: forced.reason }) };
  }
  throw busy(definition);
}

/** What refuses a document, of all that is wrong with it. */
function faultsOf(problems: readonly Problem[]): Faults {
  const faults = new Faults();
  for (const { severity, path, at, code, text } of problems) {
    if (severity === "error") faults.add({ path: readablePath(path), at: () => at }, code, text);
  }
  return faults;
}

/** @throws {TaskerError} definition.invalid with all errors, each with its code and place */
async function buildChecked(deps: DeployerDeps, document: DeployRequest, faults: Faults) {
  try {
    const manifest = await readDocument(deps.documents, document);
    return { manifest, built: buildDocument(manifest, (more) => deps.runtime.digest(more)) };
  } catch (error) {
    faults.demandNone("the document");
    throw error;
  }
}

/** Whom the steps of a workflow ask, each once. */
function reachesOf({ definition: { steps }, systems }: BuiltWorkflow): readonly string[] {
  const asked = Map.groupBy(
    steps.filter(({ kind }) => kind === "remote"),
    ({ owner }) => owner === ANY_SYSTEM ? "any system" : `system ${owner}`,
  );
  const ofSystems = [...asked].map(([system, of]) => {
    const what = new Set(of.map(({ capability, event }) => capability?.name ?? event ?? ""));
    return `${system}: ${[...what].join(", ")}`;
  });
  const ofSteps = steps.flatMap(({ http }) =>
    http === undefined
      ? []
      : [`${http.method} ${http.origin ?? "any host"}${secretsText(http.secrets)}`]
  );
  const declared = Object.entries(systems).flatMap(([name, system]) => {
    const { transport, base_url: url, health_check_url: health, headers } = system;
    return [
      ...(transport !== "http" || url === undefined
        ? []
        : [`system ${name} at ${url}${secretsText(headers)}`]),
      ...(health === undefined ? [] : [`GET ${health}, to see whether system ${name} is well`]),
    ];
  });
  return [...new Set([...ofSystems, ...declared, ...ofSteps])];
}

function secretsText(headers: Readonly<Record<string, EgressHeader>> = {}): string {
  const secrets = Object.values(headers).flatMap((one) =>
    typeof one === "string" ? [] : one.secret
  );
  return secrets.length === 0 ? "" : `, with secret ${secrets.join(", ")}`;
}

/** What simulated runs show; nothing is sent. A server that is busy with others leaves them out. */
async function rehearsed(
  { rehearser }: DeployerDeps,
  { text, by, signal }: DeployRequest,
): Promise<Pick<DeployReport, "rehearsal">> {
  try {
    return {
      rehearsal: await rehearser.rehearse({ text, by, ...(signal !== undefined && { signal }) }),
    };
  } catch (error) {
    if (error instanceof TaskerError && error.code === "api.busy") return {};
    throw error;
  }
}

async function revert(deps: DeployerDeps, request: RevertRequest): Promise<DeployReport> {
  const { namespace, name, by, reason, to: version } = request;
  demandNoFile(deps.registry, request);
  for (let race = 0; race < RACES_MAX; race++) {
    const state = await stateOf(deps, request);
    const document = await deps.store.document(request, version);
    if (document === undefined) throw notDeployed(request, version);
    const built = await deps.deployed.build(document.text);
    const { hash } = document;
    const report = {
      ...await reportOf(deps, state, { definition: built.definition, hash, starts: version }),
      reaches: reachesOf(built),
    };
    if (state.before?.definition.version === version) return { ...report, outcome: "unchanged" };
    if (request.isDryRun) return { ...report, outcome: "dry_run" };
    const of = { namespace, name, version, hash, by, reason, after: state.after };
    const entry = await deps.store.add(of);
    if (entry === undefined) continue;
    await taken(deps, entry, "Reverted a workflow");
    return { ...report, outcome: "reverted" };
  }
  throw busy(request);
}

async function sourceOf(
  { store }: DeployerDeps,
  of: WorkflowName,
  version?: string,
): Promise<WorkflowSource> {
  const [newest] = await store.entries(of, { limit: 1 });
  if (newest === undefined) throw notDeployed(of, version);
  const document = await store.document(of, version ?? newest.version);
  if (document === undefined) throw notDeployed(of, version);
  return { ...document, starts: newest.version };
}

/** What is added is there for starts here when this resolves; a failure leaves that to the next poll. */
async function taken(deps: DeployerDeps, entry: DeploymentEntry, said: string): Promise<void> {
  const { version, by, reason } = entry;
  deps.info(said, { workflow: workflowName(entry), version, by, reason });
  await deps.deployed.refresh().catch(() => {});
}

async function stateOf(
  { store, definitions }: DeployerDeps,
  of: WorkflowName,
): Promise<State> {
  const [newest] = await store.entries(of, { limit: 1 });
  const versions = await store.versions(of);
  const [highest] = versions.toSorted((a, b) => compareVersions(b.version, a.version));
  const hash = newest?.hash ?? highest?.hash;
  const definition = hash === undefined ? undefined : await definitions.get(hash);
  const before = hash === undefined || definition === undefined ? undefined : { hash, definition };
  return { after: newest?.entry ?? 0, versions, before };
}

async function reportOf(
  { registry, openTasks }: DeployerDeps,
  { before }: State,
  { definition, hash, starts }: StoredDefinition & { readonly starts: string },
): Promise<DeployReport> {
  const { namespace, name, version } = definition;
  const isOther = before !== undefined && before.definition.version !== version;
  const loaded = new Set(registry.starting().map((one) => one.hash));
  const older = registry.versionsOf(workflowName(definition)).filter((one) => one.hash !== hash);
  const { shown, more } = changesBetween(before?.definition, definition);
  return {
    ...{ namespace, name, version, hash, starts, isAccepted: true, outcome: "dry_run" },
    ...(before !== undefined && { before: before.definition.version }),
    openTasks: before === undefined ? 0 : await openTasks(before.hash, before.definition),
    changes: shown,
    moreChanges: more,
    problems: [],
    reaches: [],
    breaks: isOther
      ? [
        ...versionBreaks(before.definition, definition),
        ...await strandedTasks(older, { loaded, openTasks }),
      ]
      : [],
  };
}

/**
 * Whether this very document was deployed under its version before.
 *
 * @throws {TaskerError} definition.changed when another one was
 */
async function isDeployed(
  { store, definitions }: DeployerDeps,
  { versions }: State,
  { hash, definition }: BuiltWorkflow,
): Promise<boolean> {
  const stored = versions.find(({ version }) => version === definition.version);
  if (stored === undefined) return false;
  const known = await definitions.get(stored.hash);
  if (stored.hash === hash && canonical(known) === canonical(definition)) {
    return await store.document(definition, definition.version) !== undefined;
  }
  const changes = changesBetween(known, definition).shown
    .map(({ what, path, text }) => `\n    ${path} was ${what}${text === "" ? "" : `: ${text}`}`);
  throw new TaskerError(
    "definition.changed",
    `Cannot deploy "${
      versionedName(definition)
    }": this version is stored with another definition, ` +
      `expected a higher version or the same definition:${changes.join("")}`,
  );
}

/** @throws {TaskerError} definition.not_highest */
function demandHighest({ versions }: State, definition: Definition): void {
  const { version } = definition;
  const higher = versions.find((one) =>
    one.version !== version && compareVersions(one.version, version) >= 0
  );
  if (higher === undefined) return;
  throw new TaskerError(
    "definition.not_highest",
    `Cannot deploy "${
      versionedName(definition)
    }": there is version ${higher.version}, expected a ` +
      "higher one",
  );
}

/** @throws {TaskerError} definition.in_file */
function demandNoFile(registry: Registry, of: WorkflowName): void {
  const file = registry.fileOf(workflowName(of));
  if (file === undefined) return;
  throw new TaskerError(
    "definition.in_file",
    `Cannot deploy "${
      workflowName(of)
    }": it is defined in "${file}", expected a change of that file`,
  );
}

/** @throws {TaskerError} definition.invalid with all errors, and everything that is not allowed */
function demandAllowed(
  deps: DeployerDeps,
  built: BuiltWorkflow,
  { grants, faults, manifest }: {
    readonly grants: DeployGrants;
    readonly faults: Faults;
    readonly manifest: Pick<Manifest, "at">;
  },
): void {
  const { definition } = built;
  const workflow = workflowName(definition);
  const add = (path: string, code: ProblemCode, detail: string) =>
    faults.add({ path, at: () => manifest.at(keysOf(path)) }, code, detail);
  if (definition.namespace === OWN_NAMESPACE) {
    add("namespace", "W03", `"${OWN_NAMESPACE}" is Tasker's own: use another one`);
  }
  definition.steps.forEach(({ kind, handler }, index) => {
    if (kind !== "local") return;
    const detail =
      `"${handler ?? ""}" is code, which comes with files: a document that is deployed ` +
      "has none";
    add(`workflow_steps[${index}].handler`, "W16", detail);
  });
  const others = deps.registry.starting().filter(({ plan }) => plan.workflow !== workflow);
  const different = new Faults();
  refuseDifferentSystems([...others, built], different);
  for (const { path, detail } of different.list) add(path, "W03", detail);
  for (const { path, code, detail } of deps.refusals(built, grants)) add(path, code, detail);
  faults.demandNone("the document");
}

/** The keys of a path such as `workflow_steps[0].owner`; names in it have no dots. */
function keysOf(path: string): readonly (string | number)[] {
  return [...path.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([key, index]) =>
    index === undefined ? key : Number(index)
  );
}

function breaking(
  definition: Definition,
  breaks: readonly VersionBreak[],
  lines: readonly string[],
): TaskerError {
  const faults = breaks.filter(({ verdict }) => verdict === "breaks")
    .map(({ path, detail, affected }) => ({
      path,
      code: "breaks_others",
      detail: `${detail}; affects ${affected}`,
    }));
  return new TaskerError(
    "definition.breaks",
    `Cannot deploy "${versionedName(definition)}": it breaks others:` +
      lines.map((line) => `\n    ${line}`).join(""),
    { faults },
  );
}

function notDeployed(of: WorkflowName, version: string | undefined): TaskerError {
  const what = version === undefined ? "" : `version ${version} of `;
  return new TaskerError(
    "definition.unknown",
    `Cannot find ${what}workflow "${workflowName(of)}" among what was deployed as documents`,
  );
}

function busy(of: WorkflowName): TaskerError {
  return new TaskerError(
    "api.busy",
    `Cannot deploy "${workflowName(of)}" now: others deploy it at the same time`,
    { retryAfterMs: 1_000 },
  );
}
