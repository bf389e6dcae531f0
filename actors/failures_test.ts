import assert from "node:assert/strict";
import { EngineHarness } from "../tests/support/engine_harness.ts";
import { TaskerError } from "../src/core/errors.ts";
import type { JsonText } from "../src/core/payload.ts";
import type { TaskId } from "../src/core/ids.ts";
import { MAILBOX_MAX, TURN_COMMANDS_MAX } from "./mailbox.ts";

const by = { by: "ada", reason: "test" };
const never = () => new Promise(() => {});
const remote = { name: "r", kind: "remote" as const, owner: "other", event: "x" };

/** Posts a command as another node would, and lets this one find it. */
async function post(
  harness: EngineHarness,
  taskId: TaskId,
  commandId: string,
): Promise<string | undefined> {
  const command = { kind: "PauseTask", taskId, commandId, ...by } as const;
  await harness.journal.post([{ commandId, slot: 0, command, wantsAnswer: true }]);
  await harness.engine.ownership.poll();
  await harness.runtime.settle();
  return (await harness.journal.takeAnswers([commandId])).get(commandId);
}

Deno.test("a task that crashes three times when it is brought up is quarantined, once", async () => {
  const harness = await EngineHarness.open([remote]);
  const { taskId } = await harness.start();
  harness.faults.send = () => {
    throw new Error("boom");
  };

  await harness.restart();
  await harness.runtime.advance(60_000);

  assert.deepEqual([...harness.engine.supervisor.quarantined.keys()], [taskId]);
  assert.equal(harness.engine.supervisor.size, 0);
  assert.equal(harness.logged.filter((text) => text === "task quarantined").length, 1);
});

Deno.test("a journal that a newer version wrote keeps no other task from being read", async () => {
  const harness = await EngineHarness.open([{ name: "nap", kind: "sleep", sleepMs: 1_000 }]);
  const { taskId } = await harness.start();
  const other = await harness.start();
  harness.faults.unreadable = (one) =>
    one === taskId ? new TaskerError("journal.format_unknown", "newer") : undefined;

  await harness.restart();
  await harness.runtime.advance(5_000);

  assert.equal(harness.state(other.taskId).end, "completed");
  assert.deepEqual([...harness.engine.supervisor.quarantined.keys()], [taskId]);
});

Deno.test("a command for a task that is quarantined is refused out of the inbox", async () => {
  const harness = await EngineHarness.open([remote]);
  const { taskId } = await harness.start();
  harness.faults.send = () => {
    throw new Error("boom");
  };
  await harness.restart();
  await harness.runtime.advance(60_000);

  const answer = await post(harness, taskId, "c");

  assert.match(answer ?? "", /task\.quarantined/);
  assert.deepEqual((await harness.journal.poll()).inbox, []);
});

Deno.test("a command refused out of the inbox is heard when it is sent again", async () => {
  const harness = await EngineHarness.open([{ name: "a" }]);
  const taskId = harness.engine.router.mintTaskId();
  await post(harness, taskId, "c");

  const again = await post(harness, taskId, "c");

  assert.match(again ?? "", /task\.not_found/);
});

Deno.test("a start that comes through the inbox waits for its plan to be read", async () => {
  const harness = await EngineHarness.open([{ name: "a" }]);
  const taskId = harness.engine.router.mintTaskId();
  harness.isPlanRead = false;
  const command = {
    kind: "StartTask",
    taskId,
    commandId: "c",
    namespace: "test",
    workflow: harness.plan.workflow,
    version: "1.0.0",
    definitionHash: harness.plan.hash,
    input: "{}" as JsonText,
    tags: [],
  } as const;
  await harness.journal.post([{ commandId: "c", slot: 0, command, wantsAnswer: true }]);

  await harness.engine.ownership.poll();
  await harness.runtime.settle();

  assert.match((await harness.journal.takeAnswers(["c"])).get("c") ?? "", /"changed":true/);
});

Deno.test("a place that comes free is not lost on an actor that decides one command a turn", async () => {
  const open: (() => void)[] = [];
  const harness = await EngineHarness.open([{ name: "a", policy: { concurrencyMax: 1 } }, {
    name: "ok",
    kind: "signal",
  }], { a: () => new Promise<void>((resolve) => open.push(resolve)) });
  await harness.start();
  const { taskId } = await harness.start();
  const commit = Promise.withResolvers<undefined>();
  harness.faults.append = (row) => {
    if (row.commandIds.includes("slow")) return commit.promise;
    return row.commandIds.includes("guilty")
      ? { kind: "poison", error: new TaskerError("journal.poison", "refused") }
      : undefined;
  };
  const signal = { kind: "SendSignal", taskId, name: "ok", payload: "1" as JsonText } as const;
  await assert.rejects(harness.send({ ...signal, commandId: "guilty" }), {
    code: "journal.poison",
  });
  await harness.runtime.advance(500);
  const slow = harness.engine.router.send({ ...signal, commandId: "slow" });
  await harness.runtime.settle();

  open[0]?.();
  await harness.runtime.settle();
  commit.resolve(undefined);
  await slow;
  await harness.runtime.settle();

  assert.equal(harness.steps(taskId)["a"], "running");
});

Deno.test("commands do not pile up without bound while a row is in flight", async () => {
  const harness = await EngineHarness.open([{ name: "a" }], { a: never });
  const { taskId } = await harness.start();
  harness.faults.append = () => never() as Promise<undefined>;
  const codes: string[] = [];

  for (let count = 0; count < 3 * MAILBOX_MAX; count++) {
    const kind = count % 2 === 0 ? "PauseTask" : "ResumeTask";
    harness.engine.router.send({ kind, taskId, commandId: `c${count}`, ...by })
      .catch((error: TaskerError) => codes.push(error.code));
    if (count % 500 === 0) await harness.runtime.settle();
  }
  await harness.runtime.settle();

  assert.ok(codes.every((code) => code === "mailbox.full"));
  assert.ok(codes.length >= 3 * MAILBOX_MAX - MAILBOX_MAX - 3 * TURN_COMMANDS_MAX);
});

Deno.test("commands do not pile up without bound while their task is read", async () => {
  const harness = await EngineHarness.open([{ name: "nap", kind: "sleep", sleepMs: 3_600_000 }]);
  const { taskId } = await harness.start();
  await harness.engine.supervisor.giveAway(() => true);
  harness.faults.load = () => never() as Promise<void>;
  const codes: string[] = [];

  for (let count = 0; count <= MAILBOX_MAX; count++) {
    harness.engine.router.send({ kind: "PauseTask", taskId, commandId: `c${count}`, ...by })
      .catch((error: TaskerError) => codes.push(error.code));
  }
  await harness.runtime.settle();

  assert.deepEqual(codes, ["mailbox.full"]);
});

for (const call of ["tick", "open"] as const) {
  Deno.test(`a readiness core that is lost in ${call}() fences the node, and nobody waits`, async () => {
    const harness = await EngineHarness.open([{ name: "a" }], { a: never });
    await harness.start();
    const lost = new TaskerError("ffi.broken", "Cannot go on: the core panicked");
    harness.faults.readiness = (one) => {
      if (one === call) throw lost;
    };

    const refused = harness.start();

    await assert.rejects(refused, { code: "journal.fenced" });
    assert.deepEqual(harness.failures, [lost]);
    assert.equal(harness.engine.supervisor.size, 0);
    await assert.rejects(harness.start(), { code: "node.draining" });
  });
}

Deno.test("a task that readiness refuses crashes alone, and the node goes on", async () => {
  const harness = await EngineHarness.open([{ name: "a" }]);
  harness.faults.readiness = (call) => {
    if (call === "open") throw new TaskerError("graph.invalid", "no such template");
  };
  const refused = harness.start();
  await Promise.all([assert.rejects(refused), harness.runtime.advance(60_000)]);
  delete harness.faults.readiness;

  const { taskId } = await harness.start();
  await harness.runtime.settle();

  assert.equal(harness.state(taskId).end, "completed");
  assert.deepEqual(harness.failures, []);
});

/** Postgres takes too long for every turn of a task but its first, as often as that. */
function slowFor(harness: EngineHarness, taskId: TaskId, times: number): void {
  const error = new TaskerError("journal.too_slow", "Cannot append a turn: it took too long");
  let left = times;
  harness.faults.append = (row) =>
    row.taskId === taskId && left-- > 0 ? { kind: "too_slow", error } : undefined;
}

Deno.test("a task that takes Postgres too long is quarantined with why, and ends by itself", async () => {
  let runs = 0;
  let end = () => {};
  const harness = await EngineHarness.open([{ name: "a", atMostOnce: true }], {
    a: () => {
      runs++;
      return new Promise<void>((resolve) => end = resolve);
    },
  });
  const { taskId } = await harness.start();
  slowFor(harness, taskId, 2);

  end();
  await harness.runtime.advance(500);

  const { quarantined } = harness.engine.supervisor;
  assert.deepEqual([...quarantined], [[taskId, "Cannot append a turn: it took too long"]]);
  await assert.rejects(harness.send({ kind: "PauseTask", taskId, commandId: "c", ...by }), {
    code: "task.quarantined",
  });
  await harness.runtime.advance(10_000);
  assert.equal(quarantined.size, 0);
  assert.equal(harness.state(taskId).end, "completed");
  assert.equal(runs, 1, "its result has waited with it");
  assert.equal(harness.state(taskId).steps[0]?.interruptions, 0);
});

Deno.test("the rows of a task that took Postgres too long go alone", async () => {
  let end = () => {};
  const harness = await EngineHarness.open([{ name: "a" }], {
    a: () => new Promise<void>((resolve) => end = resolve),
  });
  const { taskId } = await harness.start();
  slowFor(harness, taskId, 1);
  const alone: unknown[] = [];
  const fault = harness.faults.append;
  harness.faults.append = (row) => {
    alone.push(row.isAlone);
    return fault?.(row);
  };

  end();
  await harness.runtime.advance(5_000);

  assert.deepEqual(alone, [undefined, true]);
});

Deno.test("a task whose journal takes too long to read is read again later, alone", async () => {
  const harness = await EngineHarness.open([{ name: "nap", kind: "sleep", sleepMs: 1_000 }]);
  const { taskId } = await harness.start();
  const other = await harness.start();
  let left = 2;
  harness.faults.unreadable = (one) =>
    one === taskId && left-- > 0 ? new TaskerError("journal.too_slow", "too large") : undefined;

  await harness.restart();
  await harness.runtime.advance(2_000);

  assert.equal(harness.state(other.taskId).end, "completed");
  assert.deepEqual([...harness.engine.supervisor.quarantined], [[taskId, "too large"]]);
  await harness.runtime.advance(10_000);
  assert.equal(harness.state(taskId).end, "completed");
});
