/**
 * `new-project DIR` writes a project of one's own; `upgrade DIR` replaces the engine in it.
 *
 * A project carries its engine: the folder `engine/` is a member of its Deno workspace. So `tasker`
 * is resolved there by Deno and by editors alike, its packages do not mix with the project's, and
 * whoever clones the project has all of it. Deno does not run TypeScript out of `node_modules`,
 * which is why the engine is not an npm dependency there.
 *
 * It runs in Deno, out of a clone, and in Node, out of the npm package.
 */

import { cp, lstat, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { writeStarter } from "../src/cli/new.ts";

/** Where a project keeps its engine. */
const ENGINE = "engine";

/** The members of a project's workspace: the web app has packages of its own. */
const MEMBERS = [`./${ENGINE}`, `./${ENGINE}/web`] as const;

/** What the engine is made of; the same names in a clone and in the npm package. */
const ENGINE_PARTS: readonly string[] = ["src", "actors", "ffi", "web", "LICENSE"];

/** What a clone has beside it: tests, their fixtures, and what was built. */
const NOT_ENGINE = /(_test\.ts|\/_[a-z_]+\.ts|\/target|\/proof|\/bench\.ts)$/;

/** Tasks that a project has as well. */
const TASKS: readonly string[] = ["serve", "dev", "tasker", "new"];

/** Packages that only tests of the engine use. */
const TEST_PACKAGES: readonly string[] = ["axe-core", "fast-check", "playwright-core"];

const USAGE = `Usage:
  tasker new-project DIR   writes a project into a folder that is new or empty
  tasker upgrade DIR       replaces the engine of a project by this one`;

/** The parts of our deno.json that a project's are made of. */
interface DenoConfig {
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly tasks: Readonly<Record<string, string>>;
  readonly unstable: readonly string[];
  readonly imports: Readonly<Record<string, string>>;
  readonly compilerOptions: Readonly<Record<string, unknown>>;
  readonly fmt: { readonly lineWidth: number };
}

/**
 * Writes a project with a workflow, its test, and the engine that lies in `root`.
 *
 * @throws {Error} when the folder holds anything already
 */
export async function writeProject(dir: string, root: string): Promise<void> {
  await refuseUsed(dir);
  const config = await readConfig(root);
  await mkdir(join(dir, ".vscode"), { recursive: true });
  await writeEngine(join(dir, ENGINE), root);
  // The versions that were tested; Deno adds the project's own packages to it.
  await cp(join(root, "deno.lock"), join(dir, "deno.lock"));
  await writeFile(join(dir, "deno.json"), json(projectConfig(config)));
  await writeFile(join(dir, ".vscode", "settings.json"), json({ "deno.enable": true }));
  await writeFile(join(dir, ".gitignore"), ".tasker/\nnode_modules/\ntarget/\n");
  await writeFile(join(dir, "README.md"), readmeOf(basename(resolve(dir))));
  await writeStarter("hello", join(dir, "workflows"));
}

/**
 * Replaces the engine of a project by the one that lies in `root`.
 *
 * @throws {Error} when the folder holds no project
 */
async function upgradeProject(dir: string, root: string): Promise<void> {
  await readFile(join(dir, ENGINE, "deno.json")).catch((cause) => {
    throw new Error(`Cannot upgrade "${dir}": there is no ${ENGINE}/deno.json in it`, { cause });
  });
  const next = join(dir, `${ENGINE}.next`);
  await rm(next, { recursive: true, force: true });
  // Whole before it takes the place of the old one: a full disk, or a Ctrl-C, leaves that as it is.
  await writeEngine(next, root);
  await rm(join(dir, ENGINE), { recursive: true });
  await rename(next, join(dir, ENGINE));
  await addWebApp(join(dir, "deno.json"));
}

/** Projects of before the web app have the engine alone as a member. The rest of the file is theirs. */
async function addWebApp(path: string): Promise<void> {
  const [engine, web] = MEMBERS.map((member) => `"${member}"`) as [string, string];
  const text = await readFile(path, "utf8").catch(() => "");
  if (text.includes(web)) return;
  const members = /"workspace"\s*:\s*\[[^\]]*?"\.\/engine"/;
  if (members.test(text)) {
    return await writeFile(path, text.replace(members, (found) => `${found}, ${web}`));
  }
  const why = "or the web app of the engine is not built";
  console.error(`Cannot find "workspace" in ${path}: add ${web} beside ${engine} there, ${why}`);
}

/** Copies the engine, without what was built or is for its tests. */
export async function copyEngine(root: string, to: string): Promise<void> {
  for (const part of ENGINE_PARTS) {
    await cp(join(root, part), join(to, part), {
      recursive: true,
      filter: (source) => !NOT_ENGINE.test(source),
    });
  }
}

async function writeEngine(to: string, root: string): Promise<void> {
  const { version, exports, imports, compilerOptions } = await readConfig(root);
  const packages = Object.entries(imports).filter(([name, to]) =>
    to.startsWith("npm:") && !TEST_PACKAGES.includes(name)
  );
  await copyEngine(root, to);
  await writeFile(
    join(to, "deno.json"),
    json({
      name: "tasker",
      version,
      exports,
      imports: Object.fromEntries(packages),
      compilerOptions,
    }),
  );
}

function projectConfig({ tasks, unstable, compilerOptions, fmt }: DenoConfig): unknown {
  const ours = TASKS.map((name) => [name, tasks[name]?.replace(/(?<= )src\//, `${ENGINE}/src/`)]);
  return {
    workspace: MEMBERS,
    tasks: { ...Object.fromEntries(ours), test: "deno test --allow-read workflows" },
    imports: {},
    unstable,
    nodeModulesDir: "none",
    compilerOptions,
    fmt: { lineWidth: fmt.lineWidth },
    exclude: [ENGINE, ".tasker"],
  };
}

async function readConfig(root: string): Promise<DenoConfig> {
  return JSON.parse(await readFile(join(root, "deno.json"), "utf8"));
}

async function refuseUsed(dir: string): Promise<void> {
  const found = await lstat(dir).catch(() => undefined);
  if (found === undefined) return;
  const names = await readdir(dir).catch((cause) => {
    const why = cause.code === "ENOENT"
      ? "it is a link to nothing"
      : cause.code === "ENOTDIR"
      ? "it is a file"
      : cause.message;
    throw new Error(`Cannot write a project into "${dir}": ${why}; name a new folder`, { cause });
  });
  const [first] = names.filter((name) => name !== ".git");
  if (first === undefined) return;
  throw new Error(`Cannot write a project into "${dir}": it holds "${first}"; name a new folder`);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function readmeOf(name: string): string {
  return `# ${name}

Workflows of Tasker. \`engine/\` is Tasker itself, in the version that this project runs: commit it,
and do not edit it. Without Deno on the PATH, put \`npx -y\` before each line.

\`\`\`sh
deno task serve                  # serves workflows/ on http://127.0.0.1:8080
deno task dev                    # the same; it starts again whenever a workflow changes
deno task test                   # tests the workflows, on a virtual clock
deno task new ship_order         # one more workflow, with its test
deno add npm:ms                  # a package that workflows may import
\`\`\`

In a second terminal:

\`\`\`sh
deno task tasker start examples/hello --input '{"name":"Ada"}' --watch
\`\`\`
`;
}

/** Exit codes: 0 done, 1 failed, 2 bad usage. */
export async function main(args: readonly string[], root: string): Promise<number> {
  const [verb, name] = args;
  const write = verb === "new-project"
    ? writeProject
    : verb === "upgrade"
    ? upgradeProject
    : undefined;
  if (write === undefined || name === undefined || name.startsWith("-") || args.length > 2) {
    console.error(USAGE);
    return 2;
  }
  // `deno task` and `npx` run where deno.json or package.json lies, and name where they were called.
  const dir = resolve(process.env.INIT_CWD ?? process.cwd(), name);
  try {
    await write(dir, root);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
  console.log(
    verb === "upgrade"
      ? `Replaced the engine in ${dir}`
      : `Wrote a project to ${dir}. Next: cd ${quoted(name)} && deno task serve`,
  );
  return 0;
}

/** A name as a shell takes it. */
function quoted(name: string): string {
  return /^[\w./-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}

if (import.meta.main) {
  process.exit(await main(process.argv.slice(2), fileURLToPath(new URL("../", import.meta.url))));
}
