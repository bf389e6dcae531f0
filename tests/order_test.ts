/** Orders, end to end: a server, two other systems and whoever orders, killed at random and started again. */

import assert from "node:assert/strict";
import { killInRounds, type Mortal, randomOf, seedOf } from "./support/chaos.ts";
import { WorkerHarness } from "./support/worker_harness.ts";
import { startRedis } from "./support/redis.ts";
import type { TestServer } from "./support/test_server.ts";
import { until } from "./support/serve.ts";
import { installRedisClients, whyNoServices } from "./support/services.ts";
import { mortalRedis, ORDER, OrderSystem, WORK_MS } from "./support/order_system.ts";
import { countStates, idsOf, journalOf, taskEnded, type TaskShown } from "./support/tasks.ts";

/** Brought while processes are killed; at most 160, with those before them a page of tasks. */
const ORDERS = Number(Deno.env.get("TEST_ORDERS") ?? "100");

/** Each process is killed this often. */
const ROUNDS = 2;

/** Commands that a worker has in hand at once, and orders that keep all of them taken for a while. */
const SLOTS = 8;
const ORDERS_TO_FILL = 5 * SLOTS;

/** Time-outs and back-offs of a step that lost everything there is to lose, and then some. */
const ALL_MS_MAX = 240_000;

/** The steps of an order that comes to an end, as they complete. */
const STEPS = ["validate_order", "check_inventory", "process_payment", "finalize_order"];

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
    scene: async () => JSON.stringify(await countStates(orders, ORDER)),
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

/** Every order is one task, every step of it completed once, and it was charged once. */
async function assertEachOnce(orders: OrderSystem, orderIds: readonly string[]): Promise<void> {
  const ids = await until(`${orderIds.length} tasks`, ALL_MS_MAX, async () => {
    const all = await idsOf(orders, ORDER).catch(() => []);
    return all.length >= orderIds.length ? all : undefined;
  });
  const tasks = await Promise.all(ids.map((id) => taskEnded(orders, id, ALL_MS_MAX)));
  assert.deepEqual(
    tasks.filter(({ state }) => state !== "completed"),
    [],
    "orders that did not complete",
  );
  assert.deepEqual(tasks.map(({ input }) => input.orderId).sort(), [...orderIds].sort());
  for (const { id } of tasks) await assertJournal(orders, id);
  const charges = await orders.charges();
  assert.deepEqual(charges.map(({ order_id }) => order_id).sort(), [...orderIds].sort());
  assert.deepEqual(
    tasks.map((task) => resultOf(task, "finalize_order")["transaction_id"]).sort(),
    charges.map(({ transaction_id }) => transaction_id).sort(),
  );
  const attempts = tasks.flatMap(({ steps }) => steps.map(({ attempt }) => attempt));
  console.log(
    `${tasks.length} orders, ${attempts.filter((one) => one > 1).length} steps tried again`,
  );
}

async function assertJournal(orders: OrderSystem, id: string): Promise<void> {
  const events = await journalOf(orders, id);
  const completed = events.filter(({ kind }) => kind === "StepCompleted").map(({ step }) => step);
  assert.deepEqual(completed, STEPS, id);
  assert.equal(events.filter(({ kind }) => kind === "TaskStarted").length, 1, id);
  assert.equal(events.filter(({ kind }) => kind === "TaskEnded").length, 1, id);
  assert.equal(events.filter(({ kind }) => kind === "StepParked").length, 0, id);
  const turns = [...new Set(events.map(({ turn }) => turn))];
  assert.deepEqual(turns, Array.from(turns, (_, index) => index + 1), id);
}

function resultOf({ steps }: TaskShown, name: string): Record<string, unknown> {
  return steps.find((step) => step.name === name)?.result as Record<string, unknown>;
}

const redis = await startRedis();
if (!("reason" in redis)) Deno.test.afterAll(async () => await redis[Symbol.asyncDispose]());

law("orders over Redis all end once, whoever is killed with -9, and however often", {
  skip: "reason" in redis ? redis.reason : await installRedisClients(),
  async fn() {
    assert.ok(!("reason" in redis));
    const seed = seedOf("orders over Redis");
    const orders = await OrderSystem.open({ redis });
    await withOrders(orders, async () => {
      const mortals = [
        orders.server,
        orders.machine,
        orders.python,
        orders.node,
        mortalRedis(redis),
      ];

      const ids = await bringToFullSlots(orders, redis, seed);
      ids.push(...await bringInChaos(orders, { mortals, ways: ["redis", "http"], seed }));

      await assertEachOnce(orders, ids);
    });
  },
});

law("orders without a broker all end once, whoever is killed with -9, and however often", {
  skip: await whyNoServices(),
  async fn() {
    const seed = seedOf("orders without a broker");
    const orders = await OrderSystem.open({ redis: undefined });
    await withOrders(orders, async () => {
      const mortals = [orders.server, orders.postgres, orders.python, orders.node];

      const ids = await bringInChaos(orders, { mortals, ways: ["http"], seed });

      await assertEachOnce(orders, ids);
    });
  },
});

law("an order that no card pays fails, is charged nothing, and support is notified", {
  skip: await whyNoServices(),
  async fn() {
    const orders = await OrderSystem.open({ redis: undefined });
    await withOrders(orders, async () => {
      orders.bring({ way: "http", prefix: "dear", count: 1, cents: 2_000_000 });
      await orders.brought();

      const [id] = await idsOf(orders, ORDER);
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
        error_message: "No card pays 2000000 EUR",
      });
      assert.deepEqual(await orders.charges().catch(() => []), []);
    });
  },
});
