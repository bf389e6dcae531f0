/** Link: one connection whose every query ends, in an answer or in an error with a meaning. */

import type postgres from "postgres";
import type { Cancel, Runtime } from "../core/ports.ts";
import { isOfConnection, unavailable } from "./sqlstate.ts";
import { openWire, type Wire } from "./wire.ts";

/** How to connect, and how long to wait for anything. */
export interface LinkOptions {
  readonly url: string;
  readonly runtime: Runtime;
  /** Begins the application_name; a number follows that rises with each replacement. */
  readonly name: string;
  /** After this long a query's connection is given up, and its outcome is unknown. */
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

/**
 * One connection at a time.
 *
 * postgres.js waits for ever on a half-open link: so each query has a deadline of ours, which
 * destroys the connection. The next query gets a new one, under the next name.
 */
export class Link {
  #generation = 0;
  #wire: Wire;
  #isClosed = false;
  #inFlight = 0;

  constructor(readonly options: LinkOptions) {
    this.#wire = this.#open();
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

  /** Listens to a channel, on a second connection; calls with "" after each reconnect. */
  async listen(channel: string, call: (payload: string) => void): Promise<Cancel> {
    const listening = await this.#beforeDeadline((sql) =>
      sql.listen(channel, call, () => call(""))
    );
    return () => void listening.unlisten().catch(() => {});
  }

  /** Replaces the connection: what runs on the old one fails, and its outcome is unknown. */
  replace(): void {
    if (this.#isClosed) return;
    this.#wire.destroy();
    this.#generation++;
    this.#wire = this.#open();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#wire.close();
  }

  async #beforeDeadline<T>(run: (sql: postgres.Sql) => PromiseLike<T>): Promise<T> {
    const { runtime, deadlineMs } = this.options;
    const wire = this.#wire;
    const late = Promise.withResolvers<never>();
    const cancel = runtime.after(deadlineMs, () => {
      this.#replaceOnce(wire);
      late.reject(unavailable(`no answer within ${deadlineMs} ms`));
    });
    this.#inFlight++;
    try {
      return await Promise.race([run(wire.sql), late.promise]);
    } catch (error) {
      // A connection that postgres.js opens again blames the last backend's end on its next query.
      if (isOfConnection(error)) this.#replaceOnce(wire);
      throw error;
    } finally {
      this.#inFlight--;
      cancel();
    }
  }

  /** Of many queries that fail together, one replaces the connection. */
  #replaceOnce(wire: Wire): void {
    if (this.#wire === wire) this.replace();
  }

  #open(): Wire {
    const { url, runtime, session, prepare } = this.options;
    return openWire({ url, runtime, name: this.name, session, prepare });
  }
}
