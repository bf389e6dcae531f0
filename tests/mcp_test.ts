import { deepEqual, equal, ok } from "node:assert/strict";
import { MANIFESTS } from "./mcp/workflows.ts";
import { makeDataDir } from "./support/data_dir.ts";
import { mcpClient, rawMcp, valueOf } from "./support/mcp.ts";
import { npmTools } from "./support/npm_tools.ts";
import { serve, type Served, until } from "./support/serve.ts";

const CAPABILITIES = {
  elicitation: {},
  extensions: { "io.modelcontextprotocol/tasks": {} },
};

/** Starts a server with workflows that wait, sleep and fail. */
async function withServer(use: (open: () => Promise<Served>) => Promise<void>): Promise<void> {
  const dataDir = makeDataDir("mcp");
  await Deno.mkdir(`${dataDir}/workflows`);
  for (const [name, text] of Object.entries(MANIFESTS)) {
    await Deno.writeTextFile(`${dataDir}/workflows/${name}`, text);
  }
  const env = { TASKER_WORKFLOWS: `${dataDir}/workflows` };
  try {
    await use(() => serve({ dataDir, env }));
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

Deno.test("a task that a call began waits, takes its answer and ends after the server was killed", async () => {
  await withServer(async (open) => {
    const first = await open();
    const call = rawMcp({ url: `${first.url}/mcp`, key: first.key, capabilities: CAPABILITIES });
    const { taskId } = await call("tools/call", {
      name: "conformance__confirm_delete",
      arguments: { filename: "a.txt" },
    });
    const { taskId: slow } = await call("tools/call", {
      name: "conformance__slow_compute",
      arguments: { pause: "1d" },
    });
    first.kill("SIGKILL");
    await first.exited;

    await using second = await open();
    const url = `${second.url}/mcp`;
    const ask = rawMcp({ url, key: second.key, capabilities: CAPABILITIES });
    const ended = (id: unknown) =>
      until(`task ${id} to end`, 30_000, async () => {
        const task = await ask("tasks/get", { taskId: id });
        return ["working", "input_required"].includes(String(task.status)) ? undefined : task;
      });
    const waiting = await until("the question", 30_000, async () => {
      const task = await ask("tasks/get", { taskId });
      return task.status === "input_required" ? task : undefined;
    });
    await ask("tasks/update", {
      taskId,
      inputResponses: { "signal:confirm": { action: "accept", content: { confirm: true } } },
    });
    await ask("tasks/cancel", { taskId: slow });

    deepEqual(Object.keys(waiting.inputRequests as object), ["signal:confirm"]);
    equal((await ended(taskId)).status, "completed");
    equal((await ended(slow)).status, "cancelled");

    const old = await mcpClient({ url, key: second.key, isOld: true });
    const greeted = await valueOf(old, "conformance__greeting", { name: "Ada" });
    const failed = await valueOf(old, "conformance__failing", {});
    equal((greeted.output as { text: string }).text, "Hello, Ada!");
    equal(failed.state, "failed");
    ok(JSON.stringify(failed.failed_steps).includes("fail"));
    await inspect(url, second.key);
  });
});

/** The inspector reads every schema that is listed, and calls a tool. */
async function inspect(url: string, key: string): Promise<void> {
  const tools = await npmTools();
  if ("reason" in tools) return console.log(`not inspected: ${tools.reason}`);
  const header = ["--header", `Authorization: Bearer ${key}`];
  const run = async (...args: string[]) => {
    const all = ["--cli", url, ...header, "--format", "json", ...args];
    const { code, out, err } = await tools.run("mcp-inspector", all);
    equal(code, 0, `${out}\n${err}`);
    return JSON.parse(out);
  };

  const listed = await run("--method", "tools/list", "--strict");
  const called = await run("--method", "tools/call", "--tool-name", "search_tasks");

  ok(JSON.stringify(listed).includes("analyze_workflow_performance"));
  ok(JSON.stringify(called).includes("conformance"));
}
