/** Root of the server: reads the configuration, opens a node, listens, and drains when told. */

import { firstKeyLine } from "./api/first_key.ts";
import { type Config, CONFIG_NAMES, readConfig } from "./config.ts";
import { explain, messageOf, TaskerError } from "./core/errors.ts";
import type { Incarnation } from "./core/ids.ts";
import type { Runtime } from "./core/ports.ts";
import { guard } from "./main_guard.ts";
import { openNode, type TaskerNode } from "./node.ts";
import { type NodeLock, takeNodeLock } from "./node_lock.ts";
import { openRuntime } from "./runtime.ts";
import { type Log, openLog } from "./telemetry/log.ts";
import { Metrics } from "./telemetry/metrics.ts";

const EXIT_DRAINED = 0;
const EXIT_FAILED = 1;
const EXIT_BAD_CONFIGURATION = 2;

/** Rest before a fenced server opens its next incarnation, or tries again to. */
const REOPEN_MS = 1_000;

/** How long open requests may take to end once streams and long polls are closed. */
const CLOSE_MS_MAX = 5_000;

/** A server: one listener, and one node after another. */
class Server {
  #node: TaskerNode | undefined;
  #opening: Promise<void> | undefined;
  #isStopping = false;
  /** What ended the Rust core in this process: from then on the TypeScript one serves. */
  #coreFailure: string | undefined;
  readonly #failed = Promise.withResolvers<never>();

  constructor(
    readonly config: Config & { readonly databaseUrl: string },
    readonly runtime: Runtime,
    readonly log: Log,
    readonly lock: NodeLock,
  ) {}

  /** Opens the first node, then listens: nobody is answered before the journal can be. */
  async start(): Promise<void> {
    await this.#open(this.lock.previous);
    const { host, port, dataDir } = this.config;
    const http = Deno.serve(
      { hostname: host, port, onListen: () => {} },
      (request) => this.#answer(request),
    );
    const { port: actual } = http.addr;
    const shown = host.includes(":") ? `[${host}]` : host;
    const url = `http://${shown}:${actual}`;
    await Deno.writeTextFile(`${dataDir}/address`, `${url}\n`);
    await Deno.writeTextFile(`${dataDir}/server.pid`, `${Deno.pid}\n`);
    console.log(`tasker listening on ${url} (pid ${Deno.pid})`);
    await Promise.race([stopAsked(), this.#failed.promise]);
    await this.#stop(http);
  }

  /** Opens a node in place of `replaces`; after a fence, tries until the database lets it. */
  async #open(replaces: Incarnation | undefined): Promise<void> {
    const { config, runtime, log, lock } = this;
    const incarnation = runtime.uuid() as Incarnation;
    lock.write(incarnation);
    const node = await openNode({
      config: this.#coreFailure === undefined
        ? config
        : { ...config, library: undefined, libraryReason: this.#coreFailure },
      runtime,
      log,
      metrics: new Metrics(),
      name: lock.name,
      incarnation,
      replaces,
      fenced: (failure) => this.#fenced(incarnation, failure),
    });
    this.#node = node;
    if (node.firstKey === undefined) return;
    const path = `${config.dataDir}/admin.key`;
    await Deno.writeTextFile(path, `${node.firstKey}\n`, { mode: 0o600 });
    console.log(firstKeyLine(node.firstKey, path));
  }

  /**
   * An incarnation is over: the server comes back as a new one. A Rust core that failed is not used
   * again by this process; when the TypeScript core fails, there is no other, and the server ends.
   */
  #fenced(incarnation: Incarnation, failure: unknown): void {
    if (this.#isStopping || this.#opening !== undefined) return;
    if (failure === undefined) {
      this.log.warn("Another node took over from this one; joining again");
    } else if (this.config.library === undefined || this.#coreFailure !== undefined) {
      return this.#failed.reject(failure);
    } else {
      this.#coreFailure = `the Rust core failed: ${messageOf(failure)}`;
      this.log.error("The Rust core failed; joining again with the TypeScript core", {
        error: messageOf(failure),
      });
    }
    const old = this.#node;
    this.#node = undefined;
    this.#opening = (async () => {
      await old?.drain(0).catch((error) =>
        this.log.warn("cannot close", { error: messageOf(error) })
      );
      while (!this.#isStopping && this.#node === undefined) {
        await this.#open(incarnation).catch((error) =>
          this.log.warn("cannot join again yet", { error: messageOf(error) })
        );
        await new Promise((wake) => setTimeout(wake, REOPEN_MS));
      }
      this.#opening = undefined;
    })();
  }

  #answer(request: Request): Response | Promise<Response> {
    const { runtime } = this;
    if (this.#node !== undefined) return this.#node.api.fetch(request);
    return Response.json(
      {
        type: "about:blank",
        status: 503,
        code: "journal.fenced",
        title: "This node lost its place",
        detail: `The node joins again (${new Date(runtime.now()).toISOString()})`,
        action: "Send the request again",
      },
      { status: 503, headers: { "content-type": "application/problem+json", "retry-after": "1" } },
    );
  }

  async #stop(http: Deno.HttpServer): Promise<void> {
    this.#isStopping = true;
    this.log.info("Draining: starting nothing new, letting running steps end");
    await this.#opening;
    await this.#node?.drain(this.config.drainMs);
    await Promise.race([
      http.shutdown(),
      new Promise((giveUp) => setTimeout(giveUp, CLOSE_MS_MAX)),
    ]);
  }
}

/** Resolves at the first SIGTERM or SIGINT, or when the launcher's pipe closes. */
function stopAsked(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, resolve);
    void watchPipe(resolve);
  });
}

/** The launcher holds the other end of stdin; a terminal or /dev/null says nothing by ending. */
async function watchPipe(resolve: () => void): Promise<void> {
  if (Deno.env.get("TASKER_LIBRARY") === undefined) return; // not started by the launcher
  for await (const _ of Deno.stdin.readable);
  resolve();
}

async function serve(): Promise<number> {
  const runtime = openRuntime();
  const env = Object.fromEntries(CONFIG_NAMES.map((name) => [name, Deno.env.get(name)]));
  try {
    const config = readConfig(env);
    const { databaseUrl } = config;
    if (databaseUrl === undefined) {
      throw new TaskerError(
        "config.invalid",
        "Cannot serve without DATABASE_URL: `deno task serve` starts Postgres and sets it",
      );
    }
    const log = openLog({
      level: config.logLevel,
      terminal: Deno.stderr.isTerminal(),
      write: (line) => void Deno.stderr.writeSync(new TextEncoder().encode(line)),
      now: () => runtime.now(),
    });
    const failed = guard(log);
    using lock = await takeNodeLock(config.dataDir);
    const server = new Server({ ...config, databaseUrl }, runtime, log, lock);
    await Promise.race([server.start(), failed]);
    return EXIT_DRAINED;
  } catch (error) {
    console.error(explain(error));
    return isBadInput(error) ? EXIT_BAD_CONFIGURATION : EXIT_FAILED;
  }
}

function isBadInput(error: unknown): boolean {
  if (!(error instanceof TaskerError)) return false;
  return error.code === "config.invalid" || error.code === "definition.invalid" ||
    error.code === "definition.changed";
}

if (import.meta.main) Deno.exit(await serve());
