/** A build of the web app, and how many bytes a browser loads of it. */

import { buildWeb } from "../../src/server/launch_web.ts";
import { readWebState, webFolder } from "../../src/server/web_files.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** What a build took and weighs. */
export interface WebBuild {
  readonly tookMs: number;
  /** Gzipped bytes before anything is shown: the page, its script, and what that needs at once. */
  readonly initialBytes: number;
  /** Gzipped bytes that each script brings which is loaded later, by its name, beyond the initial ones. */
  readonly laterBytes: ReadonlyMap<string, number>;
}

/** Builds the app as a first start does, and weighs it. Cost: some seconds of a core. */
export async function buildOnce(): Promise<WebBuild> {
  const dataDir = await Deno.makeTempDir();
  try {
    const beganMs = performance.now();
    const lines: string[] = [];
    const ended = Promise.withResolvers<void>();
    const onLine = (line: string) => {
      lines.push(line);
      if (!line.endsWith("…")) ended.resolve();
    };
    using _building = buildWeb({
      ...{ root: ROOT, project: ROOT, dataDir, onLine },
      stopping: { isAsked: false },
    });
    await ended.promise;
    const tookMs = performance.now() - beganMs;
    const state = await readWebState(dataDir);
    if (state.kind !== "ready") throw new Error(lines.join("\n"));
    return { tookMs, ...await weigh(webFolder(dataDir, state.build)) };
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** Follows what each script imports: at once, or later by `import()`. */
async function weigh(folder: string): Promise<Omit<WebBuild, "tookMs">> {
  const gzipped = async (path: string) => (await Deno.stat(`${folder}/${path}.gz`)).size;
  const initial = new Set<string>(["index.html"]);
  const lazy = await follow(folder, "main.js", initial);
  const laterBytes = new Map<string, number>();
  const open = [...lazy];
  for (const script of open) {
    const needed = new Set(initial);
    const more = await follow(folder, script, needed);
    open.push(...[...more].filter((one) => !open.includes(one)));
    const own = [...needed].filter((path) => !initial.has(path));
    laterBytes.set(script.replace(/-\w+\.js$/, ""), await sum(own.map(gzipped)));
  }
  return { initialBytes: await sum([...initial].map(gzipped)), laterBytes };
}

/** Adds a script and what it needs at once to `needed`; returns what it may load later. */
async function follow(
  folder: string,
  script: string,
  needed: Set<string>,
): Promise<ReadonlySet<string>> {
  const later = new Set<string>();
  const visit = async (path: string): Promise<void> => {
    if (needed.has(path)) return;
    needed.add(path);
    const text = await Deno.readTextFile(`${folder}/${path}`);
    for (const [, name = ""] of text.matchAll(/import\("\.\/([^"]+)"\)/g)) later.add(name);
    for (const [, name = ""] of text.matchAll(/(?:from|import)"\.\/([^"]+)"/g)) await visit(name);
  };
  await visit(script);
  return later;
}

async function sum(sizes: readonly Promise<number>[]): Promise<number> {
  return (await Promise.all(sizes)).reduce((total, one) => total + one, 0);
}
