import { deepEqual, equal, match } from "node:assert/strict";
import { encodePayload } from "../core/payload.ts";
import { fakeApi } from "../../tests/support/fake_api.ts";

const BODY = { workflow: "orders/process", input: { id: 1 } };

Deno.test("POST /v1/tasks answers 201 with the whole task", async () => {
  const fake = fakeApi();

  const response = await fake.ask("POST /v1/tasks", {
    body: { ...BODY, tags: ["vip"], deadlineMs: 60_000 },
  });

  equal(response.status, 201);
  const task = await response.json();
  equal(response.headers.get("location"), `/v1/tasks/${task.id}`);
  const { id: _, ...rest } = task;
  const pending = { kind: "local", state: "pending", owner: "orders", when: "succeeded" };
  const counts = { attempt: 0, attemptsMax: 3 };
  deepEqual(rest, {
    namespace: "orders",
    workflow: "process",
    version: "1.0.0",
    definitionHash: "hash0",
    state: "running",
    turn: 1,
    input: { id: 1 },
    tags: ["vip"],
    createdAt: "2026-01-01T00:00:00.000Z",
    steps: [
      { ...pending, ...counts, name: "validate", after: [] },
      {
        ...pending,
        ...counts,
        name: "reserve",
        kind: "remote",
        owner: "inventory",
        after: ["validate"],
      },
      { ...pending, ...counts, name: "approval", kind: "signal", after: ["validate"] },
    ],
  });
  equal(fake.engine.starts[0]?.deadlineMs, 60_000);
});

Deno.test("POST /v1/tasks gives the same task for the same key and body", async () => {
  const fake = fakeApi();
  const headers = { "idempotency-key": "order-1" };

  const first = await fake.ask("POST /v1/tasks", { body: BODY, headers });
  const second = await fake.ask("POST /v1/tasks", { body: BODY, headers });
  const other = await fake.ask("POST /v1/tasks", { body: { ...BODY, input: 2 }, headers });

  deepEqual([first.status, second.status, other.status], [201, 200, 409]);
  equal((await first.json()).id, (await second.json()).id);
  equal((await other.json()).code, "journal.conflict");
  equal(fake.engine.starts[0]?.key, "order-1");
});

Deno.test("POST /v1/tasks keeps the trace of its caller", async () => {
  const fake = fakeApi();
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  await fake.ask("POST /v1/tasks", { body: BODY, headers: { traceparent } });
  await fake.ask("POST /v1/tasks", { body: BODY, headers: { traceparent: "nonsense" } });

  deepEqual(fake.engine.starts.map((start) => start.traceparent), [traceparent, undefined]);
});

Deno.test("GET /v1/tasks pages through all tasks, newest first", async () => {
  const fake = fakeApi();
  const started: string[] = [];
  for (let count = 0; count < 5; count++) {
    await fake.runtime.advance(1);
    started.unshift(await fake.started());
  }

  const seen: string[] = [];
  let cursor = "";
  for (let page = 0; page < 3; page++) {
    const answer = await fake.json<{ tasks: { id: string }[]; nextCursor?: string }>(
      `GET /v1/tasks?limit=2${cursor && `&cursor=${cursor}`}`,
    );
    seen.push(...answer.tasks.map(({ id }) => id));
    cursor = answer.nextCursor ?? "";
  }

  deepEqual(seen, started);
  equal(cursor, "");
});

Deno.test("GET /v1/tasks filters, and refuses a cursor that it did not make", async () => {
  const fake = fakeApi();
  const id = await fake.started({ body: { ...BODY, tags: ["vip"] } });
  await fake.started({ body: { ...BODY, workflow: "billing/bill" } });

  const found = await fake.json<{ tasks: { id: string }[] }>(
    "GET /v1/tasks?tag=vip&workflow=orders/process&state=running",
  );
  const refused = await fake.ask("GET /v1/tasks?cursor=nonsense");

  deepEqual(found.tasks.map((task) => task.id), [id]);
  equal(refused.status, 400);
});

Deno.test("GET /v1/tasks/{id} shows attempts, failures and what a person may do", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const atMs = fake.runtime.now();
  const failure = {
    class: "failed" as const,
    error: encodePayload({ error_code: "sold_out" }, "error"),
  };
  const ended = { atMs, attempt: 1, policyVersion: 0 };
  fake.engine.commit(
    id,
    { kind: "StepStarted", ...ended, step: 0, waitedMs: 0, dueAtMs: atMs + 5_000 },
    { kind: "StepCompleted", ...ended, step: 0, ranMs: 3, result: encodePayload({ ok: 1 }, "r") },
    { kind: "StepStarted", ...ended, step: 1, waitedMs: 0 },
    {
      kind: "StepParked",
      ...ended,
      step: 1,
      ranMs: 9,
      reason: "attempts used up",
      choices: ["retry", "skip"],
      failure,
    },
  );

  const task = await fake.json<
    { steps: Record<string, unknown>[]; state: string; blockedReason: string }
  >(`GET /v1/tasks/${id}`);

  equal(task.state, "blocked");
  match(task.blockedReason, /"reserve" is parked: attempts used up/);
  const [validate, reserve] = task.steps;
  deepEqual([validate?.state, validate?.result, validate?.error], [
    "completed",
    { ok: 1 },
    undefined,
  ]);
  deepEqual(
    [reserve?.state, reserve?.error, reserve?.errorClass, reserve?.parkedReason, reserve?.choices],
    ["parked", { error_code: "sold_out" }, "failed", "attempts used up", ["retry", "skip"]],
  );
});

Deno.test("GET /v1/tasks/{id} refuses a malformed id, and does not find an unknown one", async () => {
  const fake = fakeApi();
  const unknown = "019b7654-3210-7abc-8def-0123456789ab";

  equal((await fake.json("GET /v1/tasks/x")).code, "task.id_invalid");
  equal((await fake.json(`GET /v1/tasks/${unknown}`)).code, "task.not_found");
});

Deno.test("GET /v1/tasks/{id}?waitMs answers as soon as the task ends here", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const waiting = fake.json(`GET /v1/tasks/${id}?waitMs=30000`);
  await fake.runtime.settle();

  fake.engine.commit(id, { kind: "TaskEnded", atMs: fake.runtime.now(), end: "completed" });

  equal((await waiting).state, "completed");
  equal(fake.engine.watchers, 0);
});

Deno.test("GET /v1/tasks/{id}?waitMs sees the end of another node's task without any notification", async () => {
  const fake = fakeApi();
  fake.engine.isFeedOn = false;
  const id = await fake.started();
  const waiting = fake.json(`GET /v1/tasks/${id}?waitMs=30000`);
  await fake.runtime.advance(5_000);

  fake.engine.commit(id, { kind: "TaskEnded", atMs: fake.runtime.now(), end: "failed" });
  await fake.runtime.advance(1_000);

  equal((await waiting).state, "failed");
});

Deno.test("GET /v1/tasks/{id}?waitMs answers after that long with the task as it is", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const waiting = fake.json(`GET /v1/tasks/${id}?waitMs=1000`);

  await fake.runtime.advance(1_000);

  equal((await waiting).state, "running");
});

Deno.test("close() answers long polls at once and refuses new ones", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const waiting = fake.json(`GET /v1/tasks/${id}?waitMs=30000`);
  await fake.runtime.settle();

  fake.api.close();

  equal((await waiting).state, "running");
  equal((await fake.ask(`GET /v1/tasks/${id}?waitMs=30000`)).status, 503);
  equal((await fake.ask(`GET /v1/tasks/${id}`)).status, 200);
  equal((await fake.ask("GET /health/ready")).status, 503);
});

Deno.test("GET /v1/tasks/{id}/journal names steps and shows payloads and times plainly", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const atMs = fake.runtime.now();
  fake.engine.commit(
    id,
    {
      kind: "StepStarted",
      atMs,
      step: 0,
      attempt: 1,
      waitedMs: 2,
      policyVersion: 0,
      dueAtMs: atMs + 1_000,
    },
    { kind: "StepUnreached", atMs, step: 1, cause: 0 },
  );

  const all = await fake.json<{ events: unknown[] }>(`GET /v1/tasks/${id}/journal`);
  const page = await fake.json(`GET /v1/tasks/${id}/journal?limit=1`);

  const at = "2026-01-01T00:00:00.000Z";
  const started = {
    turn: 1,
    number: 1,
    kind: "TaskStarted",
    at,
    definitionHash: "hash0",
    input: { id: 1 },
    tags: [],
  };
  deepEqual(all, {
    events: [
      started,
      {
        turn: 2,
        number: 1,
        kind: "StepStarted",
        at,
        step: "validate",
        attempt: 1,
        waitedMs: 2,
        policyVersion: 0,
        dueAt: "2026-01-01T00:00:01.000Z",
      },
      { turn: 2, number: 2, kind: "StepUnreached", at, step: "reserve", cause: "validate" },
    ],
  });
  deepEqual(page, { events: [started], nextAfterTurn: 1 });
});

Deno.test("sensitive values are shown to the scope admin alone, and only when it asks", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const statusOf = async (path: string, key: string) =>
    (await fake.ask(`GET /v1/tasks/${id}${path}sensitive=shown`, { key })).status;
  const [reader, admin] = [fake.key(["read", "operate"]), fake.key(["admin"])];

  equal(await statusOf("?", reader), 403);
  equal(await statusOf("/journal?", reader), 403);
  equal(await statusOf("?", admin), 200);
  equal(await statusOf("/journal?", admin), 200);
});
