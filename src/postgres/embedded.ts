/** The embedded default: a real Postgres of our own, found running or started, stopped by the last. */

import { messageOf, TaskerError } from "../core/errors.ts";
import { DATABASE, initialise, readDataMajor, readPassword, ROLE } from "./cluster.ts";
import { type Home, openHome } from "./home.ts";
import { type OnLine, stopwatch } from "./patience.ts";
import { findPostmaster, type Postmaster, startPostmaster, stopPostmaster } from "./postmaster.ts";
import { inTurn, join } from "./sharing.ts";
import { findSoftware } from "./software.ts";

/** Ends in one launch after which something is wrong that starting again does not mend. */
const REVIVALS_MAX = 10;

/** A Postgres that runs for us. */
export interface EmbeddedPostgres {
  /** With its password: not for logs. */
  readonly url: string;
  /** Whether it ran already, shared with another launcher or left by a killed one. */
  readonly adopted: boolean;
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
  const home = await openHome({ dataDir, onLine });
  const running = await findPostmaster(home, onLine);
  const postmaster = running ?? await start(home, onLine);
  const password = await readPassword(home);
  const place = await join(dataDir);
  const how = running === undefined ? "started" : "was running already";
  onLine(`Postgres ${how} on 127.0.0.1:${postmaster.port}, pid ${postmaster.pid} (${elapsed()})`);

  let stopped: Promise<void> | undefined;
  const leave = async () => {
    if (await place.leave()) await stopPostmaster(home, onLine);
    else onLine("Postgres goes on: another server uses it");
  };
  const revive = () =>
    inTurn({
      dataDir,
      onLine,
      work: async () => stopped ? undefined : await start(home, onLine),
    });
  void keepRunning({ postmaster, revive, onLine });
  return {
    url: `postgres://${ROLE}:${password}@127.0.0.1:${postmaster.port}/${DATABASE}`,
    adopted: running !== undefined,
    stop: () => stopped ??= inTurn({ dataDir, onLine, work: leave }),
  };
}

/**
 * Starts Postgres again when the one we started ends while it is used: killed for its memory, say.
 * Servers find it where it was and go on. One that we adopted is not ours to watch.
 */
async function keepRunning(
  { postmaster, revive, onLine }: {
    readonly postmaster: Postmaster;
    /** Undefined = nobody uses it any more. */
    readonly revive: () => Promise<Postmaster | undefined>;
    readonly onLine: OnLine;
  },
): Promise<void> {
  let current: Postmaster | undefined = postmaster;
  for (let revivals = 0; revivals < REVIVALS_MAX; revivals++) {
    if (current.ended === undefined) return;
    await current.ended;
    try {
      current = await revive();
    } catch (error) {
      return onLine(messageOf(error));
    }
    if (current === undefined) return;
    onLine(`Postgres had ended and runs again on 127.0.0.1:${current.port}, pid ${current.pid}`);
  }
}

async function start(home: Home, onLine: OnLine): Promise<Postmaster> {
  const major = await readDataMajor(home);
  const software = await findSoftware({ home, major, onLine });
  if (major === undefined) {
    onLine("making the Postgres data folder (first start only) …");
    await initialise(home, software);
  }
  return await startPostmaster({ home, software, onLine });
}
