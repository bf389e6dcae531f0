import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { type FakeWorld, fakeWorld } from "./api/_fakes.ts";
import type { JournalEntry as ApiEntry } from "./api/journal_entry.ts";
import type { SummaryDocument, TaskDocument } from "./api/task_document.ts";
import {
  type Client,
  ClientError,
  type InputOf,
  type JournalEntry,
  openClient,
  type Task,
  type TaskSummary,
} from "./client.ts";
import { TaskerError } from "./core/errors.ts";
import type { Event } from "./core/event.ts";
import type { TaskId } from "./core/ids.ts";
import { encodePayload } from "./core/payload.ts";
import { step, workflow, z } from "./mod.ts";

/**
 * What the network does with the requests to come, in order; then it carries them as they are. A
 * number cuts the answer after so many bytes.
 */
type Fault = "refused" | "answer lost" | "proxy page" | "hung" | number;

interface Wire {
  readonly world: FakeWorld;
  readonly client: Client;
  readonly requests: Request[];
  readonly retries: string[];
  readonly faults: Fault[];
  /** Answers of somebody else, before all others. */
  readonly answers: Response[];
}

function wire(options: { key?: string; patienceMs?: number } = {}): Wire {
  const world = fakeWorld();
  const requests: Request[] = [];
  const retries: string[] = [];
  const faults: Fault[] = [];
  const answers: Response[] = [];
  const client = openClient({
    url: "http://tasker.test/",
    key: options.key ?? world.key(),
    patienceMs: options.patienceMs ?? 30_000,
    runtime: world.runtime,
    onRetry: ({ code }) => retries.push(code),
    fetch: async (request) => {
      requests.push(request.clone());
      return answers.shift() ?? await carry(world, request, faults.shift());
    },
  });
  return { world, client, requests, retries, faults, answers };
}

async function carry(world: FakeWorld, request: Request, fault?: Fault): Promise<Response> {
  if (fault === "refused") throw new TypeError("connection refused");
  if (fault === "proxy page") return new Response("<h1>Bad gateway</h1>", { status: 502 });
  if (fault === "hung") {
    return await new Promise((_, reject) => {
      request.signal.addEventListener("abort", () => reject(request.signal.reason));
    });
  }
  const response = await world.api.fetch(request);
  if (fault === "answer lost") throw new TypeError("connection reset");
  if (fault === undefined || response.body === null) return response;
  return new Response(response.body.pipeThrough(cutAfter(fault)), response);
}

function cutAfter(bytesMax: number): TransformStream<Uint8Array, Uint8Array> {
  let left = bytesMax;
  return new TransformStream({
    transform(chunk, to) {
      if (left > 0) to.enqueue(chunk.slice(0, left));
      left -= chunk.length;
      if (left < 0) to.error(new TypeError("connection reset"));
    },
  });
}

/** Moves the clock until a call has ended; virtual time makes patience cheap. */
async function settled<T>({ world }: Wire, call: Promise<T>): Promise<T> {
  let isOver = false;
  const over = () => void (isOver = true);
  call.then(over, over);
  for (let moved = 0; !isOver && moved < 1_000; moved++) await world.runtime.advance(1_000);
  return await call;
}

function started({ client }: Wire): Promise<Task> {
  return client.start("orders/process", { input: { id: 1 } });
}

function commit(world: FakeWorld, id: string, index: number, ...more: Event[]): void {
  const attempt = { atMs: world.runtime.now(), step: index, attempt: 1 };
  world.engine.commit(
    id as TaskId,
    { kind: "StepStarted", ...attempt, waitedMs: 0, policyVersion: 0 },
    { kind: "StepCompleted", ...attempt, ranMs: 1, result: encodePayload(null, "result") },
    ...more,
  );
}

function ended(world: FakeWorld): Event {
  return { kind: "TaskEnded", atMs: world.runtime.now(), end: "completed" };
}

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  return await Array.fromAsync(list);
}

function placeOf({ turn, number }: JournalEntry): string {
  return `${turn}.${number}`;
}

Deno.test("a client's documents have the types of the API's", () => {
  const task = (document: TaskDocument): Task => document;
  const summary = (document: SummaryDocument): TaskSummary => document;
  const entry = (document: ApiEntry): JournalEntry => document;

  deepEqual([task, summary, entry].map((of) => of.length), [1, 1, 1]);
});

Deno.test("start() sends workflow, input, tags and key, and answers the task", async () => {
  const { client, world, requests } = wire();

  const task = await client.start("orders/process", {
    input: { id: 1 },
    key: "A-1",
    tags: ["vip"],
    deadlineMs: 60_000,
  });

  deepEqual(
    [task.namespace, task.workflow, task.version, task.state, task.tags],
    ["orders", "process", "1.0.0", "running", ["vip"]],
  );
  deepEqual(task.steps.map(({ name, state }) => [name, state]), [
    ["validate", "pending"],
    ["reserve", "pending"],
    ["approval", "pending"],
  ]);
  equal(requests[0]?.url, "http://tasker.test/v1/tasks");
  const { commandId: _, ...sent } = world.engine.starts[0] ?? { commandId: "" };
  deepEqual(sent, {
    workflow: "orders/process",
    input: { id: 1 },
    tags: ["vip"],
    key: "A-1",
    deadlineMs: 60_000,
  });
});

Deno.test("InputOf<> is the input of a workflow module, before its defaults", () => {
  const input = z.object({ name: z.string().default("Ada") });
  const greet = step({ input, success: z.string(), run: ({ input }) => input.name });
  const hello = workflow({ namespace: "docs", name: "hello", version: "1.0.0", input }, (w) => {
    w.step("greet", greet);
  });

  const given: InputOf<typeof hello> = {};
  // @ts-expect-error a name is a text
  const wrong: InputOf<typeof hello> = { name: 1 };

  deepEqual([hello.name, given, wrong], ["hello", {}, { name: 1 }]);
});

Deno.test("a start whose answer is lost, or cut, is sent again and starts one task", async () => {
  for (const fault of ["answer lost", 0, 20] as const) {
    const line = wire();
    line.faults.push(fault);

    const task = await settled(line, started(line));

    deepEqual(line.retries, ["client.unreachable"]);
    deepEqual((await all(line.client.list())).map(({ id }) => id), [task.id]);
    const keys = line.requests.slice(0, 2).map(({ headers }) => headers.get("idempotency-key"));
    equal(keys[0], keys[1]);
  }
});

Deno.test("two calls are two writes: each has an Idempotency-Key of its own", async () => {
  const line = wire();

  const [one, other] = [await started(line), await started(line)];

  ok(one.id !== other.id);
});

Deno.test("a command whose answer is lost is sent again under its old command id", async () => {
  const line = wire();
  const { id } = await started(line);
  line.faults.push("answer lost");

  const accepted = await settled(line, line.client.cancel(id, { by: "ada", reason: "typo" }));

  deepEqual(accepted, { id, turn: 1, changed: false });
  const [first, second] = line.world.engine.commands;
  equal(first?.commandId, second?.commandId);
});

Deno.test("what nobody answers is tried while patience lasts, and then told", async () => {
  const line = wire({ patienceMs: 1_000 });
  line.faults.push("refused", "proxy page", "refused", "refused", "refused", "refused");

  const error: unknown = await settled(line, line.client.systems().catch((thrown) => thrown));

  ok(error instanceof ClientError);
  deepEqual(
    [error.code, error.detail, error.retry],
    [
      "client.unreachable",
      "Cannot reach http://tasker.test: connection refused",
      "later",
    ],
  );
  deepEqual(line.retries.slice(0, 2), ["client.unreachable", "client.unreadable"]);
});

Deno.test("why nobody answered is told without what the runtime wraps around it", async () => {
  const refused = "Connection refused (os error 111)";
  const wrapped = `error sending request for url (http://t/x?a: 1): client error: ${refused}`;

  for (
    const thrown of [
      new TypeError(wrapped), // Deno
      new TypeError("fetch failed", { cause: new Error(refused) }), // Node
      new TypeError(refused),
    ]
  ) {
    const client = openClient({
      url: "http://t",
      patienceMs: 0,
      fetch: () => Promise.reject(thrown),
    });
    await rejects(client.live(), { message: `Cannot reach http://t: ${refused}` });
  }
});

Deno.test("a server that hangs is given up after a while, and asked again", async () => {
  const line = wire();
  line.faults.push("hung");

  const systems = await settled(line, line.client.systems());

  deepEqual(systems.map(({ name }) => name), ["inventory"]);
  deepEqual(line.retries, ["client.late"]);
});

Deno.test("a refusal that may pass is repeated, never sooner than Retry-After", async () => {
  const line = wire();
  const { id } = await started(line);
  const fromMs = line.world.runtime.now();
  line.world.engine.refusal = new TaskerError("mailbox.full", "Full", { retryAfterMs: 7_000 });

  await settled(line, line.client.pause(id));

  deepEqual(line.retries, ["mailbox.full"]);
  ok(line.world.runtime.now() - fromMs >= 7_000);
});

Deno.test("a problem for good is thrown at once, with all that it says", async () => {
  const line = wire();

  const error: unknown = await line.client.get("nonsense").catch((thrown) => thrown);

  ok(error instanceof ClientError);
  const { code, title, detail, action, retry, status, retryAfterMs, faults, message } = error;
  deepEqual({ code, title, detail, action, retry, status, retryAfterMs, faults, message }, {
    code: "task.id_invalid",
    title: "That is no task id",
    detail: 'Cannot read task id "nonsense": it is no UUIDv7',
    action: "Use the id that POST /v1/tasks answered",
    retry: "never",
    status: 400,
    retryAfterMs: undefined,
    faults: [],
    message: 'Cannot read task id "nonsense": it is no UUIDv7',
  });
  equal(line.requests.length, 1);
});

Deno.test("bad input is told place by place", async () => {
  const { client } = wire();

  await rejects(client.start("no slash", { input: 1 }), (error: ClientError) => {
    deepEqual(error.faults, [
      { path: "workflow", code: "invalid_format", detail: "expected namespace/name" },
    ]);
    return true;
  });
});

Deno.test("a wrong key is refused as the API refuses it", async () => {
  const { client } = wire({ key: "wrong" });

  await rejects(client.systems(), { code: "api.unauthorized", status: 401 });
});

Deno.test("wait() asks again until the task has ended", async () => {
  const line = wire();
  const { id } = await started(line);

  const waiting = line.client.wait(id);
  await line.world.runtime.advance(70_000);
  commit(line.world, id, 0, ended(line.world));

  equal((await settled(line, waiting)).state, "completed");
  equal(line.requests.length, 4);
});

Deno.test("wait() answers a task that has not ended when its time is over", async () => {
  const line = wire();
  const { id } = await started(line);

  const task = await settled(line, line.client.wait(id, { waitMsMax: 40_000 }));

  equal(task.state, "running");
});

Deno.test("an aborted call throws the signal's reason and is not repeated", async () => {
  const line = wire();
  const { id } = await started(line);
  const abort = new AbortController();

  const waiting = line.client.wait(id, { signal: abort.signal });
  await line.world.runtime.settle();
  abort.abort(new Error("enough"));

  await rejects(waiting, /enough/);
  deepEqual(line.retries, []);
});

Deno.test("list() goes through all pages and asks for none too early", async () => {
  const line = wire();
  for (let count = 0; count < 5; count++) await started(line);
  const before = line.requests.length;

  const pages = line.client.list({ workflow: "orders/process", pageSize: 2 });
  await pages.next();

  equal(line.requests.length, before + 1);
  equal((await all(pages)).length, 4);
  equal(line.requests.length, before + 3);
});

Deno.test("journal() goes through all pages, from any turn", async () => {
  const line = wire();
  const { id } = await started(line);
  for (let count = 0; count < 250; count++) {
    line.world.engine.commit(id as TaskId, { kind: "TaskPaused", atMs: 0, by: "x", reason: "" });
  }

  const entries = await all(line.client.journal(id, { afterTurn: 1 }));

  equal(entries.length, 250);
  deepEqual([entries[0], entries.at(-1)].map((entry) => entry?.turn), [2, 251]);
});

Deno.test("events() tells every event once, wherever its connections are cut", async () => {
  const expected = ["1.1", "2.1", "2.2", "3.1", "3.2", "3.3"];
  for (let bytes = 0; bytes < 1_000; bytes += 9) {
    const line = wire();
    const { id } = await started(line);
    commit(line.world, id, 0);
    commit(line.world, id, 1, ended(line.world));

    line.faults.push(bytes, "refused", bytes / 3);
    const entries = await settled(line, all(line.client.events(id)));

    deepEqual(entries.map(placeOf), expected, `cut after ${bytes} bytes`);
  }
});

Deno.test("events() waits for what is not written yet, and gives up when the server is gone", async () => {
  const line = wire();
  const { id } = await started(line);
  const seen: string[] = [];

  const following = (async () => {
    for await (const entry of line.client.events(id)) seen.push(placeOf(entry));
  })();
  await line.world.runtime.advance(5_000);
  commit(line.world, id, 0);
  await line.world.runtime.advance(5_000);
  line.world.api.close(); // ends every stream, as a drain does

  await rejects(settled(line, following), { code: "node.draining" });
  deepEqual(seen, ["1.1", "2.1", "2.2"]);
});

Deno.test("a stream that falls silent is left, and a new one goes on", async () => {
  const line = wire();
  const { id } = await started(line);
  commit(line.world, id, 0);
  commit(line.world, id, 1, ended(line.world));
  const silent = new ReadableStream({
    start: (to) => to.enqueue(new TextEncoder().encode(`id: 1.1\ndata: {"turn":1,"number":1}\n\n`)),
  });
  line.answers.push(new Response(silent));

  const entries = await settled(line, all(line.client.events(id)));

  deepEqual(entries.map(placeOf), ["1.1", "2.1", "2.2", "3.1", "3.2", "3.3"]);
});

Deno.test("events() goes on after the last event seen, on another node", async () => {
  const line = wire();
  const { id } = await started(line);
  commit(line.world, id, 0);
  commit(line.world, id, 1, ended(line.world));

  const entries = await all(line.client.events(id, { after: "2.1" }));

  deepEqual(entries.map(placeOf), ["2.2", "3.1", "3.2", "3.3"]);
  deepEqual(await all(line.client.events(id, { after: "3.3" })), []);
});

Deno.test("feed() tells turns of all tasks, and that some were lost with the connection", async () => {
  const line = wire();
  const feed = line.client.feed();
  const first = feed.next();
  await line.world.runtime.settle();
  const { id } = await started(line);

  const { value } = await first;

  ok(value?.kind === "turn");
  deepEqual([value.turn.id, value.turn.turn], [id, 1]);
  await feed.return(undefined);
  await line.world.runtime.settle();
  equal(line.world.engine.watchers, 0);
});

Deno.test("hands reach the task with who and why", async () => {
  const { client, world, ...line } = wire();
  const { id } = await started({ client, world, ...line });

  await client.pause(id, { by: "ada", reason: "look" });
  await client.resume(id);
  await client.signal(id, "approval", { payload: { by: "ada" } });
  await client.retry(id, "reserve", { reason: "fixed" });
  await client.resolve(id, "reserve", { result: 7 });
  await client.skip(id, "reserve", { result: null });

  const common = { taskId: id };
  deepEqual(world.engine.commands.map(({ commandId: _, ...command }) => command), [
    { kind: "PauseTask", ...common, by: "ada", reason: "look" },
    { kind: "ResumeTask", ...common, by: "tester", reason: "" },
    { kind: "SendSignal", ...common, name: "approval", payload: '{"by":"ada"}' },
    { kind: "RetryStep", ...common, by: "tester", reason: "fixed", step: "reserve" },
    { kind: "ResolveStep", ...common, by: "tester", reason: "", step: "reserve", result: "7" },
    { kind: "SkipStep", ...common, by: "tester", reason: "", step: "reserve", result: "null" },
  ]);
});

Deno.test("workflows, systems, policies, keys, dead letters and health can be asked for", async () => {
  const { client, world } = wire();
  world.letters.push({ id: "d1", channel: "c", reason: "r", body: "{}", atMs: 0 });

  const [listed] = await client.workflows.list();
  const found = await client.workflows.get("orders/process");
  const policy = await client.policies.put("orders/process", {
    steps: { "*": { timeoutMs: 5 } },
    reason: "slow",
  });
  const made = await client.keys.make({ name: "ci", scopes: ["read"], namespaces: ["orders"] });

  deepEqual(listed, { namespace: "billing", name: "bill", versions: ["1.0.0"], steps: 3 });
  deepEqual(found.versions[0]?.edges[0], { from: "validate", to: "reserve", kind: "data" });
  deepEqual((await client.policies.get("orders/process")).versions, [policy]);
  deepEqual((await client.keys.list()).map(({ name }) => name), ["tester", "tester", "ci"]);
  equal(await client.keys.remove(made.id), null);
  deepEqual((await all(client.dead.list())).map(({ id }) => id), ["d1"]);
  deepEqual(await client.dead.replay("d1"), { id: "d1", channel: "c" });
  await rejects(client.dead.discard("d1"), { code: "dead_letter.not_found" });
  equal((await client.health()).node, "node-1");
  await client.live();
});
