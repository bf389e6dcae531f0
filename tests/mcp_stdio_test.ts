import { deepEqual, equal, match } from "node:assert/strict";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { fakeApi } from "./support/fake_api.ts";
import { valueOf } from "./support/mcp.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** Starts `deno task mcp` against an API on loopback, as a client does. */
async function connect(url: string, key: string, isOld: boolean): Promise<Client> {
  const client = new Client({ name: "tests", version: "1.0.0" }, {
    capabilities: { elicitation: {} },
    versionNegotiation: { mode: isOld ? "legacy" : { pin: "2026-07-28" } },
  });
  await client.connect(
    new StdioClientTransport({
      command: Deno.execPath(),
      args: ["task", "--quiet", "--cwd", ROOT, "mcp"],
      env: { ...Deno.env.toObject(), TASKER_URL: url, TASKER_KEY: key },
      stderr: "ignore",
    }),
  );
  return client;
}

for (const isOld of [false, true]) {
  Deno.test(`over stdio, a client of ${isOld ? "2025" : "2026-07-28"} starts tasks, and a person approves a change`, async () => {
    const fake = fakeApi();
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => fake.api.fetch(request),
    );
    const { port } = server.addr as Deno.NetAddr;
    const client = await connect(`http://127.0.0.1:${port}`, fake.key(), isOld);
    const asked: string[] = [];
    client.setRequestHandler("elicitation/create", ({ params }) => {
      asked.push(params.message);
      return { action: "accept", content: { approve: true } };
    });
    try {
      const names = (await client.listTools()).tools.map(({ name }) => name);
      const started = await valueOf(client, "start_task", { workflow: "orders/process" });
      const applied = await valueOf(client, "apply_change", {
        text: "name: hello\nnamespace: people\nversion: 1.0.0\nworkflow_steps:\n" +
          "  - { name: rest, sleep: 1s }\n",
        reason: "first",
      });

      equal(names.includes("orders__process"), true);
      equal(started.state, "running");
      equal(applied.applied, true);
      equal(asked.length, 1);
    } finally {
      await client.close();
    }
  });
}

Deno.test("without a server to ask, `deno task mcp` says what to set, and ends", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "--cwd", ROOT, "mcp"],
    env: { TASKER_URL: "not a url", TASKER_KEY: "x" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();

  equal(code, 2);
  deepEqual(new TextDecoder().decode(stdout), "");
  match(new TextDecoder().decode(stderr), /TASKER_URL/);
});
