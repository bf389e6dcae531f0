/** Routes of health: probes for machines, and the whole state for people. */

import { z } from "zod";
import { messageOf, TaskerError } from "../core/errors.ts";
import type { Runtime } from "../core/ports.ts";
import type { HealthCheck, NamedCheck } from "./deps.ts";
import { type Route, route } from "./route.ts";
import { named, Time, timeText } from "./schema.ts";
import type { Services } from "./services.ts";

/** A part that does not answer within this is not ok. */
export const CHECK_MS_MAX = 2_000;

const Live = named("Live", z.object({ live: z.literal(true) }));
const Ready = named("Ready", z.object({ ready: z.literal(true) }));

const Whole = named(
  "Health",
  z.object({
    ok: z.boolean(),
    node: z.string(),
    version: z.string(),
    now: Time.describe("The node's clock, corrected by the database's"),
    notReady: z.string().optional(),
    checks: z.array(z.object({
      name: z.string(),
      ok: z.boolean(),
      detail: z.string(),
      action: z.string().optional(),
    })),
  }),
);

const COMMON = { method: "GET", group: "health", repeat: "harmless" } as const;

/** All routes of health. */
export function healthRoutes(services: Services): readonly Route[] {
  return [
    route({
      ...COMMON,
      path: "/health/live",
      name: "isLive",
      summary: "Answers while the process does",
      right: "open",
      answers: { 200: { description: "It lives", schema: Live } },
      problems: [],
      handle: () => Promise.resolve({ status: 200, body: { live: true } }),
    }),
    route({
      ...COMMON,
      path: "/health/ready",
      name: "isReady",
      summary: "Says whether this node should get requests",
      right: "open",
      answers: { 200: { description: "It should", schema: Ready } },
      problems: ["node.draining", "api.busy"],
      handle: () => isReady(services),
    }),
    route({
      ...COMMON,
      path: "/health",
      name: "getHealth",
      summary: "Shows how every part of this node is",
      right: "read",
      answers: { 200: { description: "Whole or not: see `ok`", schema: Whole } },
      problems: [],
      handle: async () => ({ status: 200, body: await wholeState(services) }),
    }),
  ];
}

async function isReady({ health, waiting }: Services) {
  if (waiting.isClosed) {
    throw new TaskerError("node.draining", "Cannot take requests: the node drains");
  }
  const why = await health.notReady();
  if (why !== undefined) throw new TaskerError("api.busy", `Cannot take requests: ${why}`);
  return { status: 200, body: { ready: true } };
}

async function wholeState({ health, runtime }: Services): Promise<z.infer<typeof Whole>> {
  const [notReady, ...checks] = await Promise.all([
    health.notReady(),
    ...health.checks.map((check) => lookAt(check, runtime)),
  ]);
  return {
    ok: notReady === undefined && checks.every((check) => check.ok),
    node: health.node,
    version: health.version,
    now: timeText(runtime.now()),
    ...(notReady === undefined ? {} : { notReady }),
    checks,
  };
}

async function lookAt(check: NamedCheck, runtime: Runtime): Promise<HealthCheck> {
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
