import { deepEqual, equal, match } from "node:assert/strict";
import { makeDataDir } from "./support/data_dir.ts";
import { serve, type Served, until } from "./support/serve.ts";
import { startTask } from "./support/tasks.ts";

/** How long a server may take to end and to start again. */
const AGAIN_MS_MAX = 60_000;

/** A workflow that sleeps for an hour between its steps. */
function moduleOf(steps: readonly string[]): string {
  return `import { step, workflow, z } from "tasker";

const input = z.object({});
const nothing = step({ input, success: z.null(), run: () => null });

export default workflow({ namespace: "tests", name: "nap", version: "1.0.0", input }, (w) => {
  const slept = w.sleep("an_hour", { ms: 3_600_000 });
${
    steps.map((name) => `  w.step("${name}", nothing, { after: [slept], with: () => ({}) });`).join(
      "\n",
    )
  }
});
`;
}

/** A server that watches a folder with one workflow. */
class Development implements AsyncDisposable {
  #starts = 0;

  private constructor(readonly server: Served, readonly dataDir: string) {}

  static async open(steps: readonly string[]): Promise<Development> {
    const dataDir = makeDataDir("development");
    const workflows = `${dataDir}/workflows`;
    await Deno.mkdir(workflows);
    await Deno.writeTextFile(`${workflows}/nap.ts`, moduleOf(steps));
    const env = { TASKER_WORKFLOWS: workflows };
    const server = await serve({ dataDir, args: ["--watch"], env });
    const development = new Development(server, dataDir);
    await development.served();
    return development;
  }

  async write(...steps: readonly string[]): Promise<void> {
    await Deno.writeTextFile(`${this.dataDir}/workflows/nap.ts`, moduleOf(steps));
  }

  /** Waits until one more server listens. Returns how to speak to it. */
  async served(): Promise<Served> {
    this.#starts++;
    const url = await until(`start ${this.#starts}`, AGAIN_MS_MAX, () => {
      const lines = [...this.server.said().matchAll(/tasker listening on (\S+)/g)];
      return lines[this.#starts - 1]?.[1];
    });
    return { ...this.server, url };
  }

  async steps(server: Served): Promise<readonly string[]> {
    const { versions: [newest] } = await ask(server, "/v1/workflows/tests/nap");
    return newest.definition.steps.map(({ name }: { name: string }) => name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    Deno.kill(this.server.launcherPid, "SIGTERM");
    equal(await this.server.exited, 0);
    await Deno.remove(this.dataDir, { recursive: true });
  }
}

async function ask({ url, key }: Served, path: string, method = "GET") {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const body = method === "GET" ? null : "{}";
  return await (await fetch(`${url}${path}`, { method, headers, body })).json();
}

Deno.test("serve --watch serves a changed structure under the same version", async () => {
  await using development = await Development.open(["first"]);

  await development.write("first", "second");

  const server = await development.served();
  deepEqual(await development.steps(server), ["an_hour", "first", "second"]);
});

Deno.test("serve --watch names the tasks in flight that keep a changed structure from its version", async () => {
  await using development = await Development.open(["first"]);
  const id = await startTask(development.server, { workflow: "tests/nap", input: {} }, "k");

  await development.write("first", "second");
  const said = await until("the refusal", AGAIN_MS_MAX, () => {
    const text = development.server.said();
    return text.includes("starts again when a workflow changes") ? text : undefined;
  });
  await development.write("first");
  const old = await development.served();
  await ask(old, `/v1/tasks/${id}/cancel`, "POST");
  await development.write("first", "second");
  const changed = await development.served();

  match(said, new RegExp(`tests/nap@1\\.0\\.0.*tasks have not ended \\(${id}\\)`));
  deepEqual(await development.steps(changed), ["an_hour", "first", "second"]);
});
