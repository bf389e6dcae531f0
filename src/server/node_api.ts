/** The API of a node: which part of it answers what. */

import { type Api, openApi } from "../api/api.ts";
import type { IdentityProvider } from "../api/deps.ts";
import type { BusAddress } from "../contracts/asyncapi.ts";
import { addressOf, serversOf } from "../core/broker.ts";
import { commandChannel } from "../core/channels.ts";
import { parseEnvelope } from "../core/envelope.ts";
import type {
  Bus,
  Diagnoser,
  Policies,
  Runtime,
  SystemQueue,
  SystemSummary,
} from "../core/ports.ts";
import type { TriggerRule } from "../core/trigger.ts";
import type { Definition } from "../core/workflow.ts";
import { openDiagnoser } from "../heal/diagnoser.ts";
import type { Healer } from "../heal/healer.ts";
import { type Adviser, openExplained } from "../heal/adviser.ts";
import type { Model } from "../model/model.ts";
import { openOptimiser } from "../heal/optimiser.ts";
import { refusedIn } from "./egress_check.ts";
import { performAt } from "./document_wire.ts";
import { openDocumentWork, performHere } from "./document_work.ts";
import type { OpenJournal } from "../journal/open.ts";
import type { DeployedWorkflows } from "../registry/deployed.ts";
import { hashOf } from "../registry/hash.ts";
import { checkTrigger } from "../registry/trigger.ts";
import { openStarter, openStarts, type Registry } from "../registry/workflows.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Config } from "./config.ts";
import type { Engine } from "./engine.ts";
import { parseRange } from "../egress/address.ts";
import { openGuardSignatures } from "../egress/wire.ts";
import { openDeployerOf } from "./deployments.ts";
import { type HealthDeps, healthOf } from "./health.ts";
import { openPlayback } from "./playback.ts";
import type { Systems } from "./systems.ts";

/** What the API of a node asks. */
export interface ApiParts extends HealthDeps {
  readonly config: Config;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly journal: OpenJournal;
  readonly registry: Registry;
  readonly deployed: DeployedWorkflows;
  readonly engine: Engine;
  readonly bus: Bus;
  readonly systems: Systems;
  readonly adviser: Adviser | undefined;
  readonly model: Model | undefined;
  readonly identity: IdentityProvider | undefined;
  readonly healer: Healer;
  noteRequest(request: string | undefined): void;
}

/** A policy that was put here holds here at once; other nodes see it at their next sweep. */
export function atOnce(policies: Policies, engine: Engine): Policies {
  return {
    versions: (namespace, workflow) => policies.versions(namespace, workflow),
    newest: () => policies.newest(),
    async put(...of) {
      const overlay = await policies.put(...of);
      // Should it fail, the next sweep reads it.
      await engine.renewPolicies().catch(() => {});
      return overlay;
    },
  };
}

function diagnoserOf({ runtime, journal, registry, engine }: ApiParts): Diagnoser {
  return openDiagnoser({
    runtime,
    history: journal.history,
    tasks: journal.tasks,
    statistics: journal.statistics,
    plans: registry,
    policyOf: (of, step) => engine.policyOf(of, step),
    workflowsOf: (system) => registry.owners().find(({ name }) => name === system)?.workflows ?? [],
  });
}

/** Wires the API of a node to its parts. */
export function openApiOf(deps: ApiParts): Api {
  const { config, runtime, log, metrics, journal, registry, engine, bus, systems, adviser } = deps;
  const { documents, rehearser, generator } = workOf(deps);
  return openApi({
    runtime,
    log,
    metrics,
    ...startsOf(deps),
    sink: engine.router,
    ...{ history: journal.history, exports: journal.exports },
    feed: engine.supervisor,
    notes: journal.notes,
    residents: engine,
    plans: registry,
    ...requestsOf(deps),
    deployer: openDeployerOf({ ...deps, documents, rehearser, directory: systems.directory }),
    statistics: journal.statistics,
    policies: atOnce(journal.policies, engine),
    sharedStates: journal.sharedStates,
    documents,
    optimiser: openOptimiser({
      reader: journal.tasks,
      plans: registry,
      policies: journal.policies,
      playback: openPlayback(),
      codeOf: (hash) => registry.codeOf(hash),
      instances: () => [...systems.directory.systems].flatMap(({ instances }) => instances),
    }),
    rehearser,
    generator,
    diagnoser: openExplained(diagnoserOf(deps), adviser),
    policyOf: (of, step) => engine.policyOf(of, step),
    revertIncident: (incident, who) => deps.healer.revert(incident, who),
    settleHealing: () => deps.healer.settle(),
    withFates: (incidents) => deps.healer.withFates(incidents),
    ...accessOf(deps),
    dead: journal.deadLetters,
    replayDead: ({ channel, body }) => bus.publish(channel, [parseEnvelope(body)]),
    systems: () => summarise(deps),
    queueOf: rememberWorkers(deps),
    instancesOf: (system) => journal.systems.list(system),
    registrar: systems.registry,
    worker: systems.worker,
    ...addressesOf(config),
    noteRequest: (request) => deps.noteRequest(request),
    health: healthOf(deps),
    nodes: () => journal.nodes.list(),
  });
}

/** Work on documents, which another process does where there is one. */
function workOf(deps: Pick<ApiParts, "config" | "runtime" | "model">) {
  const { config: { documentsUrl: url }, runtime } = deps;
  const perform = url === undefined ? performHere(runtime) : performAt(url, runtime);
  return openDocumentWork(perform, deps);
}

/** What may be started, and by which triggers. */
function startsOf({ registry, engine }: Pick<ApiParts, "registry" | "engine">) {
  return {
    starter: openStarter(registry, engine.router),
    starts: openStarts(registry),
    checkTrigger: (name: string, trigger: TriggerRule) => checkTrigger(name, trigger, registry),
  };
}

/** Where definitions are kept, and which requests may go to hosts that people name. */
function requestsOf(
  { runtime, config, journal }: Pick<ApiParts, "runtime" | "config" | "journal">,
) {
  return {
    signatures: openGuardSignatures(config.egressUrl, runtime),
    definitions: journal.definitions,
    hashOf: (definition: Definition) => hashOf(definition, (text) => runtime.digest(text)),
    whyNotCalled: (url: string | undefined, secret: string) => {
      const asked = { what: "", path: "", url, headers: { "webhook-signature": { secret } } };
      return refusedIn([asked], config)[0]?.why;
    },
  };
}

/** Who may ask, how they sign in, and what is kept of what they did. */
function accessOf(
  { journal, config, identity }: Pick<ApiParts, "journal" | "config" | "identity">,
) {
  const { keys, sessions, audit, stepLogs } = journal;
  return {
    keys,
    sessions,
    audit,
    stepLogs,
    traceUrl: config.traceUrl,
    signIn: { isHttps: config.behindTls, provider: identity },
  };
}

/** Where the broker is, and whom steps may call. Whether an address is in a range, only the guard knows. */
function addressesOf(config: Config) {
  const isNamed = config.egress.every((rule) => parseRange(rule) === undefined);
  return { bus: busAddress(config), hosts: isNamed ? config.egress : undefined };
}

/** Where the broker is, without what the URL says about users. */
function busAddress({ busPrefix, busUrl }: Pick<Config, "busPrefix" | "busUrl">): BusAddress {
  const urls = busUrl === undefined ? [] : serversOf(busUrl) ?? [];
  const servers = urls.map((url) => ({
    protocol: url.protocol.slice(0, -1),
    host: addressOf(url),
  }));
  return { prefix: busPrefix, servers };
}

function summarise(
  { registry, engine, systems }: Pick<ApiParts, "registry" | "engine" | "systems">,
): readonly SystemSummary[] {
  const owners = registry.owners();
  const known = new Set(owners.map(({ name }) => name));
  const others = [...systems.directory.systems].filter(({ name }) => !known.has(name))
    .map(({ name }) => ({ name, kind: "remote" as const, workflows: [] }));
  return [...owners, ...others].map(({ name, kind, workflows }) => {
    const instances = systems.directory.get(name)?.instances ?? [];
    const circuit = engine.admission.circuit(name);
    const circuitTriesInMs = engine.admission.circuitTriesInMs(name);
    const limit = engine.admission.limitOf(name);
    const saturation = engine.admission.saturationOf(name);
    return {
      ...{ name, kind, workflows, instances, circuit },
      ...(circuitTriesInMs !== undefined && { circuitTriesInMs }),
      ...(limit && { limit }),
      ...(saturation && { saturation }),
    };
  });
}

/** Reads the queues of systems. Steps of a local owner wait for nobody; a worker that came has come. */
function rememberWorkers({ bus, config }: Pick<ApiParts, "bus" | "config">) {
  const withWorker = new Set<string>();
  return async ({ name, kind }: SystemSummary): Promise<SystemQueue> => {
    if (kind === "local") return { queued: undefined, hasWorker: true };
    const channel = commandChannel(config.busPrefix, name);
    const [queued, hasWorker] = await Promise.all([
      bus.depth(channel),
      withWorker.has(channel) || bus.wasConsumed(channel),
    ]);
    if (hasWorker) withWorker.add(channel);
    return { queued, hasWorker };
  };
}
