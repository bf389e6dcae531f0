/**
 * The embedded default: a real Postgres of our own, found running or started, stopped by the last.
 *
 * As a program, it ends what a dead launcher left: its server, when that does not end by itself, and
 * Postgres, when nobody uses it.
 */

import { exponentialMs } from "../core/backoff.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import { DATABASE, initialise, readDataMajor, readPassword, ROLE } from "./cluster.ts";
import { openPostgresDir, type PostgresDir } from "./postgres_dir.ts";
import { type OnLine, pause, stopwatch } from "./retry_for.ts";
import { commandOf } from "./process.ts";
import { findPostmaster, type Postmaster, startPostmaster, stopPostmaster } from "./postmaster.ts";
import { inTurn, isUnused, join } from "./lock.ts";
import { findBinaries } from "./binaries.ts";

/** Pause before Postgres is started again: none at first, then doubled. */
const REVIVE = { minMs: 100, maxMs: 10_000 };

/** A launcher that is started again within this time after one died takes Postgres as it is. */
const ADOPT_MS_MAX = 10_000;

/** How often the server of a dead launcher is looked for. */
const LOOK_MS = 500;

/** A server that works with the Postgres of a launcher. */
export interface Server {
  readonly pid: number;
  /** It ends by itself when its launcher has died; after this long it is killed. */
  readonly endsWithinMs: number;
}

/** A Postgres that runs for us. */
export interface EmbeddedPostgres {
  /** With its password: not for logs. */
  readonly url: string;
  /** Whether it ran already, shared with another launcher or left by a killed one. */
  readonly adopted: boolean;
  /** Notes the server that works with it: should this process die, Postgres waits for its end. */
  usedBy(server: Server): Promise<void>;
  /** Gives it up, and stops it when nobody else uses it. Safe to repeat. */
  stop(): Promise<void>;
}

/**
 * Starts a Postgres whose files are in `dataDir`, or takes the one that runs there. Every commit is
 * synced to disk. Several processes may do this in one folder at once.
 *
 * Shape: `onLine` takes lines for people; none holds a secret.
 * Cost: about a second the first time (and a download of 24 MB), then a tenth of one.
 *
 * @throws {TaskerError} journal.unavailable when there is no Postgres for this machine, or it does
 *   not start; the message names the log's last lines and DATABASE_URL as the way out
 */
export async function startEmbeddedPostgres(
  { dataDir, onLine }: { readonly dataDir: string; readonly onLine: OnLine },
): Promise<EmbeddedPostgres> {
  if (Deno.build.os === "windows") throw noWindows();
  await Deno.mkdir(dataDir, { recursive: true });
  const folder = await Deno.realPath(dataDir);
  return await inTurn({ dataDir: folder, onLine, work: () => startOrAdopt(folder, onLine) });
}

function noWindows(): TaskerError {
  return new TaskerError(
    "journal.unavailable",
    "Cannot embed Postgres: Windows has no signals to stop it by; set DATABASE_URL, or use WSL",
  );
}

async function startOrAdopt(dataDir: string, onLine: OnLine): Promise<EmbeddedPostgres> {
  const elapsed = stopwatch();
  const dir = await openPostgresDir({ dataDir, onLine });
  const running = await findPostmaster(dir, onLine);
  const postmaster = running ?? await start(dir, onLine);
  const password = await readPassword(dir);
  const membership = await join(dataDir);
  const how = running === undefined ? "started" : "was running already";
  onLine(`Postgres ${how} on 127.0.0.1:${postmaster.port}, pid ${postmaster.pid} (${elapsed()})`);

  const keeper = openKeeper(dataDir);
  let stopped: Promise<void> | undefined;
  const leave = async () => {
    if (await membership.leave()) await stopPostmaster(dir, onLine);
    else onLine("Postgres goes on: another server uses it");
    await keeper.dismiss();
  };
  const revive = () =>
    inTurn({
      dataDir,
      onLine,
      work: async () => stopped ? undefined : await start(dir, onLine, postmaster.port),
    });
  void keepRunning({ postmaster, revive, isOver: () => stopped !== undefined, onLine });
  return {
    url: `postgres://${ROLE}:${password}@127.0.0.1:${postmaster.port}/${DATABASE}`,
    adopted: running !== undefined,
    usedBy: (server) => keeper.wait(server),
    stop: () => stopped ??= inTurn({ dataDir, onLine, work: leave }),
  };
}

/**
 * Starts Postgres again whenever it ends while it is used: killed for its memory, say. Servers find
 * it where it was and go on. Of several launchers that notice it, one starts it.
 */
async function keepRunning(
  { postmaster, revive, isOver, onLine }: {
    readonly postmaster: Postmaster;
    /** Undefined = this launcher uses it no more. */
    readonly revive: () => Promise<Postmaster | undefined>;
    readonly isOver: () => boolean;
    readonly onLine: OnLine;
  },
): Promise<void> {
  let current: Postmaster | undefined = postmaster;
  for (let ends = 0;; ends++) {
    await current?.ended();
    if (ends > 0) await pause(exponentialMs(ends, REVIVE));
    if (isOver()) return;
    try {
      current = await revive();
      if (current === undefined) return;
      onLine(`Postgres had ended and runs again on 127.0.0.1:${current.port}, pid ${current.pid}`);
    } catch (error) {
      current = undefined;
      onLine(`${messageOf(error)}\nIt is tried again`);
    }
  }
}

/** Stands by while a launcher lives, to stop what it would leave behind. */
interface Keeper {
  /** From now on, waits for a server before Postgres is stopped. */
  wait(server: Server): Promise<void>;
  /** Ends it: the launcher has stopped everything itself. */
  dismiss(): Promise<void>;
}

/**
 * Its input ends when the launcher does, however it dies; until then it costs a sleeping shell. What
 * follows is a program, because the shell knows no locks.
 */
const KEEPER_SCRIPT = 'while read -r line; do server=$line; done; exec "$0" "$@" $server';

const KEEPER_FLAGS = [
  ...["run", "--quiet", "--no-config", "--no-lock", "--no-prompt"],
  ...["--allow-run", "--allow-read", "--allow-write", "--allow-net=127.0.0.1", "--allow-sys=uid"],
];

function openKeeper(dataDir: string): Keeper {
  const program = decodeURIComponent(new URL(import.meta.url).pathname);
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", KEEPER_SCRIPT, Deno.execPath(), ...KEEPER_FLAGS, program, dataDir],
    cwd: "/",
    stdin: "piped",
    stdout: "null",
    stderr: "null",
    // A session of its own: a Ctrl-C is for the launcher.
    detached: true,
  }).spawn();
  child.unref();
  const pipe = child.stdin.getWriter();
  return {
    wait: ({ pid, endsWithinMs }) =>
      pipe.write(new TextEncoder().encode(`${pid} ${endsWithinMs}\n`)),
    async dismiss() {
      child.ref();
      child.kill("SIGKILL");
      await pipe.close().catch(() => {});
      await child.status;
    },
  };
}

/**
 * Stops the Postgres of a folder when nobody uses it.
 *
 * @throws {TaskerError} journal.unavailable
 */
export async function stopUnused(dataDir: string): Promise<void> {
  const onLine = () => {};
  await inTurn({
    dataDir,
    onLine,
    work: async () => {
      if (!await isUnused(dataDir)) return;
      await stopPostmaster(await openPostgresDir({ dataDir, onLine }), onLine);
    },
  });
}

async function start(dir: PostgresDir, onLine: OnLine, port?: number): Promise<Postmaster> {
  const major = await readDataMajor(dir);
  const software = await findBinaries({ dir, major, onLine });
  if (major === undefined) {
    onLine("making the Postgres data folder (first start only) …");
    await initialise(dir, software);
  }
  return await startPostmaster({ dir, software, onLine, port });
}

async function endServer({ pid, endsWithinMs }: Server): Promise<void> {
  for (let waitedMs = 0; await commandOf(pid) !== undefined; waitedMs += LOOK_MS) {
    if (waitedMs >= endsWithinMs) return Deno.kill(pid, "SIGKILL");
    await pause(LOOK_MS);
  }
}

if (import.meta.main) {
  const [dataDir = "", pid, endsWithinMs] = Deno.args;
  if (pid !== undefined) await endServer({ pid: Number(pid), endsWithinMs: Number(endsWithinMs) });
  await pause(ADOPT_MS_MAX);
  await stopUnused(dataDir);
}
