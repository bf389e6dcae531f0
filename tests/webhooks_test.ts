/** Webhooks of a real server: signed, tried again, sent although the server was killed. */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { makeDataDir } from "./support/data_dir.ts";
import { serve, type Served, until } from "./support/serve.ts";
import { startTask, type TaskShown } from "./support/tasks.ts";

const KEY = "c2lnbmluZyBrZXkgb2YgdGVzdHM=";

const WAIT_MS = 60_000;

const MANIFEST = `
name: order
namespace: shop
version: 1.0.0
input: { type: object, required: [wait], properties: { wait: { type: boolean } } }
workflow_steps:
  - name: approve
    signal: { form: { type: object } }
`;

/** A request as a receiver got it. */
interface Received {
  readonly id: string;
  readonly timestamp: string;
  readonly signature: string;
  readonly text: string;
  readonly type: string;
  readonly taskId: string;
}

interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly got: Received[];
}

/** A receiver; `answer` is asked with what came. */
function receiver(answer: (received: Received, count: number) => Response): Receiver {
  const got: Received[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const text = await request.text();
      const { type, data } = JSON.parse(text);
      const received = {
        id: request.headers.get("webhook-id") ?? "",
        timestamp: request.headers.get("webhook-timestamp") ?? "",
        signature: request.headers.get("webhook-signature") ?? "",
        ...{ text, type, taskId: data.id },
      };
      got.push(received);
      return answer(received, got.length);
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/hook`,
    got,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function isSigned({ id, timestamp, signature, text }: Received): boolean {
  const key = atob(KEY);
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.${text}`).digest("base64");
  return signature === `v1,${expected}`;
}

async function put(
  { url, key }: Served,
  name: string,
  webhook: Readonly<Record<string, unknown>>,
): Promise<Response> {
  return await fetch(`${url}/v1/webhooks/${name}`, {
    method: "PUT",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ secret: "HOOK_SECRET", ...webhook }),
  });
}

async function ask<T>(
  { url, key }: Pick<Served, "url" | "key">,
  path: string,
  method = "GET",
  body?: unknown,
): Promise<T> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return await response.json();
}

interface Resent {
  readonly found: number;
  readonly sent: readonly string[];
  readonly sentBefore: number;
}

interface WebhookShown {
  readonly name: string;
  readonly waiting: { readonly count: number };
  readonly delivered: { readonly count: number };
  readonly failed: { readonly count: number };
  readonly lastDeliveredAt?: string;
}

/** One Tasker sends its events to a trigger of another without a key; here both are one. */
async function feedsATrigger(server: Served): Promise<void> {
  const signed = { scheme: "standard_webhooks", secret: "HOOK_SECRET" };
  const start = { workflow: "shop/order", input: { wait: true } };
  await ask(server, "/v1/triggers/shop/tests", "PUT", { type: "webhook.test", signed, start });
  await put(server, "loop", { url: `${server.url}/v1/events/shop/tests`, events: ["task.failed"] });

  const { id } = await ask<{ id: string }>(server, "/v1/webhooks/loop/test", "POST");
  const { steps } = await ask<TaskShown>(server, `/v1/tasks/${id}?waitMs=20000`);
  const { tasks } = await ask<{ tasks: unknown[] }>(server, "/v1/tasks?tag=trigger:tests");
  await fetch(`${server.url}/v1/webhooks/loop`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${server.key}` },
  });

  assert.deepEqual(steps[0]?.result, { status: 200 });
  assert.equal(tasks.length, 1);
}

async function openServer(dataDir: string): Promise<Served> {
  await Deno.mkdir(`${dataDir}/workflows`, { recursive: true });
  await Deno.writeTextFile(`${dataDir}/workflows/order.yaml`, MANIFEST);
  return await serve({
    dataDir,
    env: {
      TASKER_WORKFLOWS: `${dataDir}/workflows`,
      TASKER_EGRESS: "127.0.0.0/8",
      TASKER_SECRETS: "HOOK_SECRET",
      HOOK_SECRET: `whsec_${KEY}`,
    },
  });
}

Deno.test("a webhook is signed, tried again under the same id, and sent although the server was killed", async () => {
  const dataDir = makeDataDir("webhooks");
  await using good = receiver((_, count) =>
    new Response(null, { status: count === 1 ? 500 : 204 })
  );
  await using dead = receiver(() => new Response(null, { status: 404 }));
  try {
    const tasks: string[] = [];
    {
      await using server = await openServer(dataDir);
      const events = ["task.started", "task.cancelled"];
      assert.equal((await put(server, "dead", { url: dead.url, events })).status, 200);
      assert.equal((await put(server, "good", { url: good.url, events })).status, 200);
      for (let number = 0; number < 3; number++) {
        const id = await startTask(server, {
          workflow: "shop/order",
          input: { wait: true },
          tags: ["web"],
        }, `o${number}`);
        tasks.push(id);
        await ask(server, `/v1/tasks/${id}/cancel`, "POST", {});
      }
      // Both are committed; what is sent of them waits in the inbox, or for its retry.
      server.kill("SIGKILL");
      await server.exited;
    }
    await using server = await openServer(dataDir);

    const isThere = (type: string, id: string) =>
      good.got.some((one) => one.type === type && one.taskId === id);
    await until(
      "all events",
      WAIT_MS,
      () =>
        tasks.every((id) => isThere("task.started", id) && isThere("task.cancelled", id)) ||
        undefined,
    );
    const shown = await until("what is shown", WAIT_MS, async () => {
      const { webhooks } = await ask<{ webhooks: WebhookShown[] }>(server, "/v1/webhooks");
      const [one, other] = webhooks;
      return other?.delivered.count === 6 ? { one, other } : undefined;
    });

    assert.ok(good.got.every(isSigned));
    const first = good.got[0] as Received;
    const again = good.got.filter(({ id }) => id === first.id);
    assert.ok(again.length >= 2, "the first is sent again under its id");
    assert.equal(new Set(again.map(({ text }) => text)).size, 1);
    const ids = new Map(good.got.map(({ id, type, taskId }) => [id, `${type} ${taskId}`]));
    assert.equal(new Set(ids.values()).size, ids.size, "one id for each event");
    assert.equal(shown.one?.name, "dead");
    assert.equal(shown.one?.waiting.count, 6);
    assert.equal(shown.other?.waiting.count, 0);
    assert.ok(shown.other?.lastDeliveredAt !== undefined);
    assert.ok(!server.said().includes(KEY));

    const deliveries = "tasker/webhook_dead";
    const made = { name: "reader", scopes: ["read"], namespaces: ["*"] };
    const { key } = await ask<{ key: string }>(server, "/v1/keys", "POST", made);
    const hidden = await ask<{ code: string }>(
      { url: server.url, key },
      `/v1/workflows/${deliveries}`,
    );
    assert.equal(hidden.code, "definition.unknown", "its URL is a secret");
    const bulk = { action: "cancel", workflow: deliveries, reason: "it is gone" };
    const cancelled = await ask<{ changed: number }>(server, "/v1/tasks/bulk", "POST", bulk);
    assert.equal(cancelled.changed, 6);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

/** An event that was given up is sent again once, under its id, to who answers now. */
async function isSentAgain(server: Served): Promise<void> {
  await using gone = receiver(() => new Response(null, { status: 410 }));
  await using back = receiver(() => new Response(null, { status: 204 }));
  const events = ["task.needs_person"];
  await put(server, "gone", { url: gone.url, events });
  const task = await startTask(server, { workflow: "shop/order", input: { wait: true } }, "o1");
  await until("the delivery is given up", WAIT_MS, async () => {
    const { webhooks } = await ask<{ webhooks: WebhookShown[] }>(server, "/v1/webhooks");
    return webhooks[0]?.failed.count === 1 || undefined;
  });
  await put(server, "gone", { url: back.url, events });
  const resend = (asked: Readonly<Record<string, unknown>>) =>
    ask<Resent>(server, "/v1/webhooks/gone/resend", "POST", asked);
  const since = "2026-01-01T00:00:00Z";

  const dry = await resend({ since, dryRun: true });
  const { sent: [again = ""] } = await resend({ since });
  const repeated = await resend({ since });
  const end = await ask<TaskShown>(server, `/v1/tasks/${again}?waitMs=20000`);
  const { sent: [named] } = await resend({ delivery: again });
  await ask(server, `/v1/tasks/${named}?waitMs=20000`);
  const tooLong = await put(server, "x".repeat(57), { url: back.url, events });

  const counts = ({ found, sent, sentBefore }: Resent) => [found, sent.length, sentBefore];
  assert.deepEqual([dry, repeated].map(counts), [[1, 0, 0], [1, 0, 1]]);
  assert.equal(end.state, "completed");
  const [first] = gone.got;
  assert.equal(first?.taskId, task);
  assert.equal(first?.type, "task.needs_person");
  assert.deepEqual(
    back.got.map(({ id, text }) => ({ id, text })),
    Array(2).fill({ id: first?.id, text: first?.text }),
  );
  assert.ok(back.got.every(isSigned));
  await ask(server, "/v1/webhooks/gone", "DELETE").catch(() => undefined); // 204 has no body
  assert.equal(tooLong.status, 400);
  assert.match(await tooLong.text(), /at most 56 characters/);
}

Deno.test("a webhook is tested, sent again, disabled and removed, and refused where it may not go", async () => {
  const dataDir = makeDataDir("webhooks");
  await using good = receiver(() => new Response(null, { status: 204 }));
  try {
    await using server = await openServer(dataDir);
    await isSentAgain(server);
    await feedsATrigger(server);
    const events = ["task.cancelled"];
    const refused = await put(server, "far", { url: "https://example.com/x", events });
    const unknown = await put(server, "far", { url: good.url, events, secret: "NOT_THERE" });
    await put(server, "good", { url: good.url, events, workflows: ["shop/*"] });

    const { id } = await ask<{ id: string }>(server, "/v1/webhooks/good/test", "POST");
    const tested = await ask<TaskShown>(server, `/v1/tasks/${id}?waitMs=20000`);
    await ask(server, "/v1/webhooks/good/disable", "POST", { by: "ada" });
    const task = await startTask(server, { workflow: "shop/order", input: { wait: true } }, "o2");
    await ask(server, `/v1/tasks/${task}/cancel`, "POST", {});
    const removed = await fetch(`${server.url}/v1/webhooks/good`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${server.key}` },
    });
    const left = await ask<{ webhooks: unknown[] }>(server, "/v1/webhooks");

    const detail = (await refused.json()).detail as string;
    assert.equal(refused.status, 400);
    assert.match(detail, /TASKER_EGRESS does not name its host/);
    assert.match((await unknown.json()).detail, /TASKER_SECRETS does not name "NOT_THERE"/);
    assert.equal(tested.state, "completed");
    assert.deepEqual(tested.steps[0]?.result, { status: 204 });
    assert.equal(removed.status, 204);
    assert.deepEqual(left.webhooks, []);
    assert.deepEqual(good.got.map(({ type }) => type), ["webhook.test"]);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
