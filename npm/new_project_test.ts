import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, globSync } from "node:fs";
import { copyEngine, main, writeProject } from "./new_project.ts";

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);

/** Runs with a folder that is gone afterwards. */
async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tasker-project-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function deno(dir: string, ...args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: dir,
    env: { NO_COLOR: "1" },
  }).output();
  equal(code, 0, new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout));
}

Deno.test("writeProject() writes a project that passes its format, lint, types and tests", () =>
  inFolder(async (folder) => {
    const dir = `${folder}/shop`;

    await writeProject(dir, ROOT);

    await deno(dir, "fmt", "--check");
    await deno(dir, "lint");
    await deno(dir, "check", ".");
    await deno(dir, "task", "test");
    await deno(dir, "task", "new", "ship_order");
    await deno(dir, "task", "test");
  }));

Deno.test("no command worked in a project, because the engine lacked a file that it imports", () =>
  inFolder(async (folder) => {
    await copyEngine(ROOT, folder);
    const imports = globSync("**/*.{ts,tsx}", { cwd: folder }).flatMap((file) => {
      const text = Deno.readTextFileSync(`${folder}/${file}`);
      const found = text.matchAll(/^(?:import|export|\}) .*?"(\.[^"$]+)"|\bimport\("(\.[^"$]+)"/gm);
      return [...found].map(([, one, other = ""]) => ({ file, to: one ?? other }));
    });

    const missing = imports.filter(({ file, to }) => {
      return !existsSync(new URL(to, `file://${folder}/${file}`));
    });

    ok(imports.length > 3_000, `${imports.length} imports were found`);
    deepEqual(missing, []);
  }));

/** Types a command; returns what it prints. */
async function say(...args: readonly string[]) {
  const { log, error } = console;
  const out: unknown[] = [];
  console.log = console.error = (line) => out.push(line);
  try {
    return { code: await main([...args], ROOT), out };
  } finally {
    Object.assign(console, { log, error });
  }
}

Deno.test("new-project says what it wrote, and what to type next", () =>
  inFolder(async (folder) => {
    const dir = `${folder}/shop`;

    deepEqual(await say("new-project", dir), {
      code: 0,
      out: [`Wrote a project to ${dir}. Next: cd ${dir} && deno task serve`],
    });
  }));

Deno.test("new-project refuses a folder that is used, and writes nothing", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/notes.txt`, "mine");

    const { code } = await say("new-project", folder);

    equal(code, 1);
    deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["notes.txt"]);
  }));

Deno.test("new-project refuses a file, and a link to nothing, by name", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "mine");
    await Deno.symlink(`${folder}/nothing`, `${folder}/link`);

    const said = [
      await say("new-project", `${folder}/file`),
      await say("new-project", `${folder}/link`),
    ];

    const cannot = (name: string, why: string) =>
      `Cannot write a project into "${folder}/${name}": it is ${why}; name a new folder`;
    deepEqual(said, [
      { code: 1, out: [cannot("file", "a file")] },
      { code: 1, out: [cannot("link", "a link to nothing")] },
    ]);
  }));

Deno.test("upgrade keeps the engine that it cannot replace", () =>
  inFolder(async (folder) => {
    const dir = `${folder}/shop`;
    await writeProject(dir, ROOT);

    equal(await main(["upgrade", dir], `${folder}/no_engine_here`), 1);

    match(await Deno.readTextFile(`${dir}/engine/deno.json`), /"name": "tasker"/);
  }));

Deno.test("upgrade replaces the engine, adds the web app to the workspace, and changes nothing else", () =>
  inFolder(async (folder) => {
    const dir = `${folder}/shop`;
    await writeProject(dir, ROOT);
    await Deno.writeTextFile(`${dir}/engine/src/old.ts`, "");
    await Deno.writeTextFile(`${dir}/deno.json`, `{ "workspace": ["./engine"], // ours\n}`);

    const said = await say("upgrade", dir);

    deepEqual(said, { code: 0, out: [`Replaced the engine in ${dir}`] });
    equal(await Deno.stat(`${dir}/engine/src/old.ts`).catch(() => "gone"), "gone");
    match(await Deno.readTextFile(`${dir}/engine/deno.json`), /"name": "tasker"/);
    const config = `{ "workspace": ["./engine", "./engine/web"], // ours\n}`;
    equal(await Deno.readTextFile(`${dir}/deno.json`), config);
    await say("upgrade", dir);
    equal(await Deno.readTextFile(`${dir}/deno.json`), config);
  }));

Deno.test("new-project without a folder says how it is used", async () => {
  equal(await main(["new-project"], ROOT), 2);
  equal(await main(["new-project", "--help"], ROOT), 2);
});
