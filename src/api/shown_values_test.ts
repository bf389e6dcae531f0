import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { type FakeApi, fakeApi } from "../../tests/support/fake_api.ts";
import type { TaskId } from "../core/ids.ts";
import type { JsonText } from "../core/payload.ts";
import type { Plan } from "../core/plan.ts";
import type { StepLine } from "../core/ports.ts";
import { ShownValues } from "./shown_values.ts";

/** What a contract marks, and an error, a log line and a person repeat. */
const CANARY = "violet-otter";

const MARKED = { type: "object", properties: { card: { type: "string", writeOnly: true } } };

const LINE = {
  ...{ step: "validate", attempt: 1, number: 1, atMs: 1, dropped: 0 },
  text: `charging ${CANARY}`,
  fields: JSON.stringify({ card: CANARY, cents: 5 }),
};

/** A task whose first turn has the value, and whose later ones repeat it. */
async function opened(input: object = MARKED) {
  const lines: StepLine[] = [];
  const fake = fakeApi({ stepLogs: { read: () => Promise.resolve(lines) } });
  const [plan] = fake.engine.plans;
  Object.assign(plan as object, { definition: { ...plan?.definition, input } });
  const body = { workflow: "orders/process", input: { card: CANARY } };
  const taskId = await fake.started({ body });
  lines.push({ ...LINE, taskId });
  return { fake, taskId };
}

function fail(fake: FakeApi, taskId: TaskId): void {
  const of = { atMs: 1, step: 0, attempt: 1, ranMs: 1, policyVersion: 0 };
  const error = JSON.stringify({
    error_code: CANARY,
    error_message: `Cannot charge ${CANARY}: declined`,
    details: { [CANARY]: [CANARY] },
  }) as JsonText;
  fake.engine.commit(
    taskId,
    { kind: "StepStarted", ...of, waitedMs: 0 },
    {
      ...{ kind: "StepParked", ...of, reason: "attempts_used_up", choices: ["retry", "skip"] },
      failure: { class: "failed", error },
    },
  );
  fake.engine.commit(taskId, { kind: "TaskPaused", atMs: 2, by: "ada", reason: `is ${CANARY}` });
}

/** The texts of everything that shows a task to a key. */
async function surfacesOf(fake: FakeApi, id: TaskId, key: string) {
  const [reader, readers] = [new AbortController(), new TextDecoder()];
  const stream = async (path: string, count: number) => {
    const { body } = await fake.ask(`GET ${path}`, { key, signal: reader.signal });
    const chunks = (body as ReadableStream<Uint8Array>).getReader();
    return async () => {
      let text = "";
      while (text.split("\ndata: ").length <= count) {
        text += readers.decode((await chunks.read()).value);
      }
      return text;
    };
  };
  const live = await stream("/v1/events", 2);
  fail(fake, id);
  const texts: Record<string, string> = { live: await live() };
  texts.stream = await (await stream(`/v1/tasks/${id}/events`, 4))();
  for (
    const path of [
      `/v1/tasks/${id}`,
      `/v1/tasks/${id}/journal`,
      `/v1/tasks/${id}/journal?afterTurn=1`,
      `/v1/tasks/${id}/logs`,
      `/v1/tasks/${id}/diagnosis?step=validate`,
      "/v1/tasks",
      "/v1/export",
      "/v1/export?what=journals",
      `/v1/export?what=journals&after=${id}.2.0`,
    ]
  ) {
    const response = await fake.ask(`GET ${path}`, { key });
    texts[path] = await response.text();
    equal(response.status, 200, `${path}: ${texts[path]}`);
  }
  fake.engine.isFeedOn = false; // From here on the task is read from its journal.
  texts.passivated = await (await fake.ask(`GET /v1/tasks/${id}`, { key })).text();
  reader.abort();
  return texts;
}

Deno.test("what a contract marks is shown by no surface where an error, a log line or a reason repeats it", async () => {
  const { fake, taskId } = await opened();

  const texts = await surfacesOf(fake, taskId, fake.key(["read"]));

  for (const [surface, text] of Object.entries(texts)) doesNotMatch(text, /violet|otter/, surface);
  for (const surface of ["live", "stream", `/v1/tasks/${taskId}`, "passivated"]) {
    match(texts[surface] ?? "", /Cannot charge <sensitive>: declined/, surface);
  }
  const page = JSON.parse(texts[`/v1/tasks/${taskId}/journal?afterTurn=1`] ?? "");
  deepEqual(page.events[1].failure.error.details, { "<sensitive>": ["<sensitive>"] });
  const { lines: [line] } = JSON.parse(texts[`/v1/tasks/${taskId}/logs`] ?? "");
  equal(line.text, "charging <sensitive>");
  deepEqual(JSON.parse(line.fields), { card: "<sensitive>", cents: 5 });
});

Deno.test("an admin who asks for it sees what an error repeats", async () => {
  const { fake, taskId } = await opened();
  fail(fake, taskId);

  for (const path of [`/v1/tasks/${taskId}`, `/v1/tasks/${taskId}/journal`]) {
    const text = await (await fake.ask(`GET ${path}?sensitive=shown`)).text();
    match(text, /Cannot charge violet-otter: declined/, path);
  }
});

Deno.test("a journal is read once for the values of its task, and not where no contract marks any", async () => {
  const marked = await opened();
  const plain = await opened({});
  for (const { fake, taskId } of [marked, plain]) fail(fake, taskId);
  const queriesOf = async ({ fake, taskId }: typeof marked, path: string) => {
    const before = fake.engine.queries;
    await fake.ask(`GET /v1/tasks/${taskId}/${path}`);
    return fake.engine.queries - before;
  };

  deepEqual([await queriesOf(plain, "journal"), await queriesOf(plain, "logs")], [1, 0]);
  deepEqual([await queriesOf(marked, "journal?afterTurn=1"), await queriesOf(marked, "logs")], [
    2,
    1,
  ]);
  equal(await queriesOf(marked, "journal?limit=1"), 1, "its first turn repeats nothing");
  const journal = await (await plain.fake.ask(`GET /v1/tasks/${plain.taskId}/journal`)).text();
  ok(journal.includes(`Cannot charge ${CANARY}`), "nothing is marked");
});

Deno.test("turns that were read already are not read again for the values in them", async () => {
  const { fake: { engine }, taskId } = await opened();
  engine.commit(taskId, { kind: "TaskPaused", atMs: 2, by: "ada", reason: `is ${CANARY}` });
  const { turns } = await engine.turns(taskId, 0, 10);
  const readAfter: number[] = [];
  const shownValues = new ShownValues({
    turns(id, afterTurn, limit) {
      readAfter.push(afterTurn);
      return engine.turns(id, afterTurn, limit);
    },
  });

  const values = await shownValues.of(taskId, engine.plans[0] as Plan, turns);

  deepEqual([readAfter, values.hide(`is ${CANARY}`)], [[2], "is <sensitive>"]);
});
