import assert from "node:assert/strict";
import { z } from "zod";
import type { Command, Outcome } from "../core/command.ts";
import { TaskerError } from "../core/errors.ts";
import { type JsonText, PAYLOAD_SIZE_MAX } from "../core/payload.ts";
import type { Attempt } from "../core/ports.ts";
import type { RunContext, StepCode } from "../core/workflow.ts";
import { openLog } from "../telemetry/log.ts";
import { attemptFor, planFor, Stage, TASK } from "./_stage.ts";
import { LocalRunner } from "./local.ts";

const WORK = { name: "work", kind: "local", owner: "test" } as const;
const INPUT = JSON.stringify({ id: 1 }) as JsonText;

function opened() {
  const stage = new Stage();
  const recorded: Command[] = [];
  const record = (command: Command) => void recorded.push(command);
  const runner = new LocalRunner({ runtime: stage.runtime, log: stage.log, record });
  const start = (code: StepCode, more: Partial<Attempt> = {}) =>
    runner.start(attemptFor(planFor(WORK, {}, code), { input: INPUT, ...more }), code);
  return { stage, runtime: stage.runtime, runner, recorded, start };
}

/** Runs code to its end; it must record one result and nothing else. */
async function outcomeOf(code: StepCode, more: Partial<Attempt> = {}): Promise<Outcome> {
  const { runtime, recorded, start } = opened();
  start(code, more);
  await runtime.settle();
  const [command, ...others] = recorded;
  assert.deepEqual(others, []);
  assert.ok(command?.kind === "RecordStepResult");
  return command.outcome;
}

function failed(outcome: Outcome) {
  assert.ok(outcome.kind === "failed");
  const { kind: _, failure: { class: name, error }, ...how } = outcome;
  return { class: name, error: JSON.parse(error), ...how };
}

function throwing(error: unknown): StepCode {
  return {
    run() {
      throw error;
    },
  };
}

Deno.test("an attempt ends in one result that names it", async () => {
  const { runtime, recorded, start } = opened();

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

Deno.test("code that returns nothing results in null", async () => {
  assert.deepEqual(await outcomeOf({ run: () => {} }), { kind: "completed", result: "null" });
});

Deno.test("code is given its input, its key and its deadline", async () => {
  const seen: Partial<RunContext>[] = [];
  const run = ({ input, key, taskId, attempt, deadline }: RunContext) =>
    void seen.push({ input, key, taskId, attempt, deadline });

  await outcomeOf({ run }, { attempt: 2, dueAtMs: 5_000 });
  await outcomeOf({ run });

  const common = { input: { id: 1 }, key: `${TASK}/work`, taskId: TASK };
  assert.deepEqual(seen, [
    { ...common, attempt: 2, deadline: 5_000 },
    { ...common, attempt: 1, deadline: Infinity },
  ]);
});

Deno.test("an input that breaks its contract fails for good, and the code does not run", async () => {
  let hasRun = false;
  const run = () => void (hasRun = true);

  const outcome = failed(await outcomeOf({ input: z.object({ id: z.string() }), run }));

  assert.equal(outcome.class, "contract_violation");
  assert.equal(outcome.retryable, false);
  assert.equal(hasRun, false);
});

Deno.test("the result is what the success contract makes of it", async () => {
  const success = z.object({ count: z.number().default(1) });

  const outcome = await outcomeOf({ success, run: () => ({ more: true }) });

  assert.deepEqual(outcome, { kind: "completed", result: '{"count":1}' });
});

Deno.test("a result that breaks its contract fails for good", async () => {
  const outcome = failed(await outcomeOf({ success: z.string(), run: () => 1 }));

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
    const outcome = failed(await outcomeOf({ run: () => value }));

    assert.equal(outcome.class, "contract_violation");
    assert.equal(outcome.retryable, false);
  });
}

Deno.test("fail() is a failure for good, with the error as it is", async () => {
  const outcome = failed(await outcomeOf({ run: ({ fail }) => fail({ error_code: "sold_out" }) }));

  assert.deepEqual(outcome, {
    class: "failed",
    error: { error_code: "sold_out" },
    retryable: false,
  });
});

Deno.test("fail() may say that trying again helps, and when", async () => {
  const run = ({ fail }: RunContext) => fail("busy", { retryable: true, retryAfterMs: 700 });

  const outcome = failed(await outcomeOf({ run }));

  assert.deepEqual(outcome, {
    class: "failed",
    error: "busy",
    retryable: true,
    retryAfterMs: 700,
  });
});

Deno.test("a failure that breaks the error contract is a violation for good", async () => {
  const error = z.object({ error_code: z.enum(["sold_out"]) });
  const run = ({ fail }: RunContext) => fail({ error_code: "other" }, { retryable: true });

  const outcome = failed(await outcomeOf({ error, run }));

  assert.equal(outcome.class, "contract_violation");
  assert.equal(outcome.retryable, false);
});

Deno.test("a failure that is too large says so in its place", async () => {
  const run = ({ fail }: RunContext) => fail("x".repeat(PAYLOAD_SIZE_MAX));

  const outcome = failed(await outcomeOf({ run }));

  assert.equal(outcome.class, "failed");
  assert.equal(outcome.error.error_code, "failed");
});

Deno.test("a throw may be tried again", async () => {
  const outcome = failed(await outcomeOf(throwing(new Error("boom"))));

  assert.deepEqual(outcome, {
    class: "thrown",
    error: { error_code: "thrown", error_class: "Error", error_message: "boom" },
    retryable: true,
  });
});

Deno.test("a throw is logged with what is known of it", async () => {
  const { stage, runtime, start } = opened();

  start(throwing(new RangeError("boom", { cause: "fuse" })), { attempt: 2 });
  await runtime.settle();

  assert.deepEqual(stage.lines, [{
    level: "warn",
    text: "Step code threw",
    fields: {
      taskId: TASK,
      step: "work",
      attempt: 2,
      error_class: "RangeError",
      error_message: "boom",
      error_cause: { error_message: "fuse" },
    },
  }]);
});

Deno.test("a proxy that is thrown ends its attempt as any throw does", async () => {
  const hostile = new Proxy(new Error(), {
    getPrototypeOf: () => assert.fail("asked"),
    get: () => assert.fail("asked"),
  });

  const outcome = failed(await outcomeOf(throwing(hostile)));

  assert.equal(outcome.class, "thrown");
  assert.equal(outcome.retryable, true);
});

Deno.test("a failure that was made but not returned completed the step", async () => {
  const run = ({ fail }: RunContext) => {
    fail({ error_code: "sold_out" });
  };

  const outcome = failed(await outcomeOf({ run }));

  assert.equal(outcome.class, "contract_violation");
  assert.equal(outcome.retryable, false);
  assert.deepEqual(outcome.error, {
    error_code: "fail_not_returned",
    error_message: "The step called fail() but returned something else: write `return fail(…)`",
  });
});

Deno.test("a failure that was thrown, not returned, was tried again without its error", async () => {
  const run = ({ fail }: RunContext) => {
    throw fail({ error_code: "sold_out" });
  };

  const outcome = failed(await outcomeOf({ run }));

  assert.deepEqual(outcome, {
    class: "failed",
    error: { error_code: "sold_out" },
    retryable: false,
  });
});

Deno.test("a rejection is a throw", async () => {
  const outcome = failed(await outcomeOf({ run: () => Promise.reject(new Error("boom")) }));

  assert.equal(outcome.class, "thrown");
});

Deno.test("a throw that says when to come back is tried no earlier", async () => {
  const error = new TaskerError("mailbox.full", "full", { retryAfterMs: 900 });

  const outcome = failed(await outcomeOf(throwing(error)));

  assert.equal(outcome.retryAfterMs, 900);
});

Deno.test("a thrown message is cut, and holds no character that a journal cannot", async () => {
  const outcome = failed(await outcomeOf(throwing(new Error(`\u0000${"x".repeat(1_000_000)}`))));

  assert.equal(outcome.error.error_message, "x".repeat(2_000));
});

Deno.test("a throw without a text ended the whole process", async () => {
  const outcome = failed(await outcomeOf(throwing(Object.create(null))));

  assert.equal(outcome.class, "thrown");
});

Deno.test("an error whose message is no text ended the whole process", async () => {
  const outcome = failed(await outcomeOf(throwing(Object.assign(new Error(), { message: {} }))));

  assert.equal(outcome.class, "thrown");
});

Deno.test("an input contract that threw ended the whole process", async () => {
  const input = z.unknown().refine(() => {
    throw new Error("no table");
  });

  const outcome = failed(await outcomeOf({ input, run: () => 1 }));

  assert.equal(outcome.class, "contract_violation");
});

Deno.test("a violation in many places filled the journal", async () => {
  const success = z.array(z.string());

  const outcome = failed(await outcomeOf({ success, run: () => Array(10_000).fill(1) }));

  assert.equal(outcome.error.error_message.length, 2_000);
});

Deno.test("stop() aborts the signal of a running attempt", async () => {
  const { runtime, runner, recorded, start } = opened();
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
  const { runner } = opened();

  runner.stop(TASK, 0);

  assert.equal(runner.size, 0);
});

Deno.test("an attempt runs until its code returns", async () => {
  const { runtime, runner, start } = opened();
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
  const { runner, start } = opened();

  start({ run: () => new Promise(() => {}) });

  assert.equal(runner.isRunning(TASK, 0, 2), false);
});

Deno.test("code that ignores its abort does not end the attempt after it", async () => {
  const { runtime, runner, start } = opened();
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
  const { runtime, recorded, start } = opened();
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
  const { runtime, recorded, start } = opened();

  start({ run: ({ heartbeat }) => heartbeat({ note: "x".repeat(1_000_000) }) });
  await runtime.settle();

  const [sign] = recorded;
  assert.ok(sign?.kind === "RecordProgress");
  assert.equal(sign.note?.length, 500);
});

Deno.test("a log line names its task and step", async () => {
  const { stage, runtime, start } = opened();

  start({ run: ({ log }) => log("counted", { count: 3 }) });
  await runtime.settle();

  assert.deepEqual(stage.lines, [
    { level: "info", text: "counted", fields: { taskId: TASK, step: "work", count: 3 } },
  ]);
});

Deno.test("a log line of a step holds no payload and no secret", () => {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  const log = openLog({ level: "info", terminal: false, write, now: () => 0 });
  const runner = new LocalRunner({ runtime: new Stage().runtime, log, record: () => {} });
  const run = ({ log, input }: RunContext) => log("paid", { input, password: "hunter2" });

  runner.start(attemptFor(planFor(WORK), { input: '{"card":"4111"}' as JsonText }), { run });

  assert.equal(lines.length, 1);
  assert.doesNotMatch(lines.join(), /4111|hunter2/);
});

for (
  const [what, sleepMs, command] of [
    ["a number", () => 250, { kind: "RecordSleep", taskId: TASK, step: 0, ms: 250 }],
    ["0", () => 0, { kind: "RecordSleep", taskId: TASK, step: 0, ms: 0 }],
  ] as const
) {
  Deno.test(`a sleep that computes ${what} is so long`, () => {
    const { runner, recorded } = opened();

    runner.startSleep(attemptFor(planFor(WORK), { input: INPUT }), { sleepMs });

    assert.deepEqual(recorded, [command]);
  });
}

for (
  const [what, sleepMs, name] of [
    ["NaN", () => NaN, "contract_violation"],
    ["no end", () => Infinity, "contract_violation"],
    ["a million years", () => 1e6 * 365 * 86_400_000, "contract_violation"],
    ["a text", () => "1s" as unknown as number, "contract_violation"],
    ["a throw", () => z.number().parse("x"), "undeliverable"],
  ] as const
) {
  Deno.test(`a sleep that computes ${what} fails for good`, () => {
    const { runner, recorded } = opened();

    runner.startSleep(attemptFor(planFor(WORK), { input: INPUT }), { sleepMs });

    const [command] = recorded;
    assert.ok(command?.kind === "RecordStepResult");
    const outcome = failed(command.outcome);
    assert.equal(outcome.class, name);
    assert.equal(outcome.retryable, false);
  });
}
