import { deepEqual, equal, match } from "node:assert/strict";
import { planOf } from "../core/plan.ts";
import type { Capability, Instance } from "../core/system.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import { capabilityBreaks } from "./capability_gate.ts";

const amount = (more: Record<string, unknown> = {}, required = ["amount"]) => ({
  type: "object",
  properties: { amount: { type: "integer" }, ...more },
  required,
});
const CHARGE: Capability = {
  name: "payment.charge",
  version: "1.2.0",
  input: amount(),
  output: amount(),
};

const instance = (capabilities: readonly Capability[], state: Instance["state"] = "healthy") =>
  ({ system: "bank", instance: "b1", version: "1.0.0", state, capabilities }) as Instance;

/** What a registration breaks, where one step asks as given. */
function breaks(
  capability: Capability,
  { asks = { name: "payment.charge", range: "^1.0" }, known = [instance([CHARGE])] }: {
    asks?: { name: string; range?: string };
    known?: readonly Instance[];
  } = {},
) {
  const definition = definitionOf([{ name: "pay", kind: "remote", owner: "*", event: "x" }]);
  const [step] = definition.steps;
  const plan = planOf("hash", { ...definition, steps: [{ ...step, capability: asks } as never] });
  return capabilityBreaks({ system: "bank", capabilities: [capability], known, plans: [plan] });
}

Deno.test("a version that asks for more input, or gives other output, breaks who takes both", () => {
  const more = {
    ...CHARGE,
    version: "1.3.0",
    input: amount({ iban: { type: "string" } }, ["iban"]),
  };
  const other = { ...CHARGE, version: "1.3.0", output: { type: "string" } };

  const [input, output] = [breaks(more), breaks(other)];

  deepEqual(input.map(({ path, code }) => [path, code]), [
    ["capabilities.0.input", "breaks_others"],
  ]);
  match(input[0]?.detail ?? "", /refuses what payment\.charge 1\.2\.0 took.*step "pay"/);
  deepEqual(output.map(({ path }) => path), ["capabilities.0.output"]);
});

Deno.test("a version that takes more and gives less breaks nobody", () => {
  const next = {
    ...CHARGE,
    version: "1.3.0",
    input: amount({ note: { type: "string" } }),
    output: amount({ receipt: { type: "string" } }, ["amount", "receipt"]),
    description: "Charges an account",
  };

  deepEqual(breaks(next), []);
});

Deno.test("a step that can get only one of two versions is not broken by the other", () => {
  const other = { ...CHARGE, version: "2.0.0", input: amount({}, ["iban"]) };

  deepEqual(breaks(other), []);
  equal(breaks(other, { asks: { name: "payment.charge" } }).length, 1);
  deepEqual(breaks(other, { asks: { name: "payment.refund" } }), []);
});

Deno.test("the same version with another schema is a change, and what is gone promised nothing", () => {
  const changed = { ...CHARGE, input: amount({}, ["iban"]) };

  equal(breaks(changed).length, 1);
  deepEqual(breaks(changed, { known: [instance([CHARGE], "gone")] }), []);
});
