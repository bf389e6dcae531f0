import assert from "node:assert/strict";
import { TaskDriver } from "../../tests/support/task_driver.ts";
import { failureOf } from "../core/attempt.ts";
import { TaskerError } from "../core/errors.ts";
import { type TaskId } from "../core/ids.ts";
import { fillPolicy } from "../core/policy.ts";
import type { StatisticsStore, TaskRange, WholeTask } from "../core/ports.ts";
import { Counts } from "../core/statistics.ts";
import { openDiagnoser } from "./diagnoser.ts";

const by = { by: "ada", reason: "" };

function played(): TaskDriver {
  return new TaskDriver([{ name: "pay", policy: { retry: { attemptsMax: 1 } } }]).start();
}

/** A task whose only step is parked, with a message of its own. */
function parkedBy(message: string): TaskDriver {
  const failure = failureOf("thrown", message);
  return played().result("pay", { kind: "failed", failure, retryable: true });
}

/** A diagnoser of tasks that were played. */
function diagnoserOf(
  drivers: readonly TaskDriver[],
  wait: Promise<void> = Promise.resolve(),
  isIn: (range: TaskRange, driver: TaskDriver) => boolean = () => true,
  read: StatisticsStore["read"] = () => Promise.resolve([]),
) {
  const ranges: TaskRange[] = [];
  const byId = new Map<TaskId, TaskDriver>(drivers.map((one) => [one.state.taskId, one]));
  const plan = drivers[0]!.actor.plan;
  const turnsOf = ({ turns }: TaskDriver) =>
    turns.map(({ turn, commandIds, events }) => ({ turn, commandIds, events }));
  const diagnoser = openDiagnoser({
    runtime: { now: () => drivers.at(-1)!.nowMs },
    history: {
      async turns(taskId) {
        await wait;
        return { turns: turnsOf(byId.get(taskId)!), isLast: true };
      },
    },
    tasks: {
      async *tasks(range) {
        ranges.push(range);
        await wait;
        for (const driver of drivers) {
          if (!isIn(range, driver)) continue;
          const summary = { taskId: driver.state.taskId, definitionHash: plan.hash };
          yield { summary, turns: turnsOf(driver) } as unknown as WholeTask;
        }
      },
    },
    statistics: { read },
    plans: { byHash: () => Promise.resolve(plan) },
    policyOf: () => fillPolicy(false),
    workflowsOf: () => [],
  });
  const ask = (driver: TaskDriver, step?: string) =>
    diagnoser.diagnose({
      taskId: driver.state.taskId,
      namespace: "shop",
      definitionHash: plan.hash,
      namespaces: undefined,
      ...(step !== undefined && { step }),
    });
  return { ask, ranges };
}

Deno.test("a parked step is diagnosed with its choices and what became of each before", async () => {
  const retried = Array.from(
    { length: 6 },
    () =>
      played().throw("pay").send({ kind: "ChooseStep", step: "pay", choice: "retry", ...by })
        .complete("pay"),
  );
  const subject = played().throw("pay");
  const { ask } = diagnoserOf([...retried, subject]);

  const found = await ask(subject);

  assert.equal(found.step, "pay");
  assert.equal(found.began.step, "pay");
  const [best, ...others] = found.suggested_workarounds;
  assert.deepEqual([best?.type, best?.resolved, best?.tried], ["retry", 6, 6]);
  assert.equal(best?.confidence, 0.61);
  assert.match(best?.implementation ?? "", /: deno task tasker choose \S+ pay retry$/);
  assert.match(others[0]?.implementation ?? "", / pay resolve --result JSON$/);
  assert.deepEqual(others.map(({ type, confidence }) => [type, confidence]), [
    ["resolve", 0],
    ["skip", 0],
    ["cancel", 0],
  ]);
  assert.match(found.historical_context, /^6 similar failures in .*100 % resolved with "retry"/);
});

Deno.test("decisions count in all tasks in which there were some, not in those of a sample", async () => {
  const retried = Array.from(
    { length: 9 },
    (_, at) =>
      parkedBy(`no answer about request ${at}4711`)
        .send({ kind: "RetryStep", step: "pay", ...by }).complete("pay"),
  );
  const subject = parkedBy("no answer about request 5");
  const inSample = [retried[0], subject];
  const read = async (count: number) => {
    const decided = Array.from({ length: count }, (_, at) => retried[at % retried.length]!);
    const { ask, ranges } = diagnoserOf(
      [...decided, subject],
      undefined,
      ({ label }, driver) => label === undefined ? inSample.includes(driver) : driver !== subject,
    );
    const [best] = (await ask(subject)).suggested_workarounds;
    return { best, labels: ranges.flatMap(({ label }) => label ?? []) };
  };

  const { best, labels } = await read(9);
  assert.deepEqual(labels, ["decided:pay"]);
  assert.deepEqual([best?.type, best?.resolved, best?.tried], ["retry", 9, 9]);
  assert.match(best?.history ?? "", /9 of 9 in the past 7 days/);
  assert.match((await read(500)).best?.history ?? "", /500 of 500 in the newest decisions of/);
});

Deno.test("how many tasks start is read from what was counted, not from the tasks of a sample", async () => {
  const subject = played().throw("pay");
  const evidenceWith = async (more: number) => {
    const { ask } = diagnoserOf([subject], undefined, undefined, ({ sinceMs, untilMs }) => {
      const cell = (at: number) => {
        const [fromMs, counts] = [sinceMs + at * 60_000, new Counts()];
        counts.starts = untilMs - fromMs < 5 * 60_000 ? more * 10 : 10;
        const of = { workflow: "x", version: "1.0.0", policyVersion: 0, counts };
        return { ...of, fromMs, untilMs: fromMs + 60_000 };
      };
      return Promise.resolve(
        Array.from({ length: (untilMs - sinceMs) / 60_000 }, (_, at) => cell(at)),
      );
    });
    return (await ask(subject)).evidence.flatMap(({ id, text }) => id === "demand" ? text : []);
  };

  assert.match(
    (await evidenceWith(4)).join(),
    /starts \d\d\.\d tasks a minute .* and 10\.0 before/,
  );
  assert.deepEqual(await evidenceWith(1), []);
});

Deno.test("choices of which none has resolved anything are not said to have helped", async () => {
  const cancelled = Array.from(
    { length: 6 },
    () => played().throw("pay").send({ kind: "CancelTask", ...by }),
  );
  const subject = played().throw("pay");

  const found = await diagnoserOf([...cancelled, subject]).ask(subject);

  assert.match(
    found.historical_context,
    /^6 similar .*, none of them resolved by what people chose$/,
  );
});

Deno.test("without other tasks a diagnosis says that there is not enough history", async () => {
  const subject = played().throw("pay");

  const found = await diagnoserOf([subject]).ask(subject);

  assert.match(found.historical_context, /not enough history/);
  assert.ok(found.suggested_workarounds.every(({ history }) => /not enough history/.test(history)));
});

Deno.test("a task of which nothing has failed is refused", async () => {
  const subject = played();
  const codeOf = (error: unknown) => (error as TaskerError).code;
  const { ask } = diagnoserOf([subject]);

  assert.equal(await ask(subject).catch(codeOf), "task.not_failed");
  assert.equal(await ask(subject, "none").catch(codeOf), "step.not_found");
});

Deno.test("a third diagnosis at a time is refused, and one after them is not", async () => {
  const subject = played().throw("pay");
  const gate = Promise.withResolvers<void>();
  const { ask } = diagnoserOf([subject], gate.promise);

  const first = [ask(subject), ask(subject)];
  const third = await ask(subject).catch((error) => error);
  gate.resolve();
  await Promise.all(first);

  assert.equal(third.code, "api.busy");
  await ask(subject);
});

Deno.test("a step that waited too long to be started is diagnosed, though no attempt of it began", async () => {
  const driver = parkedBy("");
  const failure = failureOf(
    "timed_out",
    "The step waited too long to be started",
    "queue_timed_out",
  );
  const turns = driver.turns.map((turn) => ({
    ...turn,
    events: turn.events.filter(({ kind }) => kind !== "StepStarted")
      .map((event) => event.kind === "StepParked" ? { ...event, failure } : event),
  }));
  const waited = Object.create(driver, { turns: { value: turns } }) as TaskDriver;

  const { failure_type: type, message } = await diagnoserOf([waited]).ask(waited);

  assert.equal(type, "overload");
  assert.match(message ?? "", /waited too long to be started/);
});
