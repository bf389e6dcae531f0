/** What step code can reach, and what it can break: seen with a real server. */

import assert from "node:assert/strict";
import { LIBRARY_PATH } from "../ffi/build.ts";
import { makeDataDir } from "./support/data_dir.ts";
import { serve, type Served, until } from "./support/serve.ts";
import { startTask } from "./support/tasks.ts";

const WORKFLOW = `import { step, workflow, z } from "tasker";
const data = ${"${data}"};
const tries = {
  library: () => Deno.dlopen("${LIBRARY_PATH}", { system: { parameters: ["buffer"], result: "i32" } }),
  program: () => new Deno.Command("id").outputSync(),
  database: () => Deno.env.get("DATABASE_URL"),
  adminKey: () => Deno.env.get("TASKER_ADMIN_KEY"),
  password: () => Deno.env.get("PGPASSWORD") ?? "absent",
  keyFile: () => Deno.readTextFileSync(data + "/admin.key"),
  lock: () => Deno.readTextFileSync(data + "/node-1.lock"),
  address: () => Deno.writeTextFileSync(data + "/address", "http://elsewhere"),
  location: () => Deno.writeTextFileSync(data + "/postgres.location", "/etc"),
  link: () => Deno.symlinkSync("/etc", data + "/postgres2"),
  prototype: () => { Object.prototype.taskId = "polluted"; },
};
const reach = step({
  input: z.object({}),
  success: z.record(z.string(), z.string()),
  run: () => {
    void Promise.reject(new Error("nobody waits for this"));
    setTimeout(() => { throw new Error("nobody catches this"); }, 0);
    return Object.fromEntries(Object.entries(tries).map(([name, attempt]) => {
      try {
        return [name, String(attempt() ?? "done")];
      } catch (error) {
        return [name, error.name];
      }
    }));
  },
});
const quit = step({ input: z.object({}), success: z.null(), run: () => Deno.exit(0) });
const input = z.object({});
export default [
  workflow({ namespace: "test", name: "reach", version: "1.0.0", input }, (w) => {
    w.step("reach", reach, { with: () => ({}) });
  }),
  workflow({ namespace: "test", name: "quit", version: "1.0.0", input }, (w) => {
    w.step("quit", quit, { with: () => ({}) });
  }),
];`;

async function withServer(use: (server: Served, dataDir: string) => Promise<void>): Promise<void> {
  const dataDir = makeDataDir("code");
  const workflows = `${dataDir}/workflows`;
  await Deno.mkdir(workflows);
  const source = WORKFLOW.replace("${data}", JSON.stringify(dataDir));
  await Deno.writeTextFile(`${workflows}/code.ts`, source);
  const env = {
    TASKER_WORKFLOWS: workflows,
    TASKER_ADMIN_KEY: "a-key-that-is-long-enough-0123456789",
    PGPASSWORD: "secret",
  };
  try {
    await use(await serve({ dataDir, env }), dataDir);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

Deno.test("step code reaches no library, program, secret or file of the server, and no prototype", async () => {
  await withServer(async (server) => {
    await using _ = server;
    const id = await startTask(server, { workflow: "test/reach", input: {} }, "k");

    const task = await until("the task to end", 20_000, async () => {
      const response = await fetch(`${server.url}/v1/tasks/${id}`, {
        headers: { authorization: `Bearer ${server.key}` },
      });
      const body = await response.json();
      return body.state === "completed" || body.state === "blocked" ? body : undefined;
    });

    assert.deepEqual(task.steps[0].result, {
      library: "NotCapable",
      program: "NotCapable",
      database: "NotCapable",
      adminKey: "NotCapable",
      password: "absent",
      keyFile: "NotCapable",
      lock: "NotCapable",
      address: "NotCapable",
      location: "NotCapable",
      link: "NotCapable",
      prototype: "TypeError",
    });
    await until(
      "both errors to be logged",
      10_000,
      () =>
        /nobody waits for this/.test(server.said()) && /nobody catches this/.test(server.said()) ||
        undefined,
    );
    assert.ok((await fetch(`${server.url}/health/ready`)).ok);
  });
});

Deno.test("step code that ends the process is named, and the code does not say drained", async () => {
  await withServer(async (server) => {
    const started = startTask(server, { workflow: "test/quit", input: {} }, "k");
    await started.catch(() => {}); // its answer may be lost with the process

    assert.equal(await server.exited, 1);
    assert.match(server.said(), /Step code or a library ended the process/);
  });
});
