/** Operations of the node that answers: probes, health, metrics, and the description of the API. */

import { z } from "zod";
import type { DeepReadonly } from "../core/json.ts";
import { group, operation } from "./operation.ts";
import { named, Time } from "./schema.ts";

const Live = named("Live", z.object({ live: z.literal(true) }));
const Ready = named("Ready", z.object({ ready: z.literal(true) }));

const HealthCheck = z.object({
  name: z.string(),
  ok: z.boolean(),
  detail: z.string(),
  action: z.string().optional().describe("What a person can do if it is not ok"),
});

/** The health of one part of a node. */
export type HealthCheck = DeepReadonly<z.output<typeof HealthCheck>>;

const Health = named(
  "Health",
  z.object({
    ok: z.boolean(),
    node: z.string(),
    version: z.string(),
    now: Time.describe("The node's clock, corrected by the database's"),
    notReady: z.string().optional(),
    commit: z.object({ count: z.int(), p50Ms: z.number(), p95Ms: z.number() }).optional()
      .describe("How long the last commits of this node took, at most 512 of them"),
    checks: z.array(HealthCheck),
  }),
);

const Nodes = named(
  "Nodes",
  z.object({
    nodes: z.array(z.object({
      id: z.string().describe("Another one after each start"),
      name: z.string(),
      isThis: z.boolean().describe("It is the one that answers"),
      version: z.string().optional().describe("Absent, as is `since`, where an older version runs"),
      since: Time.optional().describe("When it started"),
      renewedAgoMs: z.int().describe("How long ago it last renewed its lease"),
      isExpired: z.boolean().describe("Its lease is over: the others take its tasks"),
      slots: z.int().describe("Parts of all tasks, of 4,096, that are its own"),
    })).describe("All that have not left, by name"),
  }),
);

const READ = { method: "GET", repeat: "harmless" } as const;

/** Whether a node works. */
export const HEALTH = group("health", {
  isLive: operation({
    ...READ,
    path: "/health/live",
    summary: "Answers as long as the process runs",
    right: "open",
    answers: { 200: { description: "The process runs", schema: Live } },
    errors: [],
  }),
  isReady: operation({
    ...READ,
    path: "/health/ready",
    summary: "Says whether this node should get requests",
    right: "open",
    answers: { 200: { description: "It should get requests", schema: Ready } },
    errors: ["node.draining", "api.busy"],
  }),
  getHealth: operation({
    ...READ,
    path: "/health",
    summary: "Shows the health of every part of this node",
    right: "read",
    answers: { 200: { description: "The health, good or not: see `ok`", schema: Health } },
    errors: [],
  }),
  listNodes: operation({
    ...READ,
    path: "/v1/nodes",
    summary: "Lists the nodes that share the work of the database: their versions, since when",
    right: "read",
    answers: { 200: { description: "The nodes", schema: Nodes } },
    errors: [],
    command: { verb: "nodes" },
  }),
});

/** What a node says about itself to other programs. */
export const DESCRIPTION = group("operation", {
  getMetrics: operation({
    ...READ,
    path: "/metrics",
    summary: "Shows metrics in Prometheus' text format, of the workflows and systems of the key",
    right: "read",
    answers: { 200: { description: "The metrics", mediaType: "text/plain" } },
    errors: [],
  }),
  getOpenApi: operation({
    ...READ,
    path: "/openapi.json",
    summary: "Shows this description of the API",
    right: "open",
    answers: { 200: { description: "OpenAPI 3.1", schema: z.looseObject({}) } },
    errors: [],
  }),
});
