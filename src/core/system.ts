/** Systems: what their workers say of themselves, over HTTP or the bus. */

import { z } from "zod";
import type { AskedCapability } from "./asked_capability.ts";
import { DURATION_MS_MAX } from "./duration.ts";
import { EventType, InstanceName, Name } from "./fields.ts";
import { visible } from "./redaction.ts";
import { parseVersionRange } from "./version.ts";
import type { JsonSchema } from "./workflow.ts";

/** The owner of a step that any system may run which offers its capability. */
export const ANY_SYSTEM = "*";

/** How long an instance counts as there without another hello. */
const LEASE_MS_MIN = 3_000;
const LEASE_MS_MAX = 3_600_000;
const LEASE_MS_DEFAULT = 30_000;

/** Capabilities of one instance. */
const CAPABILITIES_MAX = 100;

/** What repeating a call does: nothing, the same once more, or something that cannot be taken back. */
export const EFFECTS = ["none", "idempotent", "external"] as const;

/** A version as semver has it: ranges are compared with it. */
export const SystemVersion = z.string().regex(
  /^\d{1,9}\.\d{1,9}\.\d{1,9}(-[0-9A-Za-z.-]{1,40})?(\+[0-9A-Za-z.-]{1,40})?$/,
  'expected a version such as "1.4.0"',
);

/** A JSON Schema (draft 2020-12). Whether it can be used is checked when it is seen first. */
const Schema = z.record(z.string(), z.unknown());

/**
 * What a capability does, for people and for whoever looks for one. It is text of others: what is not
 * seen is taken out, and nothing compares it.
 */
export const CapabilityDescription = z.string().overwrite(visible).trim().min(1).max(500);

/** What a system can do for a step. */
export const Capability = z.strictObject({
  name: EventType,
  description: CapabilityDescription.optional(),
  version: SystemVersion.default("1.0.0"),
  input: Schema.optional(),
  output: Schema.optional(),
  timeoutMs: z.int().min(1).max(DURATION_MS_MAX).optional(),
  effect: z.enum(EFFECTS).optional(),
});

/** What a system can do for a step; `version` is absent only where a manifest does not say it. */
export interface Capability {
  readonly name: string;
  readonly description?: string | undefined;
  readonly version?: string;
  readonly input?: JsonSchema | undefined;
  readonly output?: JsonSchema | undefined;
  readonly timeoutMs?: number | undefined;
  readonly effect?: (typeof EFFECTS)[number] | undefined;
}

const LeaseMs = z.int().min(LEASE_MS_MIN).max(LEASE_MS_MAX);
const HealthUrl = z.url({ protocol: /^https?$/, error: "expected an http or https URL" }).max(
  2_000,
);
const Capabilities = z.array(Capability).max(CAPABILITIES_MAX);

/** What an instance registers with, beside its name. A repeat renews its lease. */
export const Registration = z.strictObject({
  version: SystemVersion.default("1.0.0").describe("Of the program"),
  capabilities: Capabilities.default([]),
  healthUrl: HealthUrl.optional().describe("Answers GET with 2xx while the instance can work"),
  leaseMs: LeaseMs.default(LEASE_MS_DEFAULT)
    .describe("It counts as gone after this long without another registration"),
  namespaces: z.array(Name).max(100).default([]).describe(
    "Whose steps it may get by capability alone, beside those of workflows that name the system",
  ),
});

/** What an instance registers with. */
export interface Registration {
  readonly version: string;
  readonly capabilities: readonly Capability[];
  readonly healthUrl?: string | undefined;
  readonly leaseMs: number;
  readonly namespaces: readonly string[];
}

/** `data` of `tasker.system.hello`: a registration in the spelling of envelopes. */
export const Hello = z.strictObject({
  instance: InstanceName,
  version: SystemVersion.default("1.0.0"),
  capabilities: z.array(
    Capability.omit({ timeoutMs: true })
      .extend({ timeout_ms: Capability.shape.timeoutMs })
      .transform(({ timeout_ms, ...rest }) => ({
        ...rest,
        ...(timeout_ms !== undefined && { timeoutMs: timeout_ms }),
      })),
  ).max(CAPABILITIES_MAX).default([]),
  health_url: HealthUrl.optional(),
  lease_ms: LeaseMs.default(LEASE_MS_DEFAULT),
});

/** `data` of `tasker.system.goodbye`. */
export const Goodbye = z.strictObject({ instance: InstanceName });

/** How an instance is; `gone`: its lease is over, or it said goodbye. */
export const INSTANCE_STATES = ["healthy", "unhealthy", "gone"] as const;

/** How an instance is. */
export type InstanceState = (typeof INSTANCE_STATES)[number];

/** An instance as every node knows it. No node hears of renewals. */
export interface Instance {
  readonly system: string;
  readonly instance: string;
  readonly version: string;
  readonly state: InstanceState;
  /**
   * A manifest declares it: for steps of its namespace it stands for the system while no worker has
   * registered.
   */
  readonly isDeclared: boolean;
  readonly healthUrl?: string;
  /** Whose steps it may get by capability alone; of a declared one, whose manifest that is. */
  readonly namespaces: readonly string[];
  readonly capabilities: readonly Capability[];
}

/** Returns the check whether an instance offers a capability in a version that will do. */
export function offerCheck({ name, range }: AskedCapability): (instance: Instance) => boolean {
  const inRange = range === undefined ? () => true : parseVersionRange(range) ?? (() => false);
  return ({ capabilities }) =>
    capabilities.some((one) =>
      one.name === name && (one.version === undefined || inRange(one.version))
    );
}
