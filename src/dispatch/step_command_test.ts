import assert from "node:assert/strict";
import { type Envelope, ENVELOPE_BYTES_MAX, parseEnvelope } from "../core/envelope.ts";
import { TaskerError } from "../core/errors.ts";
import { planOf } from "../core/plan.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import {
  attemptFor,
  DispatchHarness,
  planFor,
  TASK,
} from "../../tests/support/dispatch_harness.ts";
import { GRACE_MS, LIFE_MS_MAX } from "./reply_token.ts";
import { stepCancelled, stepCommand } from "./step_command.ts";

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** Nests an empty object so deep. */
function nested(depth: number): unknown {
  return depth === 1 ? {} : { a: nested(depth - 1) };
}

function claimsOf(harness: DispatchHarness, envelope: Envelope) {
  const verified = harness.tokens.verify(envelope.taskerreplytoken);
  assert.ok(verified.ok);
  return verified.claims;
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof TaskerError ? error.code : String(error);
  }
  return "";
}

Deno.test("stepCommand() makes an envelope with the attributes of the wire contract", () => {
  const harness = new DispatchHarness();
  const dueAtMs = harness.runtime.now() + 30_000;
  const attempt = attemptFor(planFor(), { attempt: 2, dueAtMs, traceparent: TRACEPARENT });

  const { envelope, bytes } = stepCommand(harness, attempt, { sku: "a" });

  assert.equal(bytes, new TextEncoder().encode(JSON.stringify(envelope)).length);
  const { taskerreplytoken, ...attributes } = envelope;
  assert.equal(typeof taskerreplytoken, "string");
  assert.deepEqual(attributes, {
    specversion: "1.0",
    id: `${TASK}/reserve/2`,
    source: "/tasker/t",
    type: "stock.reserve",
    subject: `tasker.${TASK}.reserve`,
    time: "2026-01-01T00:00:00.000Z",
    expirytime: "2026-01-01T00:00:30.000Z",
    correlationid: TASK,
    traceparent: TRACEPARENT,
    taskerattempt: 2,
    taskerreplyto: "t.reply.stock",
    datacontenttype: "application/json",
    data: { sku: "a" },
  });
});

Deno.test("a step command is read back by who polls", () => {
  const harness = new DispatchHarness();
  const dueAtMs = harness.runtime.now() + 1_000.5;

  const { envelope } = stepCommand(harness, attemptFor(planFor(), { dueAtMs }), { sku: "é" });

  assert.deepEqual(parseEnvelope(JSON.stringify(envelope)), envelope);
});

Deno.test("a step command names the schema of its input, where there is one", () => {
  const harness = new DispatchHarness();
  const plan = planFor({ contract: { input: { type: "object" } } }, { version: "1.2.0" });
  const { namespace, name } = plan.definition;

  const { envelope } = stepCommand(harness, attemptFor(plan), {});

  assert.equal(
    envelope.dataschema,
    `urn:tasker:schema:workflows/${namespace}/${name}/1.2.0/reserve/input`,
  );
});

Deno.test("a step without an event is asked for by its name", () => {
  const harness = new DispatchHarness();
  const plan = planOf("hash", definitionOf([{ name: "check", kind: "remote", owner: "stock" }]));

  const { envelope } = stepCommand(harness, attemptFor(plan), {});

  assert.equal(envelope.type, "check");
});

Deno.test("an attempt without an end makes an envelope that does not expire", () => {
  const harness = new DispatchHarness();

  const { envelope } = stepCommand(harness, attemptFor(planFor()), {});

  assert.equal("expirytime" in envelope, false);
  assert.equal("traceparent" in envelope, false);
});

Deno.test("no input is sent as null", () => {
  const harness = new DispatchHarness();

  const { envelope } = stepCommand(harness, attemptFor(planFor()), undefined);

  assert.equal(envelope.data, null);
});

Deno.test("stepCommand() names the ejected instances of its system, and none otherwise", () => {
  const attempt = attemptFor(planFor());
  const made = (ejected: readonly string[]) =>
    stepCommand(Object.assign(new DispatchHarness(), { ejected: () => ejected }), attempt, {})
      .envelope;

  assert.equal(made(["a", "b"]).taskerejected, "a b");
  assert.equal("taskerejected" in made([]), false);
});

Deno.test("stepCommand() gives the same attempt the same id and token each time", async () => {
  const harness = new DispatchHarness();
  const attempt = attemptFor(planFor(), { dueAtMs: harness.runtime.now() + 30_000 });
  const first = stepCommand(harness, attempt, {}).envelope;
  await harness.runtime.advance(5_000);

  const second = stepCommand(harness, attempt, {}).envelope;

  assert.equal(second.id, first.id);
  assert.equal(second.taskerreplytoken, first.taskerreplytoken);
});

Deno.test("a later attempt has another id under the same subject", () => {
  const harness = new DispatchHarness();
  const first = stepCommand(harness, attemptFor(planFor()), {}).envelope;

  const second = stepCommand(harness, attemptFor(planFor(), { attempt: 2 }), {}).envelope;

  assert.notEqual(second.id, first.id);
  assert.equal(second.subject, first.subject);
});

Deno.test("the reply token allows this attempt of this step, until its end and a grace", () => {
  const harness = new DispatchHarness();
  const dueAtMs = harness.runtime.now() + 30_000;

  const { envelope } = stepCommand(harness, attemptFor(planFor(), { attempt: 2, dueAtMs }), {});

  assert.deepEqual(claimsOf(harness, envelope), {
    task: TASK,
    step: "reserve",
    attempt: 2,
    sys: "stock",
    exp: dueAtMs + GRACE_MS,
  });
});

Deno.test("the reply token of an attempt without an end holds for a bounded time", () => {
  const harness = new DispatchHarness();

  const { envelope } = stepCommand(harness, attemptFor(planFor()), {});

  assert.equal(claimsOf(harness, envelope).exp, harness.runtime.now() + LIFE_MS_MAX);
});

Deno.test("stepCommand() refuses an input that is too large", () => {
  const harness = new DispatchHarness();
  const run = () => stepCommand(harness, attemptFor(planFor()), "x".repeat(ENVELOPE_BYTES_MAX));

  assert.equal(codeOf(run), "payload.too_large");
});

Deno.test("stepCommand() refuses an input that only its attributes make too large", () => {
  const harness = new DispatchHarness();
  const run = () =>
    stepCommand(harness, attemptFor(planFor()), "x".repeat(ENVELOPE_BYTES_MAX - 10));

  assert.equal(codeOf(run), "payload.too_large");
});

Deno.test("stepCommand() measures an envelope in bytes, not in characters", () => {
  const harness = new DispatchHarness();
  const run = () => stepCommand(harness, attemptFor(planFor()), "€".repeat(ENVELOPE_BYTES_MAX / 3));

  assert.equal(codeOf(run), "payload.too_large");
});

Deno.test("stepCommand() makes the largest envelope that a bus takes", () => {
  const harness = new DispatchHarness();
  const sizeOf = (input: string) =>
    JSON.stringify(stepCommand(harness, attemptFor(planFor()), input).envelope).length;
  const room = ENVELOPE_BYTES_MAX - sizeOf("");

  assert.equal(sizeOf("x".repeat(room)), ENVELOPE_BYTES_MAX);
  assert.equal(codeOf(() => sizeOf("x".repeat(room + 1))), "payload.too_large");
});

Deno.test("stepCommand() refuses the character U+0000", () => {
  const harness = new DispatchHarness();
  const run = () => stepCommand(harness, attemptFor(planFor()), { note: "a\u0000b" });

  assert.equal(codeOf(run), "journal.poison");
});

Deno.test("stepCommand() refuses what JSON cannot carry", () => {
  const harness = new DispatchHarness();
  const run = () => stepCommand(harness, attemptFor(planFor()), { amount: 1n });

  assert.equal(codeOf(run), "contract.violation");
});

Deno.test("an input nested too deep was sent, though nobody could read it", () => {
  const harness = new DispatchHarness();
  const deep = stepCommand(harness, attemptFor(planFor()), nested(31)).envelope;

  assert.deepEqual(parseEnvelope(JSON.stringify(deep)), deep);
  const run = () => stepCommand(harness, attemptFor(planFor()), nested(32));
  assert.equal(codeOf(run), "payload.too_large");
});

Deno.test("a command that waits changed with the object that its input came from", () => {
  const harness = new DispatchHarness();
  const input = { sku: "a" };
  const { envelope } = stepCommand(harness, attemptFor(planFor()), input);

  input.sku = "b";

  assert.deepEqual(envelope.data, { sku: "a" });
});

Deno.test("stepCancelled() names the command that it takes back", () => {
  const harness = new DispatchHarness();
  const [step] = planFor().steps;
  assert.ok(step !== undefined);

  const envelope = stepCancelled(harness, { taskId: TASK, step, attempt: 2 });

  const { id, ...attributes } = envelope;
  assert.ok(id.startsWith(`${TASK}/reserve/cancelled/`));
  assert.deepEqual(attributes, {
    specversion: "1.0",
    source: "/tasker/t",
    type: "tasker.step.cancelled",
    subject: `tasker.${TASK}.reserve`,
    time: "2026-01-01T00:00:00.000Z",
    correlationid: TASK,
    causationid: `${TASK}/reserve/2`,
    taskerattempt: 2,
    datacontenttype: "application/json",
    data: {},
  });
});

Deno.test("stepCancelled() of an unknown attempt means all attempts of the step", () => {
  const harness = new DispatchHarness();
  const [step] = planFor().steps;
  assert.ok(step !== undefined);

  const envelope = stepCancelled(harness, { taskId: TASK, step, attempt: undefined });

  assert.equal("causationid" in envelope, false);
  assert.equal("taskerattempt" in envelope, false);
  assert.equal(envelope.subject, `tasker.${TASK}.reserve`);
});

Deno.test("nobody may answer a cancelled step: its envelope carries no token", () => {
  const harness = new DispatchHarness();
  const [step] = planFor().steps;
  assert.ok(step !== undefined);

  const envelope = stepCancelled(harness, { taskId: TASK, step, attempt: 1 });

  assert.equal("taskerreplytoken" in envelope, false);
  assert.equal("taskerreplyto" in envelope, false);
});
