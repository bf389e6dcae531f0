/** Triggers of real servers: events from outside start tasks and signal them, each once. */

import assert from "node:assert/strict";
import { makeDataDir } from "./support/data_dir.ts";
import { makeDatabase } from "./support/postgres.ts";
import { serve, type Served, until } from "./support/serve.ts";
import { idsOf, type TaskShown } from "./support/tasks.ts";

const WAIT_MS = 60_000;

const ORDER = `
name: order
namespace: shop
version: 1.0.0
search: { order: { from: $.input.order, type: number } }
input:
  type: object
  required: [order]
  properties: { order: { type: integer }, country: { type: string } }
workflow_steps:
  - name: paid
    signal: { form: { type: object, required: [cents], properties: { cents: { type: integer } } } }
`;

const AUDITED = ORDER.replace("name: order", "name: audited").replace("[order]", "[order, by]");

interface Sent {
  readonly events: readonly {
    readonly id?: string;
    readonly outcome: string;
    readonly triggers: readonly {
      readonly trigger: string;
      readonly outcome: string;
      readonly task?: string;
      readonly problem?: { readonly code: string; readonly detail: string };
    }[];
    readonly sendAgain: boolean;
  }[];
}

async function ask<T>(
  { url, key }: Pick<Served, "url" | "key">,
  line: string,
  body?: unknown,
): Promise<T> {
  const [method = "", path = ""] = line.split(" ");
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return await response.json();
}

async function openServer(dataDir: string, env: Record<string, string> = {}): Promise<Served> {
  await Deno.mkdir(`${dataDir}/workflows`, { recursive: true });
  await Deno.writeTextFile(`${dataDir}/workflows/order.yaml`, ORDER);
  await Deno.writeTextFile(`${dataDir}/workflows/audited.yaml`, AUDITED);
  return await serve({ dataDir, env: { TASKER_WORKFLOWS: `${dataDir}/workflows`, ...env } });
}

/** Orders start a task by two triggers, of which one always fails; payments signal the first. */
async function putTriggers(server: Served): Promise<void> {
  const input = { order: "$.event.data.order", by: "$.event.data.by" };
  const put = (name: string, trigger: unknown) =>
    ask<{ readonly name: string }>(server, `PUT /v1/triggers/shop/${name}`, trigger);
  const made = [
    await put("orders", {
      type: "order.placed",
      filter: { "$.event.data.country": ["DE", "AT"] },
      start: {
        workflow: "shop/order",
        input: { order: "$.event.data.order", country: "$.event.data.country" },
        tags: ["order-${event.data.order}"],
      },
    }),
    await put("audits", { type: "order.placed", start: { workflow: "shop/audited", input } }),
    await put("payments", {
      type: "order.paid",
      signal: {
        workflow: "shop/order",
        name: "paid",
        payload: { cents: "$.event.data.cents" },
        attribute: { name: "order", value: "$.event.data.order" },
      },
    }),
  ];
  assert.deepEqual(made.map(({ name }) => name), ["orders", "audits", "payments"]);
}

function placed(order: number) {
  return { id: `p${order}`, source: "/shop", type: "order.placed", data: { order, country: "DE" } };
}

function paid(order: number) {
  return { id: `m${order}`, source: "/bank", type: "order.paid", data: { order, cents: 5 } };
}

Deno.test("an event that is sent again after kill -9 gets the same answer, and nothing is done twice", async () => {
  const dataDir = makeDataDir("triggers");
  const events = [placed(1), paid(1), placed(2), { ...placed(3), type: "order.lost" }];
  const send = (server: Served) => ask<Sent>(server, "POST /v1/events?namespace=shop", events);
  try {
    {
      await using server = await openServer(dataDir);
      await putTriggers(server);
      const cut = send(server).catch(() => undefined);
      await until("the first task", WAIT_MS, async () => {
        return (await idsOf(server, "shop/order")).length > 0 || undefined;
      });
      server.kill("SIGKILL");
      await server.exited;
      await cut;
    }
    await using server = await openServer(dataDir);
    const first = await send(server);
    const [task = ""] = first.events[1]?.triggers.flatMap(({ task }) => task ?? []) ?? [];
    const ended = await ask<TaskShown>(server, `GET /v1/tasks/${task}?waitMs=20000`);
    const second = await send(server);

    assert.deepEqual(second, first);
    assert.deepEqual(first.events.map(({ outcome }) => outcome), [
      "taken",
      "taken",
      "taken",
      "unmatched",
    ]);
    assert.deepEqual(
      first.events[0]?.triggers.map(({ trigger, outcome, problem }) => [
        trigger,
        problem?.code ?? outcome,
      ]),
      [["audits", "contract.violation"], ["orders", "started"]],
    );
    assert.equal(first.events[0]?.triggers[1]?.task, task);
    assert.equal(ended.state, "completed");
    assert.deepEqual(ended.input, { order: 1, country: "DE" });
    assert.deepEqual(ended.steps[0]?.result, { cents: 5 });
    assert.equal((await idsOf(server, "shop/order")).length, 2);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("two nodes take one event at once: it is done once, and both give the same answer", async () => {
  const dataDir = makeDataDir("triggers-two");
  const { url } = await makeDatabase();
  await using servers = new AsyncDisposableStack();
  servers.defer(() => Deno.remove(dataDir, { recursive: true }));
  const next = async () => servers.use(await openServer(dataDir, { DATABASE_URL: url }));
  const [one, other] = [await next(), await next()];
  await putTriggers(one);
  const send = (server: Served) =>
    ask<Sent>(server, "POST /v1/events?namespace=shop", [placed(1), paid(1)]);
  // The other node has read no triggers yet, so it knows them at its first event.
  const answers = await Promise.all([one, other, one, other].map(send));
  await ask(other, "POST /v1/triggers/shop/orders/disable");
  const unmatched = await until("the change to be seen", WAIT_MS, async () => {
    const [event] = (await ask<Sent>(one, "POST /v1/events?namespace=shop", placed(2))).events;
    return event?.triggers.some(({ trigger }) => trigger === "orders") ? undefined : event;
  });

  for (const answer of answers) assert.deepEqual(answer, answers[0]);
  assert.equal(answers[0]?.events[1]?.triggers[0]?.outcome, "signalled");
  assert.deepEqual(unmatched.triggers.map(({ trigger }) => trigger), ["audits"]);
  const tasks = await idsOf(one, "shop/order");
  assert.equal(tasks.filter((id) => id === answers[0]?.events[0]?.triggers[1]?.task).length, 1);
  assert.ok(tasks.length <= 2);
});
