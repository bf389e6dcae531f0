import { deepEqual, equal, rejects } from "node:assert/strict";
import { openTestEngine, type PlayedEvent, type TestOptions } from "tasker/testing";
import orderProcessing from "./order_processing.ts";

const NAME = "orders/distributed_order_processing";

const order = {
  orderId: "o-1",
  customer: "Ada",
  items: [{ sku: "lamp", quantity: 2 }, { sku: "desk", quantity: 1 }],
  amountCents: 12_900,
  currency: "EUR",
};

/** Plays the two other systems; a test changes what it is about. */
function systems(changed: TestOptions["systems"] = {}): TestOptions {
  const reserve: PlayedEvent = () => ({ reserved: true, reservation_id: "r-1" });
  const charge: PlayedEvent = () => ({ transaction_id: "t-1", status: "completed" });
  return { systems: { "inventory.check_stock": reserve, "payment.charge": charge, ...changed } };
}

Deno.test("order_processing passes an order through its systems and finalizes it", async () => {
  const inputs: unknown[] = [];
  const record = (answer: unknown): PlayedEvent => ({ input }) => {
    inputs.push(input);
    return answer;
  };
  await using engine = await openTestEngine(
    [orderProcessing],
    systems({
      "inventory.check_stock": record({ reserved: true, reservation_id: "r-1" }),
      "payment.charge": record({ transaction_id: "t-1", status: "completed" }),
    }),
  );

  const task = await engine.start(NAME, order);

  equal(await task.end(), "completed");
  deepEqual(inputs, [
    { order_id: "o-1", product_ids: ["lamp", "desk"], quantities: [2, 1] },
    { order_id: "o-1", amount_cents: 12_900, currency: "EUR", reservation_id: "r-1" },
  ]);
  deepEqual(task.step("finalize_order").result, {
    order_id: "o-1",
    transaction_id: "t-1",
    finalized: true,
  });
  equal(task.step("tell_support").state, "unreached");
});

Deno.test("order_processing notifies support when the card is declined", async () => {
  const declined: PlayedEvent = ({ fail }) =>
    fail({ error_code: "card_declined", error_message: "No money" });
  await using engine = await openTestEngine(
    [orderProcessing],
    systems({ "payment.charge": declined }),
  );

  const task = await engine.start(NAME, order);

  equal(await task.end(), "failed");
  equal(task.step("finalize_order").state, "unreached");
  deepEqual(task.step("tell_support").result, { told: true });
});

Deno.test("order_processing notifies support when an article is out of stock", async () => {
  const none: PlayedEvent = ({ fail }) =>
    fail({ error_code: "out_of_stock", error_message: "No lamps" });
  await using engine = await openTestEngine(
    [orderProcessing],
    systems({ "inventory.check_stock": none }),
  );

  const task = await engine.start(NAME, order);

  equal(await task.end(), "failed");
  equal(task.step("process_payment").state, "unreached");
  equal(task.step("tell_support").state, "completed");
});

Deno.test("order_processing refuses an order that names an article twice", async () => {
  await using engine = await openTestEngine([orderProcessing], systems());
  const items = [{ sku: "lamp", quantity: 1 }, { sku: "lamp", quantity: 1 }];

  const task = await engine.start(NAME, { ...order, items });

  equal(await task.end(), "failed");
  deepEqual(task.step("validate_order").error, {
    error_code: "validation_failed",
    error_message: 'Article "lamp" is ordered twice',
  });
});

Deno.test("order_processing does not start with an order that breaks its contract", async () => {
  await using engine = await openTestEngine([orderProcessing], systems());

  for (const bad of [{ items: [] }, { amountCents: 0 }, { currency: "euro" }, { orderId: 1 }]) {
    await rejects(engine.start(NAME, { ...order, ...bad }), { code: "contract.violation" });
  }
});
