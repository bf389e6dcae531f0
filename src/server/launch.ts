/**
 * Root of `deno task serve`. It alone may run programs: it builds the Rust core, starts Postgres,
 * and starts the server with exactly the permissions it needs. When the server ends, it stops what
 * it started. It never restarts the server: that is for whatever runs the launcher.
 */

import { resolve } from "node:path";
import { buildLibrary, type BuildOutcome } from "../../ffi/build.ts";
import { kafkaFolders } from "../bus/kafka/library.ts";
import { addressOf, type BusKind, serversOf } from "../core/broker.ts";
import { type Config, CONFIG_NAMES, readConfig } from "./config.ts";
import type { Environment } from "./config_reader.ts";
import { explain, messageOf, TaskerError } from "../core/errors.ts";
import { MODEL_KEY, OIDC_SECRET } from "../core/http_call.ts";
import { Building, type BuildOf, reasonOf } from "./launch_build.ts";
import { Changes } from "./launch_changes.ts";
import { buildWeb } from "./launch_web.ts";
import { webFolder } from "./web_files.ts";
import { startDocuments } from "./launch_documents.ts";
import { startGuard } from "./launch_egress.ts";
import { Stopping } from "./launch_stopping.ts";
import { readAllBeats, untilHung } from "./node_lock.ts";
import { startEmbeddedPostgres } from "../postgres/embedded.ts";
import type { OnLine } from "../postgres/retry_for.ts";

/** Exit codes that are not the server's own. */
const EXIT_STOPPED = 0;
const EXIT_FAILED = 1;
const EXIT_BAD_CONFIGURATION = 2;

/** How long a server may take to close beyond its drain, once this process is dead. */
const CLOSE_MS_MAX = 15_000;

/** How long the server's event loop may stand still: steps that compute for longer must await. */
const HANG_MS = 60_000;

/** ... once it is asked to stop, and cannot hear it. */
const STOPPING_HANG_MS = 5_000;

const POSTGRES_PORT = "5432";

/** What libraries read: a name that is refused, and not only absent, breaks them. */
const POSTGRES_NAMES: readonly string[] = ["PG*"];
const YAML_NAMES: readonly string[] = ["LOG_STREAM", "LOG_TOKENS"];

/** What the libraries of brokers read. */
const BUS_NAMES: Readonly<Partial<Record<BusKind, readonly string[]>>> = {
  redis: ["REDIS_DEBUG_MAINTENANCE", "REDIS_EMIT_DIAGNOSTICS"],
};

/** What a launch is made of. */
export interface LaunchOptions {
  /** The words after `deno task serve`: none, or `--watch`. */
  readonly args: readonly string[];
  readonly env: Environment;
  /** Absolute path of the folder with src. */
  readonly root: string;
  /** Absolute path of the folder with deno.json: the same, or a project that carries the engine. */
  readonly project: string;
  /** Absolute path of the server's program. */
  readonly serverPath: string;
  /** How long the server's event loop may stand still before the server is ended. */
  readonly hangMs: number;
  readonly build: BuildOf;
  /** Takes lines for people: progress, and why a start failed. None holds a secret. */
  readonly onLine: OnLine;
}

/** The journal's database while we serve. */
interface Database extends AsyncDisposable {
  readonly url: string;
  /** Notes the server, which does not outlive this process by more than its drain. */
  usedBy(server: { readonly pid: number; readonly endsWithinMs: number }): Promise<void>;
}

/** What servers are started with, one after another, beside what the launcher was. */
interface ServerOptions extends LaunchOptions {
  readonly config: Config;
  readonly database: Database;
  readonly building: Building;
  readonly stopping: Stopping;
  readonly isDevelopment: boolean;
}

/**
 * Serves until the server ends, and stops what was started for it. With `--watch` a server that
 * ended, or whose workflows changed, is followed by another one until a signal comes.
 *
 * @returns the exit code: the server's own; 1 when it was killed or could not start; 2 for bad
 *   configuration; 0 when a signal came before it was started
 */
export async function launch(options: LaunchOptions): Promise<number> {
  using stopping = new Stopping(options.onLine);
  try {
    const isDevelopment = readArguments(options.args);
    const stated = readConfig(options.env);
    using guard = await startGuard({ ...options, config: stated });
    using documents = await startDocuments(options);
    const config = { ...stated, egressUrl: guard.url, documentsUrl: documents.url };
    using building = new Building({ ...options, stopping });
    using _web = config.web ? buildWeb({ ...options, ...config, stopping }) : undefined;
    await using database = await openDatabase(config, options.onLine);
    const server = { ...options, config, database, building, stopping, isDevelopment };
    return isDevelopment ? await serveChanges(server) : await serve(server);
  } catch (error) {
    options.onLine(explain(error));
    const isConfig = error instanceof TaskerError && error.code === "config.invalid";
    return isConfig ? EXIT_BAD_CONFIGURATION : EXIT_FAILED;
  }
}

/** Starts another server whenever a workflow changes, also after one that could not start. */
async function serveChanges(options: ServerOptions): Promise<number> {
  const { config, stopping, onLine } = options;
  using changes = new Changes(config.workflowsDir);
  while (true) {
    let hasChanged = false;
    const change = changes.next().then(() => {
      hasChanged = true;
      onLine("a workflow has changed: the server starts again");
    });
    const code = await serve(options, change);
    if (!hasChanged && !stopping.isAsked) {
      onLine("the server has ended: it starts again when a workflow changes");
      await Promise.race([change, stopping.asked]);
    }
    if (stopping.isAsked) return code;
  }
}

/** Serves until the server ends; `change` asks it to. Returns its exit code. */
async function serve(options: ServerOptions, change?: Promise<void>): Promise<number> {
  const { config, database, building, stopping, onLine } = options;
  const earlier = await readAllBeats(config.dataDir).catch(() => []);
  const library = await Promise.race([building.takeNow(), stopping.asked]);
  if (library === "stop") return EXIT_STOPPED;
  const server = spawnServer(options, library);
  stopping.passOnTo(server); // at once: a second Ctrl-C without a server ends the launcher alone
  await database.usedBy({ pid: server.pid, endsWithinMs: config.drainMs + CLOSE_MS_MAX });
  using _watch = watch(server, { ...options, earlier });
  void change?.then(() => stopping.endForNext());
  const { code, signal } = await server.status;
  if (signal === null) return code;
  onLine(
    `the server was ended by ${signal}; tasks wait in the journal: start it again with ` +
      "`deno task serve`",
  );
  return EXIT_FAILED;
}

/** Ends a server that hangs: it hears no signal, and its tasks wait for nothing. */
function watch(
  server: Deno.ChildProcess,
  { config, earlier, hangMs, stopping, onLine }: ServerOptions & {
    readonly earlier: readonly string[];
  },
): Disposable {
  let hasEnded = false;
  const { dataDir } = config;
  const limitMs = () => stopping.isServerEnding ? Math.min(hangMs, STOPPING_HANG_MS) : hangMs;
  const { pid } = server;
  void untilHung({ dataDir, pid, earlier, hangMs: limitMs, hasEnded: () => hasEnded }).then(
    (hang) => {
      if (hang === undefined) return;
      const { request } = hang;
      onLine(
        `the server's event loop has stood still for ${limitMs() / 1_000} s, and it is ended ` +
          `(pid ${pid}): ` +
          (request === undefined
            ? "look for an endless loop, or a long computation without an await, in step code; " +
              "after the next start the step is tried once more, and parks if it hangs again"
            : `it computed for ${request}: look for a check of a contract that never ends, or report ` +
              "it; after the next start the steps that ran are tried again, and none is to blame"),
      );
      stopping.end();
    },
  ).catch((error) => onLine(`the server cannot be watched: ${messageOf(error)}`));
  return { [Symbol.dispose]: () => hasEnded = true };
}

/** Takes the database that is named, or starts one. */
async function openDatabase(config: Config, onLine: OnLine): Promise<Database> {
  if (config.databaseUrl !== undefined) {
    const nothing = () => Promise.resolve();
    return { url: config.databaseUrl, usedBy: nothing, [Symbol.asyncDispose]: nothing };
  }
  const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir, onLine });
  return { ...embedded, [Symbol.asyncDispose]: () => embedded.stop() };
}

/**
 * Whether workflows are watched.
 *
 * @throws {TaskerError} config.invalid: an argument that is ignored would mislead
 */
function readArguments(args: readonly string[]): boolean {
  const [first, ...more] = args;
  if (first === undefined) return false;
  if (first === "--watch" && more.length === 0) return true;
  throw new TaskerError(
    "config.invalid",
    `Cannot serve with "${args.join(" ")}": the only argument is --watch. ` +
      "Set variables, as in TASKER_PORT=9090 deno task serve; the README lists them",
  );
}

function spawnServer(options: ServerOptions, library: BuildOutcome): Deno.ChildProcess {
  const { config, database, project, root, serverPath } = options;
  const flags = serverFlags({ config, databaseUrl: database.url, library, root, project });
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, serverPath],
    env: serverEnv(options, library),
    // The server reads it to its end, which comes when the launcher dies: then it drains.
    stdin: "piped",
    stdout: "inherit",
    stderr: "inherit",
    // A session of its own: a Ctrl-C reaches it once, from us.
    detached: true,
  }).spawn();
}

/** What the server has beside, or instead of, what the launcher's environment has. */
export function serverEnv(
  { config, database, isDevelopment }: Pick<ServerOptions, "config" | "isDevelopment"> & {
    readonly database: Pick<ServerOptions["database"], "url">;
  },
  library: BuildOutcome,
): Readonly<Record<string, string>> {
  // The guard has them. The server has to know that there are such, and no more.
  const kept = config.secrets.filter((name) => !config.allowEnv.includes(name));
  return {
    ...Object.fromEntries(kept.map((name) => [name, ""])),
    DATABASE_URL: database.url,
    TASKER_DEVELOPMENT: isDevelopment ? "1" : "",
    TASKER_DOCUMENTS_URL: config.documentsUrl ?? "",
    TASKER_EGRESS_URL: config.egressUrl ?? "",
    TASKER_LIBRARY: library.kind === "built" ? library.libraryPath : "",
    [MODEL_KEY]: config.model === undefined ? "" : "kept-by-the-guard",
    [OIDC_SECRET]: config.oidc?.hasSecret ? "kept-by-the-guard" : "",
    TASKER_LIBRARY_REASON: library.kind === "built" ? "" : reasonOf(library),
  };
}

/**
 * The flags of `deno run` for the server: what it may do, and nothing else.
 *
 * @throws {TaskerError} config.invalid when the name of a folder has a comma, which separates Deno's lists
 */
export function serverFlags(
  { config, databaseUrl, library, root, project }: Pick<LaunchOptions, "root" | "project"> & {
    readonly config: Config;
    readonly databaseUrl: string;
    readonly library: BuildOutcome;
  },
): readonly string[] {
  const data = resolve(config.dataDir);
  const workflows = resolve(config.workflowsDir);
  // The files of Postgres, and its password.
  const refused = config.databaseUrl === undefined ? [`${data}/postgres`] : [];
  return [
    "--no-prompt",
    "--no-remote",
    // A pattern of a contract that backtracks without end is matched in linear time instead.
    "--v8-flags=--enable-experimental-regexp-engine-on-excessive-backtracks",
    `--config=${project}/deno.json`,
    ...(isFile(`${project}/deno.lock`) ? ["--frozen"] : []),
    ...flag("--allow-net", [...addresses(config, databaseUrl), ...config.allowNet]),
    ...flag("--allow-env", [...names(config), ...config.allowEnv]),
    ...flag("--allow-read", [
      `${root}/src`,
      workflows,
      data,
      // The server gives up its data folder; the files of the web app it goes on reading.
      ...config.web ? [webFolder(data, "").replace(/\/$/, "")] : [],
      ...config.bus === "kafka" ? kafkaFolders() : [],
      ...config.allowRead,
    ]),
    ...flag("--allow-write", [data]),
    ...flag("--deny-read", [...refused, `${data}/admin.key`]),
    ...flag("--deny-write", refused),
    ...flag("--allow-ffi", library.kind === "built" ? [library.libraryPath] : []),
  ];
}

/** One flag with its list; no flag for an empty one. */
function flag(name: string, values: readonly string[]): readonly string[] {
  const split = values.find((value) => value.includes(","));
  if (split !== undefined) {
    throw new TaskerError(
      "config.invalid",
      `Cannot give the server ${name} for "${split}": Deno ends a name at its comma`,
    );
  }
  return values.length === 0 ? [] : [`${name}=${values.join(",")}`];
}

/** Where the server listens and what it calls. */
function addresses(config: Config, databaseUrl: string): readonly string[] {
  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  const { hostname, port } = new URL(databaseUrl);
  const brokers = config.busUrl === undefined ? [] : serversOf(config.busUrl) ?? [];
  const beside = [config.documentsUrl, config.egressUrl].flatMap((url) =>
    url === undefined ? [] : [new URL(url).host]
  );
  return [
    `${host}:${config.port}`,
    `${hostname}:${port || POSTGRES_PORT}`,
    ...brokers.map(addressOf),
    ...beside,
  ];
}

function names(config: Config): readonly string[] {
  return [...CONFIG_NAMES, ...POSTGRES_NAMES, ...YAML_NAMES, ...BUS_NAMES[config.bus] ?? []];
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

if (import.meta.main) {
  const root = decodeURIComponent(new URL("../..", import.meta.url).pathname).replace(/\/$/, "");
  Deno.exit(
    await launch({
      env: Deno.env.toObject(),
      root,
      project: isFile(`${Deno.cwd()}/deno.json`) ? Deno.cwd() : root,
      serverPath: `${root}/src/server/main.ts`,
      args: Deno.args,
      build: buildLibrary,
      hangMs: HANG_MS,
      onLine: (line) => console.error(line),
    }),
  );
}
