import assert from "node:assert/strict";
import { definitionOf, type DriverStep } from "../../tests/support/task_driver.ts";
import { failureOf } from "../core/attempt.ts";
import type { Outcome } from "../core/command.ts";
import type { TaskId } from "../core/ids.ts";
import type { JsonText } from "../core/payload.ts";
import { planOf } from "../core/plan.ts";
import type { Attempt } from "../core/ports.ts";
import { type AnswerAttempt, openSimulation, type StepPlayer } from "./simulation.ts";
import { VirtualRuntime } from "./virtual_runtime.ts";

const DONE: Outcome = { kind: "completed", result: "1" as JsonText };
const BROKEN: Outcome = { kind: "failed", failure: failureOf("failed", "no"), retryable: true };

/** Opens a simulation of one workflow of the given steps. */
async function open(
  steps: readonly DriverStep[],
  play: (attempt: Attempt, answer: AnswerAttempt, runtime: VirtualRuntime) => void,
  more: { readonly endedMax?: number; readonly stopped?: string[] } = {},
) {
  const runtime = new VirtualRuntime(1, { isClosed: true });
  const plan = planOf("hash", definitionOf(steps));
  const player: StepPlayer = {
    start: (attempt, answer) => play(attempt, answer, runtime),
    stop: (_, step) => more.stopped?.push(plan.steps[step]?.name ?? ""),
  };
  const simulation = await openSimulation({
    runtime,
    plans: { cached: () => plan, byHash: () => Promise.resolve(plan) },
    player,
    isLive: true,
    ...(more.endedMax !== undefined && { kept: { endedMax: more.endedMax } }),
  });
  const start = async (): Promise<TaskId> => {
    const { router } = simulation.engine;
    const answer = router.send({
      kind: "StartTask",
      taskId: router.mintTaskId(),
      commandId: runtime.uuid(),
      namespace: "test",
      workflow: plan.workflow,
      version: "1.0.0",
      definitionHash: plan.hash,
      input: "{}" as JsonText,
      tags: [],
    });
    await runtime.settle();
    return (await answer).taskId;
  };
  const kinds = (taskId: TaskId) =>
    simulation.journal.turns(taskId).flatMap(({ events }) =>
      events.map(({ kind, atMs }) => `${kind} at ${atMs - BEGIN_MS}`)
    );
  const BEGIN_MS = runtime.now();
  return { ...simulation, start, kinds };
}

Deno.test("steps of every kind that does work end when the player answers, as it answers", async () => {
  const steps = [
    { name: "here" },
    { name: "there", kind: "remote", owner: "other", event: "a.b", after: ["here"] },
  ] as const;
  await using world = await open(steps, ({ attempt, step }, answer, runtime) => {
    const ms = step === 0 ? 100 : 50;
    runtime.after(ms, () => answer(step === 0 && attempt === 1 ? BROKEN : DONE));
  });

  const task = await world.start();
  await world.runtime.advance(10_000);

  const kinds = world.kinds(task).map((kind) => kind.split(" ")[0]);
  assert.deepEqual(kinds, [
    "TaskStarted",
    "StepStarted",
    "StepAttemptFailed",
    "StepStarted",
    "StepCompleted",
    "StepStarted",
    "StepCompleted",
    "TaskEnded",
  ]);
  assert.equal(world.kinds(task)[2], "StepAttemptFailed at 100");
});

Deno.test("an attempt without an answer times out, and the player has to stop", async () => {
  const stopped: string[] = [];
  const steps = [{ name: "one", policy: { timeoutMs: 2_000, retry: { attemptsMax: 1 } } }];
  await using world = await open(steps, () => {}, { stopped });

  const task = await world.start();
  await world.runtime.advance(3_000);

  assert.deepEqual(world.kinds(task), [
    "TaskStarted at 0",
    "StepStarted at 0",
    "StepParked at 2000",
  ]);
  assert.deepEqual(stopped, ["one"]);
});

Deno.test("an overlay is in force within a sweep", async () => {
  const steps = [{ name: "one", policy: { timeoutMs: 60_000, retry: { attemptsMax: 1 } } }];
  await using world = await open(steps, () => {});
  const overlay = { by: "test", reason: "shorter", atMs: 0, steps: { one: { timeoutMs: 5_000 } } };

  await world.policies.put("test", "played", overlay);
  await world.runtime.advance(10_000);
  const task = await world.start();
  await world.runtime.advance(5_000);

  assert.deepEqual(world.kinds(task).at(-1), "StepParked at 15000");
});

Deno.test("tasks that ended are dropped beyond a number, the earliest first", async () => {
  const play = (_: Attempt, answer: AnswerAttempt) => answer(DONE);
  await using world = await open([{ name: "one" }], play, { endedMax: 2 });

  const tasks = [await world.start(), await world.start(), await world.start()];
  await world.runtime.settle();

  assert.deepEqual(tasks.map((task) => world.kinds(task).length > 0), [false, true, true]);
});

Deno.test("a run is the same under the same seed", async () => {
  const journal = async () => {
    await using world = await open(
      [{ name: "one" }, { name: "two", after: ["one"] }],
      (_, answer, runtime) =>
        runtime.after(
          Math.floor(runtime.random() * 500),
          () => answer(runtime.random() < 0.5 ? BROKEN : DONE),
        ),
    );
    const tasks: TaskId[] = [];
    for (let count = 0; count < 20; count++) tasks.push(await world.start());
    await world.runtime.advance(600_000);
    return tasks.map((task) => [task, world.journal.turns(task)]);
  };

  assert.deepEqual(await journal(), await journal());
});
