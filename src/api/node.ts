/** Handlers of probes, health, metrics and the description of the API. */

import { messageOf, TaskerError } from "../core/errors.ts";
import type { Runtime, SystemSummary } from "../core/ports.ts";
import { namespaceOf } from "../core/workflow.ts";
import type { DESCRIPTION, HEALTH, HealthCheck } from "../operations/node.ts";
import { openApiDocument } from "../operations/openapi.ts";
import { timeText } from "../operations/schema.ts";
import { OPERATIONS } from "../operations/table.ts";
import { METRICS_MEDIA_TYPE } from "../telemetry/metrics.ts";
import type { Caller } from "./access.ts";
import type { NamedCheck } from "./deps.ts";
import type { Handlers, Services } from "./handler.ts";
import { visibleSystems } from "./systems.ts";

/** A part that does not answer within this time is not ok. */
export const CHECK_MS_MAX = 2_000;

/** Handlers of what a node says about itself. */
export function nodeHandlers(
  services: Services,
): Handlers<typeof HEALTH & typeof DESCRIPTION> {
  const { health, metrics } = services;
  let description: Readonly<Record<string, unknown>> | undefined;
  return {
    isLive: () => Promise.resolve({ status: 200, body: { live: true } }),
    async isReady() {
      await demandReady(services);
      return { status: 200, body: { ready: true } };
    },
    getHealth: async () => ({ status: 200, body: await healthOf(services) }),
    async listNodes() {
      const nodes = (await services.nodes()).map(({ incarnation, sinceMs, ...facts }) => ({
        id: incarnation,
        ...facts,
        renewedAgoMs: Math.round(facts.renewedAgoMs),
        ...(sinceMs !== undefined && { since: timeText(sinceMs) }),
      }));
      return { status: 200, body: { nodes } };
    },
    getMetrics: async (_input, { caller }) => ({
      status: 200,
      body: metricsFor(caller, await metrics.text(), services.systems()),
      mediaType: METRICS_MEDIA_TYPE,
    }),
    getOpenApi() {
      description ??= openApiDocument(Object.values(OPERATIONS), health.version);
      return Promise.resolve({ status: 200, body: description });
    },
  };
}

/** A label in a line of Prometheus' text format. */
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/**
 * Leaves out what names a workflow or a system that does not exist for the caller, or a tool: some are
 * named after workflows. What has no such label counts all namespaces, and names none.
 */
function metricsFor(caller: Caller, text: string, systems: readonly SystemSummary[]): string {
  if (caller.namespaces === undefined) return text;
  const seen = new Set(visibleSystems(caller, systems).map(({ name }) => name));
  const isSeen: Readonly<Record<string, (value: string) => boolean>> = {
    workflow: (value) => caller.covers(namespaceOf(value)),
    system: (value) => seen.has(value),
    tool: () => false,
  };
  return text.split("\n").filter((line) =>
    line.startsWith("#") ||
    line.matchAll(LABEL).every(([, name = "", value = ""]) => isSeen[name]?.(value) ?? true)
  ).join("\n");
}

async function demandReady({ health, connections }: Services): Promise<void> {
  if (connections.isClosed) {
    throw new TaskerError("node.draining", "Cannot take requests: the node is shutting down");
  }
  const why = await health.notReady();
  if (why !== undefined) throw new TaskerError("api.busy", `Cannot take requests: ${why}`);
}

async function healthOf({ health, runtime }: Services) {
  const commit = health.commit?.();
  const [notReady, ...checks] = await Promise.all([
    health.notReady(),
    ...health.checks.map((check) => runCheck(check, runtime)),
  ]);
  return {
    ok: notReady === undefined && checks.every((check) => check.ok),
    node: health.node,
    version: health.version,
    now: timeText(runtime.now()),
    ...(notReady === undefined ? {} : { notReady }),
    ...(commit && { commit }),
    checks,
  };
}

async function runCheck(check: NamedCheck, runtime: Runtime): Promise<HealthCheck> {
  const { name, action } = check;
  let cancel = () => {};
  const late = new Promise<HealthCheck>((resolve) => {
    const detail = `no answer within ${CHECK_MS_MAX} ms`;
    cancel = runtime.after(CHECK_MS_MAX, () => resolve({ name, ok: false, detail, action }));
  });
  try {
    return await Promise.race([check.look(), late]);
  } catch (error) {
    return { name, ok: false, detail: messageOf(error), action };
  } finally {
    cancel();
  }
}
