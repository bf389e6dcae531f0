/** Systems: everything of a node that speaks with other systems, wired. */

import type { Config } from "./config.ts";
import type { TaskId } from "../core/ids.ts";
import type { Outages } from "../core/outages.ts";
import type { Bus, CommandSink, Runtime, Starter } from "../core/ports.ts";
import { namespaceOf } from "../core/workflow.ts";
import type { Worker } from "../api/deps.ts";
import { RemoteRunner, watchBus } from "../dispatch/remote.ts";
import { type EndConsumption, rememberPlans } from "../dispatch/consumption.ts";
import { DeadLetterStore } from "../dispatch/dead_letter_store.ts";
import { openInbound } from "../dispatch/inbound.ts";
import { Polling } from "../dispatch/polling.ts";
import { openReplies, type ReplyDeps, type ReplySink, takeReply } from "../dispatch/replies.ts";
import { ReplyTokens, type TokenKey } from "../dispatch/reply_token.ts";
import type { RemoteSteps } from "../dispatch/runner.ts";
import type { OpenJournal } from "../journal/open.ts";
import type { Registry } from "../registry/workflows.ts";
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
}

/** The sink of replies, which the engine has. */
export type BusSink = ReplySink & Pick<CommandSink, "send">;

/** A node's side of the bus. */
export interface Systems {
  /**
   * Makes the remote half of the runner; `record` takes what cannot be sent, and `outages` learns
   * when the bus is away.
   */
  remote(record: ReplySink["record"], outages: Outages): RemoteSteps;
  /** Begins to take replies and requests. */
  listen(mail: BusSink, starter: Starter): void;
  /** For workers without a broker; call after `listen`. */
  readonly worker: Worker;
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
  const deployment = prefix;
  const common = { runtime, log, metrics, bus, prefix, deployment };
  const tokens = new ReplyTokens({ runtime, keys: await tokenKeys(deps) });
  const deadLetters = new DeadLetterStore({ ...common, dead: journal.deadLetters });
  const codeOf = registry.codeOf.bind(registry);
  const planOf = rememberPlans(async (taskId: TaskId) => {
    const task = await journal.history.task(taskId);
    return task && await registry.byHash(task.definitionHash);
  });
  const ends: EndConsumption[] = [];
  const closing: (() => void)[] = [];
  let replies: ReplyDeps | undefined;
  const declared = new Set(registry.owners().map(({ name }) => name));
  const polling = new Polling({
    ...common,
    isDeclared: (system) => declared.has(system),
    takeReply: async (system, reply) => await takeReply(replies as ReplyDeps, system, reply),
  });
  return {
    worker: polling,
    remote(record, outages) {
      const remote = new RemoteRunner({ ...common, outages, tokens, codeOf, record });
      closing.push(() => remote.close(), watchBus(common, outages));
      return remote;
    },
    listen(sink, starter) {
      const owners = registry.owners();
      const others = owners.filter(({ kind }) => kind === "remote").map(({ name }) => name);
      const namespaces = namespacesOf(registry);
      replies = { ...common, tokens, sink, deadLetters, planOf };
      ends.push(openReplies(replies, others));
      ends.push(openInbound(
        {
          ...common,
          starter,
          sink,
          deadLetters,
          planOf,
          mayStart: (system, namespace) => namespaces.get(system)?.has(namespace) === true,
        },
        owners.map(({ name }) => name),
      ));
    },
    async stop() {
      polling.stop();
      await Promise.all(ends.map((end) => end()));
      for (const close of closing) close();
    },
  };
}

/** A system may ask for tasks of the namespaces in which it owns a step. */
function namespacesOf(registry: Registry): ReadonlyMap<string, ReadonlySet<string>> {
  return new Map(
    registry.owners().map(({ name, workflows }) => [
      name,
      new Set(workflows.map(namespaceOf)),
    ]),
  );
}

/** The configured keys, else those that the first node made; the first one signs. */
async function tokenKeys(
  { config, journal, runtime }: SystemsDeps,
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
