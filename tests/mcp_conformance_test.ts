import { deepEqual, equal } from "node:assert/strict";
import { MANIFESTS } from "./mcp/workflows.ts";
import { makeDataDir } from "./support/data_dir.ts";
import { npmTools } from "./support/npm_tools.ts";
import { serve } from "./support/serve.ts";

/** Scenarios of the Tasks extension that the suite runs, and what it cannot judge in them itself. */
const TASK_SCENARIOS = 10;

/** Scenarios that the revision requires of a server. */
const REQUIRED = 37;

/** Starts the build with the fixtures, and returns where it is. */
async function conformanceServer(env: Record<string, string>) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "-A", "tests/mcp/conformance_server.ts"],
    cwd: new URL("..", import.meta.url).pathname,
    env,
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await reader.read();
  return {
    url: value.trim(),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await reader.cancel();
      await child.status;
    },
  };
}

Deno.test("the conformance suite of MCP passes, 37 of 37, with its ten scenarios of tasks", async () => {
  const tools = await npmTools();
  if ("reason" in tools) return console.log(`not run: ${tools.reason}`);
  const dataDir = makeDataDir("mcp-conformance");
  await Deno.mkdir(`${dataDir}/workflows`);
  for (const [name, text] of Object.entries(MANIFESTS)) {
    await Deno.writeTextFile(`${dataDir}/workflows/${name}`, text);
  }
  try {
    await using server = await serve({
      dataDir,
      env: { TASKER_WORKFLOWS: `${dataDir}/workflows` },
    });
    await using mcp = await conformanceServer({ TASKER_URL: server.url, TASKER_KEY: server.key });

    const { out } = await tools.run("conformance", [
      ...["server", "--url", mcp.url, "--requirements", "2026-07-28", "-o", `${dataDir}/results`],
    ]);

    const lines = out.slice(out.indexOf("=== SUMMARY ===")).split("\n");
    const ended = lines.flatMap((line) => {
      const [, sign, name = ""] = /^([✓✗]) ([\w-]+): \d+ passed/.exec(line) ?? [];
      return sign === undefined ? [] : [{ name, passed: sign === "✓" }];
    });
    const required = ended.slice(0, REQUIRED);
    const tasks = ended.filter(({ name }) => name.startsWith("tasks-"));
    deepEqual(required.filter(({ passed }) => !passed), []);
    deepEqual(tasks.filter(({ passed }) => !passed), []);
    equal(required.length, REQUIRED);
    equal(tasks.length, TASK_SCENARIOS);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
