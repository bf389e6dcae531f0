import assert from "node:assert/strict";
import { z } from "zod";
import { type JsonText, PAYLOAD_SIZE_MAX } from "../core/payload.ts";
import type { RunContext } from "../core/workflow.ts";
import { openLog } from "../telemetry/log.ts";
import {
  attemptFor,
  DispatchHarness,
  failureIn,
  INPUT,
  localOutcomeOf,
  openLocalRunner,
  planFor,
  TASK,
  WORK,
} from "../../tests/support/dispatch_harness.ts";
import { LocalRunner } from "./local.ts";

Deno.test("an attempt ends in one result that names it", async () => {
  const { runtime, recorded, start } = openLocalRunner();

  start({ run: () => ({ ok: true }) }, { attempt: 3 });
  await runtime.settle();

  assert.deepEqual(recorded, [{
    kind: "RecordStepResult",
    taskId: TASK,
    step: 0,
    attempt: 3,
    outcome: { kind: "completed", result: '{"ok":true}' },
  }]);
});

Deno.test("code is noted before it runs: a request that came just before is not to blame", () => {
  const { runner: { deps } } = openLocalRunner();
  const calls: string[] = [];
  const runner = new LocalRunner({ ...deps, noteCode: () => void calls.push("noted") });
  const code = { run: () => void calls.push("run"), sleepMs: () => calls.push("sleep") };
  const attempt = attemptFor(planFor(WORK, {}, code), { input: INPUT });

  runner.start(attempt, code);
  runner.startSleep(attempt, code);

  assert.deepEqual(calls, ["noted", "run", "noted", "sleep"]);
});

Deno.test("code that returns nothing results in null", async () => {
  assert.deepEqual(await localOutcomeOf({ run: () => {} }), { kind: "completed", result: "null" });
});

Deno.test("code is given its input, its key and its deadline", async () => {
  const seen: Partial<RunContext>[] = [];
  const run = ({ input, key, taskId, attempt, deadline }: RunContext) =>
    void seen.push({ input, key, taskId, attempt, deadline });

  await localOutcomeOf({ run }, { attempt: 2, dueAtMs: 5_000, deadlineAtMs: 9_000 });
  await localOutcomeOf({ run });
  await localOutcomeOf({ run }, { dueAtMs: 5_000, deadlineAtMs: 3_000 });

  const common = { input: { id: 1 }, key: `${TASK}/work`, taskId: TASK };
  assert.deepEqual(seen, [
    { ...common, attempt: 2, deadline: 5_000 },
    { ...common, attempt: 1, deadline: Infinity },
    { ...common, attempt: 1, deadline: 3_000 },
  ]);
});

Deno.test("an input that breaks its contract fails for good, and the code does not run", async () => {
  let hasRun = false;
  const run = () => void (hasRun = true);

  const outcome = failureIn(await localOutcomeOf({ input: z.object({ id: z.string() }), run }));

  assert.equal(outcome.class, "contract_violation");
  assert.equal(outcome.retryable, false);
  assert.equal(hasRun, false);
});

Deno.test("the result is what the success contract makes of it", async () => {
  const success = z.object({ count: z.number().default(1) });

  const outcome = await localOutcomeOf({ success, run: () => ({ more: true }) });

  assert.deepEqual(outcome, { kind: "completed", result: '{"count":1}' });
});

Deno.test("a result that breaks its contract fails for good", async () => {
  const outcome = failureIn(await localOutcomeOf({ success: z.string(), run: () => 1 }));

  assert.equal(outcome.class, "contract_violation");
  assert.equal(outcome.retryable, false);
});

for (
  const [what, value] of [
    ["that is too large", "x".repeat(PAYLOAD_SIZE_MAX)],
    ["that JSON cannot carry", 1n],
    ["with the character U+0000", "a\u0000"],
  ] as const
) {
  Deno.test(`a result ${what} fails for good`, async () => {
    const outcome = failureIn(await localOutcomeOf({ run: () => value }));

    assert.equal(outcome.class, "contract_violation");
    assert.equal(outcome.retryable, false);
  });
}

Deno.test("stop() aborts the signal of a running attempt", async () => {
  const { runtime, runner, recorded, start } = openLocalRunner();
  const run = ({ signal }: RunContext) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  start({ run });
  await runtime.settle();

  runner.stop(TASK, 0);
  await runtime.settle();

  assert.equal(runner.size, 0);
  assert.equal(recorded.length, 1);
});

Deno.test("stop() of what does not run changes nothing", () => {
  const { runner } = openLocalRunner();

  runner.stop(TASK, 0);

  assert.equal(runner.size, 0);
});

Deno.test("an attempt runs until its code returns", async () => {
  const { runtime, runner, start } = openLocalRunner();
  const held = Promise.withResolvers<void>();

  start({ run: () => held.promise });

  assert.equal(runner.isRunning(TASK, 0, 1), true);
  assert.equal(runner.isRunning(TASK, 1, 1), false);
  held.resolve();
  await runtime.settle();
  assert.equal(runner.isRunning(TASK, 0, 1), false);
  assert.equal(runner.size, 0);
});

Deno.test("code of an earlier attempt that still runs is not the attempt that was lost", () => {
  const { runner, start } = openLocalRunner();

  start({ run: () => new Promise(() => {}) });

  assert.equal(runner.isRunning(TASK, 0, 2), false);
});

Deno.test("code that ignores its abort does not end the attempt after it", async () => {
  const { runtime, runner, start } = openLocalRunner();
  const [old, young] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  start({ run: () => old.promise });
  runner.stop(TASK, 0);
  let isAborted = false;
  start({
    run: ({ signal }) => {
      signal.addEventListener("abort", () => isAborted = true);
      return young.promise;
    },
  }, { attempt: 2 });

  old.resolve();
  await runtime.settle();

  assert.equal(runner.isRunning(TASK, 0, 2), true);
  runner.stop(TASK, 0);
  assert.equal(isAborted, true);
  young.resolve();
  await runtime.settle();
});

Deno.test("heartbeat() is a sign of life of its attempt", async () => {
  const { runtime, recorded, start } = openLocalRunner();
  const run = ({ heartbeat }: RunContext) => {
    heartbeat();
    heartbeat({ fraction: 0.5, note: "half" });
  };

  start({ run }, { attempt: 2 });
  await runtime.settle();

  const sign = { kind: "RecordProgress", taskId: TASK, step: 0, attempt: 2 };
  assert.deepEqual(recorded.slice(0, -1), [sign, { ...sign, fraction: 0.5, note: "half" }]);
});

Deno.test("a heartbeat carried a note of any length into memory", async () => {
  const { runtime, recorded, start } = openLocalRunner();

  start({ run: ({ heartbeat }) => heartbeat({ note: "x".repeat(1_000_000) }) });
  await runtime.settle();

  const [sign] = recorded;
  assert.ok(sign?.kind === "RecordProgress");
  assert.equal(sign.note?.length, 500);
});

Deno.test("a log line names its task and step", async () => {
  const { harness, runtime, start } = openLocalRunner();

  start({ run: ({ log }) => log("counted", { count: 3 }) });
  await runtime.settle();

  assert.deepEqual(harness.lines, [
    { level: "info", text: "counted", fields: { taskId: TASK, step: "work", count: 3 } },
  ]);
});

Deno.test("a log line whose fields throw does not fail its attempt", async () => {
  const { harness, runtime, start, recorded } = openLocalRunner();
  const fields = {
    count: 3,
    get bad() {
      throw new Error("no");
    },
  };

  start({ run: ({ log }) => (log("counted", fields), 7) });
  await runtime.settle();

  const bad = "(cannot be shown)";
  assert.deepEqual(harness.lines, [
    { level: "info", text: "counted", fields: { taskId: TASK, step: "work", count: 3, bad } },
  ]);
  assert.deepEqual(recorded.map(({ kind }) => kind), ["RecordStepResult"]);
  const [result] = recorded;
  assert.ok(result?.kind === "RecordStepResult" && result.outcome.kind === "completed");
});

Deno.test("a log line of a step holds no payload and no secret", () => {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  const log = openLog({ level: "info", terminal: false, write, now: () => 0 });
  const runner = new LocalRunner({ runtime: new DispatchHarness().runtime, log, record: () => {} });
  const run = ({ log, input }: RunContext) => log("paid", { input, password: "hunter2" });

  runner.start(attemptFor(planFor(WORK), { input: '{"card":"4111"}' as JsonText }), { run });

  assert.equal(lines.length, 1);
  assert.doesNotMatch(lines.join(), /4111|hunter2/);
});

for (
  const [what, sleepMs, command] of [
    ["a number", () => 250, { kind: "RecordSleep", taskId: TASK, step: 0, ms: 250 }],
    ["0", () => 0, { kind: "RecordSleep", taskId: TASK, step: 0, ms: 0 }],
    ["a duration", () => "2m", { kind: "RecordSleep", taskId: TASK, step: 0, ms: 120_000 }],
    ["a time", () => "1970-01-01T00:01:00Z", {
      kind: "RecordSleep",
      taskId: TASK,
      step: 0,
      ms: 59_000,
    }],
    ["a time that is over", () => "1969-12-31T23:59:00+00:00", {
      kind: "RecordSleep",
      taskId: TASK,
      step: 0,
      ms: 0,
    }],
  ] as const
) {
  Deno.test(`a sleep that computes ${what} has that length`, () => {
    const { runner, recorded } = openLocalRunner();

    const attempt = attemptFor(planFor(WORK), { input: INPUT, startedAtMs: 1_000 });
    runner.startSleep(attempt, { sleepMs: sleepMs as () => number });

    assert.deepEqual(recorded, [command]);
  });
}

for (
  const [what, sleepMs, name] of [
    ["NaN", () => NaN, "contract_violation"],
    ["no end", () => Infinity, "contract_violation"],
    ["a million years", () => 1e6 * 365 * 86_400_000, "contract_violation"],
    ["a text", () => "soon" as unknown as number, "contract_violation"],
    ["a day of no month", () => "2026-02-30T00:00:00Z" as unknown as number, "contract_violation"],
    ["nothing", () => null as unknown as number, "contract_violation"],
    ["a throw", () => z.number().parse("x"), "undeliverable"],
  ] as const
) {
  Deno.test(`a sleep that computes ${what} fails for good`, () => {
    const { runner, recorded } = openLocalRunner();

    runner.startSleep(attemptFor(planFor(WORK), { input: INPUT }), { sleepMs });

    const [command] = recorded;
    assert.ok(command?.kind === "RecordStepResult");
    const outcome = failureIn(command.outcome);
    assert.equal(outcome.class, name);
    assert.equal(outcome.retryable, false);
  });
}

Deno.test("what ends as interrupted is made again, unless a newer attempt runs", async () => {
  const { runner, recorded, runtime } = openLocalRunner();
  const { promise, resolve } = Promise.withResolvers<"interrupted">();
  const attempt = attemptFor(planFor(WORK), { input: INPUT });

  runner.begin(attempt, () => promise);
  runner.begin({ ...attempt, attempt: 2 }, () => Promise.resolve("interrupted"));
  resolve("interrupted");
  await runtime.settle();

  assert.deepEqual(recorded, [{ kind: "RecordInterruption", taskId: TASK, steps: [0] }]);
});
