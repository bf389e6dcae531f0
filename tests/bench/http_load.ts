/**
 * A load generator in a process of its own: keep-alive connections over plain sockets, because an
 * HTTP client library would take more of the two cores than the server. Prints one JSON line.
 */

import process from "node:process";
import { percentile } from "./figure.ts";

/** What to send, read from stdin as JSON. */
export interface Load {
  readonly url: string;
  readonly key: string;
  readonly connections: number;
  readonly ms: number;
  readonly path: string;
  /** The JSON text that every request posts. */
  readonly body: string;
  /** What each answer holds. */
  readonly expected: string;
}

/** What a run measured. */
export interface LoadReport {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of this process. */
  readonly cpuMs: number;
}

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/** How much of an answer has to be there to find its head. */
const HEAD_BYTES_MAX = 2_048;

/** One keep-alive connection; it has one request under way. */
class Connection {
  #buffer = new Uint8Array(64 * 1024);
  #size = 0;

  constructor(readonly socket: Deno.TcpConn) {}

  /** Sends a request and returns the body of its answer. */
  async ask(request: Uint8Array): Promise<string> {
    for (let sent = 0; sent < request.length;) {
      sent += await this.socket.write(request.subarray(sent));
    }
    this.#size = 0;
    let whole: { bodyAt: number; end: number; status: string } | undefined;
    while (whole === undefined || this.#size < whole.end) {
      await this.#read();
      whole ??= this.#head();
    }
    const body = DECODER.decode(this.#buffer.subarray(whole.bodyAt, whole.end));
    if (whole.status !== "200" && whole.status !== "201") throw new Error(body.slice(0, 500));
    return body;
  }

  async #read(): Promise<void> {
    if (this.#size === this.#buffer.length) {
      const larger = new Uint8Array(this.#buffer.length * 2);
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    const read = await this.socket.read(this.#buffer.subarray(this.#size));
    if (read === null) throw new Error("The server closed the connection");
    this.#size += read;
  }

  #head() {
    const text = DECODER.decode(this.#buffer.subarray(0, Math.min(this.#size, HEAD_BYTES_MAX)));
    const headEnd = text.indexOf("\r\n\r\n");
    if (headEnd < 0) return undefined;
    const length = /^content-length: (\d+)/im.exec(text)?.[1];
    if (length === undefined) throw new Error(`No content-length in: ${text}`);
    const bodyAt = headEnd + 4; // a head is ASCII
    return { bodyAt, end: bodyAt + Number(length), status: text.slice(9, 12) };
  }
}

/** A POST request as bytes. */
function requestOf({ key, path, body }: Load): Uint8Array {
  const bytes = ENCODER.encode(body);
  const head = [
    `POST ${path} HTTP/1.1`,
    "host: localhost",
    `authorization: Bearer ${key}`,
    "content-type: application/json",
    `content-length: ${bytes.length}`,
  ];
  return ENCODER.encode(`${head.join("\r\n")}\r\n\r\n${body}`);
}

/** Sends the same request on all connections, each as soon as the one before is answered. */
async function generate(load: Load): Promise<LoadReport> {
  const { hostname, port } = new URL(load.url);
  const connections = await Promise.all(Array.from({ length: load.connections }, async () => {
    const socket = await Deno.connect({ hostname, port: Number(port) });
    socket.setNoDelay(true);
    return new Connection(socket);
  }));
  const request = requestOf(load);
  const samples: number[] = [];
  const cpu = process.cpuUsage();
  const sinceMs = performance.now();
  await Promise.all(connections.map(async (connection) => {
    for (let nowMs = performance.now(); nowMs - sinceMs < load.ms;) {
      const body = await connection.ask(request);
      if (!body.includes(load.expected)) throw new Error(`Not expected: ${body.slice(0, 500)}`);
      const endedMs = performance.now();
      samples.push(endedMs - nowMs);
      nowMs = endedMs;
    }
  }));
  const { user, system } = process.cpuUsage(cpu);
  return {
    requests: samples.length,
    seconds: (performance.now() - sinceMs) / 1_000,
    p50Ms: percentile(samples, 0.5),
    p99Ms: percentile(samples, 0.99),
    cpuMs: (user + system) / 1_000,
  };
}

if (import.meta.main) {
  const load: Load = await new Response(Deno.stdin.readable).json();
  console.log(JSON.stringify(await generate(load)));
  Deno.exit();
}
