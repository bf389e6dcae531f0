/** The directory of systems: which instances there are, and which system a step is sent to. Pure. */

import { type AskedCapability, capabilityText } from "./asked_capability.ts";
import { ejectedNow } from "./ejection.ts";
import { hash32 } from "./ids.ts";
import type { Ejected, SystemLimit } from "./shared_limit.ts";
import {
  ANY_SYSTEM,
  type Instance,
  INSTANCE_STATES,
  type InstanceState,
  offerCheck,
} from "./system.ts";

/** Why no system can get a step now. */
export type RouteReason =
  | "no_system_offers" // no system offers its capability in this version
  | "instances_differ" // some instances of the system offer the version, others do not
  | "no_healthy_instance"; // the instances that could run it are unhealthy or gone

/** What a step asks for. */
export interface RouteRequest {
  readonly namespace: string;
  readonly owner: string;
  readonly capability?: AskedCapability | undefined;
  /** The system that gets it instead, while it offers the capability to the namespace. */
  readonly switchTo?: string | undefined;
}

/** The systems that can get a step, by name; or why there is none. */
export type Candidates = readonly [string, ...string[]] | RouteReason;

/** A system and its instances. */
export interface KnownSystem {
  readonly name: string;
  readonly instances: readonly Instance[];
}

/**
 * What this node knows of systems. It is replaced as a whole when something changes; between changes a
 * route is one map look-up.
 */
export class SystemDirectory {
  #systems: ReadonlyMap<string, KnownSystem> = new Map();
  readonly #routes = new Map<string, Candidates>();
  readonly #listeners = new Set<() => void>();
  #offering: ReadonlyMap<string, readonly KnownSystem[]> = new Map();
  #ejected: ReadonlyMap<string, Ejected> = new Map();

  /**
   * `names` says whether a workflow of a namespace names a system. A capability alone leads only to
   * systems that are named so, or were registered for the namespace: an input goes to nobody else.
   */
  constructor(readonly names: (system: string, namespace: string) => boolean = () => false) {}

  /** Replaces all instances. Cost: O(instances). */
  set(instances: readonly Instance[]): void {
    const bySystem = Map.groupBy(instances, ({ system }) => system);
    this.#systems = new Map(
      [...bySystem].sort(([a], [b]) => (a < b ? -1 : 1)).map(
        ([name, of]) => [name, { name, instances: of }],
      ),
    );
    const offering = new Map<string, KnownSystem[]>();
    for (const system of this.#systems.values()) {
      const names = system.instances.flatMap(({ capabilities }) =>
        capabilities.map(({ name }) => name)
      );
      for (const name of new Set(names)) {
        offering.set(name, [...offering.get(name) ?? [], system]);
      }
    }
    this.#offering = offering;
    this.#routes.clear();
    for (const call of this.#listeners) call();
  }

  /** Takes which instances are ejected, out of the limits of systems. */
  eject(limits: ReadonlyMap<string, Pick<SystemLimit, "ejected">>): void {
    this.#ejected = new Map(
      [...limits].flatMap(([system, { ejected }]) => ejected ? [[system, ejected] as const] : []),
    );
  }

  /** Returns the instances of a system that are to get nothing at a time. Cost: O(1) if none is. */
  ejected(system: string, nowMs: number): readonly string[] {
    const ejected = this.#ejected.get(system);
    if (ejected === undefined) return [];
    return ejectedNow(ejected, this.#systems.get(system)?.instances ?? [], nowMs);
  }

  /** Calls after each change. */
  subscribe(call: () => void): void {
    this.#listeners.add(call);
  }

  /** Every system with an instance, by name. */
  get systems(): Iterable<KnownSystem> {
    return this.#systems.values();
  }

  /** A system; undefined: nothing has registered. */
  get(system: string): KnownSystem | undefined {
    return this.#systems.get(system);
  }

  /** Whether a system was registered for a namespace. */
  serves(system: string, namespace: string): boolean {
    const instances = this.#systems.get(system)?.instances ?? [];
    return instances.some(({ namespaces, isDeclared }) =>
      !isDeclared && namespaces.includes(namespace)
    );
  }

  /** Returns which systems can get a step now. Cost: O(1) until the next change. */
  candidates(request: RouteRequest): Candidates {
    const key = routeKey(request);
    const known = this.#routes.get(key);
    if (known !== undefined) return known;
    const { capability, switchTo } = request;
    const own = () =>
      capability === undefined ? this.#ofOwner(request) : this.#offered(request, capability);
    const found = switchTo !== undefined && this.whyNotSwitched(request) === undefined
      ? [switchTo] as const
      : own();
    this.#routes.set(key, found);
    return found;
  }

  /**
   * Why a request does not go to `switchTo`; undefined: it does. The rules are those of a capability
   * alone, so a switch leads no input to a system that the namespace may not use.
   */
  whyNotSwitched({ namespace, capability, switchTo }: RouteRequest): RouteReason | undefined {
    if (switchTo === undefined || capability === undefined) return "no_system_offers";
    const open = this.#offered({ namespace, owner: ANY_SYSTEM }, capability);
    if (typeof open !== "string" && open.includes(switchTo)) return undefined;
    const system = this.#systems.get(switchTo);
    const isAllowed = this.names(switchTo, namespace) || this.serves(switchTo, namespace);
    if (system === undefined || !isAllowed) return "no_system_offers";
    return whyNot(workersOf(system, namespace), offerCheck(capability));
  }

  /** A system that nobody has registered is asked as if there were no directory. */
  #ofOwner({ namespace, owner }: RouteRequest): Candidates {
    const workers = workersOf(this.#systems.get(owner), namespace);
    return workers.length === 0 || workers.some(isHealthy) ? [owner] : "no_healthy_instance";
  }

  #offered({ namespace, owner }: RouteRequest, capability: AskedCapability): Candidates {
    const isUnknown = workersOf(this.#systems.get(owner), namespace).length === 0;
    if (owner !== ANY_SYSTEM && isUnknown) return [owner];
    const offers = offerCheck(capability);
    const offering = this.#offering.get(capability.name) ?? [];
    const may = offering.filter(({ name }) =>
      owner === ANY_SYSTEM
        ? this.names(name, namespace) || this.serves(name, namespace)
        : name === owner
    );
    const found: string[] = [];
    const reasons = new Set<RouteReason>();
    for (const system of may) {
      const reason = whyNot(workersOf(system, namespace), offers);
      if (reason === undefined) found.push(system.name);
      else reasons.add(reason);
    }
    const [first, ...more] = found;
    if (first !== undefined) return [first, ...more];
    if (reasons.has("no_healthy_instance")) return "no_healthy_instance";
    return reasons.has("instances_differ") ? "instances_differ" : "no_system_offers";
  }
}

/**
 * Chooses one of several systems for an attempt: one that answers, then the one that had the attempt
 * before, because it knows a repeat by its id, then by the task, so that tasks are spread evenly and
 * every node chooses alike.
 */
export function chooseSystem(
  candidates: readonly [string, ...string[]],
  { seed, last, isFailing }: {
    readonly seed: string;
    readonly last: string | undefined;
    readonly isFailing: (system: string) => boolean;
  },
): string {
  if (candidates.length === 1) return candidates[0];
  const answering = candidates.filter((system) => !isFailing(system));
  const from = answering.length > 0 ? answering : candidates;
  if (last !== undefined && from.includes(last)) return last;
  return from.reduce((best, system) =>
    hash32(`${seed}/${system}`) > hash32(`${seed}/${best}`) ? system : best
  );
}

/** How many instances of a system are in each state; what a manifest declares is no instance. */
export function countStates(
  instances: readonly Pick<Instance, "state" | "isDeclared">[],
): Readonly<Record<InstanceState, number>> {
  const counts = Object.fromEntries(INSTANCE_STATES.map((state) => [state, 0]));
  for (const { state, isDeclared } of instances) {
    if (!isDeclared) counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts as Record<InstanceState, number>;
}

/** Names what a request asks for: requests of one key have the same candidates. */
export function routeKey({ namespace, owner, capability, switchTo = "" }: RouteRequest): string {
  const asked = capability === undefined ? "" : capabilityText(capability);
  return `${namespace}/${owner}/${switchTo}/${asked}`;
}

/** The instances that count: what a manifest declares stands for a system without others. */
function workersOf(system: KnownSystem | undefined, namespace: string): readonly Instance[] {
  const { instances = [] } = system ?? {};
  const registered = instances.filter(({ isDeclared }) => !isDeclared);
  if (registered.length > 0) return registered;
  return instances.filter(({ namespaces }) => namespaces.includes(namespace));
}

function isHealthy({ state }: Instance): boolean {
  return state === "healthy";
}

/**
 * All healthy instances must offer it: they share one channel, so any of them may get the step.
 * Manifests together say what a system offers.
 */
function whyNot(
  workers: readonly Instance[],
  offers: (instance: Instance) => boolean,
): RouteReason | undefined {
  const healthy = workers.filter(isHealthy);
  if (healthy.length === 0) {
    return workers.some(offers) ? "no_healthy_instance" : "no_system_offers";
  }
  if (healthy.every((one) => offers(one) || (one.isDeclared && healthy.some(offers)))) {
    return undefined;
  }
  return healthy.some(offers) ? "instances_differ" : "no_system_offers";
}
