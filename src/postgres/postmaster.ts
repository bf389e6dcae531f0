/** The running server process: found by its pid file, started, asked whether it answers, stopped. */

import { exponentialMs } from "../core/backoff.ts";
import { TaskerError } from "../core/errors.ts";
import { dataFolder, giveAway, writeHostRules } from "./cluster.ts";
import { openOwnFile } from "./own_file.ts";
import { type PostgresDir, readIfThere } from "./postgres_dir.ts";
import { commandOf } from "./process.ts";
import { type OnLine, pause, reporting, until, within } from "./retry_for.ts";
import type { Binaries } from "./binaries.ts";

/** Recovery after a crash reads at most `max_wal_size` of log; slow disks need a minute for that. */
const READY_MS_MAX = 120_000;

/** Fast shutdown ends all sessions and writes one checkpoint. */
const STOP_FAST_MS_MAX = 30_000;

/** Immediate shutdown; Postgres itself kills what has not gone after five seconds. */
const STOP_IMMEDIATE_MS_MAX = 10_000;

/** A running Postgres greets in less than a millisecond; this much means that it is stuck. */
const GREETING_MS_MAX = 5_000;

/** Starts in a row, each of which found the port taken or old processes not quite gone. */
const STARTS_MAX = 8;

/** The first wait between two of them; each further one is twice as long: 6.4 s in all. */
const START_AGAIN = { minMs: 50, maxMs: 10_000 };

/** How often a Postgres that another process started is looked for. */
const LOOK_MS = 1_000;

/** A longer log is put aside by the next start. */
const LOG_BYTES_MAX = 10 * 1024 * 1024;

/** How much of the log goes into an error, in characters. */
const LOG_TAIL = 2_000;

/**
 * What we set beside Postgres' own defaults. Durability is the default as well; it is spelt out
 * because all our promises rest on it, and a setting in a file must not undo it.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  listen_addresses: "127.0.0.1",
  // Paths of sockets end at 107 bytes; a project's folder may be deeper.
  unix_socket_directories: "",
  max_connections: "100",
  shared_buffers: "128MB",
  jit: "off",
  timezone: "UTC",
  log_timezone: "UTC",
  log_checkpoints: "off",
};

/** A running server process. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** Resolves when it has ended. Call it once: it asks for a process that another one started. */
  ended(): Promise<unknown>;
}

/** What postmaster.pid says; Postgres writes the last of it when it is ready. */
interface PidFile {
  readonly pid: number;
  readonly port: number;
  readonly isReady: boolean;
}

/**
 * Finds the Postgres that serves the data of a folder, and waits until it takes connections.
 *
 * @returns undefined when none runs, or it ended while we waited
 * @throws {TaskerError} journal.unavailable when it runs and does not answer
 */
export async function findPostmaster(
  dir: PostgresDir,
  onLine: OnLine,
): Promise<Postmaster | undefined> {
  const pid = (await readPidFile(dir))?.pid;
  if (pid === undefined || !await isServing(pid, dir)) return undefined;
  const found = await reporting(`waiting for Postgres (pid ${pid})`, {
    onLine,
    work: () =>
      until(async () => {
        const file = await readPidFile(dir);
        if (file?.pid !== pid || !await isServing(pid, dir)) return "gone";
        return file.isReady && await greets(file.port) ? file : undefined;
      }, { withinMs: READY_MS_MAX }),
  });
  if (found === "gone") return undefined;
  if (found !== undefined) return { pid, port: found.port, ended: () => untilGone(pid, dir) };
  throw new TaskerError(
    "journal.unavailable",
    `Cannot use the Postgres in "${dir.path}": pid ${pid} runs and does not answer; end it`,
  );
}

/** One that another process started can only be looked for. */
async function untilGone(pid: number, dir: PostgresDir): Promise<void> {
  while (await isServing(pid, dir)) await pause(LOOK_MS);
}

/** What a start is made of. */
export interface StartOptions {
  readonly dir: PostgresDir;
  readonly software: Binaries;
  readonly onLine: OnLine;
  /** Where servers look for it already; undefined = wherever there is room. */
  readonly port?: number | undefined;
}

/**
 * Starts Postgres and waits until it takes connections.
 *
 * @throws {TaskerError} journal.unavailable with the end of its log
 */
export async function startPostmaster(options: StartOptions): Promise<Postmaster> {
  const { dir, onLine } = options;
  for (let start = 1;; start++) {
    const running = await findPostmaster(dir, onLine) ?? await tryStart(options);
    if (typeof running !== "string") return running;
    if (start === STARTS_MAX || !mayPass(running)) throw startFailed(dir, running);
    await pause(exponentialMs(start, START_AGAIN));
  }
}

/** Processes of a killed server end by themselves, and another free port is chosen next time. */
function mayPass(log: string): boolean {
  return /shared memory block|lock file|could not bind/.test(log);
}

function startFailed(dir: PostgresDir, log: string): TaskerError {
  return new TaskerError(
    "journal.unavailable",
    `Cannot start Postgres in "${dir.path}": fix what its log says, or set DATABASE_URL\n${log}`,
  );
}

/** Returns the end of its log when it ended instead. */
async function tryStart(options: StartOptions): Promise<Postmaster | string> {
  const { dir, software, onLine } = options;
  await openLog(dir);
  const logFrom = await logSize(dir);
  const port = options.port ?? choosePort((await readPidFile(dir))?.port);
  const child = await spawnPostmaster({ dir, software, port });
  let hasEnded = false;
  const ended = child.status.then(() => hasEnded = true);
  const ready = await reporting("starting Postgres", {
    onLine,
    work: () =>
      until(async () => {
        const file = await readPidFile(dir);
        const isReady = file?.pid === child.pid && file.isReady;
        return isReady ? true : hasEnded ? false : undefined;
      }, { withinMs: READY_MS_MAX }),
  });
  if (ready === true) return { pid: child.pid, port, ended: () => ended };
  if (!hasEnded) child.kill("SIGQUIT");
  await ended;
  return await readLogTail(dir, logFrom);
}

async function spawnPostmaster(
  { dir, software, port }: {
    readonly dir: PostgresDir;
    readonly software: Binaries;
    readonly port: number;
  },
): Promise<Deno.ChildProcess> {
  const settings = Object.entries({ ...SETTINGS, hba_file: await writeHostRules(dir) })
    .flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const postgres = [`${software.binDir}/postgres`, "-D", dataFolder(dir), "-p", String(port)];
  const child = new Deno.Command("/bin/sh", {
    // `exec` keeps the pid. The log is a file because a pipe would end with the launcher.
    args: ["-c", 'exec "$@" >>"$0" 2>&1', logFile(dir), ...postgres, ...settings],
    cwd: dir.path,
    clearEnv: true,
    env: { LC_ALL: "C", ...await ignoredPid(dir) },
    stdin: "null",
    stdout: "null",
    stderr: "null",
    // A session of its own: Ctrl-C reaches the launcher, and not Postgres before the drain is over.
    detached: true,
    ...dir.account,
  }).spawn();
  child.unref();
  return child;
}

/**
 * Postgres refuses to start when any process has the number in a pid file that was left behind:
 * after a reboot that may be a stranger, and after kill -9 a zombie. `findPostmaster` has looked;
 * this variable is how pg_ctl makes Postgres pass over a number. Removing the file instead would
 * also remove the guard against old processes that still write to the data.
 */
async function ignoredPid(dir: PostgresDir): Promise<Record<string, string>> {
  const pid = (await readPidFile(dir))?.pid;
  return pid === undefined ? {} : { PG_GRANDPARENT_PID: String(pid) };
}

/**
 * Stops the Postgres of a folder: a fast shutdown, and harder ones if that takes too long. Safe to
 * repeat.
 *
 * @throws {TaskerError} journal.unavailable when the process cannot be ended
 */
export async function stopPostmaster(dir: PostgresDir, onLine: OnLine): Promise<void> {
  const pid = (await readPidFile(dir))?.pid;
  if (pid === undefined) return;
  const steps = [
    { signal: "SIGINT", withinMs: STOP_FAST_MS_MAX },
    { signal: "SIGQUIT", withinMs: STOP_IMMEDIATE_MS_MAX },
    { signal: "SIGKILL", withinMs: STOP_IMMEDIATE_MS_MAX },
  ] as const;
  for (const { signal, withinMs } of steps) {
    if (!await isServing(pid, dir)) return;
    signalProcess(pid, signal);
    const gone = await reporting("stopping Postgres", {
      onLine,
      work: () => until(async () => await isServing(pid, dir) ? undefined : true, { withinMs }),
    });
    if (gone) return;
  }
  throw new TaskerError("journal.unavailable", `Cannot stop Postgres: pid ${pid} does not end`);
}

function signalProcess(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Whether a process is the live Postgres of this folder: its number alone may have been reused. */
async function isServing(pid: number, dir: PostgresDir): Promise<boolean> {
  const command = await commandOf(pid);
  return command?.includes(`-D ${dataFolder(dir)} `) ?? false;
}

/** Reads postmaster.pid: pid, data folder, start time, port, and in its eighth line the state. */
async function readPidFile(dir: PostgresDir): Promise<PidFile | undefined> {
  const lines = (await readIfThere(`${dataFolder(dir)}/postmaster.pid`))?.split("\n") ?? [];
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return { pid, port: Number(lines[3]), isReady: lines[7]?.trim() === "ready" };
}

/** Whether Postgres greets on a port: it answers a request for TLS with one letter, at once. */
async function greets(port: number): Promise<boolean> {
  try {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f));
    const read = connection.read(new Uint8Array(1));
    return await within(read, { withinMs: GREETING_MS_MAX }) === 1;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}

/** Takes the port of a killed Postgres if it is free, where servers look for it; else any. */
function choosePort(last: number | undefined): number {
  if (last !== undefined && isFree(last)) return last;
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

function logFile(dir: PostgresDir): string {
  return `${dir.path}/postgres.log`;
}

/** Makes the log that Postgres adds to; one that has grown long is put aside first. */
async function openLog(dir: PostgresDir): Promise<void> {
  if (await logSize(dir) >= LOG_BYTES_MAX) {
    await Deno.rename(logFile(dir), `${logFile(dir)}.before`);
  }
  (await openOwnFile(logFile(dir))).close();
  await giveAway(logFile(dir), dir);
}

async function logSize(dir: PostgresDir): Promise<number> {
  return await Deno.stat(logFile(dir)).then((stat) => stat.size, () => 0);
}

async function readLogTail(dir: PostgresDir, from: number): Promise<string> {
  const bytes = await Deno.readFile(logFile(dir)).catch(() => new Uint8Array());
  return new TextDecoder().decode(bytes.subarray(from)).slice(-LOG_TAIL).trim();
}
