import assert from "node:assert/strict";
import { canaryOn, isInSlice } from "./canary.ts";
import { mintTaskId, type TaskId } from "./ids.ts";
import { EffectivePolicies } from "./policy.ts";
import { planOf } from "./plan.ts";
import type { Canary, PolicyOverlay } from "./ports.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";

const put = { by: "ada", reason: "slow", atMs: 1 };
const before: PolicyOverlay = { ...put, version: 4, steps: { a: { timeoutMs: 1_000 } } };

/** Tasks as nodes make them: ids of one moment, in any slot. */
const TASKS: readonly TaskId[] = Array.from(
  { length: 4_000 },
  (_, at) => mintTaskId(1_767_225_600_000 + at, at % 4096, crypto.randomUUID()),
);

function canaryOf(percent: number, salt = "s"): Canary {
  return canaryOn(before, { canary: { percent, salt }, steps: {} }, "test/played") as Canary;
}

Deno.test("a canary's share of the tasks is as large as it says, and of another salt another", () => {
  for (const percent of [1, 10, 50, 99]) {
    const share = TASKS.filter((taskId) => isInSlice(canaryOf(percent), taskId)).length;
    const expected = TASKS.length * percent / 100;
    const sigma = Math.sqrt(expected * (1 - percent / 100));
    assert.ok(Math.abs(share - expected) < 5 * sigma, `${percent} %: ${share}`);
  }
  const [one, other] = [canaryOf(50, "s"), canaryOf(50, "t")];
  const alike = TASKS.filter((id) => isInSlice(one, id) === isInSlice(other, id)).length;

  assert.ok(Math.abs(alike - 2_000) < 5 * Math.sqrt(1_000), String(alike));
});

Deno.test("a greater share of one salt holds the smaller one", () => {
  const left = TASKS.filter((id) => isInSlice(canaryOf(10), id) && !isInSlice(canaryOf(25), id));

  assert.deepEqual(left, []);
});

Deno.test("each task is under the canary or the version before, and events name which", () => {
  const plan = planOf("hash", definitionOf([{ name: "a" }]));
  const policies = new EffectivePolicies();
  const overlay = {
    ...before,
    version: 5,
    steps: { a: { timeoutMs: 2_000 } },
    canary: canaryOf(30),
  };
  policies.renew(new Map([[plan.workflow, overlay]]));

  const under = TASKS.map((taskId) => {
    const { policyVersion, policyOf } = policies.contextOf({ plan, taskId }, 0);
    return `${isInSlice(overlay.canary, taskId)} ${policyVersion} ${policyOf(0).timeoutMs}`;
  });

  assert.deepEqual(new Set(under), new Set(["true 5 2000", "false 4 1000"]));
});

Deno.test("a canary on the first version leaves the others under the definition alone", () => {
  const plan = planOf("hash", definitionOf([{ name: "a", policy: { timeoutMs: 7 } }]));
  const canary = canaryOn(
    undefined,
    { canary: { percent: 30, salt: "s" }, steps: {} },
    "test/played",
  );
  const policies = new EffectivePolicies();
  const steps = { "*": { timeoutMs: 9 } };
  policies.renew(
    new Map([[plan.workflow, { ...put, version: 1, steps, canary: canary as Canary }]]),
  );

  const under = TASKS.map((taskId) => {
    const { policyVersion, policyOf } = policies.contextOf({ plan, taskId }, 0);
    return `${policyVersion} ${policyOf(0).timeoutMs}`;
  });

  assert.deepEqual(new Set(under), new Set(["1 9", "0 7"]));
});

Deno.test("a canary on a canary is refused, unless more tasks try the same, or the same tasks other values", () => {
  const newest = { ...before, version: 5, canary: canaryOf(10) };
  const on = (percent: number, salt: string, steps: PolicyOverlay["steps"]) => () =>
    canaryOn(newest, { canary: { percent, salt }, steps }, "test/played");

  const wider = on(25, "s", { a: { timeoutMs: 1_000 } })();

  const base = { version: 4, steps: before.steps };
  assert.deepEqual(wider, { percent: 25, salt: "s", base });
  const others = on(10, "s", { a: { timeoutMs: 2_000 } })();
  assert.deepEqual(others, { percent: 10, salt: "s", base });
  for (
    const other of [
      on(25, "t", before.steps),
      on(5, "s", before.steps),
      on(10, "s", before.steps),
      on(10, "t", { a: { timeoutMs: 2_000 } }),
      on(25, "s", { a: { timeoutMs: 2_000 } }),
    ]
  ) assert.throws(other, { code: "policy.conflict" });
  assert.equal(canaryOn(newest, { steps: {} }, "test/played"), undefined);
});
