import assert from "node:assert/strict";
import { Counts } from "../core/statistics.ts";
import type { Suggestion } from "../core/suggestion.ts";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import type { Definition, StepDefinition } from "../core/workflow.ts";
import { followTable, withTimes } from "./suggestions.ts";

function step(name: string, capability: string, after: readonly string[] = []): StepDefinition {
  return {
    ...{ name, kind: "remote", owner: "shop", event: capability, needs: {}, after },
    ...{ when: "succeeded", contract: {}, atMostOnce: false, policy: {} },
    capability: { name: capability },
  };
}

function workflow(name: string, ...steps: readonly StepDefinition[]): Definition {
  return {
    namespace: "shop",
    name,
    version: "1.0.0",
    failurePolicy: "continue_independent",
    steps,
  };
}

const PAY: Suggestion = {
  step_name: "pay",
  description: "",
  handler_template: "",
  dependencies: [],
  risk_level: "high",
  why: [],
  edits: [{ kind: "add_step", step: { name: "pay", owner: "shop", capability: "card.charge" } }],
};

Deno.test("what follows what is counted once a workflow, by capability", () => {
  const table = followTable([
    workflow("a", step("s", "stock.check"), step("p", "card.charge", ["s"])),
    workflow("b", step("one", "stock.check"), step("two", "stock.check"), {
      ...step("p", "card.charge", ["one"]),
      needs: { two: "two" },
    }),
    workflow("c", step("s", "stock.check"), step("m", "mail.send", ["s"])),
    workflow("d", step("s", "stock.check"), { ...step("m", "mail.send", ["s"]), when: "failed" }),
  ]);

  assert.deepEqual([...table].map(([from, { of, next }]) => [from, of, [...next]]), [
    ["stock.check", 3, [["card.charge", 2], ["mail.send", 1]]],
  ]);
});

Deno.test("a suggestion has a time if attempts of its capability have completed, and says of how many", async () => {
  const definitions = [
    workflow("a", step("charge", "card.charge")),
    workflow("b", step("take", "card.charge"), step("s", "stock.check")),
  ];
  const runtime = new VirtualRuntime();
  const read = ({ workflow = "" }) => {
    const cell = (name: string, ms: number) => {
      const counts = new Counts();
      counts.ran.add(ms);
      const [version, policyVersion, fromMs, untilMs] = ["1.0.0", 0, 0, 1];
      return { workflow, version, step: name, policyVersion, fromMs, untilMs, counts };
    };
    return Promise.resolve(
      workflow === "shop/a" ? [cell("charge", 100)] : [cell("take", 100), cell("s", 9_000)],
    );
  };
  const never = { read: () => Promise.resolve([]) };

  const [timed] = await withTimes([PAY], { runtime, definitions, statistics: { read } });
  const untimed = await withTimes([PAY], { runtime, definitions, statistics: never });

  assert.equal(timed?.estimated_execution_time?.n, 2);
  assert.ok(Math.abs((timed?.estimated_execution_time?.p95_ms ?? 0) - 100) <= 2);
  assert.deepEqual(untimed, [PAY]);
});
