/** The built web app in the data folder: the launcher writes it, the server reads it. */

import { createHash } from "node:crypto";

/** What there is to serve. */
export type WebState =
  | { readonly kind: "building" }
  | { readonly kind: "ready"; readonly build: string }
  | { readonly kind: "failed"; readonly reason: string };

/** One file, as it is sent. */
export interface WebFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly gzipped: Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/** Builds in memory: the one that is served, and the one that open pages may still load parts of. */
const BUILDS_MAX = 2;

const BUILD = /^[0-9a-f]{16}$/;

/** The folder of one build, or of all for "". */
export function webFolder(dataDir: string, build: string): string {
  return `${dataDir}/web/${build}`;
}

/** Says what there is to serve; a reader sees the old or the new state, never a part. */
export async function writeWebState(dataDir: string, state: WebState): Promise<void> {
  const path = `${dataDir}/web/state.json`;
  await Deno.mkdir(webFolder(dataDir, ""), { recursive: true });
  await Deno.writeTextFile(`${path}.${Deno.pid}`, JSON.stringify(state));
  await Deno.rename(`${path}.${Deno.pid}`, path);
}

/** Reads what there is to serve. A launcher that is about to say so has not begun yet. */
export async function readWebState(dataDir: string): Promise<WebState> {
  try {
    return JSON.parse(await Deno.readTextFile(`${dataDir}/web/state.json`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { kind: "building" };
    throw error;
  }
}

/** The files of builds, read once; names are looked up and never become paths. */
export class WebFiles {
  readonly #builds = new Map<string, Promise<ReadonlyMap<string, WebFile>>>();

  constructor(readonly dataDir: string) {}

  /** Finds a file by its path in a build, such as `main.js`; undefined: there is none. */
  async find(build: string, path: string): Promise<WebFile | undefined> {
    if (!BUILD.test(build)) return undefined;
    return (await this.#load(build)).get(path);
  }

  #load(build: string): Promise<ReadonlyMap<string, WebFile>> {
    const known = this.#builds.get(build);
    if (known !== undefined) return known;
    const [oldest] = this.#builds.keys();
    if (this.#builds.size >= BUILDS_MAX && oldest !== undefined) this.#builds.delete(oldest);
    const files = readBuild(webFolder(this.dataDir, build));
    this.#builds.set(build, files);
    // What is not there now may be built later.
    files.then(
      ({ size }) => size === 0 && this.#builds.delete(build),
      () => this.#builds.delete(build),
    );
    return files;
  }
}

async function readBuild(folder: string): Promise<ReadonlyMap<string, WebFile>> {
  const files = new Map<string, WebFile>();
  const walk = async (under: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(`${folder}/${under}`)) {
      const type = TYPES[name.split(".").at(-1) ?? ""];
      if (isDirectory) await walk(`${under}${name}/`);
      else if (type !== undefined) {
        const path = `${folder}/${under}${name}`;
        const [bytes, gzipped] = [await Deno.readFile(path), await Deno.readFile(`${path}.gz`)];
        const etag = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
        files.set(`${under}${name}`, { bytes, gzipped, type, etag });
      }
    }
  };
  await walk("").catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  return files;
}
