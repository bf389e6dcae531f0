/** Handlers of policies: what may be tuned without a new version; every version is kept. */

import { type Fault, TaskerError } from "../core/errors.ts";
import {
  contradictionOf,
  type Policy,
  policyUnder,
  systemLimitKey,
  SYSTEMS_NAMESPACE,
  TUNABLE_WAITS,
  WHOLE_SYSTEM,
} from "../core/policy.ts";
import type { SystemLimit } from "../core/shared_limit.ts";
import type { PolicyOverlay, SharedStates } from "../core/ports.ts";
import type { StartLever } from "../core/starts.ts";
import { type Definition, doesWork, type StepKind } from "../core/workflow.ts";
import { nearestOf } from "../core/nearest.ts";
import { ANY_SYSTEM } from "../core/system.ts";
import { ALL_STEPS, type POLICIES } from "../operations/policies.ts";
import { timeText } from "../operations/schema.ts";
import type { Handlers, Services } from "./handler.ts";
import { ejectionFaults, switchFaults, tooFar } from "./levers.ts";
import { versionsOf } from "./workflows.ts";

/** Handlers of everything that reads and changes policies. */
export function policyHandlers(services: Services): Handlers<typeof POLICIES> {
  const { policies, definitions, runtime, log } = services;
  return {
    ...limitHandlers(services),
    async getPolicy({ namespace, name }, { caller }) {
      await versionsOf(definitions, { namespace, name, caller });
      const versions = (await policies.versions(namespace, name))
        .toSorted((one, other) => other.version - one.version);
      const body = { namespace, workflow: name, versions: versions.map(overlayDocument) };
      return { status: 200, body };
    },
    async putPolicy(
      { namespace, name, by, reason, expectedVersion, canary, starts, ...input },
      { caller },
    ) {
      const known = await versionsOf(definitions, { namespace, name, caller });
      // The schema lets a field be undefined; parsed JSON has no such field.
      const steps = input.steps as Record<string, Policy>;
      const versions = known.map(({ definition }) => definition);
      demandEffective(steps, versions);
      const earlier = await policies.versions(namespace, name);
      if (Object.values(steps).some(({ system }) => system !== undefined)) {
        const about = { versions, systems: services.systems(), earlier };
        refuseFaults("policy", switchFaults(steps, about));
      }
      refuseFaults("policy", tooFar("starts.untilMs", starts?.untilMs, runtime.now()));
      if (canary !== undefined) demandDividable(steps, earlier);
      const overlay = await policies.put(namespace, name, {
        by: caller.signature(by),
        reason,
        atMs: runtime.now(),
        steps,
        ...(starts !== undefined && { starts: starts as StartLever }),
        ...(canary !== undefined && {
          canary: { ...canary, salt: canary.salt ?? runtime.uuid() },
        }),
      }, expectedVersion);
      log.info("Changed a policy", {
        namespace,
        workflow: name,
        keyId: caller.keyId,
        version: overlay.version,
      });
      return { status: 200, body: overlayDocument(overlay) };
    },
  };
}

function limitHandlers(
  { policies, sharedStates, definitions, systems, instancesOf, runtime, log }: Services,
): Pick<Handlers<typeof POLICIES>, "getSystemLimits" | "putSystemLimits"> {
  return {
    async getSystemLimits({ name }, { caller }) {
      caller.demandEverything(LIMITS);
      const versions = (await policies.versions(SYSTEMS_NAMESPACE, name))
        .toSorted((one, other) => other.version - one.version);
      if (versions.length === 0) await capabilitiesOf(name, { systems, definitions });
      const shares = await sharesOf(sharedStates, name, Object.keys(versions[0]?.steps ?? {}));
      const body = { system: name, shares, versions: versions.map(limitsDocument) };
      return { status: 200, body };
    },
    async putSystemLimits({ name, by, reason, expectedVersion, limits }, { caller }) {
      caller.demandEverything(LIMITS);
      demandAsked(name, limits, await capabilitiesOf(name, { systems, definitions }));
      const { holdUntilMs, ejected, circuit } = limits[WHOLE_SYSTEM] ?? {};
      refuseFaults("limits", [
        ...tooFar("limits.*.holdUntilMs", holdUntilMs, runtime.now()),
        ...tooFar("limits.*.circuit.openUntilMs", circuit?.openUntilMs, runtime.now()),
      ]);
      if (ejected !== undefined) {
        const [instances, earlier] = await Promise.all([
          instancesOf(name),
          policies.versions(SYSTEMS_NAMESPACE, name),
        ]);
        const about = { instances, earlier, nowMs: runtime.now() };
        refuseFaults("limits", ejectionFaults(ejected, about));
      }
      const overlay = await policies.put(SYSTEMS_NAMESPACE, name, {
        by: caller.signature(by),
        reason,
        atMs: runtime.now(),
        steps: limits as PolicyOverlay["steps"],
      }, expectedVersion);
      const fields = { system: name, keyId: caller.keyId, version: overlay.version };
      log.info("Changed the limits of a system", fields);
      return { status: 200, body: limitsDocument(overlay) };
    },
  };
}

/** What a key must cover everything for: who sets them decides for all namespaces. */
const LIMITS = "the limits of systems";

/**
 * Returns what steps may ask a system for: what workflows do, and what it offers itself.
 *
 * @throws {TaskerError} system.not_found when no workflow, manifest or registration knows the system
 */
async function capabilitiesOf(
  system: string,
  { systems, definitions }: Pick<Services, "systems" | "definitions">,
): Promise<ReadonlySet<string>> {
  const [listed, stored] = [systems(), await definitions.list()];
  const steps = stored.flatMap(({ definition }) => definition.steps)
    .filter(({ kind }) => doesWork(kind));
  const known = listed.find(({ name }) => name === system);
  if (known === undefined && !steps.some(({ owner }) => owner === system)) {
    const names = [...listed.map(({ name }) => name), ...steps.map(({ owner }) => owner)];
    throw new TaskerError(
      "system.not_found",
      `Cannot find system "${system}"${meant(nearestOf(system, names))}`,
    );
  }
  return new Set([
    ...steps.filter(({ owner }) => owner === system || owner === ANY_SYSTEM)
      .flatMap(({ event }) => event ?? []),
    ...(known?.instances ?? []).flatMap(({ capabilities }) => capabilities.map(({ name }) => name)),
  ]);
}

/** Refuses limits that would never be asked for. */
function demandAsked(
  system: string,
  limits: Readonly<Record<string, unknown>>,
  asked: ReadonlySet<string>,
): void {
  const faults = Object.keys(limits)
    .filter((limit) => limit !== WHOLE_SYSTEM && !asked.has(limit))
    .map((limit) => ({
      path: `limits.${limit}`,
      code: "unknown_capability",
      detail: `no workflow asks ${system} for "${limit}"${meant(nearestOf(limit, asked))}`,
    }));
  refuseFaults("limits", faults, faults.map(({ detail }) => detail).join(", "));
}

/** @throws {TaskerError} policy.invalid when there are faults */
function refuseFaults(
  what: "policy" | "limits",
  faults: readonly Fault[],
  said = faults.map(({ path, detail }) => `${path} (${detail})`).join(", "),
): void {
  if (faults.length === 0) return;
  throw new TaskerError("policy.invalid", `Cannot accept the ${what}: ${said}`, { faults });
}

function meant(name: string | undefined): string {
  return name === undefined ? "" : `, did you mean "${name}"?`;
}

/** Refuses a policy with fields that would have no effect, or that contradicts itself. */
export function demandEffective(
  overlay: Readonly<Record<string, Policy>>,
  versions: readonly Definition[],
): void {
  const faults = [
    ...Object.entries(overlay).flatMap(([name, policy]) => fieldFaults(name, policy, versions)),
    ...versions.flatMap((version) => delayFaults(overlay, version)),
  ];
  refuseFaults("policy", faults);
}

/** Refuses a change for a share of the tasks of what is one limit for all of them. */
function demandDividable(
  steps: Readonly<Record<string, Policy>>,
  versions: readonly PolicyOverlay[],
): void {
  const before = versions.toSorted((one, other) => other.version - one.version)[0]?.steps ?? {};
  const faults = [...new Set([...Object.keys(before), ...Object.keys(steps)])]
    .filter((step) => before[step]?.concurrencyMax !== steps[step]?.concurrencyMax)
    .map((step) => ({
      path: `steps.${step}.concurrencyMax`,
      code: "not_dividable",
      detail: "is one limit for all tasks; put it without canary",
    }));
  refuseFaults("policy", faults);
}

/** Finds steps that no version has, and fields that have no meaning for a sleep or a signal. */
function fieldFaults(name: string, policy: Policy, versions: readonly Definition[]): Fault[] {
  if (name === ALL_STEPS) return [];
  const kinds = versions.flatMap(({ steps }) =>
    steps.filter((step) => step.name === name).map(({ kind }) => kind)
  );
  if (kinds.length === 0) {
    const detail = "no version of the workflow has this step";
    return [{ path: `steps.${name}`, code: "unknown_step", detail }];
  }
  return Object.keys(policy)
    .filter((field) => !kinds.some((kind) => isTunable(kind, field as keyof Policy)))
    .map((field) => ({
      path: `steps.${name}.${field}`,
      code: "not_tunable",
      detail: `has no meaning for a ${kinds[0]}`,
    }));
}

function isTunable(kind: StepKind, field: keyof Policy): boolean {
  if (field === "system") return kind === "remote";
  if (kind === "http") return field !== "heartbeatMs";
  return kind === "local" || kind === "remote" || TUNABLE_WAITS[kind].some((one) => one === field);
}

/** Finds delays that contradict each other once the overlay is applied to a version's own policy. */
function delayFaults(
  overlay: Readonly<Record<string, Policy>>,
  { version, steps }: Definition,
): Fault[] {
  return steps.flatMap((step) => {
    const found = contradictionOf(policyUnder(step, overlay));
    if (found === undefined) return [];
    const tuned = overlay[step.name]?.retry === undefined ? ALL_STEPS : step.name;
    const detail = `${found.detail}, for step "${step.name}" of version ${version}`;
    return [{ path: `steps.${tuned}.retry.${found.field}`, code: "contradiction", detail }];
  });
}

async function sharesOf(
  sharedStates: Pick<SharedStates, "read">,
  system: string,
  limits: readonly string[],
) {
  const keys = limits.map((limit) => systemLimitKey(system, limit));
  const states = await sharedStates.read(keys);
  return keys.flatMap((key, at) =>
    Object.entries(states.get(key)?.state.limit?.shares ?? {}).map(([node, share]) => ({
      limit: limits[at] as string,
      node,
      places: share.places,
      waiting: Math.max(0, share.placesWanted - share.places),
      waitsSince: share.waitsSinceMs === null ? null : timeText(share.waitsSinceMs),
    }))
  );
}

function limitsDocument({ version, by, reason, atMs, steps }: PolicyOverlay) {
  return { version, by, reason, at: timeText(atMs), limits: steps as Record<string, SystemLimit> };
}

function overlayDocument({ version, by, reason, atMs, steps, starts, canary }: PolicyOverlay) {
  const shown = { version, by, reason, at: timeText(atMs), steps, ...(starts && { starts }) };
  if (canary === undefined) return shown;
  const { percent, salt, base } = canary;
  return { ...shown, canary: { percent, salt, base: base.version } };
}
