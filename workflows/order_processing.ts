/** Order processing over three systems: what `order_processing.yaml` does not say. */

import { implement, remote, step, z } from "tasker";

/** An order as a shop sends it. */
export const Order = z.object({
  orderId: z.string().min(1).max(64),
  customer: z.string().min(1).max(200),
  items: z.array(z.object({ sku: z.string().min(1), quantity: z.int().positive() })).min(1).max(
    100,
  ),
  amountCents: z.int().positive(),
  currency: z.string().regex(/^[A-Z]{3}$/),
});

/** Checks what a schema cannot say: no article stands in an order twice. */
export const validateOrder = step({
  input: Order,
  success: z.object({
    order_id: z.string(),
    sku: z.array(z.string()),
    quantities: z.array(z.int().positive()),
  }),
  error: z.object({ error_code: z.enum(["validation_failed"]), error_message: z.string() }),
  timeoutMs: 5_000,
  run: ({ input: { orderId, items }, fail }) => {
    const sku = items.map((item) => item.sku);
    const double = sku.find((one, index) => sku.indexOf(one) !== index);
    if (double !== undefined) {
      return fail({
        error_code: "validation_failed",
        error_message: `Article "${double}" is ordered twice`,
      });
    }
    return { order_id: orderId, sku, quantities: items.map((item) => item.quantity) };
  },
});

/** Reserves the articles. */
export const checkInventory = remote({
  system: "python_inventory",
  event: "inventory.check_stock",
  input: z.object({
    order_id: z.string(),
    product_ids: z.array(z.string()),
    quantities: z.array(z.int().positive()),
  }),
  success: z.object({ reserved: z.boolean(), reservation_id: z.string() }),
  error: z.object({ error_code: z.enum(["out_of_stock"]), error_message: z.string() }),
});

/** Charges the customer for what is reserved. */
export const processPayment = remote({
  system: "node_payments",
  event: "payment.charge",
  input: z.object({
    order_id: z.string(),
    amount_cents: z.int().positive(),
    currency: z.string(),
    reservation_id: z.string(),
  }),
  success: z.object({ transaction_id: z.string(), status: z.literal("completed") }),
  error: z.object({ error_code: z.enum(["card_declined"]), error_message: z.string() }),
});

/** Closes the order. */
export const finalizeOrder = step({
  input: z.object({ order_id: z.string(), transaction_id: z.string() }),
  success: z.object({
    order_id: z.string(),
    transaction_id: z.string(),
    finalized: z.literal(true),
  }),
  run: ({ input }) => ({ ...input, finalized: true as const }),
});

/** Notifies people that an order came to nothing, and why. */
export const tellSupport = step({
  input: z.object({ order_id: z.string(), reason: z.string() }),
  success: z.object({ told: z.boolean() }),
  run: ({ input, log }) => {
    log("An order came to nothing", { orderId: input.order_id, reason: input.reason });
    return { told: true };
  },
});

export default implement("order_processing.yaml", {
  namespace: "orders",
  input: Order,
  steps: {
    validate_order: validateOrder,
    check_inventory: checkInventory,
    process_payment: processPayment,
    finalize_order: finalizeOrder,
  },
}, (w, steps) => {
  w.give(steps.check_inventory, {
    needs: { order: steps.validate_order },
    with: ({ order }) => ({
      order_id: order.order_id,
      product_ids: order.sku,
      quantities: order.quantities,
    }),
  });
  w.give(steps.process_payment, {
    needs: { stock: steps.check_inventory },
    with: ({ input, stock }) => ({
      order_id: input.orderId,
      amount_cents: input.amountCents,
      currency: input.currency,
      reservation_id: stock.reservation_id,
    }),
  });
  w.give(steps.finalize_order, {
    needs: { payment: steps.process_payment },
    with: ({ input, payment }) => ({
      order_id: input.orderId,
      transaction_id: payment.transaction_id,
    }),
  });
  // A payment that was never tried because a step before it failed counts as failed, too.
  w.step("tell_support", tellSupport, {
    needs: { payment: steps.process_payment },
    when: "failed",
    with: ({ input, payment }) => ({
      order_id: input.orderId,
      reason: payment.state === "failed" ? payment.error.error_message : "never charged",
    }),
  });
});
