/** Builds the web app beside the start: `deno bundle`, once for each state of its sources. */

import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { messageOf } from "../core/errors.ts";
import type { OnLine } from "../postgres/retry_for.ts";
import { stopwatch } from "../postgres/retry_for.ts";
import { webFolder, type WebState, writeWebState } from "./web_files.ts";

/** What the app is made of, from the engine's folder: its sources, and what they import. */
const SOURCES: readonly string[] = [
  "web",
  "src/core",
  "src/operations",
  "src/client",
  "src/author",
  "src/registry",
];
const SOURCE_FILES: readonly string[] = ["src/client.ts", "deno.json"];

/** What changes the app. */
const SOURCE = /\.(tsx?|css|html|json|svg)$/;
const NOT_SOURCE = /_test\.tsx?$/;

/** Builds that are kept: this one, and the one that open pages may still load parts of. */
const BUILDS_KEPT = 2;

/** Characters of a hash that name a build. */
const NAME_LENGTH = 16;

/** The last lines that say why a build failed. */
const REASON_LINES_MAX = 12;

/** What a build works with. */
export interface WebBuildOptions {
  /** Absolute path of the folder with web and src. */
  readonly root: string;
  /** Absolute path of the folder with deno.json. */
  readonly project: string;
  readonly dataDir: string;
  readonly onLine: OnLine;
  readonly stopping: { readonly isAsked: boolean };
}

/**
 * Builds the app in the background unless it is there. A failure is said once, and at `/`: it never
 * stops the server. Cost: reading the sources; a second or two of `deno bundle` when they changed.
 */
export function buildWeb(options: WebBuildOptions): Disposable {
  const aborting = new AbortController();
  const { onLine, stopping, dataDir } = options;
  const say = (line: string) => {
    if (!stopping.isAsked && !aborting.signal.aborted) onLine(line);
  };
  void build(options, aborting.signal, say).catch(async (error) => {
    const reason = messageOf(error);
    say(`serving without the web app: ${reason.split("\n")[0]}; / says more`);
    if (!aborting.signal.aborted) await writeWebState(dataDir, { kind: "failed", reason });
  }).catch((error) => say(`serving without the web app: ${messageOf(error)}`));
  return { [Symbol.dispose]: () => aborting.abort() };
}

async function build(
  options: WebBuildOptions,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  const { root, dataDir } = options;
  const sources = await sourcesOf(root);
  const name = await hashOf(root, sources);
  const folder = webFolder(dataDir, name);
  const ready: WebState = { kind: "ready", build: name };
  if (await exists(`${folder}/index.html`)) return await writeWebState(dataDir, ready);
  await writeWebState(dataDir, { kind: "building" });
  say("building the web app …");
  const elapsed = stopwatch();
  const made = webFolder(dataDir, `${name}.${Deno.pid}`);
  await bundle(options, { sources, made, signal });
  await finish(root, made, name);
  await Deno.rename(made, folder).catch(async (error) => {
    // Another launcher of the same folder was first.
    if (!await exists(`${folder}/index.html`)) throw error;
    await Deno.remove(made, { recursive: true });
  });
  await writeWebState(dataDir, ready);
  say(`the web app is built (${elapsed()})`);
  await forgetOldBuilds(dataDir, name);
}

/** The files whose texts make up a build, sorted; paths from `root`. */
async function sourcesOf(root: string): Promise<readonly string[]> {
  const found: string[] = [...SOURCE_FILES];
  const walk = async (folder: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(`${root}/${folder}`)) {
      if (isDirectory) await walk(`${folder}/${name}`);
      else if (SOURCE.test(name) && !NOT_SOURCE.test(name)) found.push(`${folder}/${name}`);
    }
  };
  for (const folder of SOURCES) await walk(folder);
  return found.sort();
}

async function hashOf(root: string, sources: readonly string[]): Promise<string> {
  const hash = createHash("sha256").update(Deno.version.deno);
  for (const path of sources) {
    hash.update(path).update("\0").update(await Deno.readFile(`${root}/${path}`)).update("\0");
  }
  return hash.digest("hex").slice(0, NAME_LENGTH);
}

/** Runs `deno bundle`: the page's entry, and each worker, which is an entry of its own. */
async function bundle(
  { root, project }: WebBuildOptions,
  { sources, made, signal }: {
    readonly sources: readonly string[];
    readonly made: string;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const workers = sources.filter((path) => path.endsWith("_worker.ts"));
  const entries = ["web/main.tsx", ...workers].map((path) => `${root}/${path}`);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      ...["--platform", "browser", "--minify", "--code-splitting", "--outdir", resolve(made)],
      ...(await exists(`${project}/deno.lock`) ? ["--frozen-lockfile"] : []),
      ...entries,
    ],
    cwd: `${root}/web`,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    env: { NO_COLOR: "1" },
    signal,
  }).output();
  if (success) return;
  const lines = new TextDecoder().decode(stderr).split("\n").filter((line) =>
    line.trim() !== "" && !line.includes("is experimental")
  );
  throw new Error(["deno bundle failed", ...lines.slice(0, REASON_LINES_MAX)].join("\n"));
}

/** Adds the page, which names its build, and the compressed form of each file. */
async function finish(root: string, made: string, name: string): Promise<void> {
  const page = await Deno.readTextFile(`${root}/web/index.html`);
  await Deno.writeTextFile(`${made}/index.html`, page.replaceAll("/assets/", `/assets/${name}/`));
  await compress(made);
}

async function compress(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) await compress(path);
    else await Deno.writeFile(`${path}.gz`, gzipSync(await Deno.readFile(path), { level: 9 }));
  }
}

/** Removes all builds but the newest ones, and what a launcher that was killed left. */
async function forgetOldBuilds(dataDir: string, newest: string): Promise<void> {
  const builds: { path: string; atMs: number }[] = [];
  for await (const { name, isDirectory } of Deno.readDir(webFolder(dataDir, ""))) {
    const path = webFolder(dataDir, name);
    if (!isDirectory || name === newest) continue;
    builds.push({ path, atMs: (await Deno.stat(path)).mtime?.getTime() ?? 0 });
  }
  builds.sort((a, b) => b.atMs - a.atMs);
  for (const { path } of builds.slice(BUILDS_KEPT - 1)) {
    await Deno.remove(path, { recursive: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
