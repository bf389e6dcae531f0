/** Postgres client: one postgres.js client of one connection, whose socket is ours to destroy. */

import { wait } from "../core/backoff.ts";
import { connect, type Socket } from "node:net";
import type { Runtime } from "../core/ports.ts";
import { readOnly } from "./sqlstate.ts";
import postgres from "postgres";

/** Seconds in which a connection has to be open and ready. */
const CONNECT_S_MAX = 5;

/** Rest between two connects; postgres.js itself rests not at all when a server hangs up at once. */
const CONNECT_AGAIN_MS = 100;

/** What a server reports of itself when it does not let a connection write. */
const READ_ONLY = new Set(["in_hot_standby", "default_transaction_read_only"]);

/** How to connect. */
export interface PgClientOptions {
  readonly url: string;
  readonly runtime: Runtime;
  /** The application_name. */
  readonly name: string;
  /** Parameters of the session beside the name. */
  readonly session: Readonly<Record<string, string | number>>;
  /** False: nothing is prepared, not even what postgres.js asks by itself. */
  readonly prepare: boolean;
  /** Shared by the clients that replace one another. */
  readonly pace: Pace;
}

/** When the last socket was opened, so that clients that replace one another rest in between. */
export interface Pace {
  openedAtMs: number;
}

/** A connection that postgres.js opens when it is needed, and opens again when it was lost. */
export interface PgClient {
  readonly sql: postgres.Sql;
  /** Ends it at once; postgres.js may leave queries without an answer then. */
  destroy(): void;
  /** Ends it when what is in flight has ended, after a second at most. */
  close(): Promise<void>;
}

/** Where postgres.js would connect to. */
interface Target {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path?: string | false;
}

/**
 * Opens a client; nothing is sent before the first query.
 *
 * The sockets are made here, because postgres.js only ever says goodbye to one that hangs, and
 * never sets TCP_NODELAY. A server that reports that it is read-only is left at once: a connection
 * to a standby would otherwise be kept when another server has long become the primary.
 */
export function openPgClient(
  { url, runtime, name, session, prepare, pace }: PgClientOptions,
): PgClient {
  const sockets = new Sockets(runtime, pace);
  const options = {
    max: 1,
    prepare,
    fetch_types: false,
    types: ARRAY_TYPES,
    idle_timeout: 0,
    max_lifetime: null,
    connect_timeout: CONNECT_S_MAX,
    backoff: () => 0, // the pace is ours
    onnotice: () => {},
    onparameter: (parameter: string, value: string) => {
      if (READ_ONLY.has(parameter) && value === "on") sockets.fail(readOnly());
    },
    socket: (target: Target) => sockets.open(target),
    connection: { application_name: name, ...session },
  };
  const sql = postgres(connectionUrl(url), options);
  return {
    sql,
    destroy() {
      sockets.destroy();
      void sql.end({ timeout: 0 }).catch(() => {});
    },
    async close() {
      await sql.end({ timeout: 1 }).catch(() => {});
      sockets.destroy();
    },
  };
}

/** The sockets of one client: one at a time, and a second one where it listens. */
class Sockets {
  #open: Socket[] = [];
  #count = 0;
  #isDestroyed = false;

  constructor(readonly runtime: Runtime, readonly pace: Pace) {}

  /**
   * Begins to connect; what is written meanwhile waits in the socket.
   *
   * @throws when the client was destroyed: postgres.js would connect again and again, for queries that
   *   have failed long ago
   */
  async open({ host, port, path }: Target): Promise<Socket> {
    await this.#rest();
    if (this.#isDestroyed) throw new Error("the connection was given up");
    const at = this.#count++ % host.length;
    const to = { host: host[at] ?? "localhost", port: port[at] ?? 5432 };
    const socket = path ? connect(path) : connect(to);
    socket.setNoDelay(true);
    this.#open = [...this.#open.filter((other) => !other.destroyed), socket];
    // postgres.js reads the host from here when it checks a certificate.
    return Object.assign(socket, to);
  }

  /** Ends what is open with an error for its queries; the next query connects again. */
  fail(error: Error): void {
    for (const socket of this.#open) socket.destroy(error);
  }

  destroy(): void {
    this.#isDestroyed = true;
    for (const socket of this.#open) socket.destroy();
  }

  /** A second socket beside one that is in use, for listening, need not wait. */
  async #rest(): Promise<void> {
    const { runtime, pace } = this;
    const restMs = pace.openedAtMs + CONNECT_AGAIN_MS - runtime.monotonic();
    const isAgain = this.#open.every((socket) => socket.destroyed);
    pace.openedAtMs = runtime.monotonic() + Math.max(0, isAgain ? restMs : 0);
    if (isAgain && restMs > 0) await wait(runtime, restMs);
  }
}

// The URL

/** Parameters that the library itself understands, or that Postgres takes at a connection's start. */
const UNDERSTOOD = new Set(["sslmode", "sslnegotiation", "sslrootcert", "options"]);

/**
 * Returns a URL with those parameters only that have a meaning here.
 *
 * Providers hand out URLs for libpq: `channel_binding`, `gssencmode`, `keepalives` and many more.
 * The library sends what it does not know to Postgres as settings, which refuses them. Settings of a
 * session, such as `application_name` or `statement_timeout`, are ours: fencing and every deadline
 * rest on them. `options` stays, because some proxies find the database by it.
 */
export function connectionUrl(text: string): string {
  const [address = "", query = ""] = text.split(/\?(.*)/s);
  const kept = [...new URLSearchParams(query)].filter(([name]) => UNDERSTOOD.has(name));
  return kept.length === 0 ? address : `${address}?${new URLSearchParams(kept)}`;
}

/** A type as postgres.js takes it. */
interface ArrayType {
  readonly to: number;
  readonly from: number[];
  serialize(values: unknown): string;
  parse(text: string): unknown[];
}

/**
 * The arrays that our statements use, by their numbers in Postgres' catalog, which never change.
 *
 * postgres.js would query all of them on each connection and not handle the rejection of that query:
 * a connection destroyed at that moment ended the process.
 */
const ARRAY_TYPES: Record<string, ArrayType> = {
  intArray: arrayType(1007, Number),
  textArray: arrayType(1009, String),
  floatArray: arrayType(1022, Number),
  uuidArray: arrayType(2951, String),
};

/** A quoted element, or a bare one. */
const ELEMENT = /"((?:[^"\\]|\\.)*)"|[^,{}]+/gs;

function arrayType(number: number, read: (text: string) => unknown): ArrayType {
  return {
    to: number,
    from: [number],
    // Who has written the array by himself passes it as text.
    serialize: (values) => Array.isArray(values) ? `{${values.map(write)}}` : String(values),
    parse: (text) =>
      [...text.matchAll(ELEMENT)].map(([bare, quoted]) => {
        if (quoted !== undefined) return read(quoted.replace(/\\(.)/gs, "$1"));
        return bare === "NULL" ? null : read(bare);
      }),
  };
}

function write(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  return `"${String(value).replace(/["\\]/g, "\\$&")}"`;
}

// Errors that cannot be caught

let isGuarded = false;

/**
 * Guards this process, once, against what postgres.js throws out of its write loop.
 *
 * A statement of a transaction whose connection has gone is written in a later iteration of the
 * event loop, to a socket that is null. That error cannot be caught; the statement's own promise is
 * rejected or meets its deadline. All other uncaught errors still end the process.
 */
export function guardProcess(onWarning: (text: string, error: unknown) => void): void {
  if (isGuarded) return;
  isGuarded = true;
  globalThis.addEventListener("error", (event) => {
    if (!isOfWriteLoop(event.error)) return;
    event.preventDefault();
    onWarning("A connection to Postgres was lost while it was written to", event.error);
  });
}

/** Whether an error comes from the write loop of postgres.js, and from nowhere else. */
export function isOfWriteLoop(error: unknown): boolean {
  return error instanceof TypeError &&
    /\bnextWrite\b[^\n]*postgres[^\n]*connection\.js/.test(error.stack ?? "");
}
