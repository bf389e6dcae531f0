/** A port that stays while the process behind it is started again: its connections are passed on. */

import { pause } from "../postgres/retry_for.ts";

const HOST = "127.0.0.1";

/** Answers while no process listens: nothing has reached it, so whoever asked may ask again. */
const AWAY = new TextEncoder().encode(
  "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
);

/** Rest after an error of the listener: files that are open, most likely. */
const REST_MS = 100;

/**
 * Listens on a port of this host for as long as servers run. A process that listened on it itself would
 * leave it to anybody whenever it ends, and could not start again while another one has it.
 *
 * Cost: two copies of each byte in this process.
 */
export class KeptPort implements Disposable {
  readonly #listener = Deno.listen({ hostname: HOST, port: 0 });
  #isOver = false;
  /** Where the process listens; undefined while none does. */
  to: number | undefined;

  constructor() {
    void this.#accept();
  }

  /** The host and the port, as URLs have them. */
  get host(): string {
    return `${HOST}:${this.#listener.addr.port}`;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#listener.close();
  }

  async #accept(): Promise<void> {
    while (!this.#isOver) {
      const client = await this.#listener.accept().catch(() => undefined);
      if (client !== undefined) void this.#pass(client);
      else if (!this.#isOver) await pause(REST_MS);
    }
  }

  async #pass(client: Deno.TcpConn): Promise<void> {
    const { to: port } = this;
    const process = port === undefined
      ? undefined
      : await Deno.connect({ hostname: HOST, port }).catch(() => undefined);
    if (process === undefined) return await refuse(client);
    client.setNoDelay();
    process.setNoDelay();
    await Promise.all([copy(client, process), copy(process, client)]);
  }
}

/** Reads on until the client has gone: a connection closed before that may lose the answer. */
async function refuse(client: Deno.TcpConn): Promise<void> {
  try {
    await client.write(AWAY);
    await client.closeWrite();
    for await (const _ of client.readable);
  } catch {
    close(client);
  }
}

/** Passes bytes on until one side has ended; then both have. */
async function copy(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const part = new Uint8Array(64 * 1024);
  try {
    for (let length = await from.read(part); length !== null; length = await from.read(part)) {
      for (let at = 0; at < length;) at += await to.write(part.subarray(at, length));
    }
  } catch {
    // The side that is left sees the end.
  }
  close(from);
  close(to);
}

function close(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It was closed before.
  }
}
