import { deepEqual } from "node:assert/strict";
import type { Definition, StepDefinition } from "../core/workflow.ts";
import { differences } from "./difference.ts";

const check: StepDefinition = {
  name: "check",
  kind: "local",
  owner: "app",
  needs: {},
  after: [],
  when: "succeeded",
  contract: { success: { type: "object", properties: { ok: { type: "boolean" } } } },
  atMostOnce: false,
  policy: {},
};
const before: Definition = {
  namespace: "tests",
  name: "difference",
  version: "1.0.0",
  failurePolicy: "continue_independent",
  steps: [check, { ...check, name: "charge", after: ["check"] }],
};

function after(change: Partial<StepDefinition>): Definition {
  return { ...before, steps: [check, { ...check, name: "charge", after: ["check"], ...change }] };
}

Deno.test("differences() says in words what changed", () => {
  const contract = { success: { type: "object", properties: { ok: { type: "string" } } } };

  deepEqual(differences(before, after({ owner: "shop" })), [
    'step "charge": owner was "app", is "shop"',
  ]);
  deepEqual(differences(before, after({ after: [], needs: { checked: "check" } })), [
    'step "charge": needs.checked was added: "check"',
    'step "charge": after was ["check"], is []',
  ]);
  deepEqual(differences(before, after({ contract })), [
    'step "charge": contract.success.properties.ok.type was "boolean", is "string"',
  ]);
  deepEqual(differences(before, after({ name: "pay" })), [
    'step "charge" was removed',
    'step "pay" was added',
  ]);
  deepEqual(differences(before, { ...before, steps: before.steps.toReversed() }), [
    "the steps stand in another order",
  ]);
  deepEqual(differences(before, { ...before, failurePolicy: "fail_fast", input: {} }), [
    'failurePolicy was "continue_independent", is "fail_fast"',
    "input was added: {}",
  ]);
});

Deno.test("differences() is silent about policies, handlers and descriptions", () => {
  const contract = { success: { ...check.contract.success, description: "Whether it is good" } };

  deepEqual(differences(before, after({ policy: { timeoutMs: 1 }, handler: "H", contract })), []);
});
