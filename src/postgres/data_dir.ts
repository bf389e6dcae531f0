/** Where the embedded Postgres keeps its files, and which account it runs as. */

import { TaskerError } from "../core/errors.ts";
import type { OnLine } from "./retry_for.ts";

/** `nobody`: Postgres refuses to run as root, and wants a uid that has a name. */
const NOBODY = 65_534;

/** Where root's Postgres goes when `nobody` cannot reach TASKER_DATA; the first that works. */
const FALLBACK_PARENTS: readonly string[] = ["/var/lib", "/var/tmp", "/tmp"];

/** Others may pass through a folder. */
const MODE_OTHERS_PASS = 0o001;

/** Group or others may write. */
const MODE_OTHERS_WRITE = 0o022;

/** The numbers a child process runs under. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** A folder for the software, data, password and log of one Postgres. */
export interface DataDir {
  readonly path: string;
  /** Undefined = Postgres runs as the user who started us. */
  readonly account: Account | undefined;
}

/**
 * Finds or makes the folder of the embedded Postgres: `postgres` in `dataDir`, or, when root starts
 * it and `nobody` cannot reach that, a folder elsewhere, named in one line and remembered in
 * `dataDir`. Safe to repeat; one caller at a time.
 *
 * @throws {TaskerError} journal.unavailable when the folder belongs to another user, or is gone
 */
export async function openHome(
  { dataDir, onLine }: { readonly dataDir: string; readonly onLine: OnLine },
): Promise<DataDir> {
  const location = `${dataDir}/postgres.location`;
  if (Deno.uid() === 0) await refuseForeign(location);
  const elsewhere = await readIfThere(location);
  const path = elsewhere ?? `${dataDir}/postgres`;
  const owner = await ownerOf(path);
  if (elsewhere !== undefined && owner === undefined) throw homeIsGone(path, location);
  if (Deno.uid() !== 0) return await openOwnHome(path, owner);
  if (owner !== undefined && owner.uid !== 0) return { path, account: owner };
  if (owner !== undefined || await isReachable(dataDir)) return await giveToNobody(path);

  const fallback = await makeFallback(dataDir);
  await Deno.writeTextFile(location, fallback, { createNew: true, mode: 0o600 });
  onLine(
    `Postgres runs as uid ${NOBODY}, which cannot reach ${dataDir}: its files are in ${fallback}`,
  );
  return await giveToNobody(fallback);
}

async function openOwnHome(path: string, owner: Account | undefined): Promise<DataDir> {
  const uid = Deno.uid();
  if (owner !== undefined && owner.uid !== uid) {
    throw new TaskerError(
      "journal.unavailable",
      `Cannot use "${path}": it belongs to uid ${owner.uid}, this is uid ${uid}; ` +
        "start as that user, or set TASKER_DATA or DATABASE_URL",
    );
  }
  await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  return { path, account: undefined };
}

async function giveToNobody(path: string): Promise<DataDir> {
  await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  await Deno.chown(path, NOBODY, NOBODY);
  return { path, account: { uid: NOBODY, gid: NOBODY } };
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
  const found = await Deno.lstat(location).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
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
  try {
    const { uid, gid, isSymlink } = await (Deno.uid() === 0 ? Deno.lstat : Deno.stat)(path);
    if (isSymlink) throw homeIsLink(path);
    return { uid: uid ?? 0, gid: gid ?? 0 };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function homeIsLink(path: string): TaskerError {
  return new TaskerError(
    "journal.unavailable",
    `Cannot keep Postgres files in "${path}": it is a link, which root does not follow; ` +
      "set TASKER_DATA to a folder where it leads, or start as another user",
  );
}

function homeIsGone(path: string, location: string): TaskerError {
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
