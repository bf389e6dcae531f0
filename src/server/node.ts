/** A node: everything one incarnation of a server is made of, wired. */

import { openOracle } from "../../ffi/oracle.ts";
import { openReadiness } from "../../ffi/readiness.ts";
import type { Api } from "../api/api.ts";
import { makeFirstKey } from "../api/api_key.ts";
import { makeLink } from "../api/sessions.ts";
import { openBus } from "../bus/open.ts";
import type { Config } from "./config.ts";
import { warnOfRefused } from "./egress_check.ts";
import { openIdentityProvider } from "./identity_provider.ts";
import { openEgress } from "../egress/wire.ts";
import { wait } from "../core/backoff.ts";
import { messageOf } from "../core/errors.ts";
import { openAdviser } from "../heal/adviser.ts";
import { openModel } from "../model/model.ts";
import { OWN_NAMESPACE } from "../core/incident.ts";
import { commandChannel } from "../core/channels.ts";
import type { Incarnation } from "../core/ids.ts";
import type { Audit, Bus, Cancel, Egress, Runtime } from "../core/ports.ts";
import type { Readiness } from "../core/readiness.ts";
import { openDeployed } from "./deployments.ts";
import { Engine } from "./engine.ts";
import { openHealing } from "./healing.ts";
import { withMcp } from "./mcp.ts";
import { withWeb } from "./web.ts";
import { Healer } from "../heal/healer.ts";
import { warnOfOtherBuses } from "./health.ts";
import { type ApiParts, atOnce, openApiOf } from "./node_api.ts";
import { StepLog } from "../dispatch/step_log.ts";
import { type OpenJournal, openJournal } from "../journal/open.ts";
import { readFigures } from "./node_metrics.ts";
import { openStarter, type Registry } from "../registry/workflows.ts";
import { openRegistry } from "../registry/load.ts";
import { openSystems, sharedSecret } from "./systems.ts";
import { Statistics } from "../heal/statistics.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** How often partitions are made ahead and old ones dropped. */
const MAINTAIN_MS = 3_600_000;

/** How long to rest after rows of the audit were removed: appends go first. */
const AUDIT_REST_MS = 500;

/** What a node is opened with. */
export interface NodeOptions {
  readonly config: Config & { readonly databaseUrl: string };
  readonly runtime: Runtime;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly name: string;
  readonly incarnation: Incarnation;
  readonly replaces: Incarnation | undefined;
  /** Whether that one was ended because its event loop hung. */
  readonly isAfterHang: boolean;
  /** Notes which request is computed now, for whoever ends this process if it hangs. */
  noteRequest(request: string | undefined): void;
  /**
   * Called once when this incarnation is over: close it and open a new one. `failure` is what broke
   * in this one; undefined = another node took over.
   */
  fenced(failure?: unknown): void;
  /** Called before the modules of workflows are loaded: their code runs in this process, too. */
  beforeCode(): void;
  /** Takes the first key of a database that has none; undefined = none is made. */
  readonly keepFirstKey:
    | ((secret: string, linkPath: string | undefined) => Promise<void>)
    | undefined;
}

/** One incarnation. */
export interface TaskerNode {
  readonly api: Api;
  /** Ends requests and consumers, lets running steps end, gives everything back. */
  drain(drainMs: number): Promise<void>;
}

/**
 * Opens a node and joins the others.
 *
 * @throws {TaskerError} definition.invalid, definition.changed, config.invalid, journal.unavailable
 */
export async function openNode(options: NodeOptions): Promise<TaskerNode> {
  const { config, runtime, log, incarnation } = options;
  const journal = await openJournal({
    url: config.databaseUrl,
    prepare: !config.pooler,
    runtime,
    incarnation,
    onWarning: (text, error) => log.warn(text, { error: messageOf(error) }),
  });
  const readiness = chooseReadiness(config, log);
  await makeKey(options, journal);
  options.beforeCode();
  const healer = new Healer();
  const registry = await loadWorkflows(options, journal, healer);
  const deployed = await openDeployed({ ...options, journal, registry });
  warnOfRefused({ ...options, registry });
  const bus = await openBusOf(options, journal);
  const egress = openEgress(config.egressUrl, runtime);
  const systems = await openSystems({ ...options, egress, journal, bus, registry });
  const others = await openOthers(options, egress);
  const engine = openEngine(options, {
    journal,
    readiness,
    registry,
    deployed,
    bus,
    egress,
    systems,
  });
  const parts = {
    journal,
    registry,
    deployed,
    bus,
    systems,
    readiness,
    engine,
    ...others,
    healer,
  };
  const deps = { ...options, ...parts };
  readFiguresOf(deps);
  const statistics = openStatistics(deps);
  const withoutWeb = withMcp(openApiOf(deps), {
    ...options,
    stateKey: await sharedSecret(deps, "rounds of MCP calls"),
  });
  const api = options.config.web ? withWeb(withoutWeb, options.config) : withoutWeb;
  const maintenance = await maintain(deps);
  await engine.admission.learn(remoteOwners(registry));
  // A system that comes with a later version is asked about as those of the start were.
  registry.subscribe(() => void engine.admission.learn(remoteOwners(registry)).catch(() => {}));
  await engine.start();
  warnOfOtherBuses(engine, log);
  openHealer(deps);
  systems.listen(engine.router, openStarter(registry, engine.router), engine.openAttempts);
  return { api, drain: (drainMs) => drain({ ...deps, statistics, api, maintenance }, drainMs) };
}

/** Opens what others answer to Tasker itself: a model, and an identity provider. */
async function openOthers({ config, runtime, log }: NodeOptions, egress: Egress) {
  const model = config.model && await openModel({ address: config.model, egress, runtime, log });
  const identity = config.oidc &&
    await openIdentityProvider({ config: config.oidc, egress, runtime });
  return { model, adviser: model && openAdviser(model), identity };
}

/** What an engine is made of. */
interface EngineParts
  extends Pick<NodeDeps, "journal" | "readiness" | "registry" | "deployed" | "bus" | "systems"> {
  readonly egress: Egress;
}

function openEngine(
  options: NodeOptions,
  { journal, readiness, registry, deployed, bus, egress, systems }: EngineParts,
): Engine {
  const { config, runtime, log, incarnation, name } = options;
  return new Engine({
    runtime,
    log,
    egress,
    stepLog: new StepLog({ runtime, log, logs: journal.stepLogs }),
    noteCode: () => options.noteRequest(undefined),
    journal: journal.journal,
    nodes: journal.nodes,
    policies: journal.policies,
    sharedStates: journal.sharedStates,
    readiness,
    plans: registry,
    codeOf: (hash) => registry.codeOf(hash),
    isLocalOwner: (owner) => registry.isLocalOwner(owner),
    hasWorker: (system) => bus.wasConsumed(commandChannel(config.busPrefix, system)),
    directory: systems.directory,
    sawSystems: (version) => systems.registry.saw(version),
    sawDeployments: (number) => deployed.saw(number),
    remote: (record, outages) => systems.remote(record, outages),
    incarnation,
    name,
    bus: `${config.bus} "${config.busPrefix}"`,
    replaces: options.replaces,
    isAfterHang: options.isAfterHang,
    fenced: (failure) => options.fenced(failure),
  });
}

/** How long statistics and the audit are kept unless the configuration says how long tasks are. */
const KEPT_MS = 90 * 24 * 3_600_000;

function openStatistics(
  { runtime, log, metrics, config, journal, engine }: Pick<
    NodeDeps,
    "runtime" | "log" | "metrics" | "config" | "journal" | "engine"
  >,
): Statistics {
  return new Statistics({
    ...{ runtime, log, metrics },
    feed: engine.supervisor,
    store: journal.statistics,
    retentionMs: config.retentionMs ?? KEPT_MS,
    isMine: (workflow) => engine.ownsWorkflow(workflow),
  });
}

function readFiguresOf({ metrics, engine, journal, readiness, registry, systems }: NodeDeps): void {
  readFigures(metrics, {
    engine,
    journal: journal.journal,
    readiness,
    systems: () => registry.owners().map(({ name }) => name),
    directory: systems.directory,
  });
}

function openHealer(deps: NodeDeps): void {
  const { config, engine, journal, registry, systems } = deps;
  openHealing(deps.healer, {
    ...deps,
    windowMs: config.healWindowMs,
    plans: registry,
    policies: atOnce(journal.policies, engine),
    statistics: journal.statistics,
    attendance: journal.attendance,
    tasks: journal.tasks,
    starter: openStarter(registry, engine.router),
    directory: systems.directory,
  });
}

function remoteOwners(registry: Registry): string[] {
  return registry.owners().flatMap(({ name, kind }) => kind === "remote" ? [name] : []);
}

async function openBusOf(
  { config, runtime, log }: NodeOptions,
  { database }: OpenJournal,
): Promise<Bus> {
  return await openBus({
    kind: config.bus,
    url: config.busUrl,
    prefix: config.busPrefix,
    database: database.of("bus"),
    runtime,
    log,
  });
}

async function loadWorkflows(
  { config, runtime, log }: NodeOptions,
  { definitions }: OpenJournal,
  { module }: Healer,
): Promise<Registry> {
  return await openRegistry({
    folder: config.workflowsDir,
    own: [module],
    definitions,
    digest: (text) => runtime.digest(text),
    onWarning: (text) => log.warn(text),
    gate: {
      forced: config.forced,
      isAdvice: config.isDevelopment,
      openTasks: (hash, definition) => definitions.openTasks(hash, definition),
      record: (definition, forced) => definitions.recordForced(definition, forced),
    },
    ...(config.isDevelopment && {
      forgetVersion: (hash, definition) => definitions.forgetVersion(hash, definition),
    }),
    ...(config.systems !== undefined && { systems: [...config.systems, OWN_NAMESPACE] }),
  });
}

interface NodeDeps extends NodeOptions, ApiParts {
  readonly config: NodeOptions["config"];
  readonly journal: OpenJournal;
  readonly readiness: Readiness;
}

async function makeKey(
  { config, runtime, log, keepFirstKey }: NodeOptions,
  { keys, sessions }: OpenJournal,
): Promise<void> {
  if (keepFirstKey === undefined) return;
  const secret = await makeFirstKey(keys, runtime, config.adminKey, (text) => log.warn(text));
  if (secret === undefined) return;
  const key = config.web ? await keys.find(runtime.digest(secret)) : undefined;
  const link = key && await makeLink({ sessions, runtime }, key);
  await keepFirstKey(secret, link?.path);
}

function chooseReadiness(config: Config, log: Log): Readiness {
  if (config.library === undefined) {
    log.warn("Serving with the TypeScript core", {
      reason: config.libraryReason ?? "no library is named",
    });
    return openOracle();
  }
  const { readiness, fallbackReason } = openReadiness({ libraryPath: config.library });
  if (fallbackReason !== undefined) {
    log.warn("Serving with the TypeScript core", { reason: fallbackReason });
  }
  return readiness;
}

/**
 * Makes partitions ahead and drops what retention lets go, of the audit as well: now, and every hour. Resolves when the
 * partitions are there, which rows need; retention takes its time in the background.
 */
export async function maintain(
  { journal, runtime, log, config }: {
    readonly journal: Pick<OpenJournal, "maintain"> & { readonly audit: Pick<Audit, "removeOld"> };
    readonly runtime: Runtime;
    readonly log: Log;
    readonly config: Pick<Config, "retentionMs">;
  },
): Promise<Cancel> {
  let cancel: Cancel = () => {};
  let isOver = false;
  const once = (retentionMs: number | undefined) =>
    journal.maintain({ nowMs: runtime.now(), retentionMs, isOver: () => isOver }).then(
      () => {},
      (error) =>
        log.warn("Cannot maintain the journal; trying again later", { error: messageOf(error) }),
    );
  const removeOld = async () => {
    const beforeMs = runtime.now() - (config.retentionMs ?? KEPT_MS);
    while (!isOver && await journal.audit.removeOld(beforeMs)) await wait(runtime, AUDIT_REST_MS);
  };
  const again = () =>
    void once(config.retentionMs).then(removeOld).catch((error) =>
      log.warn("Cannot shorten the audit; trying again later", { error: messageOf(error) })
    ).then(sleep);
  const sleep = () => {
    if (!isOver) cancel = runtime.after(MAINTAIN_MS, again);
  };
  await once(undefined);
  again();
  return () => {
    isOver = true;
    cancel();
  };
}

async function drain(
  { api, systems, healer, engine, statistics, bus, journal, readiness, maintenance }: NodeDeps & {
    readonly statistics: Statistics;
    readonly api: Api;
    readonly maintenance: Cancel;
  },
  drainMs: number,
): Promise<void> {
  maintenance();
  healer.close();
  api.close();
  await systems.stop();
  await engine.drain(drainMs);
  await engine.deps.stepLog?.idle();
  await statistics.close();
  await api.settle();
  await bus.close();
  await journal.close();
  if (Symbol.dispose in readiness) (readiness as Readiness & Disposable)[Symbol.dispose]();
}
