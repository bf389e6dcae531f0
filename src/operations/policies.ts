/** Operations of policies: what may be tuned without a new version; every version is kept. */

import { z } from "zod";
import { CANARY_PERCENT } from "../core/canary.ts";
import {
  By,
  DemandedReason,
  EventType,
  Name,
  PolicyFields,
  StartLeverFields,
  SystemLimitFields,
} from "../core/fields.ts";
import { WHOLE_SYSTEM } from "../core/policy.ts";
import { group, operation } from "./operation.ts";
import { named, Time } from "./schema.ts";

/** Steps that one overlay may tune. */
const TUNED_STEPS_MAX = 1_000;
/** In an overlay: every step that does work. */
export const ALL_STEPS = "*";

const StepPolicy = named("Policy", PolicyFields);

export const Steps = z.record(z.union([Name, z.literal(ALL_STEPS)]), StepPolicy)
  .refine((steps) => Object.keys(steps).length <= TUNED_STEPS_MAX, "too many steps");

const StartLever = named("StartLever", StartLeverFields);

const Percent = z.int().min(CANARY_PERCENT.min).max(CANARY_PERCENT.max)
  .describe("How many of the tasks are under it; the others stay under the version before");

const PutCanary = named(
  "PutCanary",
  z.strictObject({
    percent: Percent,
    salt: z.string().min(1).max(128).optional()
      .describe("Which tasks they are, by a hash of it and their id; made unless given"),
  }),
);

const Canary = named(
  "Canary",
  z.object({
    percent: Percent,
    salt: z.string(),
    base: z.int().describe("The version that the other tasks are under; 0 = the definition alone"),
  }),
);

const PutBody = named(
  "PutPolicy",
  z.strictObject({
    by: By,
    reason: DemandedReason,
    steps: Steps.describe(
      'By step; "*" is every step that does work: {"charge": {"timeoutMs": 60000}}',
    ),
    starts: StartLever.optional()
      .describe("Which starts are held back, and until when: pausedBelow, ratePerS, untilMs"),
    canary: PutCanary.optional()
      .describe('Only a share of the tasks is under it: {"percent": 20}'),
    expectedVersion: z.int().min(0).optional()
      .describe(
        "The version that the change is based on, 0 = none; refused if there is a newer one",
      ),
  }),
);

const PolicyVersion = named(
  "PolicyVersion",
  z.object({
    version: z.int(),
    by: z.string(),
    reason: z.string(),
    at: Time,
    steps: z.record(z.string(), StepPolicy),
    starts: StartLever.optional(),
    canary: Canary.optional(),
  }),
);

const PolicyHistory = named(
  "PolicyHistory",
  z.object({
    namespace: z.string(),
    workflow: z.string(),
    versions: z.array(PolicyVersion).describe("The newest first; the first one is in force"),
  }),
);

const Params = z.strictObject({ namespace: Name, name: Name });

/** Limits that one overlay of a system may set, for its capabilities and the whole. */
const SYSTEM_LIMITS_MAX = 200;

/** Fields that have no meaning for a single capability. */
const WHOLE_ONLY = ["holdUntilMs", "ejected", "circuit"] as const;

const SystemLimit = named("SystemLimit", SystemLimitFields);

const SystemLimits = z.record(
  z.union([z.literal(WHOLE_SYSTEM), EventType]),
  SystemLimit,
  {
    error: ({ code }) =>
      code === "invalid_key"
        ? `expected "${WHOLE_SYSTEM}", or a capability such as "user.create", with its limits in it`
        : undefined,
  },
).refine((limits) => Object.keys(limits).length <= SYSTEM_LIMITS_MAX, "too many limits")
  .superRefine((limits, context) => {
    for (const [capability, limit] of Object.entries(limits)) {
      if (capability === WHOLE_SYSTEM) continue;
      for (const field of WHOLE_ONLY.filter((one) => limit[one] !== undefined)) {
        context.addIssue({
          code: "custom",
          path: [capability, field],
          message: `is of a whole system only: say it under "${WHOLE_SYSTEM}"`,
        });
      }
    }
  })
  .describe(
    'By capability (the event of a step); "*" is the whole system: ' +
      '{"*": {"concurrencyMax": 5}, "user.create": {"ratePerS": 2.5, "burst": 5}}; ' +
      '"*" also takes holdUntilMs, circuit and ejected',
  );

const PutSystemBody = named(
  "PutSystemLimits",
  z.strictObject({
    by: By,
    reason: DemandedReason,
    limits: SystemLimits,
    expectedVersion: z.int().min(0).optional()
      .describe(
        "The version that the change is based on, 0 = none; refused if there is a newer one",
      ),
  }),
);

const SystemLimitsVersion = named(
  "SystemLimitsVersion",
  z.object({
    version: z.int(),
    by: z.string(),
    reason: z.string(),
    at: Time,
    limits: z.record(z.string(), SystemLimit),
  }),
);

const LimitShare = named(
  "LimitShare",
  z.object({
    limit: z.string().describe('A capability, or "*" for the whole system'),
    node: z.string(),
    places: z.int().describe("Places that are taken there, or may be"),
    waiting: z.int().describe("Steps that wait for a place there"),
    waitsSince: Time.nullable().describe("Since when the first step waits"),
  }),
);

const SystemLimitsHistory = named(
  "SystemLimitsHistory",
  z.object({
    system: z.string(),
    shares: z.array(LimitShare).describe("What each node uses of the limits in force"),
    versions: z.array(SystemLimitsVersion)
      .describe("The newest first; the first one is in force"),
  }),
);

const SystemParams = z.strictObject({ name: Name });

/** Everything that can be asked of policies. */
export const POLICIES = group("policies", {
  getPolicy: operation({
    method: "GET",
    path: "/v1/policies/{namespace}/{name}",
    summary: "Shows every version of a workflow's policy overlay, with author and reason",
    right: "read",
    repeat: "harmless",
    params: Params,
    answers: { 200: { description: "The versions", schema: PolicyHistory } },
    errors: ["definition.unknown"],
    command: { verb: "policies" },
  }),
  putPolicy: operation({
    method: "PUT",
    path: "/v1/policies/{namespace}/{name}",
    summary: "Adds a version of a workflow's policy overlay, which replaces the one before",
    right: "operate",
    repeat: "remembered",
    params: Params,
    body: PutBody,
    answers: { 200: { description: "The new version", schema: PolicyVersion } },
    errors: ["definition.unknown", "policy.invalid", "policy.conflict"],
    command: { verb: "policies put" },
    audit: { target: "{namespace}/{name}" },
  }),
  getSystemLimits: operation({
    method: "GET",
    path: "/v1/systems/{name}/limits",
    summary: "Shows every version of a system's limits, with author and reason",
    right: "read",
    repeat: "harmless",
    params: SystemParams,
    answers: { 200: { description: "The versions", schema: SystemLimitsHistory } },
    errors: ["system.not_found"],
    command: { verb: "limits" },
  }),
  putSystemLimits: operation({
    method: "PUT",
    path: "/v1/systems/{name}/limits",
    summary:
      "Adds a version of a system's limits, which all nodes share; it replaces the one before",
    right: "operate",
    repeat: "remembered",
    params: SystemParams,
    body: PutSystemBody,
    answers: { 200: { description: "The new version", schema: SystemLimitsVersion } },
    errors: ["system.not_found", "policy.invalid", "policy.conflict"],
    command: { verb: "limits put" },
    audit: { target: "{name}" },
  }),
});
