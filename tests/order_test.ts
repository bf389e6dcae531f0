/** Orders, end to end: a server, other systems and whoever orders, killed at random and started again. */

import assert from "node:assert/strict";
import { killInRounds, type Mortal, randomOf, seedOf } from "./support/chaos.ts";
import { WorkerHarness } from "./support/worker_harness.ts";
import { startRedis } from "./support/redis.ts";
import type { TestServer } from "./support/test_server.ts";
import { until } from "./support/serve.ts";
import { mortalRedis, OrderSystem, WORK_MS } from "./support/order_system.ts";
import { countStates, idsOf, journalOf, taskEnded } from "./support/tasks.ts";
import { HTTP_WORKERS, type WorkerExample, WORKERS } from "./support/workers.ts";

/** Brought while processes are killed; at most 160, with those before them a page of tasks. */
const ORDERS = Number(Deno.env.get("TEST_ORDERS") ?? "100");

/** Each process is killed this often, at least. */
const ROUNDS = Number(Deno.env.get("TEST_ROUNDS") ?? "1");

/** Commands that a worker has in hand at once, and orders that keep all of them taken for a while. */
const SLOTS = 8;
const ORDERS_TO_FILL = 5 * SLOTS;

/** Time-outs and back-offs of a step that lost everything there is to lose, and then some. */
const ALL_MS_MAX = 240_000;

/** The steps of other systems, by how the shop is built; each leaves its key when it works. */
const REMOTE_STEPS = {
  "orders/distributed_order_processing": ["check_inventory", "process_payment"],
  "orders/polyglot_order": [
    "check_inventory",
    "process_payment",
    "book_shipping",
    "write_invoice",
    "write_report",
    "send_mail",
  ],
} as const;

/** The steps that the engine itself works on. */
const LOCAL_STEPS = {
  "orders/distributed_order_processing": ["validate_order", "finalize_order"],
  "orders/polyglot_order": ["validate_order"],
} as const;

type OrderWorkflow = keyof typeof REMOTE_STEPS;

const DISTRIBUTED = "orders/distributed_order_processing" satisfies OrderWorkflow;
const POLYGLOT = "orders/polyglot_order" satisfies OrderWorkflow;

/** Both systems of the order workflow that this repository serves, without a broker. */
const PLAIN = HTTP_WORKERS.filter(({ language }) => language !== "shell");

/** Five languages over Redis, and two shell workers over HTTP: each works on one command alone. */
const SHELL = HTTP_WORKERS.filter(({ language }) => language === "shell");
const ALL = [...WORKERS, ...SHELL, ...SHELL.map((one) => ({ ...one }))];

/** Runs a law, or says why it cannot be run here. */
function law(name: string, { skip, fn }: { skip: string | undefined; fn: () => Promise<void> }) {
  if (skip !== undefined) console.log(`skipped: "${name}", because ${skip}`);
  Deno.test({ name, ignore: skip !== undefined, fn });
}

/** Opens an order system for a test; one that fails shows what all its processes printed. */
async function withOrders(orders: OrderSystem, run: () => Promise<void>): Promise<void> {
  await using _closing = orders;
  try {
    await run();
  } catch (error) {
    console.log(orders.said());
    throw error;
  }
}

/** Brings all orders while everybody is killed in turn; resolves with the ids brought. */
async function bringInChaos(
  orders: OrderSystem,
  { mortals, ways, seed }: { mortals: Mortal[]; ways: ("redis" | "http")[]; seed: number },
): Promise<string[]> {
  const kills = ROUNDS * mortals.length;
  const ids: string[] = [];
  await killInRounds(mortals, {
    random: randomOf(seed),
    rounds: ROUNDS,
    calmMs: 2_000,
    downMs: 1_500,
    scene: async () => JSON.stringify(await countStates(orders, orders.options.workflow)),
    work(kill) {
      const count = Math.floor((kill + 1) * ORDERS / kills) - Math.floor(kill * ORDERS / kills);
      if (count === 0) return;
      const [way, prefix] = [ways[kill % ways.length] ?? "http", `${seed}-${kill}`];
      orders.bring({ way, prefix, count });
      for (let number = 1; number <= count; number++) ids.push(`${prefix}-${number}`);
    },
  });
  await orders.brought();
  return ids;
}

/** Brings orders and kills Redis when all slots of both workers are taken; resolves with the ids. */
async function bringToFullSlots(
  orders: OrderSystem,
  redis: TestServer,
  seed: number,
): Promise<string[]> {
  const prefix = `${seed}-full`;
  orders.bring({ way: "http", prefix, count: ORDERS_TO_FILL });
  const systems = ["python_inventory", "node_payments"];
  await Promise.all(systems.map(async (system) => {
    await using engine = new WorkerHarness(redis.url, system);
    await engine.redis.connect();
    await engine.taken(SLOTS);
  }));
  await redis.kill9();
  await new Promise((wake) => setTimeout(wake, WORK_MS));
  await redis.restart();
  return Array.from({ length: ORDERS_TO_FILL }, (_, index) => `${prefix}-${index + 1}`);
}

/** Every order is one task, every step of it completed once, and worked under one key. */
async function assertEachOnce(
  orders: OrderSystem,
  workflow: OrderWorkflow,
  orderIds: readonly string[],
): Promise<void> {
  const ids = await until(`${orderIds.length} tasks`, ALL_MS_MAX, async () => {
    const all = await idsOf(orders, workflow).catch(() => []);
    return all.length >= orderIds.length ? all : undefined;
  });
  const tasks = await Promise.all(ids.map((id) => taskEnded(orders, id, ALL_MS_MAX)));
  assert.deepEqual(
    tasks.filter(({ state }) => state !== "completed"),
    [],
    "orders that did not complete",
  );
  assert.deepEqual(tasks.map(({ input }) => input.orderId).sort(), [...orderIds].sort());
  const remote = REMOTE_STEPS[workflow];
  const steps = [...LOCAL_STEPS[workflow], ...remote].sort();
  for (const { id } of tasks) await assertJournal(orders, id, steps);
  const keys = ids.flatMap((id) => remote.map((step) => `tasker.${id}.${step}`));
  assert.deepEqual([...orders.effects()].sort(), keys.sort());
  const attempts = tasks.flatMap(({ steps }) => steps.map(({ attempt }) => attempt));
  console.log(
    `${tasks.length} orders, ${attempts.filter((one) => one > 1).length} steps tried again`,
  );
}

async function assertJournal(
  orders: OrderSystem,
  id: string,
  steps: readonly string[],
): Promise<void> {
  const events = await journalOf(orders, id);
  const completed = events.filter(({ kind }) => kind === "StepCompleted").map(({ step }) => step);
  assert.deepEqual(completed.sort(), steps, id);
  assert.equal(events.filter(({ kind }) => kind === "TaskStarted").length, 1, id);
  assert.equal(events.filter(({ kind }) => kind === "TaskEnded").length, 1, id);
  assert.equal(events.filter(({ kind }) => kind === "StepParked").length, 0, id);
  // Turns without events, such as those that say why a step waits, are not shown.
  const turns = events.map(({ turn }) => turn);
  assert.deepEqual(turns, turns.toSorted((one, other) => one - other), id);
}

/** Says why one of the workers cannot run here. */
async function whyNot(workers: readonly WorkerExample[]): Promise<string | undefined> {
  for (const worker of workers) {
    const prepared = await worker.prepare();
    if ("reason" in prepared) return prepared.reason;
  }
}

const redis = await startRedis();
if (!("reason" in redis)) Deno.test.afterAll(async () => await redis[Symbol.asyncDispose]());

law("orders in six languages all end once, whoever is killed with -9, and however often", {
  skip: "reason" in redis ? redis.reason : await whyNot(ALL),
  async fn() {
    assert.ok(!("reason" in redis));
    const seed = seedOf("orders in six languages");
    const workflowsDir = new URL("./fixtures/orders", import.meta.url).pathname;
    const orders = await OrderSystem.open({
      redis,
      workflow: POLYGLOT,
      workflowsDir,
      workers: ALL,
    });
    await withOrders(orders, async () => {
      const mortals = [orders.server, orders.machine, mortalRedis(redis), ...orders.workers];

      const ids = await bringToFullSlots(orders, redis, seed);
      ids.push(...await bringInChaos(orders, { mortals, ways: ["redis", "http"], seed }));

      await assertEachOnce(orders, POLYGLOT, ids);
    });
  },
});

law("orders without a broker all end once, whoever is killed with -9, and however often", {
  skip: await whyNot(PLAIN),
  async fn() {
    const seed = seedOf("orders without a broker");
    const orders = await OrderSystem.open({
      redis: undefined,
      workflow: DISTRIBUTED,
      workers: PLAIN,
    });
    await withOrders(orders, async () => {
      const mortals = [orders.server, orders.postgres, ...orders.workers];

      const ids = await bringInChaos(orders, { mortals, ways: ["http"], seed });

      await assertEachOnce(orders, DISTRIBUTED, ids);
    });
  },
});

law("an order that no card pays fails, is charged nothing, and support is notified", {
  skip: await whyNot(PLAIN),
  async fn() {
    const orders = await OrderSystem.open({
      redis: undefined,
      workflow: DISTRIBUTED,
      workers: PLAIN,
    });
    await withOrders(orders, async () => {
      orders.bring({ way: "http", prefix: "dear", count: 1, cents: 2_000_000 });
      await orders.brought();

      const [id] = await idsOf(orders, DISTRIBUTED);
      const task = await taskEnded(orders, id as string, ALL_MS_MAX);

      assert.equal(task.state, "failed");
      assert.deepEqual(Object.fromEntries(task.steps.map(({ name, state }) => [name, state])), {
        validate_order: "completed",
        check_inventory: "completed",
        process_payment: "failed",
        finalize_order: "unreached",
        tell_support: "completed",
      });
      const payment = task.steps.find(({ name }) => name === "process_payment");
      assert.deepEqual(payment?.error, {
        error_code: "card_declined",
        error_message: "No card pays that much",
      });
      assert.deepEqual(orders.effects(), [`tasker.${id}.check_inventory`]);
    });
  },
});
