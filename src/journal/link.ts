/** Links: connections to Postgres that always end, in an answer or in an error with a meaning. */

import postgres from "postgres";
import { messageOf, TaskerError } from "../core/errors.ts";
import type { Runtime } from "../core/ports.ts";

/** No query takes longer on the server. */
const STATEMENT_MS_MAX = 4_000;

/** After this long a query's connection is given up: its outcome is unknown. */
export const DEADLINE_MS = 6_000;

/** Seconds to open a connection. */
const CONNECT_S_MAX = 5;

/** How to connect. */
export interface LinkOptions {
  readonly url: string;
  readonly runtime: Runtime;
  /** Begins the application_name; a number follows that rises with each reconnect. */
  readonly name: string;
  /** Connections at once. */
  readonly size: number;
  /** False behind a pooler in transaction mode. */
  readonly prepare: boolean;
}

/** What a failed query means. */
export type Failing = "data" | "again" | "unknown";

/**
 * A few connections under one name.
 *
 * postgres.js waits for ever on a half-open link, and blames the next query for a killed backend:
 * so each query has a deadline of ours, after which all connections of the link are replaced.
 */
export class Link {
  #generation = 0;
  #sql: postgres.Sql;
  #isClosed = false;

  constructor(readonly options: LinkOptions) {
    this.#sql = this.#connect();
  }

  /** The application_name of the connections in use. */
  get name(): string {
    return `${this.options.name}/${this.#generation}`;
  }

  /**
   * Runs one statement, autocommitted. Cost: a round trip.
   *
   * @throws what postgres.js throws, or TaskerError journal.unavailable at the deadline
   */
  async query(text: string, parameters: readonly unknown[] = []): Promise<readonly Row[]> {
    const { prepare } = this.options;
    return await this.#withDeadline((sql) =>
      sql.unsafe<Row[]>(text, parameters as postgres.ParameterOrJSON<never>[], { prepare })
    );
  }

  /** Runs several statements in one READ COMMITTED transaction. */
  async transaction(act: (query: Query) => Promise<void>): Promise<void> {
    await this.#withDeadline((sql) =>
      sql.begin(async (inside) => {
        await act(async (text, parameters = []) =>
          await inside.unsafe<Row[]>(text, parameters as postgres.ParameterOrJSON<never>[])
        );
      })
    );
  }

  /** Listens to a channel, on a connection of its own; calls again after each reconnect. */
  async listen(channel: string, call: (payload: string) => void): Promise<() => void> {
    const listening = await this.#sql.listen(channel, call, () => call(""));
    return () => void listening.unlisten().catch(() => {});
  }

  /** Replaces all connections: what runs on the old ones has an unknown outcome. */
  reset(): void {
    if (this.#isClosed) return;
    const old = this.#sql;
    this.#generation++;
    this.#sql = this.#connect();
    void old.end({ timeout: 0 }).catch(() => {});
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#sql.end({ timeout: 1 }).catch(() => {});
  }

  async #withDeadline<T>(run: (sql: postgres.Sql) => PromiseLike<T>): Promise<T> {
    const sql = this.#sql;
    const late = Promise.withResolvers<never>();
    const cancel = this.options.runtime.after(DEADLINE_MS, () => {
      if (this.#sql === sql) this.reset();
      late.reject(unavailable(`no answer within ${DEADLINE_MS} ms`));
    });
    try {
      return await Promise.race([run(sql), late.promise]);
    } finally {
      cancel();
    }
  }

  #connect(): postgres.Sql {
    const { url, size } = this.options;
    return postgres(url, {
      max: size,
      idle_timeout: 0,
      max_lifetime: null,
      connect_timeout: CONNECT_S_MAX,
      onnotice: () => {},
      connection: {
        application_name: this.name,
        search_path: "tasker",
        default_transaction_isolation: "read committed",
        statement_timeout: STATEMENT_MS_MAX,
        lock_timeout: STATEMENT_MS_MAX,
        idle_in_transaction_session_timeout: STATEMENT_MS_MAX,
      },
    });
  }
}

/** A row with its columns' names. */
export type Row = Record<string, unknown>;

/** Runs a statement inside a transaction. */
export type Query = (text: string, parameters?: readonly unknown[]) => Promise<readonly Row[]>;

/** SQLSTATE classes that blame the data: the same rows fail again. */
const DATA = /^(21|22|23|42|54)/;

/** Deadlock and serialisation: nothing was done, the same works again. */
const AGAIN = new Set(["40001", "40P01"]);

/**
 * Says what a failed query means. All that is neither the data's fault nor certainly undone is
 * unknown: 57P01 is often blamed on a query that never reached the killed backend.
 */
export function meaningOf(error: unknown): Failing {
  const code = codeOf(error);
  if (AGAIN.has(code)) return "again";
  return DATA.test(code) && code.length === 5 ? "data" : "unknown";
}

/** Turns what a query threw into our errors. */
export function errorOf(error: unknown): TaskerError {
  if (error instanceof TaskerError) return error;
  const message = `Cannot query Postgres: ${messageOf(error)}`;
  return meaningOf(error) === "data"
    ? new TaskerError("journal.poison", message, { cause: error })
    : unavailable(messageOf(error), error);
}

function unavailable(why: string, cause?: unknown): TaskerError {
  return new TaskerError("journal.unavailable", `Cannot query Postgres: ${why}`, { cause });
}

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}
