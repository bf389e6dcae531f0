/** A workflow that is changed in tests, and the systems that there are. */

import assert from "node:assert/strict";
import type { Directory } from "../../core/authoring.ts";
import type { Document } from "../document.ts";
import { edit } from "../edit.ts";
import { YAML } from "../yaml_language.ts";
import { type Plan, plan } from "./plan.ts";

const text = { type: "string" };

function object(fields: Record<string, unknown>) {
  return { type: "object", required: Object.keys(fields), properties: fields };
}

function offer(
  name: string,
  input: Record<string, unknown>,
  output: Record<string, unknown>,
  effect: "none" | "idempotent" | "external" = "idempotent",
) {
  return { name, effect, input: object(input), output: object(output) };
}

/** What there is. */
export const DIRECTORY: Directory = {
  systems: [
    {
      name: "shop",
      capabilities: [
        offer("stock.check", { sku: text }, { available: { type: "boolean" } }, "none"),
        offer("fraud.check", { email: text }, { score: { type: "number" } }, "none"),
        offer("invoice.create", { order_id: text }, { invoice_id: text }),
        offer("parcel.ship", { order_id: text }, { parcel_id: text }),
        offer("parcel.insure", { parcel_id: text }, { policy_id: text }),
        offer("order.cancel", { order_id: text }, { cancelled: { type: "boolean" } }),
      ],
    },
    {
      name: "payments",
      capabilities: [
        offer("payment.charge", { order_id: text }, { payment_id: text }, "external"),
        offer("payment.refund", { payment_id: text }, { refund_id: text }),
      ],
    },
    {
      name: "mailer",
      capabilities: [
        offer("support.notify", { reason: text }, { ticket_id: text }, "external"),
        offer("mail.send_receipt", { email: text, invoice_id: text }, { message_id: text }),
        offer("sms.send", { phone: text, text }, { message_id: text }, "external"),
      ],
    },
  ],
};

/** A workflow as a person writes one, with comments. */
export const ORDER = `# Orders of the shop.
name: order
namespace: shop
version: 1.2.0
input:
  type: object
  required: [order_id, sku, email]
  properties:
    order_id: { type: string }
    sku: { type: string }
    email: { type: string }
systems:
  shop:
    capabilities:
      - { name: stock.check, output: { type: object } }
      - { name: fraud.check, output: { type: object } }
      - { name: invoice.create, output: { type: object, required: [invoice_id], properties: { invoice_id: { type: string } } } }
      - { name: parcel.ship, output: { type: object } }
  payments:
    capabilities:
      - { name: payment.charge, effect: external, output: { type: object, required: [payment_id], properties: { payment_id: { type: string } } } }
  mailer: { capabilities: [mail.send_receipt] }
workflow_steps:
  # Both have to be fine.
  - { name: check_stock, owner: shop, capability: stock.check, with: { sku: $.input.sku } }
  - name: check_fraud
    depends_on: check_stock
    owner: shop
    capability: fraud.check
    with: { email: $.input.email }
  - name: charge
    depends_on: check_fraud
    owner: payments
    capability: payment.charge
    with: { order_id: $.input.order_id }
    retry: { attempts_max: 1 }
  - name: invoice # of last year's system
    depends_on: charge
    owner: shop
    capability: invoice.create
    with: { order_id: $.input.order_id }
  - name: rest
    depends_on: invoice
    sleep: 2d
  - name: ship
    depends_on: rest
    owner: shop
    capability: parcel.ship
    with: { order_id: $.input.order_id }
  - name: receipt
    depends_on: ship
    owner: mailer
    capability: mail.send_receipt
    with: { email: $.input.email, invoice_id: $.invoice.invoice_id }
`;

/** Reads a manifest; the order unless said. */
export function read(manifest = ORDER): Document {
  const reading = YAML.read("order.yaml", manifest);
  assert.ok(reading.ok);
  return reading.document;
}

/** Plans a change; of the order unless said. */
export function planned(
  words: string,
  { base = ORDER, parts }: { base?: string; parts?: number[] } = {},
) {
  return plan(words, DIRECTORY, { base: read(base).value, ...(parts && { parts }) });
}

/** Makes the edits of a plan. */
export function changed({ edits }: Plan, base = ORDER): Document {
  return edit(read(base), edits.map((one) => one.edit));
}
