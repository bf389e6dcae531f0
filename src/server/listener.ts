/** The server's one listener: bounds its connections, and outlives the nodes behind it. */

import { Bug, messageOf, TaskerError } from "../core/errors.ts";
import type { Cancel, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";

/** How often idle connections are looked at. */
const LOOK_MS = 1_000;

/**
 * A connection that must make room has been idle for at least this long: one that is new still sends
 * its request, and one that was just answered still receives the response.
 */
const IDLE_MS_MIN = 1_000;

/** Pause after a connection could not be accepted. */
const ACCEPT_AGAIN_MS = 100;

/** When file descriptors run out, the limit falls to this fraction of the open connections. */
const PART_KEPT = 0.8;

/** Time without a shortage of descriptors after which the configured limit holds again. */
const SHORTAGE_MS = 10_000;

/** How long open requests may take to end once streams and long polls are closed. */
const CLOSE_MS_MAX = 5_000;

/** What a listener allows. */
export interface ConnectionLimits {
  /** Open connections. At the limit, the one that has been idle longest is closed for a new one. */
  readonly connectionsMax: number;
  /** Time for the head of a connection's first request to arrive. */
  readonly headTimeoutMs: number;
  /** Time without a request: from the end of one to the whole head of the next. */
  readonly idleTimeoutMs: number;
}

/** Where to listen, and who answers. */
export interface ListenerOptions {
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  readonly limits: ConnectionLimits;
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
  readonly log: Log;
  answer(request: Request): Response | Promise<Response>;
}

/** Listens until it is closed. */
export interface Listener {
  readonly url: string;
  /** Takes no more connections, and waits a while for open requests. */
  close(): Promise<void>;
}

/**
 * Listens, and holds the limits. A connection with a request in progress is not closed, however slowly
 * it sends or reads: bodies and streams have bounds of their own. Once a response has been handed to
 * the system, its reader has the idle time-out to take it, or less when connections run short; only
 * clients that send requests ahead of responses can notice that.
 *
 * Cost: 2 µs a request.
 *
 * @throws {TaskerError} config.invalid when the address cannot be had
 */
export function listen(options: ListenerOptions): Listener {
  const serveConnection = findServeConnection();
  if (serveConnection !== undefined) return new BoundedListener(options, serveConnection);
  options.log.warn(
    "This version of Deno cannot limit connections: put a proxy with time-outs before the server",
    { deno: Deno.version.deno },
  );
  return listenWithoutLimits(options);
}

/** What serves one connection. */
type ConnectionServer = Pick<Deno.HttpServer, "finished" | "shutdown">;

type Handler = (request: Request, info: Deno.ServeHandlerInfo) => Response | Promise<Response>;

/** The part of an AbortSignal that a connection's server uses. */
interface CancelSource {
  addEventListener(type: "abort", cancel: () => void): void;
}

/**
 * How Deno serves a connection that was accepted elsewhere. It is not in Deno's public interface,
 * whose alternatives cost too much. To a request of 12 µs this adds 2 µs; copying its bytes to a Unix
 * socket adds 10–18 µs, two more file descriptors, and a permission that step code has as well;
 * node:http adds 35–60 µs.
 */
type ServeConnection = (
  connection: Deno.Conn,
  signal: CancelSource,
  handler: Handler,
  onError: (error: unknown) => Response,
  onListen: () => void,
) => ConnectionServer;

function findServeConnection(): ServeConnection | undefined {
  const serve: unknown = Reflect.get(Deno, Reflect.get(Deno, "internal"))?.serveHttpOnConnection;
  return typeof serve === "function" ? (...of) => serve(...of) : undefined;
}

/** One open connection. */
class Connection {
  /** Requests whose response has not been sent. */
  requests = 0;
  idleSinceMs: number;
  #cancel = () => {};
  readonly server: ConnectionServer;

  constructor(openedAtMs: number, serve: (signal: CancelSource) => ConnectionServer) {
    this.idleSinceMs = openedAtMs;
    this.server = serve({ addEventListener: (_, cancel) => this.#cancel = cancel });
  }

  /** Closes it at once, whatever the client does. */
  cancel(): void {
    try {
      this.#cancel();
    } catch (error) {
      // The client was faster.
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}

class BoundedListener implements Listener {
  readonly url: string;
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Connection>();
  /** Connections without a request, longest first: before the first one, and after one. */
  readonly #silent = new Set<Connection>();
  readonly #idle = new Set<Connection>();
  #cancelLook: Cancel = () => {};
  /** Called when there may be room for another connection. */
  #onRoom = () => {};
  #connectionsMax: number;
  /** Monotonic ms of the last shortage of file descriptors. */
  #shortAtMs = -Infinity;
  #isClosed = false;

  constructor(readonly options: ListenerOptions, readonly serveConnection: ServeConnection) {
    this.#connectionsMax = options.limits.connectionsMax;
    const { host, port } = options;
    this.#listener = bind(options, () => Deno.listen({ hostname: host, port }));
    this.url = urlOf(host, this.#listener.addr.port);
    this.#look();
    void this.#acceptAll();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener.close();
    this.#cancelLook();
    const { promise: timeUp, resolve } = Promise.withResolvers<void>();
    const cancel = this.options.runtime.after(CLOSE_MS_MAX, resolve);
    await Promise.race([
      Promise.all([...this.#open].map(({ server }) => server.shutdown())),
      timeUp,
    ]);
    cancel();
  }

  async #acceptAll(): Promise<void> {
    while (!this.#isClosed) {
      let conn: Deno.TcpConn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        if (!this.#isClosed && !isClientGone(error)) await this.#recover(error);
        continue;
      }
      await this.#makeRoom();
      try {
        this.#serve(conn);
      } catch {
        conn.close(); // the client reset it: this connection is over, the others are not affected
      }
    }
  }

  /** Makes room after a connection could not be accepted; `#look` raises the limit again. */
  async #recover(error: unknown): Promise<void> {
    const { runtime, log } = this.options;
    if (isWithoutDescriptor(error)) {
      const kept = Math.floor(this.#open.size * PART_KEPT);
      this.#connectionsMax = Math.max(1, kept);
      this.#shortAtMs = runtime.monotonic();
      log.error("Out of file descriptors: fewer connections for a while", {
        error: messageOf(error),
        connectionsMax: this.#connectionsMax,
        action: "Allow this process more open files (ulimit -n)",
      });
    } else {
      log.warn("Cannot accept a connection; the next one is tried", { error: messageOf(error) });
    }
    await new Promise<void>((wake) => runtime.after(ACCEPT_AGAIN_MS, wake));
    await this.#makeRoom();
  }

  /** While every connection is in use, new ones wait in the system's queue. */
  async #makeRoom(): Promise<void> {
    while (this.#open.size >= this.#connectionsMax) {
      this.#closeLongestIdle();
      await new Promise<void>((wake) => this.#onRoom = wake);
    }
  }

  #serve(conn: Deno.TcpConn): void {
    const { runtime, answer, log } = this.options;
    conn.setNoDelay(true);
    const handler: Handler = (request, { completed }) => {
      this.#begin(connection);
      const end = () => this.#end(connection);
      completed.then(end, end);
      return answer(request);
    };
    const onError = (error: unknown) => {
      log.error("Cannot answer a request", { error: messageOf(error) });
      return new Response(null, { status: 500 });
    };
    const connection = new Connection(
      runtime.monotonic(),
      (signal) => this.serveConnection(conn, signal, handler, onError, () => {}),
    );
    this.#open.add(connection);
    this.#silent.add(connection);
    const gone = () => this.#forget(connection);
    connection.server.finished.then(gone, gone);
  }

  #begin(connection: Connection): void {
    if (connection.requests++ > 0) return;
    this.#silent.delete(connection);
    this.#idle.delete(connection);
  }

  #end(connection: Connection): void {
    if (--connection.requests > 0 || !this.#open.has(connection)) return;
    connection.idleSinceMs = this.options.runtime.monotonic();
    this.#idle.add(connection);
  }

  #forget(connection: Connection): void {
    this.#open.delete(connection);
    this.#silent.delete(connection);
    this.#idle.delete(connection);
    this.#onRoom();
  }

  /** It has its place, and its file descriptor, until it is `finished`. */
  #close(connection: Connection): void {
    this.#silent.delete(connection);
    this.#idle.delete(connection);
    connection.cancel();
  }

  #closeLongestIdle(): void {
    const [silent] = this.#silent;
    const [idle] = this.#idle;
    const longest = silent && idle
      ? silent.idleSinceMs <= idle.idleSinceMs ? silent : idle
      : silent ?? idle;
    if (longest === undefined) return;
    const nowMs = this.options.runtime.monotonic();
    if (longest.idleSinceMs <= nowMs - IDLE_MS_MIN) this.#close(longest);
  }

  #look(): void {
    const { runtime, limits } = this.options;
    const nowMs = runtime.monotonic();
    if (nowMs - this.#shortAtMs >= SHORTAGE_MS) this.#connectionsMax = limits.connectionsMax;
    this.#closeIdleSince(this.#silent, nowMs - limits.headTimeoutMs);
    this.#closeIdleSince(this.#idle, nowMs - limits.idleTimeoutMs);
    this.#onRoom();
    this.#cancelLook = runtime.after(LOOK_MS, () => this.#look());
  }

  #closeIdleSince(connections: ReadonlySet<Connection>, sinceMs: number): void {
    for (const connection of connections) {
      if (connection.idleSinceMs > sinceMs) return;
      this.#close(connection);
    }
  }
}

/** Whether a client left before its connection was accepted. It holds up no other. */
function isClientGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.ConnectionReset;
}

function isWithoutDescriptor(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "EMFILE" || code === "ENFILE";
}

/** Without a free file descriptor it ends, and the server with it. */
function listenWithoutLimits(options: ListenerOptions): Listener {
  const { host, port, answer } = options;
  const server = bind(
    options,
    () => Deno.serve({ hostname: host, port, onListen: () => {} }, (request) => answer(request)),
  );
  let isClosed = false;
  void server.finished.then(() => {
    if (!isClosed) throw new Bug("the listener ended");
  });
  return {
    url: urlOf(host, server.addr.port),
    async close() {
      isClosed = true;
      await server.shutdown();
    },
  };
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function bind<T>({ host, port }: ListenerOptions, open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw new TaskerError(
      "config.invalid",
      `Cannot listen on ${host}:${port}: ${reasonOf(port, error)}`,
      { cause: error },
    );
  }
}

function reasonOf(port: number, error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) {
    const other = port < 65_535
      ? `for example TASKER_PORT=${port + 1}`
      : "for example TASKER_PORT=0";
    return `another program listens there, perhaps another Tasker. End that one, or choose ` +
      `another port: ${other}, or 0 for any free one`;
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return "the system does not let this user take the port. Set TASKER_PORT to 1024 or more";
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return "this machine has no such address. Set TASKER_HOST to one that it has";
  }
  return messageOf(error);
}
