import assert from "node:assert/strict";
import { definitionOf } from "../../tests/support/play.ts";
import type { Command } from "../core/command.ts";
import type { Envelope } from "../core/envelope.ts";
import { mintTaskId } from "../core/ids.ts";
import type { JsonText } from "../core/payload.ts";
import { planOf } from "../core/plan.ts";
import type { WorkflowCode } from "../core/workflow.ts";
import { SILENT_LOG } from "../telemetry/log.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { VirtualRuntime } from "../virtual_runtime.ts";
import { RemoteRunner } from "./remote.ts";
import { ReplyTokens } from "./reply_token.ts";

const SECRET = new Uint8Array(32).toBase64();

/** A runner of one workflow with one remote step, whose code is there or not. */
function openRunner(code: WorkflowCode | undefined) {
  const runtime = new VirtualRuntime();
  const sent: Envelope[] = [];
  const recorded: Command[] = [];
  const runner = new RemoteRunner({
    runtime,
    log: SILENT_LOG,
    metrics: new Metrics(),
    bus: {
      publish: (_, envelopes) => {
        sent.push(...envelopes);
        return Promise.resolve();
      },
    },
    tokens: new ReplyTokens({ runtime, keys: [{ kid: "k", secret: SECRET }] }),
    prefix: "tasker.workflows",
    deployment: "test",
    codeOf: () => code,
    record: (command) => recorded.push(command),
  });
  const plan = planOf("hash", definitionOf([{ name: "ask", kind: "remote", owner: "asked" }]));
  const attempt = {
    taskId: mintTaskId(runtime.now(), 0, runtime.uuid()),
    plan,
    step: 0,
    attempt: 1,
    dueAtMs: undefined,
    traceparent: undefined,
    input: `{"n":1}` as JsonText,
    needs: {},
  };
  return { runtime, runner, attempt, sent, recorded };
}

Deno.test("an attempt goes out as an envelope with its input", async () => {
  const { runtime, runner, attempt, sent, recorded } = openRunner({ steps: new Map() });

  runner.start(attempt);
  await runtime.settle();

  assert.deepEqual(sent.map(({ id, data }) => ({ id, data })), [
    { id: `${attempt.taskId}/ask/1`, data: { n: 1 } },
  ]);
  assert.deepEqual(recorded, []);
});

Deno.test("a waiting step was failed for good by a node without its workflow's code", async () => {
  const { runtime, runner, attempt, sent, recorded } = openRunner(undefined);

  runner.start(attempt);
  await runtime.settle();

  assert.deepEqual(sent, []);
  assert.deepEqual(recorded, []);
});
