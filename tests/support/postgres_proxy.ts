/** A TCP proxy before Postgres that breaks connections at exact places of the protocol. */

/** Request messages that end one: Query and Sync. */
const ENDS_REQUEST = new Set([0x51, 0x53]);

const SYNC = 0x53;
const FLUSH = Uint8Array.of(0x48, 0, 0, 0, 4);

/** Answer messages: CommandComplete and ReadyForQuery. */
const COMMAND_COMPLETE = 0x43;
const READY_FOR_QUERY = 0x5a;

/** Startup, passwords and goodbyes are not requests. */
const NO_REQUEST = new Set([0x70, 0x58]);

/**
 * What becomes of one request.
 *
 * lose_request: cut before Postgres sees it · lose_answer: cut after Postgres has done it ·
 * stall_request, stall_answer: the same, but the link stays half-open ·
 * stall_sync: Postgres executes, and never sees the end of the transaction; half-open ·
 * hold: it waits for `release`
 */
export type Fault =
  | "lose_request"
  | "lose_answer"
  | "stall_request"
  | "stall_answer"
  | "stall_sync"
  | "hold";

/** A fault that was ordered. */
export interface Broken {
  /** Resolves when it has happened; with lose_answer and stall_*, when Postgres has done its part. */
  readonly happened: Promise<void>;
  /** Lets a held request go on. */
  release(): void;
}

interface Order extends Broken {
  readonly purpose: RegExp;
  readonly statement: string;
  readonly fault: Fault;
  readonly released: Promise<void>;
  happen(): void;
}

/** Passes bytes on between clients and Postgres. */
export class PostgresProxy implements AsyncDisposable {
  readonly #orders: Order[] = [];
  readonly #open = new Set<Deno.Conn>();
  /** Application names of all connections so far. */
  readonly names: string[] = [];
  #isRefusing = false;

  private constructor(
    readonly url: string,
    readonly target: URL,
    readonly listener: Deno.TcpListener,
  ) {
    void this.#accept();
  }

  static open(databaseUrl: string): PostgresProxy {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const url = new URL(databaseUrl);
    url.hostname = "127.0.0.1";
    url.port = String((listener.addr as Deno.NetAddr).port);
    return new PostgresProxy(url.href, new URL(databaseUrl), listener);
  }

  /**
   * Orders a fault for the next request on a connection whose application_name matches; with a
   * statement, for the next that names it. Statements are seen where they are prepared, so a
   * statement names requests that are not yet prepared.
   */
  break(purpose: RegExp, fault: Fault, statement = ""): Broken {
    const happened = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const order = {
      purpose,
      statement,
      fault,
      released: released.promise,
      happened: happened.promise,
      happen: () => happened.resolve(),
      release: () => released.resolve(),
    };
    this.#orders.push(order);
    return order;
  }

  /** Cuts every connection, and those that come, until `accept` is called. */
  refuse(): void {
    this.#isRefusing = true;
    this.cut();
  }

  accept(): void {
    this.#isRefusing = false;
  }

  /** Cuts every connection. */
  cut(): void {
    for (const conn of this.#open) close(conn);
    this.#open.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const order of this.#orders) order.release();
    this.listener.close();
    this.cut();
    await Promise.resolve();
  }

  async #accept(): Promise<void> {
    for await (const client of this.listener) {
      client.setNoDelay();
      if (this.#isRefusing) close(client);
      else void this.#serve(client);
    }
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    this.#open.add(client);
    const { hostname, port } = this.target;
    const server = await Deno.connect({ hostname, port: Number(port) }).catch(() => undefined);
    // Postgres refuses while it starts and stops; so does the proxy.
    if (server === undefined) return close(client);
    server.setNoDelay();
    if (!this.#open.has(client)) return close(server);
    this.#open.add(server);
    const pipe = new Pipe(client, server, (name, texts) => this.#orderFor(name, texts));
    await Promise.all([pipe.passRequests((name) => this.names.push(name)), pipe.passAnswers()]);
    this.#open.delete(client);
    this.#open.delete(server);
  }

  #orderFor(name: string, request: string): Order | undefined {
    const at = this.#orders.findIndex(({ purpose, statement }) =>
      purpose.test(name) && request.includes(statement)
    );
    return at === -1 ? undefined : this.#orders.splice(at, 1)[0];
  }
}

/** One client's connection and its own to Postgres. */
class Pipe {
  #order: Order | undefined;
  #name = "";

  constructor(
    readonly client: Deno.Conn,
    readonly server: Deno.Conn,
    readonly orderFor: (name: string, request: string) => Order | undefined,
  ) {}

  async passRequests(onName: (name: string) => void): Promise<void> {
    let isStartup = true;
    const request: Uint8Array[] = [];
    for await (const message of messagesOf(this.client, { withStartup: true })) {
      if (isStartup || NO_REQUEST.has(message[0] as number)) {
        if (isStartup) onName(this.#name = applicationName(message));
        isStartup = false;
        await write(this.server, message);
        continue;
      }
      request.push(message);
      const text = new TextDecoder("latin1").decode(concat(request));
      this.#order ??= this.orderFor(this.#name, text);
      if (this.#order === undefined) await write(this.server, ...request.splice(0));
      else if (ENDS_REQUEST.has(message[0] as number)) await this.#breakRequest(request.splice(0));
      // Only what is prepared ends in Flush; it goes on, and the fault waits for what executes it.
      else if (message[0] === FLUSH[0]) await write(this.server, ...request.splice(0));
    }
    if (this.#order === undefined || !this.#isHalfOpen) close(this.server);
  }

  async passAnswers(): Promise<void> {
    for await (const message of messagesOf(this.server, { withStartup: false })) {
      const order = this.#order;
      const isSwallowing = order !== undefined && this.#isExecuting;
      if (!isSwallowing) {
        await write(this.client, message);
        continue;
      }
      const end = order.fault === "stall_sync" ? COMMAND_COMPLETE : READY_FOR_QUERY;
      if (message[0] !== end) continue;
      if (order.fault === "lose_answer") this.#cut();
      order.happen();
    }
    if (!this.#isHalfOpen) close(this.client);
  }

  #isExecuting = false;
  #isHalfOpen = false;

  async #breakRequest(request: Uint8Array[]): Promise<void> {
    const order = this.#order as Order;
    switch (order.fault) {
      case "lose_request":
        this.#cut();
        return order.happen();
      case "stall_request":
        this.#isHalfOpen = this.#isExecuting = true;
        return order.happen();
      case "hold":
        order.happen();
        await order.released;
        this.#order = undefined;
        return await write(this.server, ...request);
      case "stall_sync":
        this.#isHalfOpen = this.#isExecuting = true;
        return await write(this.server, ...request.filter(([type]) => type !== SYNC), FLUSH);
      case "stall_answer":
        this.#isHalfOpen = this.#isExecuting = true;
        return await write(this.server, ...request);
      case "lose_answer":
        this.#isExecuting = true;
        return await write(this.server, ...request);
      default:
        return order.fault satisfies never;
    }
  }

  #cut(): void {
    close(this.client);
    close(this.server);
  }
}

/** Whole messages, as they come. The first of a client has no type. */
async function* messagesOf(
  conn: Deno.Conn,
  { withStartup }: { readonly withStartup: boolean },
): AsyncGenerator<Uint8Array> {
  let waiting = new Uint8Array();
  let header = withStartup ? 0 : 1;
  const part = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await conn.read(part).catch(() => null);
    if (count === null) return;
    waiting = concat([waiting, part.subarray(0, count)]);
    while (waiting.length >= header + 4) {
      const length = header + new DataView(waiting.buffer).getUint32(header);
      if (waiting.length < length) break;
      yield waiting.slice(0, length);
      waiting = waiting.slice(length);
      header = 1;
    }
  }
}

function applicationName(startup: Uint8Array): string {
  const words = new TextDecoder().decode(startup.subarray(8)).split("\0");
  return words[words.indexOf("application_name") + 1] ?? "";
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Writes whole messages; who has gone is not written to. */
async function write(conn: Deno.Conn, ...messages: readonly Uint8Array[]): Promise<void> {
  const bytes = concat(messages);
  try {
    for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
  } catch {
    // The reader of the other side sees the end.
  }
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It was closed before.
  }
}
