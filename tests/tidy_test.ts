import assert from "node:assert/strict";

/** Longer files are not one noun; see the exceptions. */
const FILE_LINES_MAX = 400;

/** Longer, each for a reason. */
const LONG: Readonly<Record<string, string>> = {
  "src/core/ports.ts": "all ports in one place: the border between folders is read as a whole",
  "src/core/turn_test.ts": "one law a test, of what a turn decides",
};

/** Names that say nothing. */
const BANNED = /(^|_)(utils?|helpers?|common|managers?|misc)\./;

const ROOT = new URL("../", import.meta.url);
const FOLDERS = ["docs", "src", "actors", "ffi", "workflows", "examples", "tests"];
const SOURCE = /\.(ts|mjs|py|rs|sql)$/;

const files = FOLDERS.flatMap((folder) => [...walk(folder)]).sort();

function* walk(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
    const path = `${folder}/${name}`;
    if (isDirectory && !/^(target|node_modules|__pycache__|\.venv)$/.test(name)) yield* walk(path);
    else if (SOURCE.test(name)) yield path;
  }
}

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

/** The files that a file imports at run time, by paths from the root. */
function importsOf(path: string): string[] {
  const code = read(path).replaceAll(/^import type [\s\S]*?;$/gm, "");
  const specifiers = code.matchAll(/(?:^|\s)from "(\.[^"$]+\.ts)"|^import "(\.[^"$]+\.ts)"/gm);
  return [...specifiers].map(([, from, bare]) =>
    new URL(from ?? bare ?? "", new URL(path, ROOT)).pathname.slice(ROOT.pathname.length)
  );
}

/** The first cycle found from a file, as a path back to where it began. */
function cycleFrom(path: string, done: Set<string>, trail: readonly string[]): string[] {
  const at = trail.indexOf(path);
  if (at >= 0) return [...trail.slice(at), path];
  if (done.has(path)) return [];
  for (const next of importsOf(path)) {
    const cycle = cycleFrom(next, done, [...trail, path]);
    if (cycle.length > 0) return cycle;
  }
  done.add(path);
  return [];
}

Deno.test("no module imports itself, over whatever way", () => {
  const done = new Set<string>();

  const cycles = files.filter((path) => path.endsWith(".ts"))
    .map((path) => cycleFrom(path, done, []))
    .filter((cycle) => cycle.length > 0);

  assert.ok(done.size > 100, "few files were looked at: is the pattern of imports still right?");
  assert.deepEqual(cycles, []);
});

Deno.test(`no file is longer than ${FILE_LINES_MAX} lines without a reason`, () => {
  const long = files.filter((path) => read(path).split("\n").length > FILE_LINES_MAX + 1);

  assert.deepEqual(long.filter((path) => !(path in LONG)), []);
});

Deno.test("no file has a name that says nothing", () => {
  assert.deepEqual(files.filter((path) => BANNED.test(path.split("/").at(-1) ?? "")), []);
});

Deno.test("no mark of unfinished work is left in the sources", () => {
  const mark = new RegExp(["TO" + "DO", "FIX" + "ME", "XX" + "X"].join("|"));

  assert.deepEqual(files.filter((path) => mark.test(read(path))), []);
});
