/**
 * Who uses one embedded Postgres. Several launchers in one folder share it, and the last one to
 * leave stops it. Files are locked by the kernel, which gives up the locks of a killed process.
 */

import { TaskerError } from "../core/errors.ts";
import { openOwnFile } from "./own_file.ts";
import { type OnLine, reporting, until } from "./retry_for.ts";

/** A start fetches, initialises and recovers at most this long; a stop is shorter. */
const TURN_MS_MAX = 300_000;

/** A place among the users of one Postgres. */
export interface Membership {
  /** Gives it up. Returns whether nobody else is left; call it within a turn of `inTurn`. */
  leave(): Promise<boolean>;
}

/**
 * Does some work while no other launcher of the same folder starts or stops Postgres.
 *
 * @throws {TaskerError} journal.unavailable when another one does not come to an end
 */
export async function inTurn<T>(
  { dataDir, onLine, work }: {
    readonly dataDir: string;
    readonly onLine: OnLine;
    readonly work: () => Promise<T>;
  },
): Promise<T> {
  using lock = await openOwnFile(`${dataDir}/postgres.lock`);
  const taken = await reporting("waiting for another start in this folder", {
    onLine,
    work: () => until(async () => await lock.tryLock(true) || undefined, { withinMs: TURN_MS_MAX }),
  });
  if (taken) return await work();
  throw new TaskerError(
    "journal.unavailable",
    `Cannot start or stop Postgres in "${dataDir}": another process there holds postgres.lock`,
  );
}

/** Joins the users of a folder's Postgres; call it within a turn of `inTurn`. */
export async function join(dataDir: string): Promise<Membership> {
  const users = await openOwnFile(usersFile(dataDir));
  await users.lock(false);
  return {
    leave: async () => {
      users.close();
      return await isUnused(dataDir);
    },
  };
}

/** Whether nobody uses a folder's Postgres; call it within a turn of `inTurn`. */
export async function isUnused(dataDir: string): Promise<boolean> {
  using users = await openOwnFile(usersFile(dataDir));
  return await users.tryLock(true);
}

function usersFile(dataDir: string): string {
  return `${dataDir}/postgres.users`;
}
