import { deepEqual, equal, throws } from "node:assert/strict";
import { EngineHarness } from "../../tests/support/engine_harness.ts";
import type { DriverStep } from "../../tests/support/task_driver.ts";
import { type Fork, planFork } from "./fork.ts";
import type { TaskId } from "./ids.ts";
import type { JsonText } from "./payload.ts";
import type { Plan } from "./plan.ts";
import type { TaskState } from "./state.ts";
import type { JsonSchema } from "./workflow.ts";

/** A diamond, and a step that runs after a failure: `reserve` and `charge` read `order`. */
const STEPS: readonly DriverStep[] = [
  { name: "order" },
  { name: "reserve", after: ["order"] },
  { name: "charge", after: ["order"], policy: { retry: { attemptsMax: 1 } } },
  { name: "ship", after: ["reserve", "charge"] },
  { name: "refund", after: ["charge"], when: "failed" },
];

/** Runs a task until `charge` has parked; its code runs anything but that. */
async function parked() {
  const runs: string[] = [];
  const isFixed = { value: false };
  const step = (name: string) => () => {
    runs.push(name);
    if (name === "charge" && !isFixed.value) throw new Error("declined");
    return { by: name };
  };
  const code = Object.fromEntries(STEPS.map(({ name }) => [name, step(name)]));
  const harness = await EngineHarness.open(STEPS, code);
  const { taskId } = await harness.start({ input: { total: 7 } });
  await harness.runtime.settle();
  return { harness, taskId, runs, isFixed };
}

function forkOf(harness: EngineHarness, taskId: TaskId, step: string): Fork {
  const state = harness.state(taskId);
  return { plan: harness.plan, state, step, by: "ada", reason: "the card is fixed" };
}

Deno.test("planFork() keeps what ended with a result and depends on nothing that runs", async () => {
  const { harness, taskId } = await parked();

  const { start, runs } = planFork(forkOf(harness, taskId, "charge"), harness.plan);

  deepEqual(start.kept.map(({ step, state }) => [harness.plan.steps[step]?.name, state]), [
    ["order", "completed"],
    ["reserve", "completed"],
  ]);
  deepEqual(runs, [
    { name: "charge", before: "parked", attempts: 1 },
    { name: "ship", before: "pending", attempts: 0 },
    { name: "refund", before: "pending", attempts: 0 },
  ]);
});

Deno.test("planFork() runs all that depends on the chosen step, and nothing beside it", async () => {
  const { harness, taskId } = await parked();

  const fork = (step: string) => planFork(forkOf(harness, taskId, step), harness.plan);

  deepEqual(fork("order").start.kept, []);
  deepEqual(fork("reserve").start.kept.map(({ step }) => harness.plan.steps[step]?.name), [
    "order",
  ]);
});

Deno.test("a fork runs no step whose result it took, and ends by itself", async () => {
  const { harness, taskId, runs, isFixed } = await parked();
  runs.length = 0;
  isFixed.value = true;

  const forked = await harness.start({
    input: { total: 7 },
    fork: planFork(forkOf(harness, taskId, "charge"), harness.plan).start,
  });
  await harness.runtime.settle();

  deepEqual(runs, ["charge", "ship"]);
  const state = harness.state(forked.taskId);
  equal(state.end, "completed");
  deepEqual(state.forkedFrom, {
    ...{ id: taskId, step: "charge", by: "ada", reason: "the card is fixed" },
  });
  deepEqual(state.steps.map(({ state, attempt }) => [state, attempt]), [
    ["completed", 0],
    ["completed", 0],
    ["completed", 1],
    ["completed", 1],
    ["unreached", 0],
  ]);
});

Deno.test("a fork that was read from its journal is as it was in memory", async () => {
  const { harness, taskId } = await parked();
  const forked = await harness.start({
    input: {},
    fork: planFork(forkOf(harness, taskId, "charge"), harness.plan).start,
  });
  await harness.runtime.settle();

  await harness.restart();

  const state = harness.state(forked.taskId);
  deepEqual(state.steps.map((step) => step.state), [
    ...["completed", "completed", "parked", "pending", "pending"],
  ]);
});

Deno.test("planFork() refuses a step that is under way in the other task, and one that is unknown", async () => {
  const harness = await EngineHarness.open([{ name: "a" }, { name: "b", after: ["a"] }], {
    a: () => new Promise(() => {}),
  });
  const { taskId } = await harness.start({});
  await harness.runtime.settle();

  const fork = (step: string) => () => planFork(forkOf(harness, taskId, step), harness.plan);

  throws(fork("b"), { code: "task.fork_refused" });
  throws(fork("c"), { code: "step.not_found" });
});

Deno.test("planFork() refuses results that do not fit into the first turn", async () => {
  const { harness, taskId } = await parked();
  const fork = forkOf(harness, taskId, "charge");
  const [first, ...rest] = fork.state.steps;
  const large = { ...first, result: JSON.stringify("x".repeat(1024 * 1024)) as JsonText };

  throws(
    () =>
      planFork(
        { ...fork, state: { ...fork.state, steps: [large as never, ...rest] } },
        harness.plan,
      ),
    { code: "payload.too_large" },
  );
});

Deno.test("planFork() refuses a version that would show what the task's own hides", async () => {
  const hidden = { type: "object", properties: { card: { type: "string", writeOnly: true } } };
  const shown = { type: "object", properties: { card: { type: "string" } } };
  const { harness, taskId } = await parked();
  const under = (input: JsonSchema, order: JsonSchema): Plan => ({
    ...harness.plan,
    definition: { ...harness.plan.definition, input },
    steps: harness.plan.steps.map((one) =>
      one.name === "order"
        ? { ...one, definition: { ...one.definition, contract: { success: order } } }
        : one
    ),
  });
  const state = harness.state(taskId);
  const order = state.steps[harness.plan.indexOf.get("order") ?? -1];
  const holding: TaskState = {
    ...state,
    input: '{"card":"4111"}' as JsonText,
    steps: state.steps.map((one) =>
      one === order ? { ...one, result: '{"card":"4111"}' as JsonText } as typeof one : one
    ),
  };
  const fork = (from: Plan) => ({
    ...forkOf(harness, taskId, "charge"),
    plan: from,
    state: holding,
  });

  const refused = { code: "task.fork_refused", message: /writeOnly/ };
  throws(() => planFork(fork(under(hidden, {})), under(shown, {})), refused);
  throws(() => planFork(fork(under({}, hidden)), under({}, shown)), refused);
  equal(planFork(fork(under(hidden, hidden)), under(hidden, hidden)).start.kept.length, 2);
  equal(planFork(fork(under(shown, shown)), under(hidden, hidden)).start.kept.length, 2);
});
