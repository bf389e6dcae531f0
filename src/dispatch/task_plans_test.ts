import assert from "node:assert/strict";
import { mintTaskId, type TaskId } from "../core/ids.ts";
import { OTHER_TASK, planFor, TASK } from "./_dispatch_harness.ts";
import { PLANS_KEPT_MAX, rememberPlans } from "./task_plans.ts";

const plan = planFor();

function opened(known: (taskId: TaskId) => boolean = () => true) {
  const asked: TaskId[] = [];
  const planOf = rememberPlans((taskId) => {
    asked.push(taskId);
    return Promise.resolve(known(taskId) ? plan : undefined);
  });
  return { planOf, asked };
}

function taskIds(count: number): TaskId[] {
  return Array.from(
    { length: count },
    (_, at) => mintTaskId(2_000_000 + at, 1, "00000000-0000-4000-8000-000000000001"),
  );
}

Deno.test("a task's plan is looked up once", async () => {
  const { planOf, asked } = opened();

  const plans = [await planOf(TASK), await planOf(TASK)];

  assert.deepEqual(plans, [plan, plan]);
  assert.deepEqual(asked, [TASK]);
});

Deno.test("a task that is not there yet is looked up again", async () => {
  let isThere = false;
  const { planOf, asked } = opened(() => isThere);

  const before = await planOf(TASK);
  isThere = true;
  const after = await planOf(TASK);

  assert.deepEqual([before, after], [undefined, plan]);
  assert.equal(asked.length, 2);
});

Deno.test("a look-up that fails is not remembered", async () => {
  let isAway = true;
  const planOf = rememberPlans(() =>
    isAway ? Promise.reject(new Error("away")) : Promise.resolve(plan)
  );
  await assert.rejects(planOf(TASK));

  isAway = false;

  assert.equal(await planOf(TASK), plan);
});

Deno.test("so many plans are remembered, and the longest unused is forgotten", async () => {
  const { planOf, asked } = opened();
  await planOf(TASK);
  await planOf(OTHER_TASK);
  for (const taskId of taskIds(PLANS_KEPT_MAX - 2)) await planOf(taskId);
  await planOf(TASK);
  const [, ...more] = taskIds(PLANS_KEPT_MAX);
  await planOf(more.at(-1) as TaskId);
  asked.length = 0;

  await planOf(TASK);
  await planOf(OTHER_TASK);

  assert.deepEqual(asked, [OTHER_TASK]);
});
