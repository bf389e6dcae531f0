/** Redis connection: opened when it is needed, one at a time; every command on it ends. */

import type { RedisClientOptions } from "redis";
import { messageOf } from "../core/errors.ts";
import type { Cancel, Runtime } from "../core/ports.ts";
import { unavailable } from "./consumer.ts";
import { connectionRefusal } from "./refusal.ts";

/** How long a connection may take to open, its greeting included. */
const CONNECT_MS_MAX = 2_000;

/** The socket gives up first, so that a connection that opens late does not outlive its try. */
const SOCKET_MS_MAX = 1_500;

/** A connection that owes an answer this long is given up; a blocking read must be shorter. */
const SILENT_MS_MAX = 3_000;

/**
 * What a server answers that takes no writes: after a failover a connection to it is of no use,
 * however well it works. (It ends a blocking read with the second one when it becomes a replica.)
 */
const DEMOTED = /^(READONLY|UNBLOCKED force unblock|MASTERDOWN|EXECABORT)/;

/** The client library; loaded by who opens the bus, so that nobody else pays for it. */
export type RedisLibrary = typeof import("redis");

/** One connection of the library. */
export type RedisClient = ReturnType<typeof makeClient>;

/** How to connect. */
interface RedisConnectionDeps {
  readonly library: RedisLibrary;
  readonly url: string;
  readonly runtime: Runtime;
  /** What the server's CLIENT LIST shows. */
  readonly name: string;
}

/**
 * One connection at a time.
 *
 * The library's own reconnecting is off: its commands would wait for the server to come back, and
 * its timers outlive a close. A lost connection fails what is under way; the next command opens
 * another.
 */
export class RedisConnection {
  #client: RedisClient | undefined;
  #opening: Promise<RedisClient> | undefined;
  #owed = 0;
  #answered = 0;
  #watch: Cancel | undefined;
  #idle: (() => void)[] = [];
  #isClosed = false;
  #id: number | undefined;

  constructor(readonly deps: RedisConnectionDeps) {}

  /** The server's number of the connection in use, by which another may unblock it. */
  get id(): number | undefined {
    return this.#id;
  }

  /**
   * Runs commands on the connection, opening it if there is none. They go out in one write.
   *
   * @throws {TaskerError} bus.unavailable when it cannot be opened
   * @throws what the server answers, or the library says of a lost connection
   */
  async run<T>(command: (client: RedisClient) => Promise<T>): Promise<T> {
    const client = this.#client ?? await this.open();
    this.#owed++;
    this.#watch ??= this.#watchOver();
    try {
      return await command(client);
    } catch (error) {
      if (DEMOTED.test(messageOf(error)) && this.#client === client) this.drop();
      throw error;
    } finally {
      this.#owed--;
      this.#answered++;
      if (this.#owed === 0) this.#notifyIdle();
    }
  }

  /**
   * Opens the connection; many callers share one try.
   *
   * @throws {TaskerError} bus.unavailable, or config.invalid when this process may not connect
   */
  open(): Promise<RedisClient> {
    if (this.#client !== undefined) return Promise.resolve(this.#client);
    if (this.#isClosed) return Promise.reject(unavailable("Redis", "the connection is closed"));
    return this.#opening ??= this.#open().finally(() => this.#opening = undefined);
  }

  /**
   * Asks the server whether it takes writes; returns its name and version.
   *
   * @throws as `run`
   */
  async check(): Promise<string> {
    return (await this.run(greet)).name;
  }

  /** Waits for what is under way, then closes the connection. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opening?.catch(() => {});
    if (this.#owed > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    this.drop();
  }

  /** Gives up the connection: what is under way fails, and its outcome is unknown. */
  drop(): void {
    this.#watch?.();
    this.#watch = undefined;
    this.#client?.destroy();
    this.#client = undefined;
    this.#id = undefined;
  }

  async #open(): Promise<RedisClient> {
    const { runtime } = this.deps;
    const client = makeClient(this.deps);
    const lost = Promise.withResolvers<never>();
    lost.promise.catch(() => {});
    client.on("error", (error) => {
      lost.reject(error);
      if (this.#client === client) this.drop();
    });
    const cancel = runtime.after(CONNECT_MS_MAX, () => {
      lost.reject(new Error(`no answer within ${CONNECT_MS_MAX} ms`));
    });
    try {
      const greeted = client.connect().then(() => greet(client));
      this.#id = (await Promise.race([greeted, lost.promise])).id;
    } catch (error) {
      client.destroy();
      throw connectionRefusal(error, this.deps.url);
    } finally {
      cancel();
    }
    return this.#client = client;
  }

  /** One timer for all commands, whichever connection they are on: none of them pays for its own. */
  #watchOver(): Cancel {
    const answered = this.#answered;
    return this.deps.runtime.after(SILENT_MS_MAX, () => {
      this.#watch = undefined;
      if (this.#owed === 0) return;
      if (this.#answered === answered) this.drop();
      else this.#watch = this.#watchOver();
    });
  }

  #notifyIdle(): void {
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}

function makeClient({ library, url, name }: RedisConnectionDeps) {
  const options = {
    RESP: 3,
    url,
    name,
    socket: { reconnectStrategy: false, connectTimeout: SOCKET_MS_MAX },
    // Its deadlines cost a timer each command and do not end what the server has begun: ours do.
    commandOptions: { timeout: 0 },
    // A feature of Redis Enterprise; it reads the environment.
    maintNotifications: "disabled",
  } satisfies RedisClientOptions;
  return library.createClient(options);
}

/** Returns who the server is, and its number of the connection. @throws when it is a replica */
async function greet(client: RedisClient): Promise<{ id: number; name: string }> {
  const { id, role, server, version } = await client.hello(3);
  const name = server === "valkey" ? "Valkey" : "Redis";
  if (role === "master") return { id, name: `${name} ${version}` };
  throw new Error("READONLY the server is a replica: it is asked again until it is the primary");
}
