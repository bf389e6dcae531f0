import assert from "node:assert/strict";
import { makeDataDir } from "./support/data_dir.ts";
import { serve, type Served, until } from "./support/serve.ts";
import { startTask } from "./support/tasks.ts";

const MANIFEST = `name: approved
namespace: tests
version: 1.0.0
input: { type: object, required: [n], properties: { n: { type: integer } } }
workflow_steps:
  - name: first
    transform: { text: 'Order \${input.n}' }
  - name: approve
    depends_on: first
    signal: { form: { type: object, required: [ok], properties: { ok: { type: boolean } } } }
  - { name: rest, depends_on: approve, sleep: 3s }
  - name: last
    depends_on: rest
    transform: { ok: $.approve.ok, text: $.first.text }
output: { with: $.last, result: { type: object, required: [text] } }
`;

const OTHER = "name: other\nversion: 1.0.0\nworkflow_steps: [{ name: rest, sleep: 1s }]\n";

const TASKS = 20;

async function ask({ url, key }: Served, path: string, body?: unknown) {
  const headers = {
    authorization: `Bearer ${key}`,
    "content-type": "application/json",
    "idempotency-key": crypto.randomUUID(),
  };
  const post = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const response = await fetch(`${url}${path}`, { headers, ...post });
  return { status: response.status, body: await response.json() };
}

Deno.test("tasks of a manifest end with their output, though it is removed and the server killed with -9", async () => {
  const dataDir = makeDataDir("manifest");
  const folder = await Deno.makeTempDir();
  const env = { TASKER_WORKFLOWS: folder, TASKER_LOG: "warn" };
  try {
    await Deno.writeTextFile(`${folder}/approved.yaml`, MANIFEST);
    await using first = await serve({ dataDir, env });
    const ids = await Promise.all(
      Array.from(
        { length: TASKS },
        (_, n) => startTask(first, { workflow: "tests/approved", input: { n } }, `task-${n}`),
      ),
    );
    const shown = await ask(first, `/v1/tasks/${ids[0]}`);
    const awaited = shown.body.steps.find(({ name }: { name: string }) => name === "approve");
    assert.deepEqual(awaited.form.required, ["ok"]);
    const refused = await ask(first, `/v1/tasks/${ids[0]}/signals/approve`, { ok: "yes" });
    assert.deepEqual([refused.status, refused.body.code], [422, "contract.violation"]);
    for (const id of ids) {
      const sent = await ask(first, `/v1/tasks/${id}/signals/approve`, { ok: true });
      assert.equal(sent.status, 202);
    }
    first.kill("SIGKILL");
    await first.exited;
    await Deno.remove(`${folder}/approved.yaml`);
    await Deno.writeTextFile(`${folder}/other.yaml`, OTHER);

    await using second = await serve({ dataDir, env });

    for (const [n, id] of ids.entries()) {
      const { state, output } = await until(`the end of task ${n}`, 60_000, async () => {
        const { body } = await ask(second, `/v1/tasks/${id}?waitMs=5000`);
        return body.endedAt === undefined ? undefined : body;
      });
      assert.deepEqual([state, output], ["completed", { ok: true, text: `Order ${n}` }]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
    await Deno.remove(dataDir, { recursive: true });
  }
});
