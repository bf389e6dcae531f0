/** Systems without a broker, called by a real server: an answer at once, a promise, and a restart. */

import assert from "node:assert/strict";
import { makeDataDir } from "./support/data_dir.ts";
import { serve, type Served, until } from "./support/serve.ts";
import { startTask, type TaskShown } from "./support/tasks.ts";

const MANIFEST = (port: number) => `
name: orders
namespace: tests
version: 1.0.0
input: { type: object, required: [id], properties: { id: { type: string } } }
systems:
  stock:
    base_url: 'http://127.0.0.1:${port}/stock'
    transport: http
    capabilities: [stock.reserve, stock.ship]
    headers: { authorization: { secret: STOCK_TOKEN } }
workflow_steps:
  - name: reserve
    owner: stock
    capability: stock.reserve
    with: { order: $.input.id }
    result: { type: object, required: [reserved], properties: { reserved: { type: boolean } } }
    retry: { attempts_max: 20, backoff: [100] }
  - name: ship
    owner: stock
    capability: stock.ship
    depends_on: reserve
    with: { reserved: $.reserve.reserved }
    timeout: 60s
    retry: { attempts_max: 20, backoff: [100] }
`;

interface Sent {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly taskerreplytoken: string;
  readonly data: unknown;
}

function replyTo(sent: Sent, data: unknown): Readonly<Record<string, unknown>> {
  const { id, subject, taskerreplytoken } = sent;
  return {
    specversion: "1.0",
    id: `${id}:completed`,
    source: "/stock",
    type: "tasker.step.completed",
    subject,
    taskerreplytoken,
    data,
  };
}

/** A system that is down at first, answers one kind at once, and promises the other. */
class Stock {
  readonly seen: Sent[] = [];
  readonly promised: Sent[] = [];
  readonly authorizations = new Set<string | null>();
  isUp = false;

  async answer(request: Request): Promise<Response> {
    const sent: Sent = await request.json();
    this.authorizations.add(request.headers.get("authorization"));
    this.seen.push(sent);
    if (!this.isUp) {
      this.isUp = true;
      return new Response("starting", { status: 503, headers: { "retry-after": "1" } });
    }
    if (sent.type === "stock.reserve") return Response.json(replyTo(sent, { reserved: true }));
    this.promised.push(sent);
    return new Response(null, { status: 202 });
  }
}

async function taskOf(server: Served, id: string): Promise<TaskShown> {
  const response = await fetch(`${server.url}/v1/tasks/${id}`, {
    headers: { authorization: `Bearer ${server.key}` },
  });
  return await response.json();
}

Deno.test("a system without a broker answers at once, or later, over a restart of the server", async () => {
  const stock = new Stock();
  await using host = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => stock.answer(request),
  );
  const dataDir = makeDataDir("http-system");
  await Deno.mkdir(`${dataDir}/workflows`);
  await Deno.writeTextFile(`${dataDir}/workflows/orders.yaml`, MANIFEST(host.addr.port));
  const env = {
    TASKER_WORKFLOWS: `${dataDir}/workflows`,
    TASKER_EGRESS: "127.0.0.0/8",
    TASKER_SECRETS: "STOCK_TOKEN",
    STOCK_TOKEN: "stock-secret",
  };
  try {
    const first = await serve({ dataDir, env });
    const id = await startTask(first, { workflow: "tests/orders", input: { id: "A-1" } }, "k");
    await until("the promise", 60_000, () => stock.promised[0]);
    first.kill("SIGKILL");
    await first.exited;

    await using server = await serve({ dataDir, env });
    const sent = stock.promised.at(-1) as Sent;
    await until("the reply to be taken", 60_000, async () => {
      const response = await fetch(`${server.url}/v1/bus/stock/replies`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${server.key}`,
          "content-type": "application/json",
        },
        body: JSON.stringify(replyTo(sent, { shipped: "A-1" })),
      });
      await response.body?.cancel();
      return response.ok || undefined;
    });
    const task = await until("the task to end", 60_000, async () => {
      const shown = await taskOf(server, id);
      return shown.state === "completed" || shown.state === "blocked" ? shown : undefined;
    });

    assert.deepEqual(
      task.steps.map(({ name, state, result }) => ({ name, state, result })),
      [
        { name: "reserve", state: "completed", result: { reserved: true } },
        { name: "ship", state: "completed", result: { shipped: "A-1" } },
      ],
    );
    assert.equal(task.steps[0]?.attempt, 2);
    assert.deepEqual(stock.seen[0]?.data, { order: "A-1" });
    assert.deepEqual([...stock.authorizations], ["stock-secret"]);
    const ships = new Set(stock.promised.map((one) => one.id));
    assert.deepEqual([...ships], [`${id}/ship/1`]);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
