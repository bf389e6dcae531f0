/** The system registry of a node: takes registrations, ends leases, and keeps the directory up to date. */

import { ENVELOPE_BYTES_MAX } from "../core/envelope.ts";
import { type Fault, messageOf, TaskerError } from "../core/errors.ts";
import type { Plan } from "../core/plan.ts";
import type {
  Cancel,
  ForcedBy,
  NewInstance,
  Registrar,
  Runtime,
  SystemStore,
} from "../core/ports.ts";
import type { Capability } from "../core/system.ts";
import { capabilityBreaks } from "./capability_gate.ts";
import { whyEndless, whyUnusable } from "../core/stored_schema.ts";
import type { SystemDirectory } from "../core/system_directory.ts";

/** How often leases and checks are looked at. */
const TICK_MS = 1_000;

/** How often what manifests declare is renewed, and how long it holds without. */
const DECLARE_MS = 20_000;
export const DECLARED_LEASE_MS = 90_000;

/** After such a gap in looking at leases nobody may have been able to renew: all begin again. */
const GAP_MS = 5_000;

/** Leases are ended by the node that this key belongs to. */
const LEASES = "leases";

/** What the registry works with. */
export interface SystemRegistryDeps {
  readonly runtime: Runtime;
  readonly store: SystemStore;
  readonly directory: SystemDirectory;
  /** Workflows whose steps may ask for capabilities. */
  plans(): Iterable<Plan>;
  /** What the manifests that are loaded here declare. */
  declared(): readonly NewInstance[];
  /** Whether this node looks after something: of all nodes, one does. */
  isMine(key: string): boolean;
  /** Whether the bus was away since then: registrations could not arrive. */
  wasBusAway(sinceMs: number): boolean;
  /** Asks the instances whose check is due; called every TICK_MS. Says whether anything changed. */
  check(): Promise<boolean>;
  warn(text: string, fields: Readonly<Record<string, unknown>>): void;
}

/** The registry of one node. */
export class SystemRegistry implements Registrar {
  #version = -1;
  #reading: Promise<void> | undefined;
  /** The read that begins when that one has ended. */
  #next: Promise<void> | undefined;
  #lookedAtMs: number | undefined;
  #declaredAtMs = -Infinity;
  /** What manifests declared when that was registered last, by `nameOf`. */
  #declared: ReadonlySet<string> = new Set();
  #isFailing = false;
  #isStopped = false;
  #cancel: Cancel = () => {};

  constructor(readonly deps: SystemRegistryDeps) {}

  /** Registers what manifests declare, and reads what there is. */
  async open(): Promise<void> {
    this.#declaredAtMs = this.deps.runtime.monotonic();
    await this.#declare(this.deps.declared());
    await this.refresh();
  }

  /** Registers what manifests declare now, and did not before: others were loaded. */
  async declare(): Promise<void> {
    const fresh = this.deps.declared().filter((one) => !this.#declared.has(nameOf(one)));
    if (fresh.length === 0) return;
    await this.#declare(fresh);
    await this.refresh();
  }

  /** Begins to look at leases; call when slots are owned. */
  start(): void {
    this.#cancel = this.deps.runtime.after(TICK_MS, () => void this.#tick());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  /** Resolves when this node knows the instance: it may poll at once. */
  async register(of: Omit<NewInstance, "isDeclared">, forced?: ForcedBy): Promise<void> {
    const { store } = this.deps;
    if (!store.isKnown(of.system, of.capabilities)) {
      demandUsable(of.capabilities);
      this.#guard(of, forced);
    }
    const outcome = await store.register({ ...of, isDeclared: false });
    if (outcome === "changed") await this.refresh();
  }

  /** @throws {TaskerError} system.invalid, with what it would break, unless that is forced */
  #guard({ system, instance, capabilities }: Omit<NewInstance, "isDeclared">, forced?: ForcedBy) {
    const { directory, plans, warn } = this.deps;
    const known = directory.get(system)?.instances ?? [];
    const faults = capabilityBreaks({ system, capabilities, known, plans: plans() });
    const [first] = faults;
    if (first === undefined) return;
    if (forced !== undefined) {
      const breaks = faults.map(({ path, detail }) => `${path}: ${detail}`);
      return warn("Capabilities that break others were forced", {
        system,
        instance,
        ...forced,
        breaks,
      });
    }
    throw new TaskerError(
      "system.invalid",
      `Cannot register: ${first.path}: ${first.detail}. Give what breaks a new major version, or ` +
        "register over HTTP with `force` and a reason",
      { faults },
    );
  }

  async leave(system: string, instance: string): Promise<boolean> {
    const isThere = await this.deps.store.leave(system, instance);
    if (isThere) void this.refresh();
    return isThere;
  }

  async forget(system: string, instance: string): Promise<boolean> {
    const wasThere = await this.deps.store.forget(system, instance);
    if (wasThere) void this.refresh();
    return wasThere;
  }

  /** Takes the number of the last change out of a poll. */
  saw(version: number | undefined): void {
    if (version !== undefined && version !== this.#version) void this.refresh();
  }

  /** Reads all instances, as they are now or later; calls during a read share the one after it. */
  refresh(): Promise<void> {
    if (this.#reading === undefined) {
      return this.#reading = this.#read().finally(() => this.#reading = undefined);
    }
    return this.#next ??= this.#reading.then(() => {
      this.#next = undefined;
      return this.refresh();
    });
  }

  /** While the database is away, the directory stays as it is, and each poll tries again. */
  async #read(): Promise<void> {
    try {
      const { version, instances } = await this.deps.store.read();
      if (this.#isStopped) return;
      this.deps.directory.set(instances);
      this.#version = version;
    } catch (error) {
      this.#version = -1;
      this.#failed("Cannot read the system registry yet: routes stay as they are", error);
    }
  }

  async #tick(): Promise<void> {
    const nowMs = this.deps.runtime.monotonic();
    try {
      await this.#endLeases();
      if (nowMs - this.#declaredAtMs >= DECLARE_MS) {
        this.#declaredAtMs = nowMs;
        await this.#declare(this.deps.declared());
      }
      this.#isFailing = false;
    } catch (error) {
      this.#failed("Cannot look after the leases of systems yet: none of them ends", error);
    }
    try {
      if (await this.deps.check()) void this.refresh();
    } catch (error) {
      this.#failed("Cannot store the results of health checks yet", error);
    }
    if (!this.#isStopped) this.start();
  }

  /**
   * Leases do not end for a time in which nobody could renew: the database or the bus was away, or no
   * node looked.
   */
  async #endLeases(): Promise<void> {
    const { runtime, store, isMine, wasBusAway } = this.deps;
    if (!isMine(LEASES)) {
      this.#lookedAtMs = undefined;
      return;
    }
    const lookedAtMs = this.#lookedAtMs;
    const nowMs = runtime.now();
    const afresh = lookedAtMs === undefined || nowMs - lookedAtMs > GAP_MS ||
      wasBusAway(lookedAtMs);
    const ended = await store.endLeases({ afresh });
    this.#lookedAtMs = nowMs;
    if (ended.length > 0) void this.refresh();
  }

  /** One entry that cannot be stored holds up neither the others nor the start of the server. */
  async #declare(declared: readonly NewInstance[]): Promise<void> {
    this.#declared = new Set(this.deps.declared().map(nameOf));
    try {
      for (const one of await this.deps.store.renew(declared)) {
        // While the database is away the others would wait for it, too.
        await this.deps.store.register(one).catch((error) => {
          if (isUnavailable(error)) throw error;
          this.#notDeclared(error, { system: one.system, instance: one.instance });
        });
      }
    } catch (error) {
      this.#notDeclared(error, {});
    }
  }

  #notDeclared(error: unknown, what: Readonly<Record<string, unknown>>): void {
    this.deps.warn(
      "Cannot register yet what a manifest declares: steps go to what is registered, or wait; " +
        `tried again in ${DECLARE_MS / 1000} s`,
      { ...what, error: messageOf(error) },
    );
  }

  #failed(text: string, error: unknown): void {
    if (this.#isFailing || this.#isStopped) return;
    this.#isFailing = true;
    this.deps.warn(text, { error: messageOf(error) });
  }
}

/** A declaration: a version of a workflow declares a system in one way. */
function nameOf({ system, instance, version }: NewInstance): string {
  return `${system}/${instance}@${version}`;
}

function isUnavailable(error: unknown): boolean {
  return error instanceof TaskerError && error.code === "journal.unavailable";
}

/** @throws {TaskerError} system.invalid, with every schema that cannot be used; payload.too_large */
function demandUsable(capabilities: readonly Capability[]): void {
  const bytes = new TextEncoder().encode(JSON.stringify(capabilities)).length;
  if (bytes > ENVELOPE_BYTES_MAX) {
    throw new TaskerError(
      "payload.too_large",
      `Cannot register: the capabilities have ${bytes} bytes, at most ${ENVELOPE_BYTES_MAX} are allowed`,
    );
  }
  const faults = capabilities.flatMap(({ input, output }, index): Fault[] =>
    Object.entries({ input, output }).flatMap(([part, schema]) => {
      const why = schema === undefined ? undefined : whyEndless(schema) ?? whyUnusable(schema);
      return why === undefined
        ? []
        : [{ path: `capabilities.${index}.${part}`, code: "schema_unusable", detail: why }];
    })
  );
  const [first] = faults;
  if (first === undefined) return;
  throw new TaskerError("system.invalid", `Cannot register: ${first.path}: ${first.detail}`, {
    faults,
  });
}
