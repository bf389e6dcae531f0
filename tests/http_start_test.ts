/** Starts over HTTP, on a real server that is killed in the middle. */

import assert from "node:assert/strict";
import { serve, type Served, until } from "./support/serve.ts";
import { makeDataDir } from "./support/data_dir.ts";

const START = { workflow: "bench/signal_10", input: { n: 0, text: "x" } };
const WORKFLOWS = new URL("bench/workflows", import.meta.url).pathname;

/** Batches that are under way when the server dies, and starts of each. */
const BATCHES = 5;
const STARTS = 200;

async function withServers(run: (open: () => Promise<Served>) => Promise<void>): Promise<void> {
  const dataDir = makeDataDir("http-start");
  const servers: Served[] = [];
  try {
    await run(async () => {
      const server = await serve({ dataDir, env: { TASKER_WORKFLOWS: WORKFLOWS } });
      servers.push(server);
      return server;
    });
  } finally {
    await servers.at(-1)?.[Symbol.asyncDispose]();
    await Deno.remove(dataDir, { recursive: true });
  }
}

async function ask(
  { url, key }: Served,
  line: string,
  { body, idempotencyKey }: { body?: unknown; idempotencyKey?: string } = {},
) {
  const [method = "", path = ""] = line.split(" ");
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

async function kill(server: Served): Promise<void> {
  server.kill("SIGKILL");
  await server.exited;
}

/** Ids of all tasks. */
async function allIds(server: Served): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor = ""; cursor !== undefined;) {
    const { body } = await ask(server, `GET /v1/tasks?limit=200${cursor && `&cursor=${cursor}`}`);
    ids.push(...body.tasks.map(({ id }: { id: string }) => id));
    cursor = body.nextCursor;
  }
  return ids;
}

Deno.test("a start that waits when its server is killed is waited for again under its key", async () => {
  await withServers(async (open) => {
    const first = await open();
    const start = { body: START, idempotencyKey: "order-1" };
    const broken = ask(first, "POST /v1/tasks?waitMs=30000", start).then(
      () => "answered",
      () => "",
    );
    const [id] = await until("the task to be there", 10_000, async () => {
      const ids = await allIds(first);
      return ids.length > 0 ? ids : undefined;
    });
    await kill(first);

    const second = await open();
    const again = ask(second, "POST /v1/tasks?waitMs=30000", start);
    const signal = await ask(second, `POST /v1/tasks/${id}/signals/go`, { body: {} });

    assert.equal(await broken, "");
    assert.equal(signal.status, 202);
    const { status, body } = await again;
    assert.deepEqual([status, body.id, body.state], [200, id, "completed"]);
  });
});

Deno.test("batches that a crash cut off, sent again, start each of their tasks once", async () => {
  await withServers(async (open) => {
    const first = await open();
    const send = (server: Served) =>
      Array.from({ length: BATCHES }, (_, batch) =>
        ask(server, "POST /v1/tasks/batch", {
          idempotencyKey: `batch-${batch}`,
          body: {
            tasks: Array.from({ length: STARTS }, (_, n) => ({ ...START, tags: [`${n}`] })),
          },
        }));
    const broken = Promise.allSettled(send(first));
    await until(
      "some tasks to be there",
      10_000,
      async () => (await ask(first, "GET /v1/tasks?limit=1")).body.tasks[0],
    );
    await kill(first);
    await broken;

    const second = await open();
    const survived = new Set(await allIds(second));
    const answers = (await Promise.all(send(second))).flatMap(({ body }) =>
      body.tasks as { outcome: string; id: string }[]
    );

    const ids = await allIds(second);
    assert.equal(ids.length, BATCHES * STARTS);
    assert.deepEqual(answers.map(({ id }) => id).sort(), ids.sort());
    assert.deepEqual(
      answers.filter(({ outcome }) => outcome === "repeated").map(({ id }) => id).sort(),
      [...survived].sort(),
    );
  });
});
