import assert from "node:assert/strict";
import { EngineHarness } from "../tests/support/engine_harness.ts";
import { TaskerError } from "../src/core/errors.ts";
import type { JsonText } from "../src/core/payload.ts";
import { MAILBOX_MAX } from "./mailbox.ts";
import { PASSIVATE_AFTER_MS } from "./supervisor.ts";

const by = { by: "ada", reason: "test" };
const never = () => new Promise(() => {});

Deno.test("a task runs to its end, and leaves memory", async () => {
  const harness = await EngineHarness.open([{ name: "a" }, { name: "b", after: ["a"] }]);

  const { taskId } = await harness.start();
  await harness.runtime.settle();

  assert.equal(harness.state(taskId).end, "completed");
  assert.equal(harness.engine.supervisor.size, 0);
});

Deno.test("a start is answered after its commit, and its steps run after it, too", async () => {
  const order: string[] = [];
  const harness = await EngineHarness.open([{ name: "a" }], { a: () => void order.push("ran") });
  harness.faults.append = () => void order.push("appended");

  await harness.start();
  await harness.runtime.settle();

  assert.deepEqual(order.slice(0, 2), ["appended", "ran"]);
});

Deno.test("the same key and body gets the same task; another body is a conflict", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const first = await harness.start({ key: "k", input: { n: 1 } });

  const again = await harness.start({ key: "k", input: { n: 1 } });
  const other = harness.start({ key: "k", input: { n: 2 } });

  assert.equal(again.taskId, first.taskId);
  assert.equal(again.changed, false);
  await assert.rejects(other, { code: "journal.conflict" });
});

Deno.test("a killed node's local attempt is interrupted and made again", async () => {
  const attempts: number[] = [];
  const harness = await EngineHarness.open([{ name: "a" }], {
    a: ({ attempt }) => {
      attempts.push(attempt);
      return attempt === 1 ? never() : null;
    },
  });
  const { taskId } = await harness.start();

  await harness.restart();
  await harness.runtime.advance(100);

  assert.deepEqual(attempts, [1, 2]);
  assert.equal(harness.state(taskId).end, "completed");
  assert.equal(harness.state(taskId).steps[0]?.interruptions, 1);
});

Deno.test("an unanswered envelope goes out again after a takeover, under its old attempt", async () => {
  const harness = await EngineHarness.open([{
    name: "a",
    kind: "remote",
    owner: "other",
    event: "x",
  }]);
  await harness.start();

  await harness.restart();

  assert.deepEqual(harness.sent.map(({ attempt }) => attempt), [1, 1]);
});

Deno.test("a retry that came due while no node lived starts after the restart", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], {
    a: ({ attempt }) => {
      if (attempt === 1) throw new Error("boom");
    },
  });
  const { taskId } = await harness.start();
  await harness.runtime.settle();
  assert.equal(harness.steps(taskId)["a"], "waiting_for_retry");

  await harness.restart();
  await harness.runtime.advance(60_000);

  assert.equal(harness.state(taskId).end, "completed");
});

Deno.test("a row that Postgres refuses costs its sender the command, and no one else", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const { taskId } = await harness.start();
  harness.faults.append = (row) =>
    row.commandIds.includes("guilty")
      ? { kind: "poison", error: new TaskerError("journal.poison", "refused") }
      : undefined;

  const guilty = harness.engine.router.send({
    kind: "PauseTask",
    taskId,
    commandId: "guilty",
    ...by,
  });
  const innocent = harness.engine.router.send({
    kind: "CancelTask",
    taskId,
    commandId: "innocent",
    ...by,
  });
  guilty.catch(() => {});
  await harness.runtime.advance(60_000);

  await assert.rejects(guilty, { code: "journal.poison" });
  assert.equal((await innocent).changed, true);
  assert.equal(harness.state(taskId).end, "cancelled");
});

Deno.test("a journal that breaks its actor three times while loading quarantines the task", async () => {
  const harness = await EngineHarness.open([{ name: "nap", kind: "sleep", sleepMs: 10_000_000 }]);
  const { taskId } = await harness.start();
  const other = await harness.start();
  const turns = harness.journal.turns(taskId) as unknown as { events: unknown[] }[];
  turns[0]?.events.push({
    kind: "StepCompleted",
    atMs: 0,
    step: 99,
    attempt: 1,
    ranMs: 0,
    result: "1",
  });

  await harness.restart();
  await harness.runtime.advance(60_000);

  assert.deepEqual([...harness.engine.supervisor.quarantined.keys()], [taskId]);
  await assert.rejects(harness.send({ kind: "PauseTask", taskId, commandId: "c", ...by }), {
    code: "task.quarantined",
  });
  await harness.send({ kind: "PauseTask", taskId: other.taskId, commandId: "c", ...by });
});

Deno.test("a database that is away while loading is asked again; no task is blamed", async () => {
  const harness = await EngineHarness.open([{ name: "nap", kind: "sleep", sleepMs: 1_000 }]);
  const { taskId } = await harness.start();
  let failures = 5;
  harness.faults.load = () => {
    if (failures-- > 0) throw new TaskerError("journal.unavailable", "away");
  };

  await harness.restart();
  await harness.runtime.advance(60_000);

  assert.equal(harness.state(taskId).end, "completed");
  assert.equal(harness.engine.supervisor.quarantined.size, 0);
});

Deno.test("a result that waited while its task could not be read was lost, and its code ran again", async () => {
  const finish = Promise.withResolvers<number>();
  let runs = 0;
  const harness = await EngineHarness.open([{ name: "a", atMostOnce: true }], {
    a: () => {
      runs++;
      return finish.promise;
    },
  });
  const { taskId } = await harness.start();
  let failures = 3;
  harness.faults.append = ({ events }) =>
    events.some(({ kind }) => kind === "TaskPaused")
      ? { kind: "poison", error: new TaskerError("journal.poison", "refused") }
      : undefined;
  harness.faults.load = () => {
    if (failures-- > 0) throw new TaskerError("journal.unavailable", "away");
  };

  // A refused row makes the task be read again, and its step ends meanwhile.
  const paused = harness.send({ kind: "PauseTask", taskId, commandId: "c", ...by });
  await assert.rejects(paused, { code: "journal.poison" });
  finish.resolve(1);
  await harness.runtime.advance(60_000);

  assert.equal(failures, -1);
  assert.deepEqual([runs, harness.state(taskId).end], [1, "completed"]);
});

Deno.test("a full mailbox refuses outside commands, and still takes the step's result", async () => {
  const finish = Promise.withResolvers<null>();
  const harness = await EngineHarness.open([{ name: "a" }], { a: () => finish.promise });
  const { taskId } = await harness.start();

  const sends = Array.from({ length: MAILBOX_MAX + 1 }, (_, number) => {
    const sent = harness.engine.router.send({
      kind: "PauseTask",
      taskId,
      commandId: `c${number}`,
      ...by,
    });
    return sent.then(() => "taken", (error: TaskerError) => error.code);
  });
  finish.resolve(null);
  await harness.runtime.settle();
  const outcomes = await Promise.all(sends);

  assert.equal(outcomes.filter((one) => one === "mailbox.full").length, 1);
  assert.equal(harness.state(taskId).steps[0]?.state, "completed");
});

Deno.test("an idle task leaves memory, is woken by its timer, and ends", async () => {
  const harness = await EngineHarness.open([{
    name: "nap",
    kind: "sleep",
    sleepMs: 10 * PASSIVATE_AFTER_MS,
  }]);
  const { taskId } = await harness.start();

  await harness.runtime.advance(3 * PASSIVATE_AFTER_MS);
  assert.equal(harness.engine.supervisor.size, 0);
  await harness.runtime.advance(10 * PASSIVATE_AFTER_MS);

  assert.equal(harness.state(taskId).end, "completed");
});

Deno.test("an idle task is brought back by a command", async () => {
  const harness = await EngineHarness.open([{ name: "ok", kind: "signal" }]);
  const { taskId } = await harness.start();
  await harness.runtime.advance(3 * PASSIVATE_AFTER_MS);
  assert.equal(harness.engine.supervisor.size, 0);

  await harness.send({
    kind: "SendSignal",
    taskId,
    commandId: "c",
    name: "ok",
    payload: "1" as JsonText,
  });
  await harness.runtime.settle();

  assert.equal(harness.state(taskId).end, "completed");
});

Deno.test("cancel reaches running code by its signal, and other systems by the bus", async () => {
  let isAborted = false;
  const harness = await EngineHarness.open(
    [{ name: "a" }, { name: "r", kind: "remote", owner: "other", event: "x" }],
    {
      a: ({ signal }) => {
        signal.addEventListener("abort", () => isAborted = true);
        return never();
      },
    },
  );
  const { taskId } = await harness.start();

  await harness.send({ kind: "CancelTask", taskId, commandId: "c", ...by });

  assert.equal(isAborted, true);
  assert.deepEqual(harness.stopped, ["r"]);
});

Deno.test("an unknown task is refused", async () => {
  const harness = await EngineHarness.open([{ name: "a" }]);
  const taskId = harness.engine.router.mintTaskId();

  await assert.rejects(harness.send({ kind: "PauseTask", taskId, commandId: "c", ...by }), {
    code: "task.not_found",
  });
});

Deno.test("a fenced node answers nobody, and says so once", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const { taskId } = await harness.start();
  harness.faults.append = () => ({ kind: "fenced" });

  const answer = harness.send({ kind: "PauseTask", taskId, commandId: "c", ...by });
  answer.catch(() => {});
  await harness.runtime.settle();

  assert.equal(harness.fences, 1);
});

Deno.test("a command through the inbox is decided once, and its answer is left", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const { taskId } = await harness.start();
  const command = { kind: "PauseTask", taskId, commandId: "c", ...by } as const;
  await harness.journal.post([{ commandId: "remote", slot: 0, command, wantsAnswer: true }]);

  await harness.engine.ownership.poll();
  await harness.runtime.settle();

  const { inbox } = await harness.journal.poll();
  assert.deepEqual(inbox, []);
  assert.match(
    (await harness.journal.takeAnswers(["remote"])).get("remote") ?? "",
    /"changed":true/,
  );
});

Deno.test("no more of a step run at once than its policy says", async () => {
  let running = 0;
  let most = 0;
  const open: (() => void)[] = [];
  const harness = await EngineHarness.open([{ name: "a", policy: { concurrencyMax: 2 } }], {
    a: async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => open.push(resolve));
      running--;
    },
  });
  const answers = await Promise.all(Array.from({ length: 6 }, () => harness.start()));

  while (open.length > 0) {
    open.splice(0).forEach((resolve) => resolve());
    await harness.runtime.settle();
  }

  assert.equal(most, 2);
  assert.ok(answers.every(({ taskId }) => harness.state(taskId).end === "completed"));
});

Deno.test("a drain starts nothing new, lets running code end, and records it", async () => {
  const finish = Promise.withResolvers<null>();
  const harness = await EngineHarness.open([{ name: "a" }, { name: "b", after: ["a"] }], {
    a: () => finish.promise,
  });
  const { taskId } = await harness.start();

  const drained = harness.engine.drain(10_000);
  await assert.rejects(harness.start(), { code: "node.draining" });
  finish.resolve(null);
  await harness.runtime.advance(1_000);
  await drained;

  assert.deepEqual(harness.steps(taskId), { a: "completed", b: "pending" });
});
