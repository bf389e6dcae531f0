import assert from "node:assert/strict";
import { makeDataDir } from "./support/data_dir.ts";
import { serve, type Served } from "./support/serve.ts";
import { allCompleted, idsOf, journalOf, startTask } from "./support/tasks.ts";

const WORKFLOWS = new URL("./fixtures/workflows", import.meta.url).pathname;
const WORKFLOW = "test/slow";
const TASKS = 100;
/** No takeover may take longer; then the tasks themselves need a few seconds. */
const ALL_MS_MAX = 90_000;

async function withServers(
  count: number,
  use: (servers: Served[], dataDir: string) => Promise<void>,
): Promise<void> {
  const dataDir = makeDataDir("crash");
  const env = { TASKER_WORKFLOWS: WORKFLOWS, TASKER_LOG: "warn" };
  const servers: Served[] = [];
  try {
    for (let number = 0; number < count; number++) servers.push(await serve({ dataDir, env }));
    await use(servers, dataDir);
  } finally {
    for (const server of servers) await server[Symbol.asyncDispose]();
    await Deno.remove(dataDir, { recursive: true });
  }
}

async function startAll(servers: readonly Served[]): Promise<string[]> {
  return await Promise.all(Array.from({ length: TASKS }, (_, n) => {
    const server = servers[n % servers.length] as Served;
    return startTask(server, { workflow: WORKFLOW, input: { n } }, `task-${n}`);
  }));
}

/** Every step of every task completed exactly once in the journal, and none was parked. */
async function assertExactlyOnce(server: Served): Promise<void> {
  const ids = await idsOf(server, WORKFLOW);
  assert.equal(ids.length, TASKS);
  for (const id of ids) {
    const events = await journalOf(server, id);
    const completed = events.filter(({ kind }) => kind === "StepCompleted").map(({ step }) => step);
    assert.deepEqual(completed, ["s1", "s2", "s3", "s4", "s5", "s6"], id);
    assert.equal(events.filter(({ kind }) => kind === "TaskEnded").length, 1, id);
    assert.equal(events.filter(({ kind }) => kind === "StepParked").length, 0, id);
  }
}

Deno.test("a server killed with -9 in the middle finishes every task once after its restart", async () => {
  await withServers(1, async (servers, dataDir) => {
    const [first] = servers as [Served];
    await startAll([first]);
    first.kill("SIGKILL");
    assert.equal(await first.exited, 1);

    const env = { TASKER_WORKFLOWS: WORKFLOWS, TASKER_LOG: "warn" };
    const second = await serve({ dataDir, env });
    servers.splice(0, 1, second);

    await allCompleted(second, { workflow: WORKFLOW, count: TASKS, ms: ALL_MS_MAX });
    await assertExactlyOnce(second);
  });
});

Deno.test("a server killed with -9 after its answers has a row of the audit for each", async () => {
  await withServers(1, async (servers, dataDir) => {
    const [first] = servers as [Served];
    const asked = async (method: string, path: string, body?: object) => {
      const response = await fetch(`${first.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${first.key}`, "content-type": "application/json" },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      assert.equal(response.ok, true, await response.clone().text());
      return await response.json().catch(() => ({}));
    };
    const start = (n: number) => ({ workflow: WORKFLOW, input: { n } });
    const { id } = await asked("POST", "/v1/tasks", start(1));
    await asked("POST", "/v1/tasks/batch", { tasks: [start(2), start(3)] });
    const made = { name: "reader", scopes: ["read"], namespaces: ["*"], systems: [] };
    const { id: keyId } = await asked("POST", "/v1/keys", made);
    await asked("POST", `/v1/tasks/${id}/cancel`, { by: "ada", reason: "test" });
    await asked("DELETE", `/v1/keys/${keyId}`);
    first.kill("SIGKILL");
    assert.equal(await first.exited, 1);

    const second = await serve({
      dataDir,
      env: { TASKER_WORKFLOWS: WORKFLOWS, TASKER_LOG: "warn" },
    });
    servers.splice(0, 1, second);
    const response = await fetch(`${second.url}/v1/audit`, {
      headers: { authorization: `Bearer ${second.key}` },
    });
    const { calls } = await response.json() as { calls: { operation: string; target: string }[] };

    assert.deepEqual(calls.map(({ operation, target }) => `${operation} ${target}`), [
      `removeKey ${keyId}`,
      `cancelTask ${id}`,
      `makeKey ${keyId} reader`,
      "startTasks 2 tasks",
      `startTask ${WORKFLOW} ${id}`,
    ]);
  });
});

Deno.test("of three servers one is killed: the others take over and finish every task once", async () => {
  await withServers(3, async (servers) => {
    await startAll(servers);

    servers[1]?.kill("SIGKILL");

    await allCompleted(servers[0] as Served, { workflow: WORKFLOW, count: TASKS, ms: ALL_MS_MAX });
    await assertExactlyOnce(servers[2] as Served);
  });
});

Deno.test("a server frozen past its lease writes nothing stale when it thaws, and joins again", async () => {
  await withServers(2, async (servers) => {
    const [alive, frozen] = servers as [Served, Served];
    await startAll(servers);

    frozen.kill("SIGSTOP");
    await allCompleted(alive, { workflow: WORKFLOW, count: TASKS, ms: ALL_MS_MAX });
    const before = await Promise.all(
      (await idsOf(alive, WORKFLOW)).map((id) => journalOf(alive, id)),
    );
    frozen.kill("SIGCONT");

    // It answers again as a new incarnation, and its journal is the others'.
    const id = await retry(() =>
      startTask(frozen, { workflow: WORKFLOW, input: { n: 0 } }, "task-0")
    );
    assert.match(id, /^[0-9a-f-]{36}$/);
    const after = await Promise.all(
      (await idsOf(alive, WORKFLOW)).map((one) => journalOf(alive, one)),
    );
    assert.deepEqual(after, before);
    await assertExactlyOnce(alive);
  });
});

Deno.test("a command sent to any server reaches the task's owner", async () => {
  await withServers(2, async (servers) => {
    const [one, other] = servers as [Served, Served];
    const id = await startTask(one, { workflow: WORKFLOW, input: { n: 1 } }, "cross");

    const response = await fetch(`${other.url}/v1/tasks/${id}/cancel`, {
      method: "POST",
      headers: { authorization: `Bearer ${other.key}`, "content-type": "application/json" },
      body: JSON.stringify({ by: "ada", reason: "test" }),
    });

    assert.equal(response.status, 202, await response.text());
    const events = await journalOf(one, id);
    assert.equal(events.at(-1)?.kind, "TaskEnded");
  });
});

/** Asks until the server is back: a node that was fenced answers 503 for a moment. */
async function retry(ask: () => Promise<string>): Promise<string> {
  let answer = "";
  for (let tries = 0; tries < 100; tries++) {
    answer = await ask().catch(() => "unreachable");
    if (/^[0-9a-f-]{36}$/.test(answer)) return answer;
    await new Promise((wake) => setTimeout(wake, 200));
  }
  return answer;
}
