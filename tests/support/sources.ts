/** The files of this repository: found, never listed. */

/** The repository's folder, with a slash at its end. */
export const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** What is built, fetched or private, and no source. */
const NOT_SOURCE = /^(target|node_modules|__pycache__|\..*)$/;

/** Paths from the root, sorted. */
export const FILES: readonly string[] = [...walk("")].sort();

function* walk(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(`${ROOT}${folder}`)) {
    if (NOT_SOURCE.test(name)) continue;
    const path = folder === "" ? name : `${folder}/${name}`;
    if (isDirectory) yield* walk(path);
    else yield path;
  }
}

/** The text of a file. */
export function read(path: string): string {
  return Deno.readTextFileSync(`${ROOT}${path}`);
}

/** The TypeScript files that a file imports at run time. */
export function importsOf(path: string): readonly string[] {
  const code = read(path).replaceAll(/^import type [\s\S]*?;$/gm, "");
  const specifiers = code.matchAll(/(?:^|\s)from "(\.[^"$]+\.tsx?)"|^import "(\.[^"$]+\.tsx?)"/gm);
  return [...specifiers].map(([, from, bare]) => resolvePath(path, from ?? bare ?? ""));
}

/** The path of what a file names by a relative specifier. */
export function resolvePath(path: string, specifier: string): string {
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}

/** All TypeScript files that a file needs at run time, itself too. */
export function reachedFrom(path: string, reached = new Set<string>()): ReadonlySet<string> {
  if (reached.has(path)) return reached;
  reached.add(path);
  for (const next of importsOf(path)) reachedFrom(next, reached);
  return reached;
}
