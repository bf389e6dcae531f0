/** Root of the server: reads the configuration, opens a node, listens, and drains at a signal. */

import { firstKeyLine } from "../api/api_key.ts";
import { type Config, CONFIG_NAMES, readConfig } from "./config.ts";
import { explain, messageOf, TaskerError } from "../core/errors.ts";
import { type Incarnation, nodeMark } from "../core/ids.ts";
import type { Runtime } from "../core/ports.ts";
import { endProcess, guard, seal, withPassword } from "./main_guard.ts";
import { listen, type Listener } from "./listener.ts";
import { openNode, type TaskerNode } from "./node.ts";
import { type NodeLock, Notice, takeNodeLock } from "./node_lock.ts";
import { writeOwnFile } from "../postgres/own_file.ts";
import { openRuntime } from "./runtime.ts";
import { type Log, openLog } from "../telemetry/log.ts";
import { Metrics } from "../telemetry/metrics.ts";

const EXIT_DRAINED = 0;
const EXIT_FAILED = 1;
const EXIT_BAD_CONFIGURATION = 2;

/** How often the launcher is shown that the event loop goes round. */
const BEAT_MS = 1_000;

/** Rest before a fenced server opens its next incarnation, or tries again to. */
const REOPEN_MS = 1_000;

/** A server: one listener, and one node after another. */
class Server {
  #node: TaskerNode | undefined;
  #opening: Promise<void> | undefined;
  #isStopping = false;
  /** What ended the Rust core in this process: from then on the TypeScript one serves. */
  #coreFailure: string | undefined;
  /** The one-time link of a first key, until it is printed. */
  #signInPath: string | undefined;
  readonly #failed = Promise.withResolvers<never>();

  constructor(
    readonly config: Config & { readonly databaseUrl: string },
    readonly runtime: Runtime,
    readonly log: Log,
    readonly lock: NodeLock,
    /** Whether the launcher holds the other end of stdin. */
    readonly isLaunched: boolean,
  ) {}

  /**
   * Takes the port, and only then joins the other nodes: a server that cannot listen takes no
   * slots. Until it has joined, requests are answered 503.
   */
  async start(): Promise<void> {
    const { host, port, dataDir } = this.config;
    const listener = listen({
      host,
      port,
      limits: this.config,
      runtime: this.runtime,
      log: this.log,
      answer: (request) => this.#answer(request),
    });
    const { url } = listener;
    const stop = stopAsked(this.isLaunched); // from here on files name this server: it clears them
    using address = await Notice.post(`${dataDir}/address`, url);
    using pid = await Notice.post(`${dataDir}/server.pid`, String(Deno.pid));
    using _renewing = this.#renew([address, pid]);
    const opened = this.#open(this.lock.previous);
    // A stop while it joins has nothing to drain, and does not wait for the database.
    if (await Promise.race([opened.then(() => "open"), stop]) === "stop") return;
    console.log(`tasker listening on ${url} (pid ${Deno.pid})`);
    if (this.#signInPath !== undefined) {
      console.log(`sign in to the web app (works once, for an hour): ${url}${this.#signInPath}`);
      this.#signInPath = undefined;
    }
    await Promise.race([stop, this.#failed.promise]);
    await this.#stop(listener);
  }

  /** Keeps notices true; a full disk is no reason to stop serving. */
  #renew(notices: readonly Notice[]): Disposable {
    const timer = setInterval(() => {
      try {
        for (const notice of notices) notice.renew();
      } catch (error) {
        this.log.warn("Cannot say where this server listens", { error: messageOf(error) });
      }
    }, BEAT_MS);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  /** Opens a node in place of `replaces`; after a fence, tries until the database lets it. */
  async #open(replaces: Incarnation | undefined): Promise<void> {
    const { config, runtime, log, lock } = this;
    const isFirst = replaces === lock.previous;
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
      isAfterHang: isFirst && lock.previousHung,
      noteRequest: (request) => lock.noteRequest(request),
      fenced: (failure) => this.#fenced(incarnation, failure),
      beforeCode: () => seal(config),
      // A later incarnation has no right any more to write the key, nor any key to make.
      keepFirstKey: !isFirst ? undefined : (secret, link) => this.#keepFirstKey(secret, link),
    });
    this.#node = node;
    log.info("Joined", { node: nodeMark(incarnation) });
  }

  async #keepFirstKey(secret: string, linkPath: string | undefined): Promise<void> {
    const path = `${this.config.dataDir}/admin.key`;
    await writeOwnFile(path, `${secret}\n`);
    console.log(firstKeyLine(secret, path, this.config.adminKey !== undefined));
    this.#signInPath = linkPath;
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
    // Who restarts what is not alive must not end a server that is about to join.
    if (new URL(request.url).pathname === "/health/live") return Response.json({ live: true });
    return Response.json(
      {
        type: "about:blank",
        status: 503,
        code: "journal.fenced",
        title: "This node has no place yet",
        detail: `The node joins the others (${new Date(runtime.now()).toISOString()})`,
        action: "Send the request again",
      },
      { status: 503, headers: { "content-type": "application/problem+json", "retry-after": "1" } },
    );
  }

  async #stop(listener: Listener): Promise<void> {
    this.#isStopping = true;
    this.log.info("Draining: starting nothing new, letting running steps end");
    await this.#opening;
    await this.#node?.drain(this.config.drainMs);
    await listener.close();
  }
}

/** Resolves at the first SIGTERM or SIGINT, or when the launcher's pipe closes. */
function stopAsked(isLaunched: boolean): Promise<"stop"> {
  return new Promise((resolve) => {
    const stop = () => resolve("stop");
    for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, stop);
    if (isLaunched) void watchPipe(stop);
  });
}

/** The launcher holds the other end of stdin; a terminal or /dev/null says nothing by ending. */
async function watchPipe(stop: () => void): Promise<void> {
  for await (const _ of Deno.stdin.readable);
  stop();
}

async function serve(): Promise<number> {
  const runtime = openRuntime();
  const env = Object.fromEntries(CONFIG_NAMES.map((name) => [name, Deno.env.get(name)]));
  try {
    const config = readConfig(env);
    const databaseUrl = withPassword(config.databaseUrl, Deno.env.get("PGPASSWORD"));
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
    setInterval(() => lock.beat(), BEAT_MS);
    const isLaunched = env.TASKER_LIBRARY !== undefined;
    const server = new Server({ ...config, databaseUrl }, runtime, log, lock, isLaunched);
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

if (import.meta.main) endProcess(await serve());
