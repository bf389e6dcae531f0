import { deepEqual, equal } from "node:assert/strict";
import type { TaskId } from "../core/ids.ts";
import type { JsonText } from "../core/payload.ts";
import { type Plan, planOf } from "../core/plan.ts";
import type { Given, StepDefinition } from "../core/workflow.ts";
import { readsOf } from "./reads.ts";
import type { StoredTask } from "./trace.ts";

function stepOf(name: string, parts: Partial<StepDefinition> = {}): StepDefinition {
  return {
    name,
    kind: "local",
    owner: "shop",
    needs: {},
    after: [],
    when: "succeeded",
    contract: {},
    atMostOnce: false,
    policy: {},
    ...parts,
  };
}

/** `ship` needs `order` and `check`. */
function planWith(parts: Partial<StepDefinition> = {}): Plan {
  const needs = { order: "order", check: "check" };
  return planOf("hash", {
    namespace: "shop",
    name: "checkout",
    version: "1.0.0",
    failurePolicy: "continue_independent",
    steps: [stepOf("order"), stepOf("check"), stepOf("ship", { needs, ...parts })],
  });
}

/** Tasks of which each has its number as `$.input.n`, an order with items, and a check. */
function tasksOf(plan: Plan, count: number): readonly StoredTask[] {
  return Array.from({ length: count }, (_, n) => ({
    taskId: `task${n}` as TaskId,
    plan,
    turns: [{
      turn: 1,
      commandIds: [],
      events: [
        {
          kind: "TaskStarted",
          atMs: 0,
          definitionHash: plan.hash,
          input: `{"n":${n}}` as JsonText,
          tags: [],
        },
        ...[0, 1, 2].flatMap((step) => [
          {
            kind: "StepStarted",
            atMs: 0,
            step,
            attempt: 1,
            waitedMs: 0,
            policyVersion: 0,
          } as const,
          {
            kind: "StepCompleted",
            atMs: 1,
            step,
            attempt: 1,
            ranMs: 1,
            result: `{"items":[{"sku":"a"}],"ok":true}` as JsonText,
          } as const,
        ]),
      ],
    }],
  }));
}

/** What `ship` reads with a function of code, by parent. */
function readsBy(map: (given: Given) => unknown, count = 20) {
  const plan = planWith();
  const ship = plan.steps[2];
  if (ship === undefined) throw new Error("there is no step");
  const code = { steps: new Map([["ship", { with: map }]]) };
  const reads = readsOf(ship, code, tasksOf(plan, count));
  return reads.kind === "unknown"
    ? reads.why
    : Object.fromEntries([...reads.parents].map(([parent, { tasks, paths }]) =>
      [plan.steps[parent]?.name, [tasks, ...paths]] as const
    ));
}

type Row = { readonly items: readonly { readonly sku: string }[] };

Deno.test("what code reads of a parent is found by running it again", () => {
  const reads = readsBy(({ order }) => ({ sku: (order as Row).items[0]?.sku }));

  deepEqual(reads, { order: [20, "order", "order.items", "order.items.0", "order.items.0.sku"] });
});

Deno.test("a parent that is read in some tasks alone is found", () => {
  const reads = readsBy((given) =>
    (given.input as { n: number }).n === 13 ? { ok: (given.check as { ok: boolean }).ok } : {}
  );

  deepEqual(reads, { check: [1, "check", "check.ok"] });
});

Deno.test("a value that is passed on as a whole is read", () => {
  const whole = readsBy((given) => ({ order: given.order }));
  const spread = readsBy((given) => ({ ...given.order as object }));
  const all = readsBy((given) => given);

  for (const reads of [whole, spread]) deepEqual(Object.keys(reads), ["order"]);
  deepEqual(Object.keys(all), ["order", "check"]);
});

Deno.test("what no code reads is not there", () => {
  deepEqual(readsBy(({ input }) => ({ n: (input as { n: number }).n })), {});
});

Deno.test("code that throws, or is not loaded, says nothing", () => {
  const plan = planWith();
  const ship = plan.steps[2];

  equal(readsBy(() => JSON.parse("{")), "`with` threw when it was run again");
  deepEqual(ship && readsOf(ship, undefined, []), {
    kind: "unknown",
    why: "its code is not loaded here",
  });
});

Deno.test("a mapping says what it reads", () => {
  const plan = planWith({ with: { sku: "$.order.items[0].sku" } });
  const ship = plan.steps[2];

  const reads = ship && readsOf(ship, undefined, tasksOf(plan, 3));

  deepEqual(reads, {
    kind: "known",
    by: "mapping",
    tasks: 3,
    parents: new Map([[0, { tasks: 3, paths: ["order.items[0].sku"] }]]),
  });
});
