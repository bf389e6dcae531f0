import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { ClientError, openClient } from "../client.ts";
import { TaskerError } from "../core/errors.ts";
import { all, openClientHarness, settled, started } from "../../tests/support/client_harness.ts";

Deno.test("a start whose answer is lost, or cut, is sent again and starts one task", async () => {
  for (const fault of ["answer lost", 0, 20] as const) {
    const harness = openClientHarness();
    harness.faults.push(fault);

    const task = await settled(harness, started(harness));

    deepEqual(harness.retries, ["client.unreachable"]);
    deepEqual((await all(harness.client.list())).map(({ id }) => id), [task.id]);
    const keys = harness.requests.slice(0, 2).map(({ headers }) => headers.get("idempotency-key"));
    equal(keys[0], keys[1]);
  }
});

Deno.test("two calls are two writes: each has an Idempotency-Key of its own", async () => {
  const harness = openClientHarness();

  const [one, other] = [await started(harness), await started(harness)];

  ok(one.id !== other.id);
});

Deno.test("a command whose answer is lost is sent again under its old command id", async () => {
  const harness = openClientHarness();
  const { id } = await started(harness);
  harness.faults.push("answer lost");

  const accepted = await settled(harness, harness.client.cancel(id, { by: "ada", reason: "typo" }));

  deepEqual(accepted, { id, turn: 1, changed: false });
  const [first, second] = harness.fake.engine.commands;
  equal(first?.commandId, second?.commandId);
});

Deno.test("a call without an answer is repeated for as long as asked, and then fails", async () => {
  const harness = openClientHarness({ retryForMs: 1_000 });
  harness.faults.push("refused", "proxy page", "refused", "refused", "refused", "refused");

  const error: unknown = await settled(harness, harness.client.systems().catch((thrown) => thrown));

  ok(error instanceof ClientError);
  deepEqual(
    [error.code, error.detail, error.retry],
    [
      "client.unreachable",
      "Cannot reach http://tasker.test: connection refused",
      "later",
    ],
  );
  deepEqual(harness.retries.slice(0, 2), ["client.unreachable", "client.unreadable"]);
});

Deno.test("the reason of a failed connection is shown without the layers of the runtime", async () => {
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
  const harness = openClientHarness();
  harness.faults.push("hung");

  const systems = await settled(harness, harness.client.systems());

  deepEqual(systems.map(({ name }) => name), ["inventory"]);
  deepEqual(harness.retries, ["client.late"]);
});

Deno.test("a refusal that may pass is repeated, never sooner than Retry-After", async () => {
  const harness = openClientHarness();
  const { id } = await started(harness);
  const fromMs = harness.fake.runtime.now();
  harness.fake.engine.refusal = new TaskerError("mailbox.full", "Full", { retryAfterMs: 7_000 });

  await settled(harness, harness.client.pause(id));

  deepEqual(harness.retries, ["mailbox.full"]);
  ok(harness.fake.runtime.now() - fromMs >= 7_000);
});

Deno.test("an error that no repeat can cure is thrown at once, with all its fields", async () => {
  const harness = openClientHarness();

  const error: unknown = await harness.client.get("nonsense").catch((thrown) => thrown);

  ok(error instanceof ClientError);
  const { code, title, detail, action, retry, status, retryAfterMs, faults, message } = error;
  deepEqual({ code, title, detail, action, retry, status, retryAfterMs, faults, message }, {
    code: "task.id_invalid",
    title: "Not a valid task id",
    detail: 'Cannot read task id "nonsense": it is not a UUIDv7',
    action: "Use the id that POST /v1/tasks returned",
    retry: "never",
    status: 400,
    retryAfterMs: undefined,
    faults: [],
    message: 'Cannot read task id "nonsense": it is not a UUIDv7',
  });
  equal(harness.requests.length, 1);
});

Deno.test("every wrong field of an input is named", async () => {
  const { client } = openClientHarness();

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
  const { client } = openClientHarness({ key: "wrong" });

  await rejects(client.systems(), { code: "api.unauthorized", status: 401 });
});

Deno.test("an aborted call throws the signal's reason and is not repeated", async () => {
  const harness = openClientHarness();
  const { id } = await started(harness);
  const abort = new AbortController();

  const waiting = harness.client.wait(id, { signal: abort.signal });
  await harness.fake.runtime.settle();
  abort.abort(new Error("enough"));

  await rejects(waiting, /enough/);
  deepEqual(harness.retries, []);
});

Deno.test("a name of dots, or an empty one, is not sent: it would be the address of something else", async () => {
  const harness = openClientHarness();

  for (const id of ["..", ".", ""]) {
    const error: unknown = await harness.client.cancel(id).catch((thrown) => thrown);
    ok(error instanceof ClientError && error.code === "api.bad_request", id);
  }
  equal(harness.requests.length, 0);
});
