/** Systems: what is registered of other systems, shared by all nodes. */

import { TaskerError } from "../core/errors.ts";
import type { Database, InstanceRow, NewInstance, Runtime, SystemStore } from "../core/ports.ts";
import type { Capability, Instance, InstanceState } from "../core/system.ts";
import type { Row } from "./pg_connection.ts";
import endLeases from "./sql/end_leases.sql" with { type: "text" };
import renewDeclared from "./sql/renew_declared.sql" with { type: "text" };
import register from "./sql/register.sql" with { type: "text" };

/** Living instances that have registered themselves: of one system, and of all. */
const SYSTEM_INSTANCES_MAX = 500;
const ALL_INSTANCES_MAX = 5_000;

/** Bytes of their different capabilities, likewise. Every node holds them in memory. */
const SYSTEM_BYTES_MAX = 1024 * 1024;
const ALL_BYTES_MAX = 64 * 1024 * 1024;

/** What each refusal of the statement says. */
const BOUNDS: Readonly<Record<string, string>> = {
  system_instances:
    `the system has ${SYSTEM_INSTANCES_MAX} living instances, as many as one may have`,
  all_instances:
    `all systems together have ${ALL_INSTANCES_MAX} living instances, as many as they may`,
  system_bytes: `the system's living instances would have more than ${SYSTEM_BYTES_MAX} bytes of ` +
    "different capabilities",
  all_bytes: `living instances of all systems would have more than ${ALL_BYTES_MAX} bytes of ` +
    "different capabilities",
};

/** How long an instance that has gone is still shown. */
const GONE_MS = 3_600_000;

const COLUMNS = `
  system, instance, is_declared, version, digest, health_url, namespaces, state, detail,
  (extract(epoch from since) * 1000)::float8 as since_ms,
  (extract(epoch from expires_at) * 1000)::float8 as expires_ms`;

/** The SystemStore port over Postgres. */
export class PostgresSystems implements SystemStore {
  /** Capabilities by digest, as they were read last. */
  #offers: ReadonlyMap<string, readonly Capability[]> = new Map();
  /** What each system offers, as `system/digest`, as it was read last. */
  #known: ReadonlySet<string> = new Set();

  constructor(readonly database: Database, readonly runtime: Pick<Runtime, "digest">) {}

  /** Whether a system offers a list of capabilities already, so that it need not be checked again. */
  isKnown(system: string, capabilities: readonly Capability[]): boolean {
    return this.#known.has(`${system}/${this.#digest(JSON.stringify(capabilities))}`);
  }

  async register(of: NewInstance): Promise<"renewed" | "changed"> {
    const text = JSON.stringify(of.capabilities);
    const [row] = await this.database.query(register, [
      of.system,
      of.instance,
      of.isDeclared,
      of.version,
      text,
      this.#digest(text),
      new TextEncoder().encode(text).length,
      of.healthUrl ?? null,
      of.namespaces ?? null,
      of.leaseMs,
      SYSTEM_INSTANCES_MAX,
      ALL_INSTANCES_MAX,
      SYSTEM_BYTES_MAX,
      ALL_BYTES_MAX,
    ]);
    const outcome = String(row?.outcome);
    if (outcome === "renewed" || outcome === "changed") return outcome;
    throw new TaskerError(
      "system.full",
      `Cannot register instance "${of.instance}" of system "${of.system}": ${BOUNDS[outcome]}. ` +
        "What is registered stays: let instances leave, or remove some, then register again",
    );
  }

  async renew(declared: readonly NewInstance[]): Promise<readonly NewInstance[]> {
    if (declared.length === 0) return [];
    const asked = declared.map((of, number) => ({
      ...{ number, system: of.system, instance: of.instance, version: of.version },
      digest: this.#digest(JSON.stringify(of.capabilities)),
      health_url: of.healthUrl ?? null,
      ...{ namespaces: of.namespaces ?? [], lease_ms: of.leaseMs },
    }));
    const rows = await this.database.query(renewDeclared, [JSON.stringify(asked)]);
    const alike = new Set(rows.map(({ number }) => Number(number)));
    return declared.filter((_, number) => !alike.has(number));
  }

  async leave(system: string, instance: string): Promise<boolean> {
    const rows = await this.database.query(
      `with changed as (
         update tasker.system_version
         set version = version + 1
         where exists (
           select from tasker.system_instance where system = $1 and instance = $2 and state <> 'gone'
         )
         returning 1
       ),
       ended as (
         update tasker.system_instance
         set state = 'gone', detail = 'it said goodbye', since = now()
         from changed
         where system = $1
           and instance = $2
       )
       select from tasker.system_instance where system = $1 and instance = $2`,
      [system, instance],
    );
    return rows.length > 0;
  }

  async forget(system: string, instance: string): Promise<boolean> {
    const rows = await this.database.query(
      `with changed as (
         update tasker.system_version
         set version = version + 1
         where exists (
           select from tasker.system_instance where system = $1 and instance = $2
         )
         returning 1
       )
       delete from tasker.system_instance
       using changed
       where system = $1
         and instance = $2
       returning 1`,
      [system, instance],
    );
    return rows.length > 0;
  }

  /** Reads the version first: what changes meanwhile is read again at the next number. */
  async read(): Promise<{ version: number; instances: readonly Instance[] }> {
    const [counter] = await this.database.query("select version from tasker.system_version");
    const rows = await this.database.query(
      `select ${COLUMNS} from tasker.system_instance order by system, instance`,
    );
    const digests = new Set(rows.map((row) => String(row.digest)));
    const known = [...this.#offers].filter(([digest]) => digests.has(digest));
    const unknown = digests.size === known.length ? [] : await this.database.query(
      `select distinct on (digest) digest, capabilities
       from tasker.system_instance
       where not (digest = any ($1::text[]))`,
      [known.map(([digest]) => digest)],
    );
    const read = unknown.map((row): [string, readonly Capability[]] => [
      String(row.digest),
      row.capabilities as readonly Capability[],
    ]);
    this.#offers = new Map([...known, ...read]);
    this.#known = new Set(rows.map(({ system, digest }) => `${system}/${digest}`));
    return {
      version: Number(counter?.version),
      instances: rows.map((row) => this.#instanceOf(row)),
    };
  }

  async list(system: string): Promise<readonly InstanceRow[]> {
    const rows = await this.database.query(
      `select ${COLUMNS}, capabilities from tasker.system_instance where system = $1 order by instance`,
      [system],
    );
    return rows.map((row) => ({
      ...this.#instanceOf(row),
      capabilities: row.capabilities as readonly Capability[],
      detail: String(row.detail),
      sinceMs: Math.round(Number(row.since_ms)),
      expiresAtMs: Math.round(Number(row.expires_ms)),
    }));
  }

  async endLeases(
    { afresh }: { readonly afresh: boolean },
  ): Promise<readonly Instance["instance"][]> {
    if (afresh) {
      await this.database.query(
        `update tasker.system_instance
         set expires_at = now() + lease_ms * interval '1 millisecond'
         where state <> 'gone'`,
      );
    }
    const rows = await this.database.query(endLeases, [GONE_MS]);
    return rows.map((row) => `${row.system}/${row.instance}`);
  }

  async report(results: Parameters<SystemStore["report"]>[0]): Promise<void> {
    if (results.length === 0) return;
    await this.database.query(
      `with changed as (
         update tasker.system_version set version = version + 1 returning 1
       )
       update tasker.system_instance i
       set state = r.state, detail = r.detail, since = now()
       from changed, unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
         as r (system, instance, health_url, state, detail)
       where (i.system, i.instance) = (r.system, r.instance)
         and i.health_url = r.health_url
         and i.state <> 'gone'`,
      [
        results.map(({ system }) => system),
        results.map(({ instance }) => instance),
        results.map(({ healthUrl }) => healthUrl),
        results.map(({ state }) => state),
        results.map(({ detail }) => detail.replaceAll("\u0000", "\ufffd")),
      ],
    );
  }

  #digest(text: string): string {
    return this.runtime.digest(text);
  }

  #instanceOf(row: Row): Instance {
    return {
      system: String(row.system),
      instance: String(row.instance),
      isDeclared: row.is_declared === true,
      version: String(row.version),
      state: row.state as InstanceState,
      namespaces: row.namespaces as string[],
      ...(row.health_url !== null && { healthUrl: String(row.health_url) }),
      // A row that changed between the two statements is read again at the next number.
      capabilities: this.#offers.get(String(row.digest)) ?? [],
    };
  }
}
