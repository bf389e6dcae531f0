/** Operations of systems: who owns steps, what they offer, and how their instances are. */

import { z } from "zod";
import { InstanceName, Name, REASON_LENGTH_MAX } from "../core/fields.ts";
import { Capability, EFFECTS, INSTANCE_STATES, Registration } from "../core/system.ts";
import { group, operation } from "./operation.ts";
import { named, Time } from "./schema.ts";

const Offer = z.object({
  name: z.string(),
  version: z.string().optional().describe("Absent: a manifest declares it for any version"),
});

const FullOffer = named(
  "Offer",
  Offer.extend({
    description: z.string().optional().describe("What it does, as its system says"),
    input: Capability.shape.input,
    output: Capability.shape.output,
    timeoutMs: z.int().optional(),
    effect: z.enum(EFFECTS).optional(),
  }),
);

const Saturation = z.object({
  isSaturated: z.boolean().describe("It is sent more than it can do in time"),
  queueAgeMs: z.number().describe("For how long the first step waits for it"),
  adaptiveMax: z.int().optional().describe(
    "Attempts that may run there at once now; absent: as many as its limits allow",
  ),
  attemptsPerStep: z.number().describe("Over ten seconds; above 1.2, retries are a load"),
  goodputPerS: z.number().describe("Attempts a second that it answered in time"),
  throughputPerS: z.number().describe(
    "Attempts a second that it worked off, with failures and late answers",
  ),
});

/** A system of the list. */
export const System = z.object({
  name: z.string(),
  kind: z.enum(["local", "remote"]),
  workflows: z.array(z.string()).describe("Those that the key may see"),
  circuit: z.enum(["closed", "open", "half_open"]),
  circuitTriesAt: Time.optional().describe(
    "When its open circuit lets a first attempt try; absent: it is not open, or a hold keeps it so",
  ),
  heldUntil: Time.optional().describe("Nothing is sent to it before: `holdUntilMs` of its limits"),
  saturation: Saturation.optional().describe(
    "How busy it is, as the node that answers sees it; absent: it has not asked the system",
  ),
  queued: z.int().optional().describe("Envelopes that wait; absent if the bus does not know"),
  hasWorker: z.boolean().describe(
    "False: no worker has ever polled for it, so its steps wait for the first one",
  ),
  instances: z.object({ healthy: z.int(), unhealthy: z.int(), gone: z.int() }).describe(
    "How many have registered; while none is healthy, its steps wait, unless none ever registered",
  ),
  capabilities: z.array(Offer),
  schemas: z.record(z.string(), z.looseObject({})).optional(),
});

const SystemList = named("SystemList", z.object({ systems: z.array(System) }));

const Instance = z.object({
  instance: z.string(),
  version: z.string(),
  state: z.enum(INSTANCE_STATES),
  detail: z.string().describe("Why it is in this state"),
  ejectedUntil: Time.optional().describe("It gets no steps before: `ejected` of the limits"),
  since: Time,
  expiresAt: Time.describe("It is gone then, unless it registers again"),
  healthUrl: z.string().optional(),
  isDeclared: z.boolean().describe("A manifest declares it; nobody has registered"),
  namespaces: z.array(z.string()),
  capabilities: z.array(Offer),
});

const SystemDocument = named(
  "System",
  System.extend({
    capabilities: z.array(FullOffer),
    registered: z.array(Instance).optional().describe(
      "Every instance; absent unless the key covers the system",
    ),
  }),
);

const SystemParams = z.strictObject({ system: Name });
const InstanceParams = SystemParams.extend({ instance: InstanceName });

const Force = z.string().min(1).max(REASON_LENGTH_MAX).describe(
  "Why it registers although its capabilities break steps that ask for them; it is logged",
);

/** Everything that can be asked of systems. */
export const SYSTEMS = group("systems", {
  listSystems: operation({
    method: "GET",
    path: "/v1/systems",
    summary: "Lists the owners of steps, with circuit and queue",
    right: "read",
    repeat: "harmless",
    isShared: true,
    answers: { 200: { description: "By name", schema: SystemList } },
    errors: ["bus.unavailable"],
    command: { verb: "systems" },
  }),
  getSystem: operation({
    method: "GET",
    path: "/v1/systems/{system}",
    summary: "Shows what a system offers, and its instances",
    right: "read",
    repeat: "harmless",
    params: SystemParams,
    answers: { 200: { description: "The system", schema: SystemDocument } },
    errors: ["system.not_found", "bus.unavailable"],
    command: { verb: "system" },
  }),
  registerInstance: operation({
    method: "PUT",
    path: "/v1/systems/{system}/instances/{instance}",
    summary: "Registers an instance of a system, or renews its lease",
    right: "bus",
    repeat: "harmless",
    params: InstanceParams,
    body: named("Registration", Registration.extend({ force: Force.optional() }).prefault({})),
    answers: { 204: { description: "It is registered until its lease is over" } },
    errors: ["system.invalid", "system.full", "payload.too_large"],
    command: { verb: "systems register" },
  }),
  removeInstance: operation({
    method: "DELETE",
    path: "/v1/systems/{system}/instances/{instance}",
    summary: "Ends an instance's lease: it gets no more steps, and is shown as gone for an hour",
    right: "bus",
    repeat: "harmless",
    params: InstanceParams,
    query: z.strictObject({
      afterwards: z.enum(["shown", "forgotten"]).default("shown").describe(
        "forgotten: it is removed at once; a system without any instance gets its steps unchecked",
      ),
    }),
    answers: { 204: { description: "It is gone" } },
    errors: ["system.not_found"],
    command: { verb: "systems remove" },
    audit: { target: "{system}/{instance}" },
  }),
});
