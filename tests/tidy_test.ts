import assert from "node:assert/strict";
import CONFIG from "../deno.json" with { type: "json" };
import { METRICS } from "../src/telemetry/metric_table.ts";
import { BANNED_WORDS } from "./support/banned_words.ts";
import { type Export, namesOf } from "./support/exports.ts";
import { FILES, importsOf, read } from "./support/sources.ts";

/** Longer files are not one noun; see the exceptions. */
const FILE_LINES_MAX = 400;

/** Longer, each for a reason. */
const LONG: Readonly<Record<string, string>> = {
  "src/core/ports.ts": "all ports in one place: the border between folders is read as a whole",
  "src/core/errors.ts": "the closed list of codes, read as a whole",
  "src/core/turn_test.ts": "one law a test, of what a turn decides",
};

/** Names that say nothing. */
const BANNED = /(^|_)(utils?|helpers?|common|managers?|misc)\./;

const SOURCES = FILES.filter((path) => /\.(tsx?|css|mjs|py|rs|sql)$/.test(path));
const MODULES = FILES.filter((path) => /\.tsx?$/.test(path));

/** What others import by the names of the import map. */
const ENTRIES = Object.fromEntries(
  Object.entries(CONFIG.imports).filter(([, to]) => to.startsWith("./"))
    .map(([name, to]) => [name, to.slice(2)]),
);

/** Exports that no import shows, each for a reason. */
const EXPORTED: Readonly<Record<string, string>> = {
  "src/core/attempt_fact.ts attemptFacts": "the facts that diagnosis and replays are made of",
  "src/journal/memory_stores.ts MemoryStatistics": "simulated incidents are counted into it",
  "src/server/launch.ts launch": "launch_test.ts starts it out of a text, in a process of its own",
};

/** Tests, and what only tests use. */
const TEST = /_test\.ts$|(^|\/)_[a-z_]+\.ts$|\/bench\.ts$|^tests\//;

/** Modules that are examples to others: steps are exported so that they can be taken. */
const EXAMPLE = /^(workflows|tests\/(fixtures|types))\//;

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

  const cycles = MODULES.map((path) => cycleFrom(path, done, []))
    .filter((cycle) => cycle.length > 0);

  assert.ok(done.size > 100, "few files were looked at: is the pattern of imports still right?");
  assert.deepEqual(cycles, []);
});

Deno.test(`no file is longer than ${FILE_LINES_MAX} lines without a reason`, () => {
  const long = SOURCES.filter((path) => read(path).split("\n").length > FILE_LINES_MAX + 1);

  assert.deepEqual(long.filter((path) => !(path in LONG)), []);
});

Deno.test("no file has a name that says nothing", () => {
  assert.deepEqual(SOURCES.filter((path) => BANNED.test(path.split("/").at(-1) ?? "")), []);
});

Deno.test("no mark of unfinished work is left in the sources", () => {
  const mark = new RegExp(["TO" + "DO", "FIX" + "ME", "XX" + "X"].join("|"));

  assert.deepEqual(SOURCES.filter((path) => mark.test(read(path))), []);
});

Deno.test("every export is imported by another module, and not by tests alone", () => {
  const names = MODULES.map((path) => ({ path, ...namesOf(path, ENTRIES) }));
  const importedBy = (importers: typeof names) =>
    new Set(importers.flatMap(({ imports }) => imports.map(({ from, name }) => `${from} ${name}`)));
  const used = importedBy(names.filter(({ path }) => !TEST.test(path)));
  const tested = importedBy(names.filter(({ path }) => TEST.test(path)));
  const isIn = (set: ReadonlySet<string>, { path, name }: Export) =>
    set.has(`${path} ${name}`) || set.has(`${path} *`);

  const unused = names
    .filter(({ path }) => !Object.values(ENTRIES).includes(path) && !EXAMPLE.test(path))
    .flatMap(({ exports }) => exports)
    .filter(({ path, name }) => !(`${path} ${name}` in EXPORTED))
    .flatMap((one) => {
      const { path, name, isType, isUsedHere } = one;
      if (isIn(used, one) || (TEST.test(path) && isIn(tested, one))) return [];
      // Tests may look at a part of a module; whoever calls a function may read what it takes.
      if (isUsedHere && (isType || isIn(tested, one))) return [];
      const why = isUsedHere ? "its own file" : isIn(tested, one) ? "tests" : "nobody";
      return [`${path}: only ${why} uses ${name}`];
    });

  const known = new Set(
    names.flatMap(({ exports }) => exports.map((one) => `${one.path} ${one.name}`)),
  );
  assert.ok(used.size > 500, "few imports were found: is the reader of imports still right?");
  assert.deepEqual(unused, []);
  assert.deepEqual(Object.keys(EXPORTED).filter((one) => !known.has(one)), [], "gone, or renamed");
});

Deno.test("every package of deno.json is imported somewhere", () => {
  const texts = MODULES.map(read);
  const packages = Object.keys(CONFIG.imports)
    .filter((name) => !(name in ENTRIES) && !name.startsWith("@types/"));

  const unused = packages.filter((name) =>
    !texts.some((text) => text.includes(`from "${name}`) || text.includes(`import("${name}`))
  );

  assert.deepEqual(unused, []);
});

Deno.test("every metric of the table is written by the code", () => {
  const code = MODULES.filter((path) => !TEST.test(path) && !path.endsWith("/metric_table.ts"))
    .map(read);

  const unwritten = Object.keys(METRICS).filter((name) =>
    !code.some((text) => text.includes(`"${name}"`))
  );

  assert.deepEqual(unwritten, []);
});

/** What cannot be changed (migrations, contracts, names of others), or has to name the words. */
const WORDS_KEPT =
  /^(CHANGELOG\.md|tests\/support\/banned_words\.ts|.*\/sql\/\d{4}_.*|workflows\/order_processing.*|tests\/mcp\/conformance_server\.ts)$/;

Deno.test("no banned word stands in names, comments or texts", () => {
  const texts = FILES.filter((path) => /\.(tsx?|css|html|mjs|py|rs|sql|md)$/.test(path))
    .filter((path) => !WORDS_KEPT.test(path));

  const found = texts.flatMap((path) =>
    read(path).split("\n").flatMap((line, index) => {
      // The parts of a name are words as well, in camel case and in snake case.
      const words = line.replaceAll(/(?<=[a-z0-9])(?=[A-Z])|_/g, " ").toLowerCase();
      return BANNED_WORDS.filter(({ word }) => word.test(words)).map(({ instead }) =>
        `${path}:${index + 1}: ${line.trim()} (say: ${instead})`
      );
    })
  );

  assert.deepEqual(found, []);
});
