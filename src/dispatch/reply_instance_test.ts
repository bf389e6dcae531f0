import assert from "node:assert/strict";
import type { Envelope } from "../core/envelope.ts";
import { attemptFor, DispatchHarness, planFor } from "../../tests/support/dispatch_harness.ts";
import { type ReplyDeps, takeReply } from "./replies.ts";
import { stepCommand } from "./step_command.ts";

const plan = planFor({});

/** Takes the answer to a command, and returns the instance that is recorded. */
async function recorded(
  { said, polledBy }: { said?: string; polledBy?: string },
): Promise<string | undefined> {
  const harness = new DispatchHarness();
  const deps: ReplyDeps = {
    ...harness,
    runtime: harness.runtime,
    planOf: () => Promise.resolve(plan),
  };
  const dueAtMs = harness.runtime.now() + 30_000;
  const command = stepCommand(harness, attemptFor(plan, { dueAtMs }), {}).envelope;
  const { subject, taskerreplytoken } = command;
  const reply: Partial<Envelope> = {
    specversion: "1.0",
    id: "r1",
    source: "/stock",
    type: "tasker.step.completed",
    ...{ subject, taskerreplytoken },
    ...(said !== undefined && { taskerinstance: said }),
    data: {},
  };
  await takeReply(deps, "stock", reply, polledBy);
  const [sent] = harness.sink.sent;
  return sent?.kind === "RecordStepResult" ? sent.instance : "no result";
}

Deno.test("a reply may say which instance answers, and need not", async () => {
  assert.equal(await recorded({ said: "w-7" }), "w-7");
  assert.equal(await recorded({}), undefined);
});

Deno.test("a name that no instance can have is ignored, and the reply is taken", async () => {
  assert.equal(await recorded({ said: "no instance!" }), undefined);
});

Deno.test("who was given a command answers it, unless the reply says who does", async () => {
  assert.equal(await recorded({ polledBy: "w-1" }), "w-1");
  assert.equal(await recorded({ polledBy: "w-1", said: "w-2" }), "w-2");
});
