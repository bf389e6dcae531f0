/** Postgres connection: each query ends, with an answer or with an error that can be classified. */

import type postgres from "postgres";
import type { Cancel, Runtime } from "../core/ports.ts";
import { isOfConnection, unavailable } from "./sqlstate.ts";
import { openPgClient, type Pace, type PgClient } from "./pg_client.ts";
import { wait } from "../core/backoff.ts";
import type { Incarnation } from "../core/ids.ts";
import endBackends from "./sql/end_backends.sql" with { type: "text" };
import endExpiredBackends from "./sql/end_expired_backends.sql" with { type: "text" };

/** How to connect, and how long to wait for anything. */
export interface PgConnectionOptions {
  readonly url: string;
  readonly runtime: Runtime;
  /** Begins the application_name; a number follows that rises with each replacement. */
  readonly name: string;
  /** After this long the connection of a query is destroyed, and the outcome is unknown. */
  readonly deadlineMs: number;
  /** Parameters of the session. */
  readonly session: Readonly<Record<string, string | number>>;
  /** False behind a pooler in transaction mode. */
  readonly prepare: boolean;
}

/** A row with its columns' names. */
export type Row = Readonly<Record<string, unknown>>;

/** Runs one statement. */
export type Query = (text: string, parameters?: readonly unknown[]) => Promise<readonly Row[]>;

/** A subscription to a channel; each new connection subscribes again. */
interface Listener {
  readonly channel: string;
  call(payload: string): void;
  /** Ends the subscription on the connection in use. */
  stop(): void;
}

/**
 * One connection at a time.
 *
 * postgres.js waits for ever on a half-open connection, so each query has a deadline, which destroys
 * the connection. The next query gets a new one, under the next name.
 */
export class PgConnection {
  #generation = 0;
  #client: PgClient;
  /** Rejects the queries that wait on the client in use. */
  #waiting = new Set<(error: Error) => void>();
  #isClosed = false;
  #inFlight = 0;
  readonly #listeners = new Set<Listener>();
  readonly #pace: Pace = { openedAtMs: -Infinity };

  constructor(readonly options: PgConnectionOptions) {
    this.#client = this.#open();
  }

  /** The application_name of the connection in use. */
  get name(): string {
    return `${this.options.name}/${this.#generation}`;
  }

  /** Queries that wait for their answer. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * Runs one statement, autocommitted. Cost: a round trip, two the first time on a connection.
   *
   * @throws what postgres.js throws, and TaskerError journal.unavailable at the deadline
   */
  query(text: string, parameters: readonly unknown[] = []): Promise<readonly Row[]> {
    const { prepare } = this.options;
    return this.#beforeDeadline((sql) =>
      sql.unsafe<Row[]>(text, parameters as postgres.ParameterOrJSON<never>[], { prepare })
    );
  }

  /**
   * Runs statements in one transaction; the connection must have no other user.
   *
   * @throws as `query`
   */
  transaction(act: (query: Query) => Promise<void>): Promise<void> {
    return this.#beforeDeadline((sql) =>
      sql.begin((inside) =>
        act((text, parameters = []) =>
          inside.unsafe<Row[]>(text, parameters as postgres.ParameterOrJSON<never>[])
        )
      )
    );
  }

  /**
   * Listens to a channel, on a second connection; calls with "" after each reconnect. Once it has
   * resolved, it goes on whatever becomes of the connection.
   *
   * @throws as `query`
   */
  async listen(channel: string, call: (payload: string) => void): Promise<Cancel> {
    const listener: Listener = { channel, call, stop: () => {} };
    await this.#listen(listener);
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      listener.stop();
    };
  }

  /** Replaces the connection: what runs on the old one fails, and its outcome is unknown. */
  replace(): void {
    if (this.#isClosed) return;
    this.#client.destroy();
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const fail of waiting) fail(givenUp());
    this.#generation++;
    this.#client = this.#open();
    // Where this fails, the connection is replaced again, or postgres.js itself tries again.
    for (const listener of this.#listeners) void this.#listen(listener).catch(() => {});
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#client.close();
  }

  async #listen(listener: Listener): Promise<void> {
    const { channel, call } = listener;
    const { unlisten } = await this.#beforeDeadline((sql) =>
      sql.listen(channel, call, () => call(""))
    );
    listener.stop = () => void unlisten().catch(() => {});
  }

  async #beforeDeadline<T>(run: (sql: postgres.Sql) => PromiseLike<T>): Promise<T> {
    const { runtime, deadlineMs } = this.options;
    const client = this.#client;
    const waiting = this.#waiting;
    const end = Promise.withResolvers<never>();
    const cancel = runtime.after(deadlineMs, () => {
      end.reject(unavailable(`no answer within ${deadlineMs} ms`));
      this.#replaceOnce(client);
    });
    waiting.add(end.reject);
    this.#inFlight++;
    try {
      return await Promise.race([run(client.sql), end.promise]);
    } catch (error) {
      // postgres.js would keep a connection that can no longer serve, and blames the last backend's
      // end on the next query of one that it opens again.
      if (isOfConnection(error)) this.#replaceOnce(client);
      throw error;
    } finally {
      this.#inFlight--;
      waiting.delete(end.reject);
      cancel();
    }
  }

  /** Of many queries that fail together, one replaces the connection. */
  #replaceOnce(client: PgClient): void {
    if (this.#client === client) this.replace();
  }

  #open(): PgClient {
    const { url, runtime, session, prepare } = this.options;
    return openPgClient({ url, runtime, name: this.name, session, prepare, pace: this.#pace });
  }
}

/** The error of queries whose connection was replaced before they were answered. */
function givenUp(): Error {
  const text = "the connection was given up before Postgres answered";
  return Object.assign(new Error(text), { code: "CONNECTION_DESTROYED" });
}

// Backends: the processes of Postgres, known by the application_name of their connection

/** Wait between two checks whether backends have ended. */
const LOOK_MS = 20;

/** Checks of a dead node's backends; after that the lock of its row is waited for anyway. */
const LOOKS_MAX = 25;

/** How the connections of an incarnation are named; a purpose and a number follow. */
export function connectionsOf(incarnation: Incarnation): string {
  return `tasker/${incarnation}`;
}

/** Ends the backend of one connection by its exact name; returns true when none is left. */
export async function endBackend(control: PgConnection, name: string): Promise<boolean> {
  return (await control.query(endBackends, [name])).length === 0;
}

/**
 * Ends all backends of a node whose lease is over, so that its row's lock is free: one that waits
 * for a lost client holds it for minutes, and no timeout of the server applies.
 */
export async function endBackendsOf(
  incarnation: Incarnation,
  { connection, runtime, evenIfAlive }: {
    connection: PgConnection;
    runtime: Runtime;
    evenIfAlive: boolean;
  },
): Promise<void> {
  const name = `${connectionsOf(incarnation)}/`;
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const left = await connection.query(endExpiredBackends, [incarnation, name, evenIfAlive]);
    if (left.length === 0) return;
    await wait(runtime, LOOK_MS);
  }
}
