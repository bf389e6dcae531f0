import { deepEqual, equal, rejects } from "node:assert/strict";
import { FrameParser } from "../client/stream.ts";
import { fakeMcp, MCP_URL } from "../../tests/support/fake_mcp.ts";
import type { TaskId } from "../core/ids.ts";
import { TASKS_EXTENSION } from "./task_handle.ts";

const TASKS = { extensions: { [TASKS_EXTENSION]: {} } };

type Fake = ReturnType<typeof fakeMcp>;

interface Message {
  readonly method?: string;
  readonly params?: {
    readonly taskId: string;
    readonly status: string;
    readonly notifications: unknown;
    readonly inputRequests?: object;
    readonly _meta: Record<string, unknown>;
  };
  readonly result?: unknown;
}

/** Asks for how tasks stand, as a client does that knows the extension. */
function listen(
  fake: Fake,
  taskIds: unknown,
  { key = fake.key(), capabilities = TASKS as object, signal = AbortSignal.timeout(30_000) } = {},
): Promise<Response> {
  return fake.fetch(MCP_URL, {
    method: "POST",
    signal,
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${key}`,
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "subscriptions/listen",
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: "sub-1",
      method: "subscriptions/listen",
      params: {
        notifications: { taskIds },
        _meta: {
          "io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientInfo": { name: "tests", version: "1.0.0" },
          "io.modelcontextprotocol/clientCapabilities": capabilities,
        },
      },
    }),
  });
}

/** Reads messages of a stream; time goes on while it waits. */
function reader({ runtime }: Fake, { body }: Response) {
  const bytes = (body as ReadableStream<Uint8Array>).getReader();
  const [parser, decoder] = [new FrameParser(), new TextDecoder()];
  const messages: Message[] = [];
  const next = async (): Promise<Message | undefined> => {
    while (messages.length === 0) {
      const reading = bytes.read();
      const { value, done } = await Promise.race([
        reading,
        runtime.advance(500).then(() => reading),
      ]);
      if (done) return undefined;
      messages.push(...parser.push(decoder.decode(value)).map(({ data }) => JSON.parse(data)));
    }
    return messages.shift();
  };
  return { next, cancel: () => bytes.cancel() };
}

function end(fake: Fake, id: TaskId): void {
  fake.engine.commit(id, { atMs: fake.runtime.now(), kind: "TaskEnded", end: "completed" });
}

Deno.test("a subscription says how a task stands, whenever that changes, until it has ended", async () => {
  const fake = fakeMcp();
  const id = await fake.started();
  const capabilities = { ...TASKS, elicitation: {} };
  const { next } = reader(fake, await listen(fake, [id], { capabilities }));

  const acknowledged = await next();
  const first = await next();
  fake.engine.commit(id, {
    ...{ atMs: fake.runtime.now(), attempt: 1, waitedMs: 0, policyVersion: 0 },
    ...{ kind: "StepStarted", step: 2 },
  });
  const asks = await next();
  end(fake, id);
  const [last, result] = [await next(), await next()];

  equal(acknowledged?.method, "notifications/subscriptions/acknowledged");
  deepEqual(acknowledged?.params?.notifications, { taskIds: [id] });
  equal(acknowledged?.params?._meta["io.modelcontextprotocol/subscriptionId"], "sub-1");
  deepEqual([first, asks, last].map((one) => [one?.method, one?.params?.status]), [
    ["notifications/tasks", "working"],
    ["notifications/tasks", "input_required"],
    ["notifications/tasks", "completed"],
  ]);
  deepEqual(Object.keys(asks?.params?.inputRequests ?? {}), ["signal:approval"]);
  equal("result" in (result ?? {}), true);
  equal(await next(), undefined);
});

Deno.test("a notification is what tasks/get answers at that moment", async () => {
  const fake = fakeMcp();
  const id = await fake.started();
  end(fake, id);
  const { next } = reader(fake, await listen(fake, [id]));

  await next();
  const notified = await next();
  const { resultType: _, _meta, ...read } = await fake.raw({ capabilities: TASKS })("tasks/get", {
    taskId: id,
  });

  const { _meta: _own, ...params } = notified?.params ?? {};
  deepEqual(params, read);
});

Deno.test("tasks that a key may not see are not acknowledged", async () => {
  const fake = fakeMcp();
  const id = await fake.started();
  const key = fake.key(["read"], ["billing"]);
  const { next } = reader(fake, await listen(fake, [id, "no id"], { key }));

  const acknowledged = await next();

  deepEqual(acknowledged?.params?.notifications, {});
  equal("result" in (await next() ?? {}), true);
});

Deno.test("a client that does not know of tasks learns which capability is missing", async () => {
  const fake = fakeMcp();

  const response = await listen(fake, [await fake.started()], { capabilities: {} });
  const { error, id } = await response.json();

  equal(id, "sub-1");
  equal(error.code, -32021);
  deepEqual(error.data.requiredCapabilities, TASKS);
});

Deno.test("a subscription that cannot be read has no tasks, and nothing is held open", async () => {
  const fake = fakeMcp();

  for (const wrong of [[], "all", [1], ["x".repeat(65)]]) {
    const text = await (await listen(fake, wrong)).text();
    equal(text.includes("taskIds"), false, text);
  }
});

Deno.test("one key has 16 subscriptions at most; one that is left makes room", async () => {
  const fake = fakeMcp();
  const [id, key] = [await fake.started(), fake.key()];
  const leaves = new AbortController();
  await listen(fake, [id], { key, signal: leaves.signal });
  for (let count = 1; count < 16; count++) await listen(fake, [id], { key });

  const refused = await (await listen(fake, [id], { key })).json();
  const others = await listen(fake, [id]);
  leaves.abort();
  const again = await listen(fake, [id], { key });

  equal(refused.error.data.code, "api.busy");
  for (const { headers } of [others, again]) {
    equal(headers.get("content-type"), "text/event-stream");
  }
  fake.api.close();
});

Deno.test("a subscription whose tasks cannot be read takes no place", async () => {
  const fake = fakeMcp();
  const [id, key] = [await fake.started(), fake.key()];
  const { residents } = fake.deps;
  const peek = residents.peek.bind(residents);
  residents.peek = () => {
    throw new Error("no");
  };
  for (let count = 0; count < 16; count++) {
    equal((await listen(fake, [id], { key })).headers.get("content-type"), "application/json");
  }

  residents.peek = peek;
  const opened = await listen(fake, [id], { key });

  equal(opened.headers.get("content-type"), "text/event-stream");
  fake.api.close();
});

Deno.test("a client that reads no more is sent nothing more, and a change costs one mark", async () => {
  const fake = fakeMcp();
  const id = await fake.started();
  let reads = 0;
  const { residents } = fake.deps;
  const peek = residents.peek.bind(residents);
  residents.peek = (taskId) => (reads++, peek(taskId));
  const { next, cancel } = reader(fake, await listen(fake, [id]));
  equal((await next())?.method, "notifications/subscriptions/acknowledged");
  equal((await next())?.params?.status, "working");
  const before = reads;

  for (let turn = 0; turn < 1_000; turn++) {
    const at = { atMs: fake.runtime.now(), attempt: 1, waitedMs: 0, policyVersion: 0 };
    fake.engine.commit(id, { ...at, kind: "StepStarted", step: 2 });
    await fake.runtime.advance(50);
  }

  equal(reads, before);
  await cancel();
});

Deno.test("streams that nobody reads are ended, and their places are free again", async () => {
  const fake = fakeMcp();
  const id = await fake.started();
  const unread = await Promise.all(Array.from({ length: 16 }, () => listen(fake, [id])));
  const readers = unread.map(({ body }) => (body as ReadableStream<Uint8Array>).getReader());
  for (const one of readers) await one.read();

  await fake.runtime.advance(60_000);

  for (const one of readers) await rejects(one.read(), /took nothing/);
  const { next, cancel } = reader(fake, await listen(fake, [id]));
  equal((await next())?.method, "notifications/subscriptions/acknowledged");
  await cancel();
});
