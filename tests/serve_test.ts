import assert from "node:assert/strict";
import { makeDataDir } from "./support/data_dir.ts";
import { serve, type Served } from "./support/serve.ts";
import { startTask } from "./support/tasks.ts";
import { until } from "./support/serve.ts";

const ROOT = new URL("../", import.meta.url).pathname;

async function withData(use: (dataDir: string) => Promise<void>): Promise<void> {
  const dataDir = makeDataDir("serve");
  try {
    await use(dataDir);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** Asks the API: what it answers, whatever it is. */
async function ask({ url, key }: Served, path: string, body?: unknown) {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const post = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  return await (await fetch(`${url}${path}`, { headers, ...post })).json();
}

/** Whether a document has these fields; undefined when it has not. */
async function shows(server: Served, path: string, fields: Record<string, unknown>) {
  const document = await ask(server, path);
  return Object.entries(fields).every(([name, value]) => document[name] === value) || undefined;
}

/** Starts a server that is expected to end by itself. */
async function fails(
  env: Record<string, string>,
  ...more: string[]
): Promise<{ code: number; said: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "serve", ...more],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return { code, said };
}

Deno.test("serve runs a task end to end, and SIGTERM to the printed pid drains and stops it all", async () => {
  await withData(async (dataDir) => {
    const server = await serve({ dataDir });
    const id = await startTask(server, { workflow: "examples/hello", input: { name: "Ada" } }, "k");

    const task = await until("the task to end", 10_000, async () => {
      const response = await fetch(`${server.url}/v1/tasks/${id}?waitMs=5000`, {
        headers: { authorization: `Bearer ${server.key}` },
      });
      const body = await response.json();
      return body.state === "completed" ? body : undefined;
    });
    server.kill("SIGTERM");

    assert.equal(task.steps[1].result.shout, "HELLO, ADA!");
    assert.equal(await server.exited, 0);
    await assert.rejects(fetch(`${server.url}/health/live`));
  });
});

Deno.test("/metrics says what the tasks of a server did", async () => {
  await withData(async (dataDir) => {
    await using server = await serve({ dataDir });
    const id = await startTask(server, { workflow: "examples/hello", input: { name: "Ada" } }, "k");
    await until(
      "the task to end",
      10_000,
      () => shows(server, `/v1/tasks/${id}`, { state: "completed" }),
    );

    const response = await fetch(`${server.url}/metrics`, {
      headers: { authorization: `Bearer ${server.key}` },
    });

    const lines = (await response.text()).split("\n");
    for (
      const line of [
        'tasker_events_total{kind="StepCompleted"} 2',
        'tasker_tasks_ended_total{end="completed"} 1',
        "tasker_step_seconds_count 2",
        "tasker_step_wait_seconds_count 2",
        'tasker_circuit_open{system="node_payments"} 0',
        "tasker_actor_crashes_total 0",
      ]
    ) assert.ok(lines.includes(line), `${line} is not in:\n${lines.join("\n")}`);
  });
});

Deno.test("an order waits for the first worker of a system, by name and over a restart", async () => {
  await withData(async (dataDir) => {
    const first = await serve({ dataDir });
    const input = {
      orderId: "o1",
      customer: "Ada",
      items: [{ sku: "s1", quantity: 1 }],
      amountCents: 100,
      currency: "EUR",
    };
    const id = await startTask(
      first,
      { workflow: "orders/distributed_order_processing", input },
      "k",
    );
    const waits = { state: "waiting", blockedReason: 'step "check_inventory": no_worker' };
    await until("the order to wait", 10_000, () => shows(first, `/v1/tasks/${id}`, waits));
    first.kill("SIGTERM");
    await first.exited;

    await using server = await serve({ dataDir });
    await until("the order to wait again", 10_000, () => shows(server, `/v1/tasks/${id}`, waits));
    const envelope = await until("the command", 10_000, async () => {
      const body = { max: 1, waitMs: 5_000 };
      const { envelopes } = await ask(server, "/v1/bus/python_inventory/poll", body);
      return envelopes[0];
    });

    assert.equal(envelope.type, "inventory.check_stock");
    const { systems } = await ask(server, "/v1/systems");
    assert.deepEqual(
      systems.filter(({ kind }: { kind: string }) => kind === "remote").map(
        ({ name, hasWorker }: { name: string; hasWorker: boolean }) => `${name} ${hasWorker}`,
      ),
      ["node_payments false", "python_inventory true"],
    );
  });
});

Deno.test("the first key is printed once, and kept for its owner's eyes only", async () => {
  await withData(async (dataDir) => {
    const first = await serve({ dataDir });
    assert.ok(first.said().includes(first.key));
    assert.equal((await Deno.stat(`${dataDir}/admin.key`)).mode! & 0o777, 0o600);
    await first[Symbol.asyncDispose]();

    await using second = await serve({ dataDir });

    assert.ok(!second.said().includes(first.key));
  });
});

Deno.test("an argument is refused with code 2, and nothing is started", async () => {
  await withData(async (dataDir) => {
    const { code, said } = await fails({ TASKER_DATA: dataDir }, "--port", "9090");

    assert.equal(code, 2);
    assert.match(said, /"--port 9090".*TASKER_PORT=/s);
    assert.deepEqual([...Deno.readDirSync(dataDir)], []);
  });
});

Deno.test("silent and slow connections, more than the limit, keep no good client out", async () => {
  await withData(async (dataDir) => {
    const env = {
      TASKER_CONNECTIONS_MAX: "4",
      TASKER_HEAD_TIMEOUT: "2s",
      TASKER_IDLE_TIMEOUT: "3s",
    };
    await using server = await serve({ dataDir, env });
    const { hostname, port } = new URL(server.url);
    const bad = await Promise.all(
      Array.from({ length: 12 }, () => Deno.connect({ hostname, port: Number(port) })),
    );
    for (const [index, connection] of bad.entries()) {
      // Every other one says nothing at all.
      if (index % 2 === 0) await connection.write(new TextEncoder().encode("GET /health HTT"));
    }

    const id = await startTask(server, { workflow: "examples/hello", input: { name: "Ada" } }, "k");
    await until(
      "the task to end",
      60_000,
      () => shows(server, `/v1/tasks/${id}`, { state: "completed" }),
    );

    const ends = await Promise.all(bad.map(async (connection) => {
      const end = await connection.read(new Uint8Array(1)).catch(() => null); // reset
      connection.close();
      return end;
    }));
    assert.deepEqual(ends, bad.map(() => null));
  });
});

Deno.test("a server whose port is taken says so with code 2, and never joins the others", async () => {
  await withData(async (dataDir) => {
    await using first = await serve({ dataDir });
    const port = new URL(first.url).port;

    const { code, said } = await fails({ TASKER_DATA: dataDir, TASKER_PORT: port });

    assert.equal(code, 2);
    assert.match(said, /another program listens there.*TASKER_PORT=/s);
    const health = await fetch(`${first.url}/health`, {
      headers: { authorization: `Bearer ${first.key}` },
    });
    assert.match(JSON.stringify(await health.json()), /4096 of 4096; 1 nodes? live/);
  });
});

Deno.test("after a clean stop no address is left that points at nobody", async () => {
  await withData(async (dataDir) => {
    const server = await serve({ dataDir });
    const address = () => Deno.readTextFile(`${dataDir}/address`);
    assert.equal((await address()).trim(), server.url);

    await server[Symbol.asyncDispose]();

    assert.equal(await address(), "");
    assert.equal(await Deno.readTextFile(`${dataDir}/server.pid`), "");
  });
});

Deno.test("a stop that comes while the server joins leaves no address either", async () => {
  await withData(async (dataDir) => {
    const ended = fails({ TASKER_DATA: dataDir, TASKER_PORT: "0", TASKER_WEB: "off" });
    const pid = await until("a pid", 120_000, async () => {
      const text = await Deno.readTextFile(`${dataDir}/server.pid`).catch(() => "");
      return Number(text) || undefined;
    });

    Deno.kill(pid, "SIGTERM");

    const { code, said } = await ended;
    assert.equal(code, 0, said);
    assert.equal(await Deno.readTextFile(`${dataDir}/address`), "");
    assert.equal(await Deno.readTextFile(`${dataDir}/server.pid`), "");
  });
});

Deno.test("a bad configuration ends with code 2 and says what to do", async () => {
  await withData(async (dataDir) => {
    const { code, said } = await fails({ TASKER_DATA: dataDir, TASKER_PROT: "80" });

    assert.equal(code, 2);
    assert.match(said, /TASKER_PROT.*did you mean TASKER_PORT\?/);
  });
});

Deno.test("a workflow that is wrong ends the start with code 2, file, line and column", async () => {
  await withData(async (dataDir) => {
    const workflows = `${dataDir}/workflows`;
    await Deno.mkdir(workflows);
    await Deno.writeTextFile(
      `${workflows}/wrong.ts`,
      `import { step, workflow, z } from "tasker";
const go = step({ input: z.object({}), success: z.date(), run: () => new Date() });
export default workflow({ namespace: "a", name: "b", version: "1.0.0", input: z.object({}) }, (w) => {
  w.step("go", go);
});`,
    );

    const { code, said } = await fails({
      TASKER_DATA: dataDir,
      TASKER_WORKFLOWS: workflows,
      TASKER_PORT: "0",
    });

    assert.equal(code, 2);
    assert.match(said, /wrong\.ts:\d+:\d+/);
  });
});

Deno.test("a database that refuses is said to be unreachable, without its password", async () => {
  await withData(async (dataDir) => {
    const { code, said } = await fails({
      TASKER_DATA: dataDir,
      TASKER_PORT: "0",
      DATABASE_URL: "postgres://tasker:verysecret@127.0.0.1:1/none",
    });

    assert.equal(code, 1);
    assert.match(said, /Postgres/);
    assert.ok(!said.includes("verysecret"));
  });
});
