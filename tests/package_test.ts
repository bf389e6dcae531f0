import { deepEqual, equal, ok } from "node:assert/strict";
import { buildPackage } from "../npm/build.ts";
import { isThere } from "./support/programs.ts";
import { serve } from "./support/serve.ts";
import { startTask, taskEnded } from "./support/tasks.ts";
import { makeDataDir } from "./support/data_dir.ts";

/** How long one task may take, ms. */
const TASK_MS_MAX = 30_000;

/** Packages come from the registry that npm is configured for, into caches that are empty. */
const reason = await isThere("npm", ["view", "ms", "version"])
  ? undefined
  : "`npm view` does not reach the registry";
if (reason !== undefined) console.log(`skipped: tests of the npm package, because ${reason}`);

let tarball: Promise<string> | undefined;

/** The package, built once, alone in a new folder with caches of its own. */
async function withPackage(use: (folder: Folder) => Promise<void>): Promise<void> {
  tarball ??= buildPackage();
  const file = await tarball;
  const path = makeDataDir("package");
  try {
    await Deno.copyFile(file, `${path}/tasker.tgz`);
    await use(new Folder(path));
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

/** A folder in which a person works. */
class Folder {
  readonly env: Readonly<Record<string, string>>;

  constructor(readonly path: string) {
    this.env = {
      NO_COLOR: "1",
      DENO_DIR: `${path}/deno_dir`,
      npm_config_cache: `${path}/npm_cache`,
      INIT_CWD: "",
    };
  }

  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.path}/${name}`, text);
  }

  /** Runs a program here, which must succeed. Returns what it printed. */
  async run(line: string, within = ""): Promise<string> {
    const [command = "", ...args] = line.split(" ");
    const { success, stdout, stderr } = await new Deno.Command(command, {
      args,
      cwd: `${this.path}/${within}`,
      env: this.env,
    }).output();
    const text = new TextDecoder().decode(stdout);
    ok(success, `${line}\n${text}${new TextDecoder().decode(stderr)}`);
    return text;
  }
}

/** Uses a package of npm, and says what else its code may do. */
const PARSE_TIME = `import ms from "ms";
import { step, workflow, z } from "tasker";

async function may(name: "read" | "write" | "run" | "ffi"): Promise<boolean> {
  return (await Deno.permissions.query({ name })).state === "granted";
}

export const parse = step({
  input: z.object({ text: z.string() }),
  success: z.object({ milliseconds: z.number(), may: z.array(z.boolean()) }),
  run: async ({ input }) => ({
    milliseconds: ms(input.text as "1s"),
    may: [await may("read"), await may("write"), await may("run"), await may("ffi")],
  }),
});

export default workflow({
  namespace: "tests",
  name: "parse_time",
  version: "1.0.0",
  input: z.object({ text: z.string() }),
}, (w) => {
  w.step("parse", parse);
});
`;

/** Starts the project's own workflow, in Node, and prints its result. */
const CLIENT = `import { ClientError, openClient, type Task } from "tasker/client";

const [url = "", key = ""] = process.argv.slice(2);
const tasker = openClient({ url, key });
const { id } = await tasker.start("examples/hello", { input: { name: "Ada" } });
const task: Task = await tasker.wait(id);
console.log(task.state, JSON.stringify(task.steps.at(-1)?.result));
try {
  await tasker.get("nothing");
} catch (error) {
  if (!(error instanceof ClientError)) throw error;
  console.log(error.code);
}
`;

const TSCONFIG = {
  compilerOptions: {
    target: "ES2022",
    module: "NodeNext",
    strict: true,
    exactOptionalPropertyTypes: true,
    types: ["node"],
    outDir: "out",
  },
};

Deno.test({
  name: "a project out of the packed file serves a workflow that imports a package of npm",
  ignore: reason !== undefined,
  fn: () =>
    withPackage(async (folder) => {
      await folder.run("npx --yes ./tasker.tgz new-project shop");
      await folder.run("deno task test", "shop");
      await folder.run("deno add npm:ms@2.1.3", "shop");
      await folder.write("shop/workflows/parse_time.ts", PARSE_TIME);
      const project = `${folder.path}/shop`;
      await using server = await serve({ dataDir: `${project}/.tasker`, project, env: folder.env });

      const input = { text: "2 days" };
      const id = await startTask(server, { workflow: "tests/parse_time", input }, "k");

      const { state, steps } = await taskEnded(server, id, TASK_MS_MAX);
      equal(state, "completed");
      const may = [false, false, false, false];
      deepEqual(steps[0]?.result, { milliseconds: 172_800_000, may });
    }),
});

Deno.test({
  name: "tasker/client of the packed file has its types, and speaks to a server, in Node",
  ignore: reason !== undefined,
  fn: () =>
    withPackage(async (folder) => {
      await folder.write("package.json", `{"private": true, "type": "module"}`);
      await folder.write("tsconfig.json", JSON.stringify(TSCONFIG));
      await folder.write("main.mts", CLIENT);
      await folder.run("npm install ./tasker.tgz typescript@6.0.3 @types/node@20");
      await using server = await serve({ dataDir: `${folder.path}/.tasker` });

      await folder.run("npx tsc");
      const printed = await folder.run(`node out/main.mjs ${server.url} ${server.key}`);

      equal(printed, 'completed {"shout":"HELLO, ADA!"}\ntask.id_invalid\n');
    }),
});
