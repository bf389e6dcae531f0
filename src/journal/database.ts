/** The database: connections by purpose, so that no purpose waits behind another. */

import { TaskerError } from "../core/errors.ts";
import type { Cancel, Database, Runtime } from "../core/ports.ts";
import { PgConnection, type Row } from "./pg_connection.ts";
import { errorOf } from "./sqlstate.ts";

/**
 * Connections by purpose: what one purpose asks for, however slow, keeps none of the others waiting.
 * A query takes the one with the fewest in flight.
 */
const CONNECTIONS = { read: 4, list: 2, export: 1, learn: 1, key: 1, bus: 2 };

/**
 * What a query is for: whole tasks and small tables, lists of tasks, exports of them, what is learned
 * from many tasks, API keys, or envelopes.
 */
export type Purpose = keyof typeof CONNECTIONS;

/** No statement takes longer on the server, waits longer for a lock, or leaves a transaction open. */
const STATEMENT_MS_MAX = 4_000;
const LOCK_MS_MAX = 2_000;
const IDLE_MS_MAX = 5_000;

/**
 * Statements are planned for the tables as they are: a plan that is kept may be of a time when they
 * were empty, and one for any parameters locks every partition. Only the writer keeps its plans, of
 * a statement that is good under all of them. A plan is not worth compiling, whatever its estimate.
 */
const PLANNING = { plan_cache_mode: "force_custom_plan", jit: "off" };

/** What every connection sets. A role's own defaults may differ. */
const LIMITS: Readonly<Record<string, string | number>> = {
  default_transaction_isolation: "read committed",
  statement_timeout: STATEMENT_MS_MAX,
  lock_timeout: LOCK_MS_MAX,
  idle_in_transaction_session_timeout: IDLE_MS_MAX,
};

/** Says of each limit whether it is kept: a time-out within twice of ours, and above nothing. */
const SETTINGS = `select current_user::text as role, ${
  Object.entries(LIMITS).map(([name, value]) => {
    const is = `current_setting('${name}')`;
    return typeof value === "string"
      ? `${is} = '${value}' as ${name}`
      : `extract(epoch from ${is}::interval) * 1000 between 1 and ${2 * value} as ${name}`;
  }).join(", ")
}`;

/**
 * A page of a list is the first rows of an index, in its order. Where statistics are missing, or few
 * rows are expected, reading and sorting all of them looks cheap. A cache of look-ups is made anew for
 * each range, in the size that the statistics expect of it, and is asked for each task once.
 */
const LISTING = { enable_bitmapscan: "off", enable_seqscan: "off", enable_memoize: "off" };

/** After this long without an answer the server is not asked any further. */
const DEADLINE_MS = 5_000;

/** How to open the database. */
export interface DatabaseOptions {
  readonly url: string;
  readonly runtime: Runtime;
  /** Begins each connection's application_name; a takeover ends them by it. */
  readonly name: string;
  /** False behind a pooler in transaction mode: no prepared statements, parameters or LISTEN. */
  readonly prepare?: boolean;
}

/** What a purpose may set for itself. */
export interface ConnectionLimits {
  readonly deadlineMs?: number;
  readonly session?: Readonly<Record<string, string | number>>;
}

/** Postgres, for everything but appends. By itself it serves the purpose "read". */
export class PostgresDatabase implements Database {
  readonly #connections: Readonly<Record<Purpose, readonly PgConnection[]>>;
  readonly #listener: PgConnection;

  constructor(readonly options: DatabaseOptions) {
    const connections = (purpose: Purpose, limits: ConnectionLimits = {}) =>
      Array.from(
        { length: CONNECTIONS[purpose] },
        (_, at) => this.connect(`${purpose}${at}`, limits),
      );
    this.#connections = {
      read: connections("read"),
      list: connections("list", { session: LISTING }),
      export: connections("export", { session: LISTING }),
      learn: connections("learn", { session: LISTING }),
      key: connections("key"),
      bus: connections("bus"),
    };
    this.#listener = this.connect("listen");
  }

  /**
   * Behind a pooler in transaction mode, checks that the role itself has the settings that
   * connections of ours would set.
   *
   * @throws {TaskerError} config.invalid, with the statements to run
   */
  async demandSettings(): Promise<void> {
    if (this.hasSessions) return;
    const [row] = await this.query(SETTINGS);
    const wrong = Object.entries(LIMITS).filter(([name]) => row?.[name] !== true);
    if (wrong.length === 0) return;
    const statements = wrong.map(([name, value]) =>
      `alter role ${row?.role} set ${name} = ${
        typeof value === "number" ? `'${value / 1000}s'` : `'${value}'`
      };`
    );
    throw new TaskerError(
      "config.invalid",
      "Cannot use this connection pooler: it does not keep session settings, so the role must have " +
        `them. Run these statements, run RECONNECT in the pooler, and start again:\n  ${
          statements.join("\n  ")
        }`,
    );
  }

  /** The same database over the connections of a purpose. */
  of(purpose: Purpose): Database {
    return {
      query: (text, parameters) => this.#query(purpose, text, parameters),
      listen: (channel, call) => this.listen(channel, call),
    };
  }

  /** Whether connections keep what is set on them: not behind a pooler in transaction mode. */
  get hasSessions(): boolean {
    return this.options.prepare ?? true;
  }

  /** Makes a connection of its own for one purpose; its user closes it. */
  connect(
    purpose: string,
    { deadlineMs = DEADLINE_MS, session = {} }: ConnectionLimits = {},
  ): PgConnection {
    const { url, runtime, name, prepare = true } = this.options;
    const limits = { ...LIMITS, ...PLANNING, ...session };
    return new PgConnection({
      url,
      runtime,
      name: `${name}/${purpose}`,
      deadlineMs,
      session: prepare ? limits : {},
      prepare,
    });
  }

  query(text: string, parameters?: readonly unknown[]): Promise<readonly Row[]> {
    return this.#query("read", text, parameters);
  }

  /** Behind a pooler in transaction mode nothing can be heard: those who listen have to poll. */
  async listen(channel: string, call: (payload: string) => void): Promise<Cancel> {
    if (!this.hasSessions) return () => {};
    try {
      return await this.#listener.listen(channel, call);
    } catch (error) {
      throw errorOf(error);
    }
  }

  async close(): Promise<void> {
    const connections = [...Object.values(this.#connections).flat(), this.#listener];
    await Promise.all(connections.map((connection) => connection.close()));
  }

  async #query(
    purpose: Purpose,
    text: string,
    parameters: readonly unknown[] = [],
  ): Promise<readonly Row[]> {
    const idlest = this.#connections[purpose].reduce((idlest, connection) =>
      connection.inFlight < idlest.inFlight ? connection : idlest
    );
    try {
      return await idlest.query(text, parameters);
    } catch (error) {
      throw errorOf(error);
    }
  }
}
