import { deepEqual, equal, match } from "node:assert/strict";
import { type FakeApi, fakeApi } from "../../tests/support/fake_api.ts";
import { BATCH_BYTES_MAX, BATCH_STARTS_MAX } from "../operations/tasks.ts";
import { BATCHES_MAX } from "./task_batches.ts";

const START = { workflow: "orders/process", input: { id: 1 } };

interface BatchAnswer {
  readonly tasks: readonly {
    readonly outcome: string;
    readonly id?: string;
    readonly problem?: { readonly code: string; readonly detail: string };
  }[];
}

async function batch(fake: FakeApi, tasks: unknown, headers = {}): Promise<BatchAnswer["tasks"]> {
  const answer = await fake.json<BatchAnswer>("POST /v1/tasks/batch", { body: { tasks }, headers });
  return answer.tasks;
}

const said = (answers: BatchAnswer["tasks"]) =>
  answers.map(({ outcome, problem }) => problem?.code ?? outcome);

Deno.test("a batch answers each start in its place: a bad one does not lose the others", async () => {
  const fake = fakeApi();
  await fake.started({ headers: { "idempotency-key": "used" } });
  const key = fake.key(["write"], ["orders"]);

  const { tasks } = await fake.json<BatchAnswer>("POST /v1/tasks/batch", {
    key,
    body: {
      tasks: [
        START,
        { ...START, workflow: "orders/unknown" },
        { ...START, workflow: "billing/bill" },
        { ...START, tags: "vip" },
        { ...START, key: "no spaces" },
        5,
        null,
        { ...START, input: "half \ud800 of a pair" },
        { ...START, input: { text: "zero \0" } },
        { ...START, tags: ["\0"] },
        { ...START, key: "a" },
        { ...START, key: "a" },
        { ...START, key: "a", input: "other" },
        { ...START, input: JSON.parse("[".repeat(67) + "]".repeat(67)) },
        START,
      ],
    },
  });

  deepEqual(said(tasks), [
    "started",
    "definition.unknown",
    "api.forbidden",
    "api.bad_request",
    "api.bad_request",
    "api.bad_request",
    "api.bad_request",
    "journal.poison",
    "journal.poison",
    "journal.poison",
    "started",
    "repeated",
    "journal.conflict",
    "payload.too_large",
    "started",
  ]);
  equal(tasks[10]?.id, tasks[11]?.id);
  match(tasks[3]?.problem?.detail ?? "", /tags: /);
  equal(new Set(tasks.flatMap(({ id }) => id ?? [])).size, 3);
});

Deno.test("a batch that is sent again under its Idempotency-Key starts nothing more", async () => {
  const fake = fakeApi();
  const headers = { "idempotency-key": "nightly" };
  const starts = [START, { ...START, key: "own" }, { ...START, input: 2 }];

  const first = await batch(fake, starts, headers);
  const second = await batch(fake, starts, headers);
  const other = await batch(fake, [START], { "idempotency-key": "other" });

  deepEqual(said(first), ["started", "started", "started"]);
  deepEqual(second, first.map(({ id }) => ({ outcome: "repeated", id })));
  deepEqual(said(other), ["started"]);
});

Deno.test("without a key of any kind, a batch that is sent again starts its tasks again", async () => {
  const fake = fakeApi();

  const ids = [...await batch(fake, [START, START]), ...await batch(fake, [START])];

  equal(new Set(ids.map(({ id }) => id)).size, 3);
});

Deno.test("the key of a start in a batch is the Idempotency-Key of a single start", async () => {
  const fake = fakeApi();
  const single = await fake.ask("POST /v1/tasks", {
    body: START,
    headers: { "idempotency-key": "order-1" },
  });

  const [start] = await batch(fake, [{ ...START, key: "order-1" }]);

  deepEqual(start, { outcome: "repeated", id: (await single.json()).id });
});

Deno.test("a batch has at least one start, and no more than are allowed", async () => {
  const fake = fakeApi();
  const status = async (count: number) =>
    (await fake.ask("POST /v1/tasks/batch", { body: { tasks: Array(count).fill(START) } })).status;

  deepEqual(await Promise.all([0, BATCH_STARTS_MAX + 1].map(status)), [400, 400]);
  equal(fake.engine.starts.length, 0);
  equal(await status(BATCH_STARTS_MAX), 200);
  equal(fake.engine.starts.length, BATCH_STARTS_MAX);
});

Deno.test("a batch may have more bytes than other bodies, but no more than are allowed", async () => {
  const fake = fakeApi();
  const entry = { ...START, input: "x".repeat(200_000) };
  const fits = Array(Math.floor(BATCH_BYTES_MAX / 200_100)).fill(entry);

  deepEqual(said(await batch(fake, fits)), fits.map(() => "started"));
  const response = await fake.ask("POST /v1/tasks/batch", { body: { tasks: [...fits, entry] } });

  equal((await response.json()).code, "api.too_large");
  equal(fake.engine.starts.length, fits.length);
});

Deno.test("a batch with a number that would be changed silently starts nothing", async () => {
  const fake = fakeApi();
  const text = JSON.stringify({ tasks: [{ ...START, input: "\0" }, START] });

  const { code } = await fake.json("POST /v1/tasks/batch", {
    body: text.replace('"id":1', '"id":9007199254740993'),
  });

  equal(code, "contract.violation");
  equal(fake.engine.starts.length, 0);
});

Deno.test("a batch is refused as a whole for a key that may not write", async () => {
  const fake = fakeApi();

  const response = await fake.ask("POST /v1/tasks/batch", {
    key: fake.key(["read"]),
    body: { tasks: [START] },
  });

  equal(response.status, 403);
});

Deno.test("batches beyond those being started are asked to come again, and start nothing", async () => {
  const held = Promise.withResolvers<void>();
  const fake = fakeApi({
    starter: {
      start: async () => {
        await held.promise;
        return { taskId: "019b76da-a800-7007-8995-8b05c6a4207f" as never, turn: 1, changed: true };
      },
    },
  });
  const under = Array.from({ length: BATCHES_MAX }, () => batch(fake, [START]));
  await fake.runtime.settle();

  const refused = await fake.ask("POST /v1/tasks/batch", { body: { tasks: [START] } });
  held.resolve();

  deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  deepEqual((await Promise.all(under)).flatMap(said), under.map(() => "started"));
  deepEqual(said(await batch(fake, [START])), ["started"]);
});

Deno.test("a start that fails unexpectedly is logged, and shown without its text", async () => {
  const fake = fakeApi();
  fake.engine.refusal = new Error("a secret host");

  const [first, second] = await batch(fake, [START, START]);

  deepEqual([first?.problem?.code, second?.outcome], ["api.internal", "started"]);
  equal(JSON.stringify(first).includes("secret"), false);
});
