/** Systems: everything of a node that speaks with other systems, wired. */

import type { Config } from "./config.ts";
import type { Outages } from "../core/outages.ts";
import type { Bus, CommandSink, Egress, Runtime, Starter } from "../core/ports.ts";
import type { Worker } from "../api/deps.ts";
import { BUS } from "../core/outages.ts";
import { hash32, SLOTS } from "../core/ids.ts";
import { SystemDirectory } from "../core/system_directory.ts";
import { RemoteRunner, watchBus } from "../dispatch/remote.ts";
import { type EndConsumption, type FindPlan, rememberPlans } from "../dispatch/consumption.ts";
import { watchDeadLetters } from "../dispatch/dead_channels.ts";
import { type OpenAttempts, watchLostCommands } from "../dispatch/lost_commands.ts";
import { DeadLetterStore } from "../dispatch/dead_letter_store.ts";
import { openHttpSystem } from "../dispatch/http_system.ts";
import { openInbound } from "../dispatch/inbound.ts";
import { Polling } from "../dispatch/polling.ts";
import { openReplies, type ReplyDeps, type ReplySink, takeReply } from "../dispatch/replies.ts";
import { systemOf } from "../dispatch/step_command.ts";
import { ReplyTokens, type TokenKey } from "../dispatch/reply_token.ts";
import type { RemoteAttempts } from "../dispatch/runner.ts";
import type { OpenJournal } from "../journal/open.ts";
import { HealthChecks } from "../registry/health_checks.ts";
import { SystemRegistry } from "../registry/system_registry.ts";
import type { Registry } from "../registry/workflows.ts";
import { SystemChannels } from "./system_channels.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** What is wired. */
export interface SystemsDeps {
  readonly config: Pick<Config, "busPrefix" | "replyKeys">;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly journal: OpenJournal;
  readonly bus: Bus;
  readonly registry: Registry;
  /** Calls the systems that have no broker. */
  readonly egress: Egress;
}

/** The sink of replies, and what this node owns, which the engine has. */
export interface BusSink extends ReplySink, Pick<CommandSink, "send"> {
  ownsSlot(slot: number): boolean;
}

/** A node's side of the bus. */
export interface Systems {
  /**
   * Makes the remote half of the runner; `record` takes what cannot be sent, and `outages` learns
   * when the bus is away.
   */
  remote(record: ReplySink["record"], outages: Outages): RemoteAttempts;
  /** Begins to take replies and requests. */
  listen(mail: BusSink, starter: Starter, open: OpenAttempts): void;
  /** For workers without a broker; call after `listen`. */
  readonly worker: Worker;
  /** The systems that have registered, as every node knows them. */
  readonly directory: SystemDirectory;
  readonly registry: SystemRegistry;
  /** Takes and sends nothing more; resolves when deliveries in progress have ended. */
  stop(): Promise<void>;
}

/**
 * Opens a node's side of the bus; nothing is taken before `listen`.
 *
 * @throws {TaskerError} journal.unavailable
 */
export async function openSystems(deps: SystemsDeps): Promise<Systems> {
  const { config, runtime, log, metrics, journal, bus, registry } = deps;
  const prefix = config.busPrefix;
  // Nodes that share a prefix are one installation.
  const common = { runtime, log, metrics, bus, prefix, deployment: prefix };
  const tokens = new ReplyTokens({ runtime, keys: await tokenKeys(deps) });
  const deadLetters = new DeadLetterStore({ ...common, dead: journal.deadLetters });
  const [codeOf, planOf] = [registry.codeOf.bind(registry), plansOfTasks(deps)];
  const directory = new SystemDirectory((system, namespace) => registry.isNamed(system, namespace));
  const late: Late = {};
  const systems = openSystemRegistry(deps, directory, late);
  const closing: (() => void)[] = [registry.subscribe(() => void systems.declare())];
  const ends: EndConsumption[] = [];
  await systems.open();
  const channels = new SystemChannels({ registry, directory });
  const ejected = (system: string) => directory.ejected(system, runtime.now());
  let replies: ReplyDeps | undefined;
  const polling = new Polling({
    ...{ ...common, deadLetters, readInstances: () => systems.refresh() },
    isKnown: (system) => channels.isKnown(system),
    isEjected: (system, instance) => ejected(system).includes(instance),
    takeReply: async (...of) => await takeReply(replies as ReplyDeps, ...of),
  });
  return {
    worker: polling,
    directory,
    registry: systems,
    remote(record, known) {
      late.outages = known;
      const sender = { ...common, tokens, ejected };
      const remote = new RemoteRunner({ ...sender, outages: known, codeOf, record });
      closing.push(() => remote.close(), watchBus(common, known));
      return hearing(remote, channels);
    },
    listen(owner, starter, open) {
      late.sink = owner;
      const replyDeps = { ...common, tokens, sink: owner, deadLetters, planOf };
      replies = replyDeps;
      const producers = { registrar: systems, mayStart: mayStartBy(registry, directory) };
      const inbound = { ...replyDeps, starter, ...producers };
      channels.open({
        replies: (system) => openReplies(replyDeps, [system]),
        inbound: (system) => openInbound(inbound, [system]),
      });
      ends.push(callHttpSystems(registry, { ...replyDeps, egress: deps.egress }));
      systems.start();
      ends.push(
        watchDeadLetters({ ...common, deadLetters }, () => channels.replying),
        watchLostCommands(common, onTheBus(open, registry)),
      );
    },
    async stop() {
      systems.stop();
      polling.stop();
      await Promise.all([channels.close(), ...ends.map((end) => end())]);
      for (const close of closing) close();
    },
  };
}

/** A system may start tasks of a namespace that names it, or that it was registered for. */
function mayStartBy(registry: Registry, directory: SystemDirectory) {
  return (system: string, namespace: string) =>
    registry.isNamed(system, namespace) || directory.serves(system, namespace);
}

function plansOfTasks({ journal, registry }: SystemsDeps): FindPlan {
  return rememberPlans(async (taskId) => {
    const task = await journal.history.task(taskId);
    return task && await registry.byHash(task.definitionHash);
  });
}

/** Calls the systems that have no broker, as versions of workflows come that say where they are. */
function callHttpSystems(
  registry: Registry,
  deps: Parameters<typeof openHttpSystem>[0],
): EndConsumption {
  const calls = new Map<string, EndConsumption>();
  const ending = new Set<Promise<void>>();
  const end = (key: string) => {
    const ended = calls.get(key)?.().finally(() => ending.delete(ended ?? Promise.resolve()));
    calls.delete(key);
    if (ended !== undefined) ending.add(ended);
  };
  const follow = () => {
    const wanted = new Map(registry.httpSystems.map((one) => [JSON.stringify(one), one]));
    for (const key of [...calls.keys()]) if (!wanted.has(key)) end(key);
    for (const [key, system] of wanted) {
      if (!calls.has(key)) calls.set(key, openHttpSystem(deps, system));
    }
  };
  follow();
  const cancel = registry.subscribe(follow);
  return async () => {
    cancel();
    for (const key of [...calls.keys()]) end(key);
    await Promise.all(ending);
  };
}

/** A system that is called by HTTP may promise its reply, and nothing lies on the bus meanwhile. */
function onTheBus(open: OpenAttempts, registry: Registry): OpenAttempts {
  const isCalled = (system: string) => registry.httpSystems.some(({ name }) => name === system);
  return {
    systems: () => [...open.systems()].filter((system) => !isCalled(system)),
    resend: (system, startedBeforeMs) => open.resend(system, startedBeforeMs),
  };
}

/** The runner, which takes the replies of whom it asks. */
function hearing(remote: RemoteAttempts, channels: SystemChannels): RemoteAttempts {
  return {
    start(attempt) {
      channels.asked(systemOf(attempt));
      remote.start(attempt);
    },
    stop: remote.stop.bind(remote),
    unconfirmed: remote.unconfirmed.bind(remote),
  };
}

/** What a node has only once its engine is there. */
interface Late {
  sink?: BusSink;
  outages?: Outages;
}

function openSystemRegistry(
  { runtime, journal, registry, log, egress }: SystemsDeps,
  directory: SystemDirectory,
  late: Late,
): SystemRegistry {
  const isMine = (key: string) => late.sink?.ownsSlot(hash32(key) % SLOTS) === true;
  const store = journal.systems;
  const warn = log.warn.bind(log);
  const report = store.report.bind(store);
  const checks = new HealthChecks({ runtime, egress, directory, report, isMine, warn });
  return new SystemRegistry({
    runtime,
    store,
    directory,
    declared: () => registry.declared,
    plans: () => registry.list().map(({ plan }) => plan),
    isMine,
    check: () => checks.look(),
    warn,
    wasBusAway: (sinceMs) => wasBusAway(late.outages, sinceMs, runtime.now()),
  });
}

/** Whether the bus did not answer at some time since then, or does not now. */
function wasBusAway(outages: Outages | undefined, sinceMs: number, nowMs: number): boolean {
  if (outages === undefined) return false;
  return outages.postponed([BUS], { sinceMs, dueAtMs: nowMs, nowMs }) > nowMs;
}

/**
 * Makes a secret for one purpose, which all nodes share. Shape: 64 hex digits.
 *
 * @throws {TaskerError} journal.unavailable
 */
export async function sharedSecret(
  deps: Pick<SystemsDeps, "config" | "journal" | "runtime">,
  purpose: string,
): Promise<string> {
  const [{ secret }] = await tokenKeys(deps);
  return deps.runtime.digest(`${purpose} ${secret}`);
}

/** The configured keys, else those that the first node made; the first one signs. */
async function tokenKeys(
  { config, journal, runtime }: Pick<SystemsDeps, "config" | "journal" | "runtime">,
): Promise<readonly [TokenKey, ...TokenKey[]]> {
  const configured = config.replyKeys.map(({ kid, key }) => ({ kid, secret: key.toBase64() }));
  const [first, ...rest] = configured.length > 0
    ? configured
    : await journal.keys.replyKeys(() => secretOf(runtime));
  if (first === undefined) throw new Error("the database keeps no reply key");
  return [first, ...rest];
}

/** 32 bytes out of 244 random bits. */
function secretOf(runtime: Runtime): string {
  return Uint8Array.fromHex(runtime.digest(runtime.uuid() + runtime.uuid())).toBase64();
}
