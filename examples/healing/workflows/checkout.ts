/** The workflow of the demonstration: an order is priced here and charged by another system. */

import { remote, step, workflow, z } from "tasker";

const Order = z.object({ order: z.string(), cents: z.int().positive() });

const price = step({
  input: Order,
  success: Order,
  run: ({ input }) => ({ ...input, cents: Math.round(input.cents * 1.19) }),
});

const charge = remote({
  system: "demo_payments",
  event: "payment.charge",
  input: Order,
  success: z.object({ transaction: z.string() }),
  timeoutMs: 1_000,
  retry: { attemptsMax: 3, backoff: "none", delayMsMin: 500 },
});

/** Healing may change its time-outs by itself, from half a second up to ten. */
export default workflow({
  namespace: "demo",
  name: "checkout",
  version: "1.0.0",
  input: Order,
  heal: { tier: "T1", timeoutMs: [500, 10_000] },
}, (w) => {
  const priced = w.step("price", price);
  w.step("charge", charge, { needs: { priced }, with: ({ priced }) => priced });
});
