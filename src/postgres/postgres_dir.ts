/** Where the embedded Postgres keeps its files, and which account it runs as. */

import { TaskerError } from "../core/errors.ts";
import { isPlain } from "./own_file.ts";
import type { OnLine } from "./retry_for.ts";

/** `nobody`: Postgres refuses to run as root, and wants a uid that has a name. */
const NOBODY = 65_534;

/** Where root's Postgres goes when `nobody` cannot reach TASKER_DATA; the first that works. */
const FALLBACK_PARENTS: readonly string[] = ["/var/lib", "/var/tmp", "/tmp"];

/** Others may pass through a folder. */
const MODE_OTHERS_PASS = 0o001;

/** Group or others may write. */
const MODE_OTHERS_WRITE = 0o022;

/** All may write, and with the second one remove only what is theirs. */
const MODE_ALL_WRITE = 0o002;
const MODE_STICKY = 0o1000;

/** Others may pass, and neither list nor write: so nobody but root chooses what is there. */
const MODE_OF_ROOT = 0o711;

/** The numbers a child process runs under. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** A folder for the programs, data, password and log of one Postgres. */
export interface PostgresDir {
  readonly path: string;
  /** Who owns `data` in it; undefined = Postgres runs as the user who started us. */
  readonly account: Account | undefined;
}

/**
 * Finds or makes the folder of the embedded Postgres: `postgres` in `dataDir`, or, when root starts
 * it and `nobody` cannot reach that, a folder elsewhere, named in one line and remembered in
 * `dataDir`. Root's folder is its own, and only `data` in it is given away. Safe to repeat; one
 * caller at a time.
 *
 * @throws {TaskerError} journal.unavailable when the folder belongs to another user, or is gone
 */
export async function openPostgresDir(
  { dataDir, onLine }: { readonly dataDir: string; readonly onLine: OnLine },
): Promise<PostgresDir> {
  const isRoot = Deno.uid() === 0;
  const location = `${dataDir}/postgres.location`;
  if (isRoot) await refuseForeign(location);
  const elsewhere = await readIfThere(location);
  const path = elsewhere ?? `${dataDir}/postgres`;
  const owner = await ownerOf(path);
  if (elsewhere !== undefined && owner === undefined) throw dirIsGone(path, location);
  if (owner !== undefined && owner.uid !== Deno.uid() && !(isRoot && owner.uid === NOBODY)) {
    throw belongsToOther(path, owner);
  }
  if (!isRoot) {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    return { path, account: undefined };
  }
  if (elsewhere === undefined) await refuseOpenFolder(dataDir);
  if (owner !== undefined || await isReachable(dataDir)) return await openAsRoot(path);

  const fallback = await makeFallback(dataDir);
  await Deno.writeTextFile(location, fallback, { createNew: true, mode: 0o600 });
  onLine(
    `Postgres runs as uid ${NOBODY}, which cannot reach ${dataDir}: its files are in ${fallback}`,
  );
  return await openAsRoot(fallback);
}

/** Earlier versions gave the whole folder to `nobody`: root takes it back before it looks inside. */
async function openAsRoot(path: string): Promise<PostgresDir> {
  await Deno.mkdir(path, { recursive: true, mode: MODE_OF_ROOT });
  await Deno.chown(path, 0, 0);
  await Deno.chmod(path, MODE_OF_ROOT); // the umask may have taken from it
  for await (const { name } of Deno.readDir(path)) await refusePlanted(`${path}/${name}`);
  const data = await statOf(`${path}/data`);
  return { path, account: { uid: data?.uid ?? NOBODY, gid: data?.gid ?? NOBODY } };
}

/** Root made no link here, but may have put one in place of `data`, to another disk. */
async function refusePlanted(path: string): Promise<void> {
  const found = await Deno.lstat(path);
  if (found.isDirectory || isPlain(found) || (found.isSymlink && found.uid === 0)) return;
  throw new TaskerError(
    "journal.unavailable",
    `Cannot trust "${path}": another user than root may have put a link there; remove it`,
  );
}

/** Where `nobody` may rename folders, it could put its own in the place of root's. */
async function refuseOpenFolder(dataDir: string): Promise<void> {
  const { uid, mode } = await Deno.stat(dataDir);
  const isOpen = ((mode ?? 0) & (MODE_ALL_WRITE | MODE_STICKY)) === MODE_ALL_WRITE;
  if (uid !== NOBODY && !isOpen) return;
  throw new TaskerError(
    "journal.unavailable",
    `Cannot keep Postgres files in "${dataDir}": uid ${NOBODY}, which Postgres runs as, may rename ` +
      "them; give the folder to root, mode 0755, or set TASKER_DATA or DATABASE_URL",
  );
}

function belongsToOther(path: string, { uid }: Account): TaskerError {
  return new TaskerError(
    "journal.unavailable",
    `Cannot use "${path}": it belongs to uid ${uid}, this is uid ${Deno.uid()}; ` +
      "start as that user, or set TASKER_DATA or DATABASE_URL",
  );
}

async function makeFallback(dataDir: string): Promise<string> {
  for (const dir of FALLBACK_PARENTS) {
    if (!await isReachable(dir)) continue;
    try {
      return await Deno.makeTempDir({ dir, prefix: "tasker-" });
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }
  throw new TaskerError(
    "journal.unavailable",
    `Cannot keep Postgres files in "${dataDir}": uid ${NOBODY} cannot reach it, nor ` +
      `${FALLBACK_PARENTS.join(", ")}; start as another user than root, or set DATABASE_URL`,
  );
}

function isRefusal(error: unknown): boolean {
  return error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable ||
    (error instanceof Error && "code" in error && error.code === "EROFS");
}

/** Whether `nobody` may pass through a folder and each one above it. `path` is absolute. */
async function isReachable(path: string): Promise<boolean> {
  for (let folder = path; folder !== ""; folder = folder.slice(0, folder.lastIndexOf("/"))) {
    const mode = await Deno.stat(folder).then((stat) => stat.mode ?? 0, () => 0);
    if ((mode & MODE_OTHERS_PASS) === 0) return false;
  }
  return true;
}

/**
 * Root goes where this file says and gives the folder away: so the file must be root's own.
 *
 * @throws {TaskerError} journal.unavailable when somebody else could have written it
 */
async function refuseForeign(location: string): Promise<void> {
  const found = await statOf(location, Deno.lstat);
  if (found === undefined) return;
  const isOwn = found.isFile && found.uid === 0 && ((found.mode ?? 0) & MODE_OTHERS_WRITE) === 0;
  if (isOwn) return;
  throw new TaskerError(
    "journal.unavailable",
    `Cannot trust "${location}": it is a link, or not root's alone to write, and root would give ` +
      "away the folder that it names; if that is your Postgres, make the file root's own, mode 0600",
  );
}

/** Who owns a folder; root follows no link to it, which could lead anywhere. */
async function ownerOf(path: string): Promise<Account | undefined> {
  if (Deno.uid() === 0 && (await statOf(path, Deno.lstat))?.isSymlink) throw dirIsLink(path);
  const found = await statOf(path);
  return found && { uid: found.uid ?? 0, gid: found.gid ?? 0 };
}

/** Undefined = nothing is there. */
async function statOf(path: string, stat = Deno.stat): Promise<Deno.FileInfo | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function dirIsLink(path: string): TaskerError {
  return new TaskerError(
    "journal.unavailable",
    `Cannot keep Postgres files in "${path}": it is a link, which root does not follow; ` +
      "set TASKER_DATA to a folder where it leads, or start as another user",
  );
}

function dirIsGone(path: string, location: string): TaskerError {
  return new TaskerError(
    "journal.unavailable",
    `Cannot find the Postgres files "${path}": the folder is gone; ` +
      `bring it back, or remove "${location}" to begin with an empty one`,
  );
}

/** Reads a text file without the white space around it. Returns undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await Deno.readTextFile(path)).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
