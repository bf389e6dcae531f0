/** The server's one listener: it outlives the incarnations behind it, and its own end. */

import { messageOf, TaskerError } from "../core/errors.ts";
import type { Log } from "../telemetry/log.ts";

/** Rest before a listener that ended listens again. */
const LISTEN_AGAIN_MS = 1_000;

/** How long open requests may take to end once streams and long polls are closed. */
const CLOSE_MS_MAX = 5_000;

/** Where to listen, and who answers. */
export interface ListenerOptions {
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  readonly log: Log;
  answer(request: Request): Response | Promise<Response>;
}

/** Listens until it is closed. */
export class Listener {
  readonly url: string;
  #server: Deno.HttpServer<Deno.NetAddr>;
  #isClosed = false;

  /** @throws {TaskerError} config.invalid when the address cannot be had */
  constructor(readonly options: ListenerOptions) {
    const { host } = options;
    this.#server = this.#bind(options.port);
    const { port } = this.#server.addr;
    this.url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
    void this.#keepListening(port);
  }

  /** Takes no more connections, and waits a while for the open ones. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.race([
      this.#server.shutdown(),
      new Promise((giveUp) => setTimeout(giveUp, CLOSE_MS_MAX)),
    ]);
  }

  #bind(port: number): Deno.HttpServer<Deno.NetAddr> {
    const { host, answer } = this.options;
    try {
      return Deno.serve({ hostname: host, port, onListen: () => {} }, answer);
    } catch (error) {
      throw cannotListen(host, port, error);
    }
  }

  /** A process without free file descriptors loses its listener for good: it is made anew. */
  async #keepListening(port: number): Promise<void> {
    const { log } = this.options;
    for (;;) {
      const why = await this.#server.finished.then(() => "no reason given", messageOf);
      if (this.#isClosed) return;
      log.error("The listener ended; listening again", { error: why });
      await this.#bindAgain(port);
    }
  }

  async #bindAgain(port: number): Promise<void> {
    while (!this.#isClosed) {
      await new Promise((wake) => setTimeout(wake, LISTEN_AGAIN_MS));
      try {
        this.#server = this.#bind(port);
        return this.options.log.info("Listening again");
      } catch (error) {
        this.options.log.error("Cannot listen again yet", { error: messageOf(error) });
      }
    }
  }
}

function cannotListen(host: string, port: number, error: unknown): TaskerError {
  const what = `Cannot listen on ${host}:${port}: `;
  return new TaskerError("config.invalid", what + reasonOf(port, error), { cause: error });
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
