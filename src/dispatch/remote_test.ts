import assert from "node:assert/strict";
import { z } from "zod";
import { away, DispatchHarness } from "../../tests/support/dispatch_harness.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import type { Command } from "../core/command.ts";
import type { Envelope } from "../core/envelope.ts";
import { TaskerError } from "../core/errors.ts";
import { mintTaskId } from "../core/ids.ts";
import { BUS, CATCH_UP_MS_MAX, JOURNAL, Outages, PROOF_MS } from "../core/outages.ts";
import type { JsonText } from "../core/payload.ts";
import { planOf } from "../core/plan.ts";
import type { StepDefinition, WorkflowCode } from "../core/workflow.ts";
import { SILENT_LOG } from "../telemetry/log.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { RemoteRunner, watchBus } from "./remote.ts";
import { ReplyTokens } from "./reply_token.ts";

const SECRET = new Uint8Array(32).toBase64();

/** A runner of one workflow with one remote step, whose code is there or not. */
function openRunner(
  code: WorkflowCode | undefined,
  publish: () => Promise<void> = () => Promise.resolve(),
  step: Partial<StepDefinition> = {},
) {
  const runtime = new VirtualRuntime();
  const sent: Envelope[] = [];
  const channels: string[] = [];
  const recorded: Command[] = [];
  const outages = new Outages();
  const runner = new RemoteRunner({
    runtime,
    log: SILENT_LOG,
    metrics: new Metrics(),
    outages,
    bus: {
      publish: (channel, envelopes) => {
        channels.push(channel);
        sent.push(...envelopes);
        return publish();
      },
    },
    tokens: new ReplyTokens({ runtime, keys: [{ kid: "k", secret: SECRET }] }),
    prefix: "tasker.workflows",
    deployment: "test",
    codeOf: () => code,
    record: (command) => recorded.push(command),
  });
  const definition = definitionOf([{ name: "ask", kind: "remote", owner: "asked", ...step }]);
  const plan = planOf("hash", definition, code);
  const attempt = {
    taskId: mintTaskId(runtime.now(), 0, runtime.uuid()),
    plan,
    step: 0,
    attempt: 1,
    startedAtMs: undefined,
    dueAtMs: undefined,
    traceparent: undefined,
    input: `{"n":1}` as JsonText,
    needs: {},
  };
  return { runtime, runner, attempt, sent, channels, recorded, outages };
}

Deno.test("an attempt goes out as an envelope with its input", async () => {
  const { runtime, runner, attempt, sent, channels, recorded } = openRunner({ steps: new Map() });

  runner.start(attempt);
  await runtime.settle();

  assert.deepEqual(channels, ["tasker.workflows.cmd.asked"]);
  assert.deepEqual(sent.map(({ id, data }) => ({ id, data })), [
    { id: `${attempt.taskId}/ask/1`, data: { n: 1 } },
  ]);
  assert.deepEqual(recorded, []);
});

Deno.test("an envelope expires at its time-out or its task's deadline, whichever is first", async () => {
  const { runtime, runner, attempt, sent } = openRunner({ steps: new Map() });
  const nowMs = runtime.now();
  const late = { ...attempt, attempt: 2, dueAtMs: nowMs + 9_000, deadlineAtMs: nowMs + 5_000 };

  runner.start({ ...attempt, dueAtMs: nowMs + 1_000, deadlineAtMs: nowMs + 5_000 });
  await runtime.settle();
  runner.start(late);
  await runtime.settle();

  const expected = [1_000, 5_000].map((ms) => new Date(nowMs + ms).toISOString());
  assert.deepEqual(sent.map(({ expirytime }) => expirytime), expected);
});

Deno.test("an envelope whose task's deadline passes while the bus is away is never sent", async () => {
  let isAway = true;
  const { runtime, runner, attempt, sent } = openRunner(
    { steps: new Map() },
    () => isAway ? Promise.reject(away()) : Promise.resolve(),
  );
  const nowMs = runtime.now();
  runner.start({
    ...attempt,
    startedAtMs: nowMs,
    dueAtMs: nowMs + 30_000,
    deadlineAtMs: nowMs + 3_000,
  });
  await runtime.advance(3_000);
  isAway = false;
  const before = sent.length;

  await runtime.advance(60_000);

  assert.equal(sent.length, before);
  assert.equal(runner.unconfirmed(attempt.taskId), 0);
});

Deno.test("a waiting step was failed for good by a node without its workflow's code", async () => {
  const { runtime, runner, attempt, sent, recorded } = openRunner(undefined);

  runner.start(attempt);
  await runtime.settle();

  assert.deepEqual(sent, []);
  assert.deepEqual(recorded, []);
});

Deno.test("a step whose input is mapped by data goes out without its workflow's code", async () => {
  const mapped = { with: { number: "$.input.n" } };
  const { runtime, runner, attempt, sent } = openRunner(undefined, undefined, mapped);

  runner.start(attempt);
  await runtime.settle();

  assert.deepEqual(sent.map(({ data }) => data), [{ number: 1 }]);
});

Deno.test("an attempt whose input breaks its contract fails for good, unsent", async () => {
  const input = z.object({ n: z.string() });
  const code = { steps: new Map([["ask", { input }]]) };
  const { runtime, runner, attempt, sent, recorded } = openRunner(code);

  runner.start(attempt);
  await runtime.settle();

  assert.deepEqual(sent, []);
  const [command] = recorded;
  assert.ok(command?.kind === "RecordStepResult" && command.outcome.kind === "failed");
  assert.equal(command.outcome.failure.class, "contract_violation");
  assert.equal(command.outcome.retryable, false);
});

for (
  const [what, value, code] of [
    ["too large", "x".repeat(70_000), "payload_too_large"],
    ["no JSON", 1n, "contract_violation"],
    ["with U+0000", "\u0000", "journal_poison"],
  ] as const
) {
  Deno.test(`an attempt whose input is ${what} fails for good, unsent`, async () => {
    const steps = new Map([["ask", { with: () => value }]]);
    const { runtime, runner, attempt, sent, recorded } = openRunner({ steps });

    runner.start(attempt);
    await runtime.settle();

    assert.deepEqual(sent, []);
    const [command] = recorded;
    assert.ok(command?.kind === "RecordStepResult" && command.outcome.kind === "failed");
    const { failure, retryable } = command.outcome;
    assert.equal(failure.class, "undeliverable");
    assert.equal(JSON.parse(failure.error).error_code, code);
    assert.equal(retryable, false);
  });
}

Deno.test("an attempt that is started again is sent again under its id", async () => {
  const { runtime, runner, attempt, sent } = openRunner({ steps: new Map() });

  runner.start(attempt);
  await runtime.settle();
  runner.start(attempt);
  await runtime.settle();

  assert.deepEqual(sent.map(({ id }) => id), Array(2).fill(`${attempt.taskId}/ask/1`));
});

Deno.test("stop() takes back a command that waits, and notifies the system all the same", async () => {
  const { runtime, runner, attempt, sent } = openRunner({ steps: new Map() });
  runner.start({ ...attempt, attempt: 2 });

  runner.stop(attempt.taskId, attempt.plan, 0);
  await runtime.settle();

  assert.deepEqual(sent.map(({ type, causationid }) => ({ type, causationid })), [
    { type: "tasker.step.cancelled", causationid: `${attempt.taskId}/ask/2` },
  ]);
});

Deno.test("stop() of a command that is gone is sent after it", async () => {
  const { runtime, runner, attempt, sent, channels } = openRunner({ steps: new Map() });
  runner.start(attempt);
  await runtime.settle();

  runner.stop(attempt.taskId, attempt.plan, 0);
  await runtime.settle();

  assert.deepEqual(sent.map(({ type }) => type), ["ask", "tasker.step.cancelled"]);
  assert.deepEqual(channels, Array(2).fill("tasker.workflows.cmd.asked"));
});

Deno.test("stop() names the newest attempt", async () => {
  const { runtime, runner, attempt, sent } = openRunner({ steps: new Map() });
  runner.start(attempt);
  runner.start({ ...attempt, attempt: 2 });
  await runtime.settle();

  runner.stop(attempt.taskId, attempt.plan, 0);
  await runtime.settle();

  assert.equal(sent.at(-1)?.causationid, `${attempt.taskId}/ask/2`);
});

Deno.test("stop() of what an earlier owner sent means all attempts of the step", async () => {
  const { runtime, runner, attempt, sent } = openRunner({ steps: new Map() });

  runner.stop(attempt.taskId, attempt.plan, 0);
  await runtime.settle();

  assert.deepEqual(sent.map(({ subject, causationid }) => ({ subject, causationid })), [
    { subject: `tasker.${attempt.taskId}.ask`, causationid: undefined },
  ]);
});

Deno.test("a task's envelopes are unconfirmed until the bus has them", async () => {
  const { runtime, runner, attempt } = openRunner({ steps: new Map() });
  runner.start(attempt);
  const before = runner.unconfirmed(attempt.taskId);

  await runtime.settle();

  assert.deepEqual([before, runner.unconfirmed(attempt.taskId)], [1, 0]);
});

Deno.test("close() sends nothing more", async () => {
  const { runtime, runner, attempt, sent } = openRunner({ steps: new Map() });
  runner.start(attempt);

  runner.close();
  await runtime.settle();

  assert.deepEqual(sent, []);
});

Deno.test("an attempt whose envelope the bus refuses was left to its time-out", async () => {
  const refused = new TaskerError("payload.too_large", "Cannot publish: it is too large");
  const code = { steps: new Map() };
  const { runtime, runner, attempt, recorded } = openRunner(code, () => Promise.reject(refused));

  runner.start(attempt);
  await runtime.settle();

  const [command] = recorded;
  assert.ok(command?.kind === "RecordStepResult" && command.outcome.kind === "failed");
  assert.equal(command.outcome.failure.class, "undeliverable");
  assert.equal(JSON.parse(command.outcome.failure.error).error_code, "payload_too_large");
  assert.equal(runner.unconfirmed(attempt.taskId), 0);
});

Deno.test("a command that is sent after an outage expires with its attempt, which lasts longer", async () => {
  const { runtime, runner, attempt, sent, outages } = openRunner({ steps: new Map() });
  const startedAtMs = runtime.now();
  const dueAtMs = startedAtMs + 5_000;
  outages.asked(JOURNAL, startedAtMs);
  await runtime.advance(60_000);
  outages.answered(JOURNAL, runtime.now());

  runner.start({ ...attempt, startedAtMs, dueAtMs });
  await runtime.settle();

  const expected = new Date(dueAtMs + 60_000 + CATCH_UP_MS_MAX).toISOString();
  assert.equal(sent[0]?.expirytime, expected);
});

Deno.test("a bus that answers no ping is away from its last answer to the next", async () => {
  const { runtime, outages } = new DispatchHarness();
  let [pings, isAway] = [0, false];
  const server = { server: "a broker", delays: false, counts: true, seesHeld: true };
  const ping = () => {
    pings++;
    return isAway ? Promise.reject(away()) : Promise.resolve(server);
  };
  const end = watchBus({ runtime, bus: { ping } }, outages);
  await runtime.advance(5 * PROOF_MS);
  const sinceMs = runtime.now();
  const dueAtMs = sinceMs + 2_000;
  isAway = true;
  await runtime.advance(10 * PROOF_MS);
  isAway = false;
  await runtime.advance(10 * PROOF_MS);

  const due = outages.postponed([BUS], { sinceMs, dueAtMs, nowMs: runtime.now() });
  end();
  const before = pings;
  await runtime.advance(10 * PROOF_MS);

  assert.equal(due, dueAtMs + 2 * 11 * PROOF_MS);
  assert.equal(pings, before);
});
