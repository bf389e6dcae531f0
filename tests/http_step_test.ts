/** HTTP steps of a real server: its guard, its secrets, and what step code sees of them. */

import assert from "node:assert/strict";
import { makeDataDir } from "./support/data_dir.ts";
import { serve, until } from "./support/serve.ts";
import { startTask, type TaskShown } from "./support/tasks.ts";

const SECRET = "a-secret-that-appears-nowhere";

const MANIFEST = (port: number) => `
name: calls
namespace: tests
version: 1.0.0
input: { type: object, required: [id], properties: { id: { type: string } } }
workflow_steps:
  - name: send
    http:
      method: POST
      url: 'http://127.0.0.1:${port}/send/\${input.id}'
      headers: { authorization: { secret: MAIL_TOKEN, prefix: 'Bearer ' } }
      body: { id: $.input.id }
    retry: { attempts_max: 20, backoff: [50] }
    timeout: 20s
    result: { type: object, required: [ok], properties: { ok: { type: boolean } } }
  - name: inside
    depends_on: send
    http: { method: GET, url: 'http://169.254.169.254/latest/meta-data' }
`;

const MODULE = `import { step, workflow, z } from "tasker";
const reach = step({
  input: z.object({ port: z.number() }),
  success: z.record(z.string(), z.string()),
  run: async ({ input }) => {
    const tries = {
      secret: () => Deno.env.get("MAIL_TOKEN"),
      key: () => Deno.env.get("TASKER_EGRESS_URL"),
      host: () => fetch("http://127.0.0.1:" + input.port + "/direct"),
    };
    const seen = {};
    for (const [name, attempt] of Object.entries(tries)) {
      try {
        seen[name] = String(await attempt() ?? "absent");
      } catch (error) {
        seen[name] = error.name;
      }
    }
    return seen;
  },
});
export default workflow(
  { namespace: "tests", name: "reach", version: "1.0.0", input: z.object({ port: z.number() }) },
  (w) => void w.step("reach", reach),
);`;

Deno.test("an http step reaches its host with its secret, and step code reaches neither", async () => {
  const seen: { path: string; authorization: string | null; key: string | null }[] = [];
  let isUp = false;
  await using host = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    seen.push({
      path: new URL(request.url).pathname,
      authorization: request.headers.get("authorization"),
      key: request.headers.get("idempotency-key"),
    });
    if (isUp) return Response.json({ ok: true });
    isUp = true;
    return new Response("not yet", { status: 503, headers: { "retry-after": "1" } });
  });
  const { port } = host.addr;
  const dataDir = makeDataDir("http");
  await Deno.mkdir(`${dataDir}/workflows`);
  await Deno.writeTextFile(`${dataDir}/workflows/calls.yaml`, MANIFEST(port));
  await Deno.writeTextFile(`${dataDir}/workflows/reach.ts`, MODULE);
  try {
    await using server = await serve({
      dataDir,
      env: {
        TASKER_WORKFLOWS: `${dataDir}/workflows`,
        TASKER_EGRESS: "127.0.0.0/8,*",
        TASKER_SECRETS: "MAIL_TOKEN",
        MAIL_TOKEN: SECRET,
        TASKER_LOG: "debug",
      },
    });
    const ended = async (body: Readonly<Record<string, unknown>>): Promise<TaskShown> => {
      const id = await startTask(server, body, crypto.randomUUID());
      return await until(`task ${id} to end`, 60_000, async () => {
        const response = await fetch(`${server.url}/v1/tasks/${id}`, {
          headers: { authorization: `Bearer ${server.key}` },
        });
        const task = await response.json();
        return task.state === "running" || task.state === "waiting" ? undefined : task;
      });
    };

    const called = await ended({ workflow: "tests/calls", input: { id: "a/b" } });
    const reached = await ended({ workflow: "tests/reach", input: { port } });

    const [send, inside] = called.steps;
    assert.deepEqual([send?.state, send?.attempt, send?.result], ["completed", 2, { ok: true }]);
    assert.match(JSON.stringify(inside?.error), /egress_refused.*169\.254\.169\.254 is link-local/);
    assert.equal(seen.length, 2);
    for (const { path, authorization, key } of seen) {
      assert.deepEqual([path, authorization], ["/send/a%2Fb", `Bearer ${SECRET}`]);
      assert.equal(key, `${called.id}/send`);
    }
    assert.deepEqual(reached.steps[0]?.result, {
      secret: "NotCapable",
      key: "NotCapable",
      host: "NotCapable",
    });
    const shown = JSON.stringify([called, await events(server, called.id)]) + server.said();
    assert.ok(!shown.includes(SECRET));
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

async function events(server: { url: string; key: string }, id: string): Promise<unknown> {
  const response = await fetch(`${server.url}/v1/tasks/${id}/events`, {
    headers: { authorization: `Bearer ${server.key}`, accept: "application/json" },
  });
  return await response.text();
}
