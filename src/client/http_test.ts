import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { ClientError, openClient } from "../client.ts";
import { TaskerError } from "../core/errors.ts";
import { all, settled, started, wire } from "./_wire.ts";

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
  const line = wire({ retryForMs: 1_000 });
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
      retryForMs: 0,
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
    title: "Not a valid task id",
    detail: 'Cannot read task id "nonsense": it is no UUIDv7',
    action: "Use the id that POST /v1/tasks returned",
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
      {
        path: "workflow",
        code: "invalid_format",
        detail: "expected namespace/name, of lower-case letters, digits, _ and -",
      },
    ]);
    return true;
  });
});

Deno.test("a wrong key is refused as the API refuses it", async () => {
  const { client } = wire({ key: "wrong" });

  await rejects(client.systems(), { code: "api.unauthorized", status: 401 });
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
