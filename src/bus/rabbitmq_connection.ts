/** RabbitMQ connection: opened when it is needed, one at a time; every request on it ends. */

import type { Channel, Connection, ConnectionOptions } from "rabbitmq-client";
import { serversOf } from "../core/broker.ts";
import { messageOf } from "../core/errors.ts";
import type { Cancel, Runtime } from "../core/ports.ts";
import { unavailable } from "./consumer.ts";
import { connectionRefusal } from "./refusal.ts";

/** How long a connection may take to open, its greeting included. */
const CONNECT_MS_MAX = 2_000;

/** The socket gives up first, so that a connection that opens late does not outlive its try. */
const SOCKET_MS_MAX = 1_500;

/** A connection on which nothing is answered for this long is given up. */
const SILENT_MS_MAX = 3_000;

/** A request that is not answered for this long has failed, though others are: its queue is stuck. */
const ANSWER_MS_MAX = 10_000;

/** One of this many seconds without a byte is lost after about twice as long, also while it is idle. */
const HEARTBEAT_SECONDS = 5;

/** Bytes of one frame: an envelope of the largest size needs one. */
const FRAME_BYTES_MAX = 131_072;

/** The client library; loaded by who opens the bus, so that nobody else pays for it. */
export interface RabbitLibrary {
  readonly Connection: new (options: ConnectionOptions) => Connection;
}

/** How to connect. */
interface RabbitConnectionDeps {
  readonly library: RabbitLibrary;
  /** May list several servers of one cluster. */
  readonly url: string;
  readonly runtime: Runtime;
  /** What the server's list of connections shows. */
  readonly name: string;
}

/** A connection of the library, and who waits for an answer on it. */
interface Link {
  readonly connection: Connection;
  /** When each asked. */
  readonly owing: Map<(error: unknown) => void, number>;
  answered: number;
}

/**
 * One connection at a time.
 *
 * The library's own reconnecting is off: its requests would wait for the server to come back, and
 * its timers outlive a close. A lost connection fails what is under way; the next request opens
 * another, to the next server of the list.
 */
export class RabbitConnection {
  #link: Link | undefined;
  #opening: Promise<Link> | undefined;
  #watch: Cancel | undefined;
  #idle: (() => void)[] = [];
  #tries = 0;
  #isClosed = false;

  constructor(readonly deps: RabbitConnectionDeps) {}

  /**
   * Runs requests on the connection, opening it if there is none.
   *
   * @throws {TaskerError} bus.unavailable when it cannot be opened
   * @throws what the server answers, or why the connection was lost
   */
  async run<T>(ask: (connection: Connection) => Promise<T>): Promise<T> {
    const link = this.#link ?? await this.#openOnce();
    try {
      return await this.#answerOf(link, ask);
    } finally {
      link.answered++;
      if (link.owing.size === 0) this.#notifyIdle();
    }
  }

  /**
   * Opens a channel of the connection.
   *
   * @throws as `run`
   */
  async openChannel(): Promise<Channel> {
    const channel = await this.run((connection) =>
      connection.acquire({ emitErrorsFromChannel: true })
    );
    // What it says has been said to a request, or is followed by its end.
    channel.on("error", () => {});
    return channel;
  }

  /**
   * Asks the server for an answer.
   *
   * @throws as `run`
   */
  async check(): Promise<void> {
    const channel = await this.openChannel();
    await this.run(() => channel.close());
  }

  /**
   * Opens the connection; many callers share one try.
   *
   * @throws {TaskerError} bus.unavailable, or config.invalid when this process may not connect
   */
  async open(): Promise<void> {
    if (this.#link === undefined) await this.#openOnce();
  }

  /** Waits for what is under way, then closes the connection. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opening?.catch(() => {});
    if (this.#link !== undefined && this.#link.owing.size > 0) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
    const link = this.#link;
    if (link === undefined) return;
    this.#drop(link, unavailable("RabbitMQ", "it is closed"));
    await link.connection.close(); // its timers end with its socket
  }

  /** The answer of a request, or the loss of its connection, whichever is first. */
  #answerOf<T>(link: Link, ask: (connection: Connection) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      link.owing.set(reject, this.deps.runtime.monotonic());
      this.#watch ??= this.#watchOver(link);
      const settle = () => link.owing.delete(reject);
      ask(link.connection).finally(settle).then(resolve, reject);
    });
  }

  #openOnce(): Promise<Link> {
    if (this.#isClosed) return Promise.reject(unavailable("RabbitMQ", "the connection is closed"));
    return this.#opening ??= this.#open().finally(() => this.#opening = undefined);
  }

  async #open(): Promise<Link> {
    const { url, runtime } = this.deps;
    const lost = Promise.withResolvers<never>();
    const connection = this.#makeConnection();
    const link: Link = { connection, owing: new Map(), answered: 0 };
    link.owing.set(lost.reject, Infinity);
    connection.on("error", (error) => this.#drop(link, error));
    // It would keep all that is published in memory until the server has room again.
    connection.on("connection.blocked", (reason) => {
      this.#drop(link, new Error(`the server takes no envelopes now: ${reason}`));
    });
    const cancel = runtime.after(CONNECT_MS_MAX, () => {
      this.#drop(link, silence(CONNECT_MS_MAX));
    });
    const opened = new Promise<void>((resolve) => connection.on("connection", resolve));
    try {
      await Promise.race([opened, lost.promise]);
    } catch (error) {
      throw connectionRefusal(error, url);
    } finally {
      cancel();
      link.owing.delete(lost.reject);
    }
    return this.#link = link;
  }

  #makeConnection(): Connection {
    const { library, url, name } = this.deps;
    const servers = serversOf(url) ?? [];
    const server = servers[this.#tries++ % servers.length];
    if (server === undefined) throw connectionRefusal("the URL is not valid", url);
    if (server.username === "") [server.username, server.password] = ["guest", "guest"];
    return new library.Connection({
      url: server.href,
      connectionName: name,
      connectionTimeout: SOCKET_MS_MAX,
      acquireTimeout: SILENT_MS_MAX,
      heartbeat: HEARTBEAT_SECONDS,
      frameMax: FRAME_BYTES_MAX,
      noDelay: true,
    });
  }

  /** Gives up a connection: what is under way fails, and its outcome is unknown. */
  #drop(link: Link, why: unknown): void {
    for (const reject of link.owing.keys()) reject(why);
    link.owing.clear();
    link.connection.unsafeDestroy();
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#watch?.();
    this.#watch = undefined;
  }

  /** One timer for all requests: none of them pays for its own. */
  #watchOver(link: Link): Cancel {
    const { answered } = link;
    return this.deps.runtime.after(SILENT_MS_MAX, () => {
      this.#watch = undefined;
      if (this.#link !== link || link.owing.size === 0) return;
      if (link.answered === answered) return this.#drop(link, silence(SILENT_MS_MAX));
      this.#failStuck(link);
      this.#watch = this.#watchOver(link);
    });
  }

  #failStuck({ owing }: Link): void {
    const latestMs = this.deps.runtime.monotonic() - ANSWER_MS_MAX;
    for (const [reject, askedMs] of owing) {
      if (askedMs <= latestMs && owing.delete(reject)) reject(silence(ANSWER_MS_MAX));
    }
  }

  #notifyIdle(): void {
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}

function silence(ms: number): Error {
  return new Error(`no answer within ${ms} ms`);
}

/** Whether the server said that what was named does not exist. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === "NOT_FOUND";
}

/** Whether the server refused what was declared: it exists otherwise, or an argument is unknown. */
export function isRefused(error: unknown): boolean {
  return codeOf(error) === "PRECONDITION_FAILED";
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : messageOf(error);
}
