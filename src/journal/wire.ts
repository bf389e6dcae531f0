/** Wire: one postgres.js client of one connection, whose socket is ours to destroy. */

import { connect, type Socket } from "node:net";
import postgres from "postgres";
import type { Runtime } from "../core/ports.ts";
import { ARRAY_TYPES } from "./arrays.ts";

/** Seconds in which a connection has to be open and ready. */
const CONNECT_S_MAX = 5;

/** Rest between two connects; postgres.js itself rests not at all when a server hangs up at once. */
const CONNECT_AGAIN_MS = 100;

/** How to connect. */
export interface WireOptions {
  readonly url: string;
  readonly runtime: Runtime;
  /** The application_name. */
  readonly name: string;
  /** Parameters of the session beside the name. */
  readonly session: Readonly<Record<string, string | number>>;
  /** False: nothing is prepared, not even what postgres.js asks by itself. */
  readonly prepare: boolean;
}

/** A connection that postgres.js opens when it is needed, and opens again when it was lost. */
export interface Wire {
  readonly sql: postgres.Sql;
  /** Ends it at once: what is in flight fails, and its outcome is unknown. */
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
 * Opens a wire; nothing is sent before the first query.
 *
 * The sockets are made here, because postgres.js only ever says goodbye to one that hangs, and
 * never sets TCP_NODELAY.
 */
export function openWire({ url, runtime, name, session, prepare }: WireOptions): Wire {
  const sockets = new Sockets(runtime);
  const options = {
    max: 1,
    prepare,
    fetch_types: false,
    types: ARRAY_TYPES,
    idle_timeout: 0,
    max_lifetime: null,
    connect_timeout: CONNECT_S_MAX,
    onnotice: () => {},
    socket: (target: Target) => sockets.open(target),
    connection: { application_name: name, ...session },
  };
  const sql = postgres(url, options);
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

/** The sockets of one wire: one at a time, and a second one where it listens. */
class Sockets {
  #open: Socket[] = [];
  #count = 0;
  #openedAtMs = -Infinity;
  #isDestroyed = false;

  constructor(readonly runtime: Runtime) {}

  /** Begins to connect; what is written meanwhile waits in the socket. */
  async open({ host, port, path }: Target): Promise<Socket> {
    const restMs = this.#openedAtMs + CONNECT_AGAIN_MS - this.runtime.monotonic();
    const isAgain = this.#open.some((socket) => socket.destroyed);
    if (isAgain && restMs > 0) {
      await new Promise<void>((wake) => this.runtime.after(restMs, wake));
    }
    this.#openedAtMs = this.runtime.monotonic();
    const at = this.#count++ % host.length;
    const to = { host: host[at] ?? "localhost", port: port[at] ?? 5432 };
    const socket = path ? connect(path) : connect(to);
    socket.setNoDelay(true);
    this.#open = [...this.#open.filter((other) => !other.destroyed), socket];
    if (this.#isDestroyed) socket.destroy();
    // postgres.js reads the host from here when it checks a certificate.
    return Object.assign(socket, to);
  }

  destroy(): void {
    this.#isDestroyed = true;
    for (const socket of this.#open) socket.destroy();
  }
}
