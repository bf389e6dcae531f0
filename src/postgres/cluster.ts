/** The data folder: made whole or not at all, and the password that opens it. */

import { TaskerError } from "../core/errors.ts";
import { writeOwnFile } from "./own_file.ts";
import { type PostgresDir, readIfThere } from "./postgres_dir.ts";
import type { Binaries } from "./binaries.ts";

/** The one role, owner of everything in this Postgres. */
export const ROLE = "tasker";

/** The one database; initdb makes it. */
export const DATABASE = "postgres";

const PASSWORD_BYTES = 24;

/** Data folders that are not whole yet. */
const HALF_PREFIX = "data.new-";

/** Only over TCP from this machine, and only with the password. */
const HOST_RULES = `host all ${ROLE} 127.0.0.1/32 scram-sha-256\n`;

/** Where the data lies; it belongs to the account that Postgres runs as. */
export function dataFolder(dir: PostgresDir): string {
  return `${dir.path}/data`;
}

/** The major version of Postgres that made the data; undefined = there is no data yet. */
export async function readDataMajor(dir: PostgresDir): Promise<number | undefined> {
  const version = await readIfThere(`${dataFolder(dir)}/PG_VERSION`);
  return version === undefined ? undefined : Number(version);
}

/** Reads the password of `ROLE`. It is written before the data appears, so it is there with it. */
export async function readPassword(dir: PostgresDir): Promise<string> {
  const password = await readIfThere(passwordFile(dir));
  if (password !== undefined) return password;
  throw new TaskerError(
    "journal.unavailable",
    `Cannot open the Postgres data in "${dir.path}": the file "password" beside it is gone; ` +
      "bring it back, or remove the folder to begin with an empty one",
  );
}

/** Writes who may connect, beside the data, and returns the file. */
export async function writeHostRules(dir: PostgresDir): Promise<string> {
  const path = `${dir.path}/pg_hba.conf`;
  await writeOwnFile(path, HOST_RULES, { mode: 0o644 });
  return path;
}

/**
 * Makes the data folder under another name and renames it when it is whole, so that a start killed
 * half-way leaves nothing that looks like data. The name is new each time: an initdb that outlived
 * its launcher may still write to the last one. One caller at a time.
 *
 * @throws {TaskerError} journal.unavailable when initdb fails
 */
export async function initialise(dir: PostgresDir, software: Binaries): Promise<void> {
  await removeHalves(dir);
  const half = `${dir.path}/${HALF_PREFIX}${crypto.randomUUID()}`;
  await Deno.mkdir(half, { mode: 0o700 });
  await giveAway(half, dir);
  await writePassword(dir);
  const { success, stdout, stderr } = await new Deno.Command(`${software.binDir}/initdb`, {
    args: [
      ...["--pgdata", half, "--username", ROLE, "--pwfile", passwordFile(dir)],
      ...["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"],
      ...["--data-checksums", "--no-instructions"],
    ],
    cwd: dir.path,
    env: { LC_ALL: "C" },
    detached: true, // not to be ended by a Ctrl-C: the launcher stops when this is done
    ...dir.account,
  }).output();
  if (!success) throw initialiseFailed(half, [stdout, stderr]);
  await Deno.rename(half, dataFolder(dir));
  await syncFolder(dir.path);
}

/** Removes what killed starts left, as far as nobody writes to it at this moment. */
async function removeHalves(dir: PostgresDir): Promise<void> {
  for await (const { name } of Deno.readDir(dir.path)) {
    if (!name.startsWith(HALF_PREFIX)) continue;
    await Deno.remove(`${dir.path}/${name}`, { recursive: true }).catch(() => {});
  }
}

/** Makes a rename durable: without this, a power cut could undo it and lose what was committed. */
async function syncFolder(path: string): Promise<void> {
  using folder = await Deno.open(path);
  await folder.sync();
}

async function writePassword(dir: PostgresDir): Promise<void> {
  const path = passwordFile(dir);
  const bytes = crypto.getRandomValues(new Uint8Array(PASSWORD_BYTES));
  await writeOwnFile(path, bytes.toBase64({ alphabet: "base64url" }));
  await giveAway(path, dir);
}

/** Gives what is directly in the folder to the account of Postgres: nobody else has put it there. */
export async function giveAway(path: string, { account }: PostgresDir): Promise<void> {
  if (account !== undefined) await Deno.chown(path, account.uid, account.gid);
}

function passwordFile(dir: PostgresDir): string {
  return `${dir.path}/password`;
}

function initialiseFailed(path: string, output: readonly Uint8Array[]): TaskerError {
  const said = output.map((bytes) => new TextDecoder().decode(bytes).trim()).join("\n");
  return new TaskerError("journal.unavailable", `Cannot make Postgres data in "${path}":\n${said}`);
}
