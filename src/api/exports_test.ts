import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import type { TaskId } from "../core/ids.ts";
import { encodePayload } from "../core/payload.ts";
import { type FakeApi, fakeApi } from "../../tests/support/fake_api.ts";
import { BEAT_MS } from "./sse.ts";

/** The lines of an export that ends. */
async function linesOf(fake: FakeApi, query: string, key?: string) {
  const response = await fake.ask(`GET /v1/export${query}`, key === undefined ? {} : { key });
  equal(response.status, 200);
  equal(response.headers.get("content-type"), "application/jsonl; charset=utf-8");
  const text = await response.text();
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

Deno.test("an export writes the tasks of a filter as the list shows them, newest first", async () => {
  const fake = fakeApi();
  for (let count = 0; count < 3; count++) await fake.started();
  await fake.started({ body: { workflow: "billing/bill", input: 1 } });

  const lines = await linesOf(fake, "?workflow=orders%2Fprocess");

  const { tasks } = await fake.json<{ tasks: unknown[] }>(
    "GET /v1/tasks?workflow=orders%2Fprocess",
  );
  equal(lines.length, 3);
  deepEqual(lines, tasks);
});

Deno.test("an export of journals has every event as the journal shows it, with its task", async () => {
  const fake = fakeApi();
  const ids = [await fake.started(), await fake.started()].toSorted().reverse();
  for (const id of ids) fake.engine.commit(id, { kind: "TaskPaused", atMs: 1, by: "ada" } as never);

  const lines = await linesOf(fake, "?what=journals");

  const expected: unknown[] = [];
  for (const task of ids) {
    const { events } = await fake.json<{ events: object[] }>(`GET /v1/tasks/${task}/journal`);
    expected.push(...events.map((event) => ({ task, workflow: "orders/process", ...event })));
  }
  equal(lines.length, 4);
  deepEqual(lines, expected);
});

Deno.test("an export goes on behind the line that it is given", async () => {
  const fake = fakeApi();
  const ids = [await fake.started(), await fake.started()].toSorted().reverse();
  for (const id of ids) fake.engine.commit(id, { kind: "TaskPaused", atMs: 1, by: "ada" } as never);
  const placesOf = (lines: readonly { task: string; turn: number }[]) =>
    lines.map(({ task, turn }) => `${ids.indexOf(task as TaskId)}.${turn}`);

  const inside = await linesOf(fake, `?what=journals&after=${ids[0]}.1.1`);
  const behind = await linesOf(fake, `?what=journals&after=${ids[0]}`);
  const tasks = await linesOf(fake, `?after=${ids[0]}`);

  deepEqual(placesOf(inside), ["0.2", "1.1", "1.2"]);
  deepEqual(placesOf(behind), ["1.1", "1.2"]);
  deepEqual(tasks.map(({ id }) => id), [ids[1]]);
  for (const after of ["x", `${ids[0]}.x`, `${ids[0]}.1.1.1`]) {
    equal((await fake.ask(`GET /v1/export?after=${after}`)).status, 400, after);
  }
});

Deno.test("an export shows a key no task of namespaces that it does not cover", async () => {
  const fake = fakeApi();
  const own = await fake.started();
  const foreign = await fake.started({ body: { workflow: "billing/bill", input: 1 } });
  const key = fake.key(["read"], ["orders"]);

  const tasks = await linesOf(fake, "", key);
  const journals = await linesOf(fake, "?what=journals", key);
  const resumed = await linesOf(fake, `?what=journals&after=${foreign}.1.0`, key);

  deepEqual(tasks.map(({ id }) => id), [own]);
  deepEqual(journals.map(({ task }) => task), [own]);
  ok(resumed.every(({ task }) => task === own));
  equal((await fake.ask("GET /v1/export?sensitive=shown", { key })).status, 403);
  equal((await fake.ask("GET /v1/export", { key: fake.key(["write"]) })).status, 403);
});

Deno.test("an export hides what contracts mark as writeOnly, unless an admin asks for it", async () => {
  const fake = fakeApi();
  const input = { type: "object", properties: { pin: { writeOnly: true } } };
  const [plan] = fake.engine.plans;
  Object.assign(plan as object, { definition: { ...plan?.definition, input } });
  await fake.started({ body: { workflow: "orders/process", input: { pin: "4711", id: 1 } } });

  const [hidden] = await linesOf(fake, "?what=journals");
  const [shown] = await linesOf(fake, "?what=journals&sensitive=shown");

  ok(!JSON.stringify(hidden).includes("4711"));
  deepEqual(shown.input, { pin: "4711", id: 1 });
});

Deno.test("an export reads no page before its reader has taken the one before", async () => {
  let [pages, parts] = [0, 0];
  const fake = fakeApi();
  const id = await fake.started();
  const task = await fake.deps.exports.task(id);
  const large = { kind: "SignalReceived", atMs: 1, name: "n" } as const;
  const payload = encodePayload("x".repeat(200_000), "payload");
  const endless = fakeApi({
    exports: {
      task: fake.deps.exports.task,
      tasks: () => Promise.resolve({ tasks: task ? [task] : [], next: (pages++, id) }),
      async *journals([place]) {
        parts++;
        const events = [{ ...large, payload } as never];
        yield { taskId: place?.taskId ?? id, turns: [{ turn: 2, commandIds: [], events }] };
      },
    },
  });
  const response = await endless.ask("GET /v1/export?what=journals");
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();

  await reader.read();
  for (let round = 0; round < 50; round++) await endless.runtime.settle();
  const atFirst = [pages, parts];
  await reader.read();
  for (let round = 0; round < 50; round++) await endless.runtime.settle();

  ok(atFirst.every((count) => count <= 3), `read ahead: ${atFirst}`);
  ok(pages > (atFirst[0] ?? 0), "it goes on with its reader");
  await reader.cancel();
  await endless.runtime.settle();
  const left = pages;
  for (let round = 0; round < 50; round++) await endless.runtime.settle();
  equal(pages, left, "nothing is read for a reader who has gone");
  equal(endless.deps.metrics.gauge("tasker_http_waiting").value, 0);
});

Deno.test("the body of an export that fails or must end breaks off", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const task = await fake.deps.exports.task(id);
  let call = 0;
  const failing = fakeApi({
    exports: {
      ...fake.deps.exports,
      tasks: () =>
        call++ === 0 && task
          ? Promise.resolve({ tasks: [task], next: id })
          : Promise.reject(new TaskerError("journal.unavailable", "Cannot read: it is gone")),
    },
  });

  const broken = await failing.ask("GET /v1/export");
  const refused = await failing.ask("GET /v1/export");

  await rejects(broken.text());
  equal(refused.status, 503, "what fails before the first line is answered with its error");
});

Deno.test("an export that finds nothing for long sends spaces, which JSON skips", async () => {
  const fake = fakeApi();
  const id = await fake.started();
  const found = Promise.withResolvers<void>();
  let call = 0;
  const searching = fakeApi({
    exports: {
      ...fake.deps.exports,
      async tasks(filter) {
        if (call++ === 0) {
          return { tasks: [], next: "ffffffff-ffff-7fff-bfff-ffffffffffff" as TaskId };
        }
        await found.promise;
        const { after: _, ...whole } = filter;
        return await fake.deps.exports.tasks(whole);
      },
    },
  });
  const response = await searching.ask("GET /v1/export");

  const text = response.text();
  await searching.runtime.advance(3 * BEAT_MS);
  found.resolve();

  const line = await text;
  ok(line.startsWith(" "));
  equal(JSON.parse(line).id, id);
});

Deno.test("a journal that cannot be read is said in a line, and the others follow", async () => {
  const fake = fakeApi();
  const ids = [await fake.started(), await fake.started()].toSorted().reverse();
  const error = new TaskerError("journal.too_slow", "Cannot read it: Postgres timed out");
  const partly = fakeApi({
    exports: {
      ...fake.deps.exports,
      async *journals(places) {
        const [first, ...others] = places;
        if (first !== undefined) yield { taskId: first.taskId, error };
        yield* fake.deps.exports.journals(others);
      },
    },
  });

  const lines = await linesOf(partly, "?what=journals");

  deepEqual(lines.map(({ task }) => task), ids);
  equal(lines[0].problem.code, "journal.too_slow");
  equal(lines[1].kind, "TaskStarted");
});
