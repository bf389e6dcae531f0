import { deepEqual, equal, ok } from "node:assert/strict";
import type { Definition, JsonSchema } from "../core/workflow.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import { asyncApiDocument, type BusAddress } from "./asyncapi.ts";
import { owningSystems, remoteSteps } from "./remote_steps.ts";

type Json = Readonly<Record<string, unknown>>;

const BUS: BusAddress = { prefix: "t", servers: [{ protocol: "redis", host: "bus:6379" }] };

const ORDER = definitionOf([
  { name: "check", kind: "local", owner: "rails" },
  {
    name: "reserve",
    kind: "remote",
    owner: "stock",
    event: "stock.reserve",
    contract: {
      input: { type: "object", properties: { sku: { type: "string" } } },
      error: { type: "object", additionalProperties: false },
    },
    policy: { timeoutMs: 5_000 },
  },
  { name: "charge", kind: "remote", owner: "pay", event: "pay.charge" },
], { namespace: "shop", name: "order", version: "1.0.0" });

function documentOf(definitions: readonly Definition[]): Json {
  return asyncApiDocument({
    version: "0.1.0",
    bus: BUS,
    systems: owningSystems(definitions),
    steps: remoteSteps(definitions),
  });
}

/** Follows a path of names. */
function at(document: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (value as Json | undefined)?.[name], document);
}

Deno.test("a command names where its reply goes, and what may be replied", () => {
  const document = documentOf([ORDER]);

  deepEqual(at(document, "operations", "stock.sendStockReserve"), {
    action: "send",
    channel: { $ref: "#/channels/stock.commands" },
    messages: [{ $ref: "#/channels/stock.commands/messages/StockReserveCommand" }],
    summary: "Asks for stock.reserve",
    reply: {
      address: { location: "$message.payload#/taskerreplyto" },
      channel: { $ref: "#/channels/stock.replies" },
      messages: [
        { $ref: "#/channels/stock.replies/messages/StockReserveCompleted" },
        { $ref: "#/channels/stock.replies/messages/StockReserveFailed" },
        { $ref: "#/channels/stock.replies/messages/StepProgress" },
      ],
    },
  });
  equal(at(document, "channels", "stock.commands", "address"), "t.cmd.stock");
  deepEqual(at(document, "channels", "stock.commands", "x-tasker"), { group: "stock" });
  deepEqual(at(document, "channels", "stock.replies", "x-tasker"), { address: "t.reply.stock" });
});

Deno.test("a command names the steps that ask, and the paths of their schemas", () => {
  const facts = at(
    documentOf([ORDER]),
    "components",
    "messages",
    "StockReserveCommand",
    "x-tasker",
  );

  deepEqual(facts, {
    askedBy: [{
      workflow: "shop/order",
      version: "1.0.0",
      step: "reserve",
      timeoutMs: 5_000,
      schemas: {
        input: "/schemas/workflows/shop/order/1.0.0/reserve/input",
        error: "/schemas/workflows/shop/order/1.0.0/reserve/error",
      },
    }],
  });
});

Deno.test("a closed error contract lets the failure say whether it may be tried again", () => {
  const schema = at(documentOf([ORDER]), "components", "schemas", "StockReserveError");

  deepEqual(schema, { type: "object" });
});

Deno.test("a system without remote steps has requests, and gets only answers", () => {
  const { channels, operations } = documentOf([ORDER]) as Record<string, Json>;
  const ofRails = (names: Json | undefined) =>
    Object.keys(names ?? {}).filter((name) => name.startsWith("rails."));

  deepEqual(ofRails(channels), ["rails.commands", "rails.requests"]);
  deepEqual(ofRails(operations), ["rails.takeRequests"]);
});

Deno.test("every request is answered by what accepts or rejects it, and a cancellation is none", () => {
  const { operations } = documentOf([ORDER]);
  const namesOf = (...path: readonly string[]) =>
    (at(operations, ...path, "messages") as readonly { $ref: string }[])
      .map(({ $ref }) => $ref.split("/").at(-1));

  deepEqual(namesOf("stock.cancel"), ["StepCancelled"]);
  deepEqual(namesOf("stock.takeRequests", "reply"), [
    "TaskAccepted",
    "TaskRejected",
    "SystemAccepted",
    "SystemRejected",
  ]);
});

Deno.test("references inside of a contract follow it into the document", () => {
  const tree: JsonSchema = {
    $ref: "#/$defs/node",
    $defs: { node: { type: "array", prefixItems: [{ $ref: "#/$defs/node" }], items: false } },
  };
  const definition = definitionOf([{
    name: "grow",
    kind: "remote",
    owner: "stock",
    contract: { input: tree },
  }]);

  const schema = at(documentOf([definition]), "components", "schemas", "GrowInput");

  const node = { $ref: "#/components/schemas/GrowInput/$defs/node" };
  deepEqual(schema, {
    allOf: [node],
    $defs: { node: { type: "array", items: [node], additionalItems: false } },
  });
});

Deno.test("the document of the same workflows is the same, whatever their order", () => {
  const other = { ...ORDER, namespace: "billing" };

  const one = JSON.stringify(documentOf([ORDER, other]));

  equal(JSON.stringify(documentOf([other, ORDER])), one);
  ok(one.includes("billing/order"));
});
