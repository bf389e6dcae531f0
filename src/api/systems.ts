/**
 * Handlers of systems.
 *
 * A system is one for the whole installation, whichever namespaces name it. A key that covers the system
 * may speak for it and sees its instances; a key that covers a namespace which uses it sees what it
 * offers and how it is, but nothing of the others that use it.
 */

import type { Ejected } from "../core/shared_limit.ts";
import { TaskerError } from "../core/errors.ts";
import type { InstanceRow, SystemSummary } from "../core/ports.ts";
import type { Capability, Instance } from "../core/system.ts";
import { countStates } from "../core/system_directory.ts";
import { namespaceOf } from "../core/workflow.ts";
import { OWN_NAMESPACE } from "../core/incident.ts";
import type { SYSTEMS } from "../operations/systems.ts";
import { timeText } from "../operations/schema.ts";
import type { Caller } from "./access.ts";
import type { Handlers, Services } from "./handler.ts";

/** Handlers of everything that shows systems, and registers their instances. */
export function systemHandlers(
  { systems, queueOf, instancesOf, registrar, log, runtime }: Services,
): Handlers<typeof SYSTEMS> {
  return {
    async listSystems(_input, { caller }) {
      const nowMs = runtime.now();
      const seen = await Promise.all(
        visibleSystems(caller, systems()).map(async (one) => ({
          ...summaryFor(caller, one, nowMs),
          ...await queueDocument(queueOf, one),
        })),
      );
      return { status: 200, body: { systems: seen } };
    },
    async getSystem({ system: name }, { caller }) {
      const system = systems().find((one) => one.name === name && maySee(caller, one));
      if (system === undefined) throw unknown(name);
      const registered = caller.coversSystem(name) ? await instancesOf(name) : undefined;
      return {
        status: 200,
        body: {
          ...summaryFor(caller, system, runtime.now()),
          ...await queueDocument(queueOf, system),
          capabilities: offersFor(caller, system),
          ...(registered && {
            registered: registered.filter((one) => maySeeEntry(caller, one))
              .map((one) => instanceDocument(one, system.limit?.ejected, runtime.now())),
          }),
        },
      };
    },
    async registerInstance({ system, instance, force, ...registration }, { caller }) {
      caller.demandSystem(system);
      for (const namespace of registration.namespaces) caller.demandNamespace(namespace);
      const forced = force === undefined
        ? undefined
        : { by: caller.signature(undefined), reason: force };
      await registrar.register({ ...registration, system, instance }, forced);
      return { status: 204 };
    },
    async removeInstance({ system, instance, afterwards }, { caller }) {
      caller.demandSystem(system);
      const wasThere = afterwards === "forgotten"
        ? await registrar.forget(system, instance)
        : await registrar.leave(system, instance);
      if (!wasThere) throw unknown(`${system}/${instance}`);
      log.info("An instance was removed", { system, instance, afterwards, keyId: caller.keyId });
      return { status: 204 };
    },
  };
}

/** The systems that exist for a caller. */
export function visibleSystems(
  caller: Caller,
  all: readonly SystemSummary[],
): readonly SystemSummary[] {
  return all.filter((one) => one.name !== OWN_NAMESPACE && maySee(caller, one));
}

function unknown(name: string): TaskerError {
  return new TaskerError("system.not_found", `Cannot find system "${name}"`);
}

/** A system that only others use does not exist for a caller. */
function maySee(caller: Caller, system: SystemSummary): boolean {
  if (caller.namespaces === undefined || caller.coversSystem(system.name)) return true;
  return workflowsFor(caller, system).length > 0 ||
    system.instances.some(({ namespaces, isDeclared }) =>
      !isDeclared && namespaces.some((name) => caller.covers(name))
    );
}

function workflowsFor(caller: Caller, { workflows }: SystemSummary): readonly string[] {
  return workflows.filter((name) => caller.covers(namespaceOf(name)));
}

async function queueDocument(queueOf: Services["queueOf"], system: SystemSummary) {
  const { queued, hasWorker } = await queueOf(system);
  return { hasWorker, ...(queued !== undefined && { queued }) };
}

function summaryFor(caller: Caller, system: SystemSummary, nowMs: number) {
  const { name, kind, circuit, circuitTriesInMs, schemas, instances, limit, saturation } = system;
  const holdUntilMs = limit?.holdUntilMs ?? 0;
  return {
    name,
    kind,
    workflows: workflowsFor(caller, system),
    circuit,
    ...(circuitTriesInMs !== undefined && { circuitTriesAt: timeText(nowMs + circuitTriesInMs) }),
    ...(holdUntilMs > nowMs && { heldUntil: timeText(holdUntilMs) }),
    ...(saturation !== undefined && { saturation }),
    ...(schemas !== undefined && { schemas }),
    instances: countStates(instances),
    capabilities: offersFor(caller, system).map(offerDocument),
  };
}

/** The entry of a manifest names a workflow: it is shown to those who see its namespace. */
function maySeeEntry(caller: Caller, { isDeclared, namespaces }: Instance): boolean {
  return !isDeclared || namespaces.some((name) => caller.covers(name));
}

/** Every capability once. Those who speak for a system see all that manifests expect of it. */
export function offersFor(
  caller: Caller,
  { name, instances }: SystemSummary,
): readonly Capability[] {
  const isSeen = (entry: Instance) => caller.coversSystem(name) || maySeeEntry(caller, entry);
  const offers = instances.filter((one) => one.state !== "gone" && isSeen(one))
    .flatMap(({ capabilities }) => capabilities);
  const byName = new Map(offers.map((one) => [`${one.name}@${one.version ?? ""}`, one]));
  return [...byName.keys()].sort().flatMap((key) => byName.get(key) ?? []);
}

function offerDocument({ name, version }: Capability) {
  return { name, ...(version !== undefined && { version }) };
}

function instanceDocument(row: InstanceRow, ejected: Ejected = {}, nowMs: number) {
  const ejectedUntilMs = ejected[row.instance] ?? 0;
  const { instance, version, state, detail, healthUrl, isDeclared, namespaces } = row;
  return {
    instance,
    version,
    state,
    detail,
    ...(ejectedUntilMs > nowMs && { ejectedUntil: timeText(ejectedUntilMs) }),
    since: timeText(row.sinceMs),
    expiresAt: timeText(row.expiresAtMs),
    ...(healthUrl !== undefined && { healthUrl }),
    isDeclared,
    namespaces,
    capabilities: row.capabilities.map(offerDocument),
  };
}
