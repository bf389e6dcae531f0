/** The database: links by purpose, so that no purpose waits behind another. */

import type { Cancel, Database, Runtime } from "../core/ports.ts";
import { errorOf, Link, type Query, type Row } from "./link.ts";

/** Connections for reads and small tables. */
const READERS = 4;

/** How to open the database. */
export interface DatabaseOptions {
  readonly url: string;
  readonly runtime: Runtime;
  /** Begins each connection's application_name; a takeover ends them by it. */
  readonly name: string;
  readonly prepare?: boolean;
}

/** Postgres, for everything but appends. */
export class PostgresDatabase implements Database {
  readonly #readers: Link;
  readonly #listener: Link;

  constructor(readonly options: DatabaseOptions) {
    this.#readers = this.link("read", READERS);
    this.#listener = this.link("listen", 1);
  }

  /** Makes a link of its own for one purpose; its user closes it. */
  link(purpose: string, size: number): Link {
    const { url, runtime, name, prepare = true } = this.options;
    return new Link({ url, runtime, name: `${name}/${purpose}`, size, prepare });
  }

  async query(text: string, parameters: readonly unknown[] = []): Promise<readonly Row[]> {
    try {
      return await this.#readers.query(text, parameters);
    } catch (error) {
      throw errorOf(error);
    }
  }

  async transaction(act: (query: Query) => Promise<void>): Promise<void> {
    try {
      await this.#readers.transaction(act);
    } catch (error) {
      throw errorOf(error);
    }
  }

  async listen(channel: string, call: (payload: string) => void): Promise<Cancel> {
    try {
      return await this.#listener.listen(channel, call);
    } catch (error) {
      throw errorOf(error);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#readers.close(), this.#listener.close()]);
  }
}
