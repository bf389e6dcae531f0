/** Handlers of probes, health, metrics and the description of the API. */

import { messageOf, TaskerError } from "../core/errors.ts";
import type { Runtime } from "../core/ports.ts";
import type { DESCRIPTION, HEALTH, HealthCheck } from "../operations/node.ts";
import { openApiDocument } from "../operations/openapi.ts";
import { timeText } from "../operations/schema.ts";
import { OPERATIONS } from "../operations/table.ts";
import { METRICS_MEDIA_TYPE } from "../telemetry/metrics.ts";
import type { NamedCheck } from "./deps.ts";
import type { Handlers, Services } from "./handler.ts";

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
    getMetrics: async () => ({
      status: 200,
      body: await metrics.text(),
      mediaType: METRICS_MEDIA_TYPE,
    }),
    getOpenApi() {
      description ??= openApiDocument(Object.values(OPERATIONS), health.version);
      return Promise.resolve({ status: 200, body: description });
    },
  };
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
