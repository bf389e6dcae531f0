/**
 * Files that the launcher and the server write in TASKER_DATA. They may run as root, so none of
 * these is written through a link that somebody else has put there.
 *
 * The launcher writes `postgres.lock`, `postgres.users`, `postgres.location`; in the folder of
 * Postgres `password`, `pg_hba.conf`, `fetch.lock`, `postgres.log` and `software-*`; and marks a
 * server that hung in its `node-N.beats`. The server writes `admin.key` before it loads a workflow;
 * `node-N.lock`, `node-N.beats`, `address` and `server.pid` it keeps open, and gives up the right to
 * open any other. In `data` and `data.new-*` only Postgres writes, under its own account.
 */

import { TaskerError } from "../core/errors.ts";

/** Only the owner reads and writes. */
const MODE_PRIVATE = 0o600;

/**
 * Opens a file to read and write, or makes it, without following a link.
 *
 * @throws {TaskerError} config.invalid when something else is there, or it belongs to another user
 */
export async function openOwnFile(path: string, mode = MODE_PRIVATE): Promise<Deno.FsFile> {
  try {
    // This never follows a link, and shows whether there is anything yet.
    return await Deno.open(path, { read: true, write: true, createNew: true, mode });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw cannotWrite(path, error);
  }
  const found = await Deno.lstat(path);
  if (!isPlain(found)) throw notPlain(path);
  const file = await Deno.open(path, { read: true, write: true }).catch((error) => {
    throw cannotWrite(path, error);
  });
  const opened = await file.stat();
  // Between the look and the opening, a link may have taken its place.
  if (opened.ino === found.ino && opened.dev === found.dev) return file;
  file.close();
  throw notPlain(path);
}

/** Writes a file anew: what was there, a link or an open file, stays as it is and loses the name. */
export async function writeOwnFile(
  path: string,
  text: string,
  { mode = MODE_PRIVATE }: { readonly mode?: number } = {},
): Promise<void> {
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.writeTextFile(path, text, { createNew: true, mode });
}

/** Whether it is a file with one name: no link of either kind, and no pipe. */
export function isPlain({ isFile, nlink }: Deno.FileInfo): boolean {
  return isFile && (nlink ?? 1) === 1;
}

function notPlain(path: string): TaskerError {
  return new TaskerError(
    "config.invalid",
    `Cannot write "${path}": it is a link, or no file; it may lead anywhere, so it is not followed. ` +
      "Remove it and start again",
  );
}

function cannotWrite(path: string, error: unknown): unknown {
  if (!(error instanceof Deno.errors.PermissionDenied)) return error;
  return new TaskerError(
    "config.invalid",
    `Cannot open "${path}": it belongs to another user; start as that user, or set TASKER_DATA`,
    { cause: error },
  );
}
