/** The systems of the seed's order workflow, each with one worker that polls over HTTP and answers. */

import { type Client, openClient } from "../../src/client.ts";
import type { Envelope } from "../../src/core/envelope.ts";

const ID = { type: "string" };
const CENTS = { type: "integer", minimum: 0 };

function object(properties: Readonly<Record<string, unknown>>) {
  return { type: "object", required: Object.keys(properties), properties };
}

/** What each system offers, and what its worker answers. */
const SYSTEMS = {
  rails_app: {
    "order.validate": {
      description: "Checks that an order is complete and can be paid",
      effect: "none",
      input: object({ order_id: ID }),
      output: object({ order_id: ID, amount_cents: CENTS }),
      answer: { order_id: "A-1", amount_cents: 4_200 },
    },
    "order.finalize": {
      description: "Marks an order as paid",
      effect: "idempotent",
      input: object({ order_id: ID, payment_id: ID }),
      output: object({ state: { type: "string" } }),
      answer: { state: "paid" },
    },
  },
  python_inventory: {
    "inventory.check": {
      description: "Reserves the goods of an order",
      effect: "idempotent",
      input: object({ order_id: ID }),
      output: object({ reservation_id: ID }),
      answer: { reservation_id: "r-1" },
    },
  },
  node_payments: {
    "payment.process": {
      description: "Charges the customer's card",
      effect: "external",
      input: object({ order_id: ID, amount_cents: CENTS }),
      output: object({ payment_id: ID }),
      answer: { payment_id: "p-1" },
    },
  },
} as const;

/** How long a worker waits for a command; it ends after that when it is asked to. */
const POLL_MS = 1_000;

/** Registers the systems and lets their workers answer until it is disposed. */
export async function startOrderWorkers(
  server: { readonly url: string; readonly key: string },
): Promise<AsyncDisposable> {
  const client = openClient({ url: server.url, key: server.key });
  for (const [system, offers] of Object.entries(SYSTEMS)) {
    const capabilities = Object.entries(offers).map(([name, { answer: _, ...offer }]) => ({
      ...{ name, version: "1.0.0" },
      ...offer,
    }));
    await client.call("registerInstance", {
      ...{ system, instance: "one", version: "1.0.0", leaseMs: 600_000, capabilities },
    });
  }
  const abort = new AbortController();
  const ended = Promise.all(
    Object.keys(SYSTEMS).map((system) => work(client, system, abort.signal)),
  );
  return {
    async [Symbol.asyncDispose]() {
      abort.abort();
      await ended;
    },
  };
}

async function work(client: Client, system: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const { envelopes } = await client.call("pollBus", {
        ...{ system, instance: "one", max: 10, waitMs: POLL_MS },
      }, { signal });
      for (const envelope of envelopes) {
        await client.call("replyBus", { system, replies: replyTo(system, envelope) });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

function replyTo(system: string, { id, type, subject, taskerreplytoken }: Envelope) {
  const offers = Object.values(SYSTEMS).map((offers): Readonly<Record<string, unknown>> => offers);
  const offer = offers.map((of) => of[type]).find((one) => one !== undefined);
  return {
    ...{ specversion: "1.0", id: `${id}:done`, source: `/${system}`, subject, taskerreplytoken },
    type: "tasker.step.completed",
    data: (offer as { readonly answer: unknown } | undefined)?.answer,
  };
}
