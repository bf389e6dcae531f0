import assert from "node:assert/strict";
import type { Scenario, ScenarioTask } from "../../src/simulation/scenario.ts";
import { faultOf, scorePath } from "./truth.ts";

const FAULT = { fromMinute: 15, untilMinute: 65 };

/** A system of three workers that breaks for a reason. */
function scenario(
  isBroken: (of: { readonly task: ScenarioTask; readonly instance: string }) => boolean,
): Scenario {
  return {
    about: "a test",
    minutes: 80,
    workflows: { "shop/order": { perMinute: 60, steps: { charge: { system: "payments" } } } },
    systems: {
      payments: {
        instances: 3,
        react: ({ minute, task, instance }) =>
          minute >= FAULT.fromMinute && minute < FAULT.untilMinute && isBroken({ task, instance })
            ? { ms: 10, failure: { code: "broken", message: "broken" } }
            : { ms: 100 },
      },
    },
    wanted: {
      slo: { success: 0.95, withinMs: 1_000 },
      diagnosis: { failureType: ["novel"], steps: ["charge"] },
    },
  };
}

function taskWith(of: Partial<ScenarioTask>): ScenarioTask {
  const usual = { workflow: "shop/order", version: "1.0.0", number: 7, minute: 30 };
  return { ...usual, input: {}, tags: [], priority: 3, ...of };
}

/** The score of a diagnosis with this evidence, which began at a minute. */
function score(of: Scenario, task: ScenarioTask, evidence: [id: string, text: string][], at = 15) {
  const others = [taskWith({ number: 8, tags: ["bolt"] }), taskWith({ number: 9 })];
  const began = { task: "t", step: "charge", at: new Date(at * 60_000).toISOString(), because: "" };
  const found = { step: "charge", began, evidence: evidence.map(([id, text]) => ({ id, text })) };
  return scorePath(found, { scenario: of, fault: FAULT, task, others, beginMs: 0 });
}

Deno.test("the time of a fault is when calls, load, capacity or clock are not as at the beginning", () => {
  const broken = scenario(() => true);
  const usual = scenario(() => false);
  const during = (minute: number) => minute >= 15 && minute < 65 ? 30 : 60;
  const { payments } = usual.systems;
  assert.ok(payments !== undefined);
  const order = { perMinute: during, steps: { charge: { system: "payments" } } };

  assert.equal(faultOf(usual), undefined);
  const faults = [
    broken,
    { ...usual, workflows: { "shop/order": order } },
    { ...usual, systems: { payments: { ...payments, capacity: { workers: during } } } },
    { ...usual, systems: { payments: { ...payments, rateLimit: { perS: during } } } },
    { ...usual, clockJumps: [{ minute: 15, ms: 9_000 }, { minute: 65, ms: -9_000 }] },
  ].map(faultOf);
  for (const fault of faults) {
    assert.ok(Math.abs((fault?.fromMinute ?? 0) - FAULT.fromMinute) < 0.2, JSON.stringify(fault));
    assert.ok(Math.abs((fault?.untilMinute ?? 0) - FAULT.untilMinute) < 0.2);
  }
});

Deno.test("a worker is the cause where the same call goes well at another, and only it", () => {
  const of = scenario(({ instance }) => instance === "payments-2");
  const names = (instance: string) => ["contrast_instance", `instance "${instance}"`] as const;

  assert.equal(score(of, taskWith({}), [[...names("payments-2")]]).score, 1);
  assert.deepEqual(score(of, taskWith({}), [[...names("payments-1")]]), {
    score: 0,
    missed: ["instance"],
    wrong: ["instance"],
  });
  assert.deepEqual(score(of, taskWith({}), []).missed, ["instance"]);
});

Deno.test("a tag, a version or a task is the cause where another one goes well", () => {
  const tag = scenario(({ task }) => task.tags.includes("acme"));
  const version = scenario(({ task }) => task.version === "2.0.0");
  const one = scenario(({ task }) => task.number === 7);

  assert.deepEqual(score(tag, taskWith({ tags: ["acme", "web"] }), []).missed, ["tag"]);
  assert.deepEqual(score(version, taskWith({ version: "2.0.0" }), []).missed, ["version"]);
  assert.deepEqual(score(one, taskWith({}), []).missed, ["task"]);
  assert.equal(score(one, taskWith({}), [["one_task", "only this task"]]).score, 1);
});

Deno.test("what is named beside the causes costs precision, and a wrong moment everything", () => {
  const of = scenario(() => true);
  const wrong: [string, string] = ["contrast_tag", 'tag "acme"'];

  assert.equal(score(of, taskWith({}), []).score, 1);
  assert.equal(score(of, taskWith({}), [wrong]).score, 2 / 3);
  assert.deepEqual(score(of, taskWith({}), [], 3).missed, ["moment"]);
  assert.equal(score(of, taskWith({}), [], 3).score, 0);
});
