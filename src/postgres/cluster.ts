/** The data folder: made whole or not at all, and the password that opens it. */

import { TaskerError } from "../core/errors.ts";
import { type DataDir, readIfThere } from "./data_dir.ts";
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

/** Where the data of a home lies. */
export function dataFolder(home: DataDir): string {
  return `${home.path}/data`;
}

/** The major version of Postgres that made the data; undefined = there is no data yet. */
export async function readDataMajor(home: DataDir): Promise<number | undefined> {
  const version = await readIfThere(`${dataFolder(home)}/PG_VERSION`);
  return version === undefined ? undefined : Number(version);
}

/** Reads the password of `ROLE`. It is written before the data appears, so it is there with it. */
export async function readPassword(home: DataDir): Promise<string> {
  const password = await readIfThere(passwordFile(home));
  if (password !== undefined) return password;
  throw new TaskerError(
    "journal.unavailable",
    `Cannot open the Postgres data in "${home.path}": the file "password" beside it is gone; ` +
      "bring it back, or remove the folder to begin with an empty one",
  );
}

/**
 * Makes the data folder under another name and renames it when it is whole, so that a start killed
 * half-way leaves nothing that looks like data. The name is new each time: an initdb that outlived
 * its launcher may still write to the last one. One caller at a time.
 *
 * @throws {TaskerError} journal.unavailable when initdb fails
 */
export async function initialise(home: DataDir, software: Binaries): Promise<void> {
  await removeHalves(home);
  const half = `${home.path}/${HALF_PREFIX}${crypto.randomUUID()}`;
  await writePassword(home);
  const { success, stdout, stderr } = await new Deno.Command(`${software.binDir}/initdb`, {
    args: [
      ...["--pgdata", half, "--username", ROLE, "--pwfile", passwordFile(home)],
      ...["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"],
      ...["--data-checksums", "--no-instructions"],
    ],
    cwd: home.path,
    env: { LC_ALL: "C" },
    detached: true, // not to be ended by a Ctrl-C: the launcher stops when this is done
    ...home.account,
  }).output();
  if (!success) throw initialiseFailed(half, [stdout, stderr]);
  await Deno.writeTextFile(`${half}/pg_hba.conf`, HOST_RULES);
  await Deno.rename(half, dataFolder(home));
  await syncFolder(home.path);
}

/** Removes what killed starts left, as far as nobody writes to it at this moment. */
async function removeHalves(home: DataDir): Promise<void> {
  for await (const { name } of Deno.readDir(home.path)) {
    if (!name.startsWith(HALF_PREFIX)) continue;
    await Deno.remove(`${home.path}/${name}`, { recursive: true }).catch(() => {});
  }
}

/** Makes a rename durable: without this, a power cut could undo it and lose what was committed. */
async function syncFolder(path: string): Promise<void> {
  using folder = await Deno.open(path);
  await folder.sync();
}

async function writePassword(home: DataDir): Promise<void> {
  const path = passwordFile(home);
  const bytes = crypto.getRandomValues(new Uint8Array(PASSWORD_BYTES));
  await Deno.writeTextFile(path, bytes.toBase64({ alphabet: "base64url" }), { mode: 0o600 });
  if (home.account !== undefined) await Deno.chown(path, home.account.uid, home.account.gid);
}

function passwordFile(home: DataDir): string {
  return `${home.path}/password`;
}

function initialiseFailed(path: string, output: readonly Uint8Array[]): TaskerError {
  const said = output.map((bytes) => new TextDecoder().decode(bytes).trim()).join("\n");
  return new TaskerError("journal.unavailable", `Cannot make Postgres data in "${path}":\n${said}`);
}
