import { deepEqual } from "node:assert/strict";
import { definitionOf, type DriverStep } from "../../tests/support/task_driver.ts";
import { versionBreaks } from "./version_breaks.ts";
import type { Definition, JsonSchema } from "./workflow.ts";

function objectOf(required: readonly string[], ...others: readonly string[]): JsonSchema {
  const names = [...required, ...others];
  const properties = Object.fromEntries(names.map((name) => [name, { type: "string" }]));
  return { type: "object", properties, required };
}

const RESERVE: DriverStep = {
  name: "reserve",
  kind: "remote",
  owner: "stock",
  event: "stock.reserve",
  contract: { input: objectOf(["sku"]), success: objectOf(["id"]), error: objectOf(["code"]) },
};

const APPROVE: DriverStep = {
  name: "approve",
  kind: "signal",
  contract: { success: objectOf(["ok"]) },
};

function order(steps: readonly DriverStep[], input?: JsonSchema): Definition {
  const named = { namespace: "shop", name: "order", version: "1.0.0" };
  return definitionOf([...steps], { ...named, ...(input && { input }) });
}

/** What breaks, without examples. */
function breaksOf(before: Definition, after: Definition): readonly string[] {
  return versionBreaks(before, after).map(({ verdict, path, detail, affected }) =>
    `${verdict} ${path}: ${detail}, for ${affected}`
  );
}

Deno.test("a version like the one before breaks nothing", () => {
  deepEqual(breaksOf(order([RESERVE, APPROVE], {}), order([RESERVE, APPROVE], {})), []);
});

Deno.test("an input that asks for more breaks who starts the workflow", () => {
  const before = order([RESERVE], objectOf(["id"], "note"));
  const after = order([RESERVE], objectOf(["id", "note"]));

  deepEqual(versionBreaks(before, after), [{
    verdict: "breaks",
    path: "input.note",
    detail: "is required",
    affected: "who starts shop/order",
    example: { id: "a" },
  }]);
  deepEqual(breaksOf(after, before), []);
});

Deno.test("a command that lacks what the system required before breaks the system", () => {
  const contract = { ...RESERVE.contract, input: objectOf([], "sku") };

  deepEqual(breaksOf(order([RESERVE]), order([{ ...RESERVE, contract }])), [
    'breaks steps.reserve.input.sku: is required, for system "stock", asked for "stock.reserve"',
  ]);
});

Deno.test("a reply of which more is asked than before breaks the system", () => {
  const contract = { ...RESERVE.contract, success: objectOf(["id", "until"]) };

  deepEqual(breaksOf(order([RESERVE]), order([{ ...RESERVE, contract }])), [
    'breaks steps.reserve.success.until: is required, for system "stock", asked for "stock.reserve"',
  ]);
});

Deno.test("a step that is renamed is compared by what it asks of whom", () => {
  const contract = { ...RESERVE.contract, success: objectOf(["id", "until"]) };
  const renamed = { ...RESERVE, name: "hold", contract };

  deepEqual(breaksOf(order([RESERVE]), order([renamed])), [
    'breaks steps.hold.success.until: is required, for system "stock", asked for "stock.reserve"',
  ]);
  deepEqual(breaksOf(order([RESERVE]), order([{ ...renamed, event: "stock.hold" }])), []);
});

Deno.test("a signal that accepts less breaks who sends it", () => {
  const contract = { success: objectOf(["ok", "by"]) };

  deepEqual(breaksOf(order([APPROVE]), order([{ ...APPROVE, contract }])), [
    'breaks steps.approve.success.by: is required, for who sends signal "approve"',
  ]);
});

Deno.test("an output that gives less breaks who reads it", () => {
  const giving = (success: JsonSchema): Definition => ({
    ...order([RESERVE]),
    output: { needs: {}, with: null, success },
  });

  deepEqual(breaksOf(giving(objectOf(["id"])), giving(objectOf([], "id"))), [
    "breaks output.id: is required, for who reads what shop/order gives",
  ]);
  deepEqual(breaksOf(giving(objectOf([], "id")), giving(objectOf(["id"]))), []);
});

Deno.test("a contract that was open promised nothing", () => {
  const open = { ...RESERVE, contract: {} };

  deepEqual(breaksOf(order([open]), order([RESERVE], objectOf(["id"]))), []);
});
