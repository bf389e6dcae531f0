/** NATS connection: opened when it is needed, one at a time; what is asked on it ends. */

import type { NatsConnection as LibraryConnection } from "@nats-io/transport-node";
import { addressOf, serversOf } from "../core/broker.ts";
import { ENVELOPE_BYTES_MAX } from "../core/envelope.ts";
import { TaskerError } from "../core/errors.ts";
import type { Runtime } from "../core/ports.ts";
import { unavailable } from "./consumer.ts";
import { NatsStreams } from "./nats_streams.ts";
import { connectionRefusal } from "./refusal.ts";

/** How long a connection may take to open, its greeting included. */
const CONNECT_MS_MAX = 2_000;

/** How long the server may take for one answer. */
export const ANSWER_MS_MAX = 2_000;

/** A server that leaves two pings, sent this far apart, without an answer is given up. */
const PING_MS = 1_000;
const PINGS_MAX = 2;

/** The client libraries; loaded by who opens the bus, so that nobody else pays for them. */
export interface NatsLibrary {
  readonly transport: typeof import("@nats-io/transport-node");
  readonly jetstream: typeof import("@nats-io/jetstream");
}

/** How to connect. */
interface NatsConnectionDeps {
  readonly library: NatsLibrary;
  readonly url: string;
  readonly runtime: Runtime;
}

/** One connection that is open, or was. */
export interface NatsClient {
  readonly connection: LibraryConnection;
  readonly streams: NatsStreams;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<unknown>;
}

/**
 * One connection at a time.
 *
 * The library's own reconnecting is off: what is asked while the server is away would wait for its
 * deadline, and again after it. A lost connection fails what is under way; what is asked next opens
 * another, to any server of the URL.
 */
export class NatsConnection {
  #client: NatsClient | undefined;
  #opening: Promise<NatsClient> | undefined;
  readonly #asked = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(readonly deps: NatsConnectionDeps) {}

  /**
   * Returns the connection, opening it if there is none; many callers share one try.
   *
   * @throws {TaskerError} bus.unavailable, or config.invalid when this process may not connect
   */
  async open(): Promise<NatsClient> {
    if (this.#client !== undefined) return this.#client;
    if (this.#isClosed) throw unavailable("NATS", "the connection is closed");
    return await (this.#opening ??= this.#open().finally(() => this.#opening = undefined));
  }

  /**
   * Asks something on the connection.
   *
   * @throws {TaskerError} bus.unavailable
   */
  async ask<T>(ask: (client: NatsClient) => Promise<T>): Promise<T> {
    const asked = this.open().then(ask).catch((error) => {
      throw unavailable("NATS", error);
    });
    this.#asked.add(asked);
    try {
      return await asked;
    } finally {
      this.#asked.delete(asked);
    }
  }

  /** Waits for what is under way, then closes the connection. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled([...this.#asked]);
    await this.#opening?.catch(() => {});
    await this.#client?.connection.close();
  }

  async #open(): Promise<NatsClient> {
    const { library: { transport, jetstream }, url } = this.deps;
    try {
      const connection = await transport.connect(optionsOf(url));
      const closed = connection.closed();
      const manager = await jetstream.jetstreamManager(connection, {
        checkAPI: false,
        timeout: ANSWER_MS_MAX,
      });
      const streams = new NatsStreams(manager, replicasOf(url));
      const client = { connection, closed, streams };
      demandPayload(client);
      void closed.then(() => {
        if (this.#client === client) this.#client = undefined;
      });
      return this.#client = client;
    } catch (error) {
      throw connectionRefusal(error, url);
    }
  }
}

/** A name alone in the URL is a token, as other clients of NATS read it. */
function optionsOf(url: string) {
  const servers = serversOf(url) ?? [];
  const [first] = servers;
  const user = decodeURIComponent(first?.username ?? "");
  const pass = decodeURIComponent(first?.password ?? "");
  return {
    servers: servers.map(addressOf),
    name: "tasker",
    // This process may connect to the servers of the URL, and to no others of the cluster.
    ignoreClusterUpdates: true,
    reconnect: false,
    timeout: CONNECT_MS_MAX,
    pingInterval: PING_MS,
    maxPingOut: PINGS_MAX,
    noAsyncTraces: true,
    ...(pass === "" ? user === "" ? {} : { token: user } : { user, pass }),
    ...(first?.protocol === "tls:" && { tls: {} }),
  };
}

function replicasOf(url: string): number {
  const text = serversOf(url)?.[0]?.searchParams.get("replicas") ?? "1";
  if (/^[1-5]$/.test(text)) return Number(text);
  throw new TaskerError("config.invalid", `Cannot use BUS_URL: replicas is none of 1 to 5`);
}

function demandPayload({ connection: { info } }: Pick<NatsClient, "connection">): void {
  if (info === undefined || info.max_payload >= ENVELOPE_BYTES_MAX) return;
  throw new TaskerError(
    "config.invalid",
    `Cannot use NATS: its max_payload is ${info.max_payload} bytes, and envelopes have up to ` +
      `${ENVELOPE_BYTES_MAX}: raise it in the server's configuration`,
  );
}

/** Whether nobody listens to the subject of a request: the stream or consumer behind it is gone. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof Error && (error.name === "NoResponders" || isUnanswered(error.cause));
}
