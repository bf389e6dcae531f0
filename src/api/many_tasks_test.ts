import { deepEqual, equal } from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { planOf } from "../core/plan.ts";
import { LABELLED_MAX } from "../core/search.ts";
import type { Definition, StepDefinition } from "../core/workflow.ts";
import { fakeApi } from "../../tests/support/fake_api.ts";

const BULK = "POST /v1/tasks/bulk";

/** An API with tasks, of which the first is parked at a step. */
async function withParked(tasks: number) {
  const fake = fakeApi();
  const ids: string[] = [];
  for (let n = 0; n < tasks; n++) ids.push(await fake.started());
  const parked = ids[0] as never;
  const atMs = fake.engine.runtime.now();
  fake.engine.commit(parked, {
    kind: "StepStarted",
    atMs,
    step: 0,
    attempt: 1,
    waitedMs: 0,
    policyVersion: 0,
  });
  fake.engine.commit(parked, {
    ...{ kind: "StepParked", atMs, step: 0, attempt: 1, ranMs: 1, policyVersion: 0 },
    ...{ reason: "used up", choices: ["retry", "resolve"] },
  });
  return { fake, ids };
}

Deno.test("a bulk retry is about the parked steps of the filter's tasks, and of no others", async () => {
  const { fake, ids } = await withParked(3);

  const answer = await fake.json(BULK, { body: { action: "retry", reason: "fixed" } });

  deepEqual(answer, { tasks: 1, commands: 1, changed: 1, unchanged: 0, refused: [] });
  const [command] = fake.engine.commands as unknown as Record<string, unknown>[];
  deepEqual([command?.kind, command?.taskId, command?.step], ["RetryStep", ids[0], "validate"]);
});

Deno.test("a dry run counts and changes nothing; a page says where the next begins", async () => {
  const { fake } = await withParked(3);

  const first = await fake.json(BULK, { body: { action: "cancel", dryRun: true, limit: 2 } });
  const { nextCursor: cursor } = first;
  const second = await fake.json(BULK, {
    body: { action: "cancel", dryRun: true, limit: 2, cursor },
  });

  deepEqual([first.tasks, second.tasks, second.nextCursor], [2, 1, undefined]);
  deepEqual(fake.engine.commands, []);
});

Deno.test("a dry run has what would be refused, by what the steps are now", async () => {
  const { fake, ids } = await withParked(2);
  const dry = async (body: object) => {
    const { refused } = await fake.json<{ refused: { id: string; problem: { code: string } }[] }>(
      BULK,
      { body: { dryRun: true, ...body } },
    );
    return refused.map(({ id, problem }) => [id, problem.code]);
  };

  deepEqual(
    await dry({ action: "skip" }),
    [[ids[0], "contract.violation"]],
    "a later step needs it",
  );
  deepEqual(await dry({ action: "skip", result: 1 }), []);
  deepEqual(await dry({ action: "choose", choice: "skip" }), [[ids[0], "step.choice_invalid"]]);
  deepEqual(await dry({ action: "choose", choice: "retry" }), []);
  deepEqual(await dry({ action: "retry" }), []);
  deepEqual(fake.engine.commands, []);
});

Deno.test("a bulk action is about every parked step, also of a task with more than labels name", async () => {
  const fake = fakeApi();
  const [plan] = fake.engine.plans;
  const [step] = plan?.definition.steps ?? [];
  const many = planOf("hash0", {
    ...plan?.definition as Definition,
    steps: Array.from(
      { length: LABELLED_MAX + 6 },
      (_, at) => ({ ...step as StepDefinition, name: `s${at}` }),
    ),
  });
  fake.engine.plans.splice(0, 1, many);
  const task = await fake.started();
  const of = { atMs: 1, attempt: 1, ranMs: 1, policyVersion: 0 };
  fake.engine.commit(
    task,
    ...many.steps.map(({ index }) => ({
      ...{ kind: "StepParked", ...of, step: index, reason: "used up", choices: ["retry"] } as const,
    })),
  );

  const answers = [];
  for (const isFeedOn of [true, false]) {
    fake.engine.isFeedOn = isFeedOn; // In memory, then from its journal.
    answers.push(await fake.json(BULK, { body: { action: "retry", dryRun: true } }));
  }
  const { queries } = fake.engine;
  const choosing = { action: "choose", choice: "retry", dryRun: true };
  const { refused } = await fake.json(BULK, { body: choosing });
  const reads = fake.engine.queries - queries;
  const answer = await fake.json(BULK, { body: { action: "retry" } });

  deepEqual(refused, []);
  equal(reads, 2, "once for its steps, and once for what is decided about all of them");
  deepEqual(answers.map(({ commands }) => commands), [LABELLED_MAX + 6, LABELLED_MAX + 6]);
  equal(answer.changed, LABELLED_MAX + 6);
  const steps = fake.engine.commands.map((command) => "step" in command && command.step);
  deepEqual(steps, many.steps.map(({ name }) => name));
});

Deno.test("GET /v1/tasks/counts counts the tasks of a filter by state", async () => {
  const { fake } = await withParked(3);

  const answer = await fake.json("GET /v1/tasks/counts?state=blocked,running");

  deepEqual(answer.states, {
    running: { count: 2, isExact: true },
    blocked: { count: 1, isExact: true },
  });
});

Deno.test("one task that refuses does not stop the others", async () => {
  const { fake } = await withParked(3);
  fake.engine.refusal = new TaskerError("mailbox.full", "Cannot take it: full");

  const answer = await fake.json(BULK, { body: { action: "cancel" } });

  const refused = answer.refused as { problem: { code: string } }[];
  deepEqual([answer.tasks, answer.changed], [3, 2]);
  deepEqual(refused.map(({ problem }) => problem.code), ["mailbox.full"]);
});

Deno.test("a repeat under the same Idempotency-Key sends the same commands", async () => {
  const { fake } = await withParked(1);
  const headers = { "idempotency-key": "once" };

  await fake.json(BULK, { body: { action: "cancel" }, headers });
  const again = await fake.json(BULK, { body: { action: "cancel" }, headers });

  deepEqual([again.changed, again.unchanged], [0, 1]);
});

Deno.test("an action that lacks what it needs is refused before anything changes", async () => {
  const { fake } = await withParked(1);

  for (const action of ["resolve", "choose"]) {
    equal((await fake.ask(BULK, { body: { action } })).status, 400);
  }
  deepEqual(fake.engine.commands, []);
});

Deno.test("a key changes no tasks in bulk of namespaces that it does not cover", async () => {
  const { fake } = await withParked(1);
  const key = await fake.key(["operate"], ["other"]);

  const answer = await fake.json(BULK, { body: { action: "cancel" }, key });

  deepEqual([answer.tasks, fake.engine.commands.length], [0, 0]);
});
