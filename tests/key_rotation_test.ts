/** Rotation of the keys that sign reply tokens, over restarts of a real server with tasks in flight. */

import assert from "node:assert/strict";
import type { Envelope } from "../src/core/envelope.ts";
import { makeDataDir } from "./support/data_dir.ts";
import { serve, type Served, until } from "./support/serve.ts";

const WORKFLOW = "orders/distributed_order_processing";
const SYSTEM = "python_inventory";
const WAIT_MS = 60_000;

/** A key by its name, as TASKER_REPLY_KEYS has it. */
function key(kid: string): string {
  return `${kid}:${new Uint8Array(32).fill(kid.length).toBase64()}`;
}

async function ask(server: Served, path: string, body: unknown) {
  const response = await fetch(`${server.url}${path}`, {
    method: "POST",
    headers: { "authorization": `Bearer ${server.key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

async function startOrder(server: Served, orderId: string): Promise<void> {
  const input = {
    orderId,
    customer: "ada@example.org",
    items: [{ sku: "lamp", quantity: 1 }],
    amountCents: 100,
    currency: "EUR",
  };
  const { status } = await ask(server, "/v1/tasks", { workflow: WORKFLOW, input });
  assert.equal(status, 201);
}

/** Polls until a command for each order has come whose token that key signed; by its order. */
async function commandsFor(server: Served, kid: string, orders: readonly string[]) {
  const commands = new Map<string, Envelope>();
  await until(`commands for ${orders}`, WAIT_MS, async () => {
    const poll = { max: 10, waitMs: 1_000, leaseMs: 1_000 };
    const { body } = await ask(server, `/v1/bus/${SYSTEM}/poll`, poll);
    for (const envelope of body.envelopes as Envelope[]) {
      const id = (envelope.data as { order_id?: string } | undefined)?.order_id;
      if (id !== undefined && kidOf(envelope) === kid) commands.set(id, envelope);
    }
    return orders.every((order) => commands.has(order)) || undefined;
  });
  return (order: string) => commands.get(order) as Envelope;
}

async function answer(server: Served, command: Envelope) {
  const { id, subject, taskerreplytoken } = command;
  return await ask(server, `/v1/bus/${SYSTEM}/replies`, {
    specversion: "1.0",
    id: `${id}:completed`,
    source: `/${SYSTEM}`,
    type: "tasker.step.completed",
    subject,
    taskerreplytoken,
    data: { reserved: true, reservation_id: "r-1" },
  });
}

/** The name of the key that signed a command's token. */
function kidOf({ taskerreplytoken }: Envelope): string | undefined {
  return taskerreplytoken?.split(".")[1];
}

Deno.test("keys that sign reply tokens are rotated by restarts, with tasks in flight", async () => {
  const dataDir = makeDataDir("key-rotation");
  await using _ = {
    [Symbol.asyncDispose]: () => Deno.remove(dataDir, { recursive: true }),
  };
  const open = (...kids: readonly string[]) =>
    serve({ dataDir, env: { TASKER_REPLY_KEYS: kids.map(key).join(","), TASKER_BUS: "postgres" } });

  const first = await open("old");
  await startOrder(first, "o-1");
  await startOrder(first, "o-2");
  const before = await commandsFor(first, "old", ["o-1", "o-2"]);
  first.kill("SIGKILL");
  await first.exited;

  const second = await open("newer", "old");
  const accepted = await answer(second, before("o-1"));
  await startOrder(second, "o-3");
  await commandsFor(second, "newer", ["o-3"]);
  await second[Symbol.asyncDispose]();

  await using third = await open("newer");
  const refused = await answer(third, before("o-2"));
  const after = await commandsFor(third, "newer", ["o-2", "o-3"]);
  const again = [await answer(third, after("o-2")), await answer(third, after("o-3"))];

  assert.equal(accepted.status, 202);
  assert.deepEqual([refused.status >= 400, refused.body.code], [true, "bus.reply_refused"]);
  assert.deepEqual(again.map(({ status }) => status), [202, 202]);
});
