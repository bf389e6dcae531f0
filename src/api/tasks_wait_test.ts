import { deepEqual, equal } from "node:assert/strict";
import { type FakeApi, fakeApi } from "../../tests/support/fake_api.ts";
import type { Event, TaskEnd } from "../core/event.ts";
import type { TaskId } from "../core/ids.ts";
import { WAIT_MS_MAX } from "../operations/tasks.ts";
import { CONNECTIONS_MAX, KEY_CHECK_MS } from "./open_connections.ts";
import { LOOK_MS_MAX } from "./watch.ts";

const BODY = { workflow: "orders/process", input: { id: 1 } };
const KEY = { "idempotency-key": "order-1" };

/** Starts a task and waits for it; resolves once the server waits. */
async function startAndWait(fake: FakeApi, options: { waitMs?: number; headers?: object } = {}) {
  const { waitMs = 30_000, headers = {} } = options;
  const gone = new AbortController();
  const before = fake.engine.starts.length;
  const response = fake.ask(`POST /v1/tasks?waitMs=${waitMs}`, {
    body: BODY,
    headers: headers as Record<string, string>,
    signal: gone.signal,
  });
  await fake.runtime.settle();
  equal(fake.engine.starts.length, before + 1);
  const [newest] = await fake.engine.tasks({ namespaces: undefined, limit: 1 });
  return { response, gone, id: newest?.taskId as TaskId };
}

function end(fake: FakeApi, id: TaskId, as: TaskEnd): void {
  const event: Event = { kind: "TaskEnded", atMs: fake.runtime.now(), end: as };
  fake.engine.commit(id, event);
}

async function shown(response: Promise<Response>) {
  const { status } = await response;
  const { id, state, code } = await (await response).json();
  return { status, id, state, code };
}

for (const as of ["completed", "failed", "cancelled"] as const) {
  Deno.test(`POST /v1/tasks?waitMs answers when the task has ${as}, and reads nothing`, async () => {
    const fake = fakeApi();
    const { response, id } = await startAndWait(fake);

    end(fake, id, as);

    deepEqual(await shown(response), { status: 201, id, state: as, code: undefined });
    deepEqual([fake.engine.queries, fake.engine.watchers], [0, 0]);
  });
}

Deno.test("POST /v1/tasks answers with the first turn, and reads nothing", async () => {
  const fake = fakeApi();

  const task = await fake.json("POST /v1/tasks", { body: BODY });

  deepEqual([task.state, task.turn, fake.engine.queries], ["running", 1, 0]);
});

Deno.test("POST /v1/tasks?waitMs answers after that long with the task as it is", async () => {
  const fake = fakeApi();
  const { response, id } = await startAndWait(fake, { waitMs: 1_000 });

  await fake.runtime.advance(1_000);

  deepEqual(await shown(response), { status: 201, id, state: "running", code: undefined });
  equal(fake.engine.queries, 0);
});

Deno.test("waitMs is bounded, and may be given once", async () => {
  const fake = fakeApi();
  const ask = async (query: string) =>
    (await fake.ask(`POST /v1/tasks?${query}`, { body: BODY })).status;

  deepEqual(
    await Promise.all([`waitMs=${WAIT_MS_MAX + 1}`, "waitMs=-1", "waitMs=1&waitMs=2"].map(ask)),
    [400, 400, 400],
  );
  equal(fake.engine.starts.length, 0);
});

Deno.test("a repeated start waits, too, and gets the same task", async () => {
  const fake = fakeApi();
  const first = await startAndWait(fake, { headers: KEY });
  const second = await startAndWait(fake, { headers: KEY });

  end(fake, first.id, "completed");
  const third = await startAndWait(fake, { headers: KEY });

  const { id } = first;
  const completed = { id, state: "completed", code: undefined };
  deepEqual(await shown(first.response), { status: 201, ...completed });
  deepEqual(await shown(second.response), { status: 200, ...completed });
  deepEqual(await shown(third.response), { status: 200, ...completed });
});

Deno.test("a client that waits a minute here costs no query", async () => {
  const fake = fakeApi();
  const started = await startAndWait(fake, { waitMs: WAIT_MS_MAX });
  const read = fake.json(`GET /v1/tasks/${started.id}?waitMs=${WAIT_MS_MAX}`);

  await fake.runtime.advance(WAIT_MS_MAX);

  equal((await read).state, "running");
  equal((await shown(started.response)).state, "running");
  equal(fake.engine.queries, 0);
});

Deno.test("waiting for a task that is not in memory costs one look, and none while nothing happens", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const { peek } = fake.engine;
  fake.engine.peek = () => undefined;
  const read = fake.json(`GET /v1/tasks/${id}?waitMs=${WAIT_MS_MAX}`);
  await fake.runtime.advance(WAIT_MS_MAX - 1);
  const looks = fake.engine.queries;
  fake.engine.peek = peek;

  end(fake, id, "completed");

  equal((await read).state, "completed");
  deepEqual([looks, fake.engine.queries], [1, 1]);
});

Deno.test("the end of a task is seen when its node gave it away, and had it back, meanwhile", async () => {
  const fake = fakeApi();
  const { response, id } = await startAndWait(fake);

  fake.engine.isFeedOn = false;
  end(fake, id, "completed");
  fake.engine.isFeedOn = true;
  fake.engine.tenures++;
  await fake.runtime.advance(LOOK_MS_MAX);

  equal((await shown(response)).state, "completed");
});

Deno.test("the end of a task that has moved to another node is seen", async () => {
  const fake = fakeApi();
  const { response, id } = await startAndWait(fake);
  fake.engine.isFeedOn = false;
  await fake.runtime.advance(5_000);

  end(fake, id, "failed");
  await fake.runtime.advance(LOOK_MS_MAX);

  equal((await shown(response)).state, "failed");
});

Deno.test("an end without a state in memory is read", async () => {
  const fake = fakeApi();
  const { response, id } = await startAndWait(fake);
  fake.engine.isRestarted = true;

  end(fake, id, "completed");

  equal((await shown(response)).state, "completed");
});

Deno.test("close() answers a start that waits, and refuses new ones before they start anything", async () => {
  const fake = fakeApi();
  const { response, id } = await startAndWait(fake);

  fake.api.close();
  const refused = await shown(fake.ask("POST /v1/tasks?waitMs=1000", { body: BODY }));

  deepEqual(await shown(response), { status: 201, id, state: "running", code: undefined });
  deepEqual([refused.status, refused.code], [503, "node.draining"]);
  equal(fake.engine.starts.length, 1);
});

Deno.test("a start that finds no place to wait starts nothing", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const waiting = Array.from(
    { length: CONNECTIONS_MAX },
    () => fake.ask(`GET /v1/tasks/${id}?waitMs=60000`),
  );
  await fake.runtime.settle();

  const { code } = await shown(fake.ask("POST /v1/tasks?waitMs=1000", { body: BODY }));
  fake.api.close();
  await Promise.all(waiting);

  equal(code, "api.busy");
  equal(fake.engine.starts.length, 1);
});

Deno.test("a client that has gone is waited for no longer; its task goes on", async () => {
  const fake = fakeApi();
  const { response, gone, id } = await startAndWait(fake);

  gone.abort();
  await response;

  equal(fake.engine.watchers, 0);
  equal((await fake.json(`GET /v1/tasks/${id}`)).state, "running");
});

Deno.test("a client whose key is removed is answered soon with the task as it is", async () => {
  const fake = fakeApi();
  const { response } = await startAndWait(fake);

  fake.keyRows.length = 0;
  await fake.runtime.advance(KEY_CHECK_MS);

  equal((await shown(response)).state, "running");
});

Deno.test("a start that is refused holds no place", async () => {
  const fake = fakeApi();
  const body = { ...BODY, workflow: "orders/unknown" };

  const { code } = await shown(fake.ask("POST /v1/tasks?waitMs=1000", { body }));

  equal(code, "definition.unknown");
  equal(fake.deps.metrics.gauge("tasker_http_waiting").value, 0);
});

Deno.test("HEAD of a task waits for nothing", async () => {
  const fake = fakeApi();
  const id = await fake.started();

  equal((await fake.ask(`HEAD /v1/tasks/${id}?waitMs=60000`)).status, 200);
});
