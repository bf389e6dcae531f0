import assert from "node:assert/strict";
import { z } from "zod";
import type { Outcome } from "../core/command.ts";
import { REMOTE_PAYLOAD_SIZE_MAX } from "../core/payload.ts";
import type { PlannedStep } from "../core/plan.ts";
import type { StepCode, StepContract } from "../core/workflow.ts";
import { planFor } from "../../tests/support/dispatch_harness.ts";
import { completedOutcome, failedOutcome, progressOf } from "./reply_outcome.ts";

const error = z.object({ error_code: z.enum(["declined"]), error_message: z.string() });

function answered(code?: StepCode, contract: StepContract = {}): PlannedStep {
  return planFor({ contract }, {}, code).steps[0] as PlannedStep;
}

function failed(outcome: Outcome) {
  assert.ok(outcome.kind === "failed");
  const { kind: _, failure: { class: name, error: text }, ...how } = outcome;
  return { class: name, error: JSON.parse(text), ...how };
}

Deno.test("a result that keeps its contract completes the attempt", () => {
  const success = z.object({ reserved: z.boolean() });

  const outcome = completedOutcome(answered({ success }), { reserved: true });

  assert.deepEqual(outcome, { kind: "completed", result: '{"reserved":true}' });
});

Deno.test("the code's contract fills in defaults", () => {
  const success = z.object({ count: z.number().default(1) });

  const outcome = completedOutcome(answered({ success }), {});

  assert.deepEqual(outcome, { kind: "completed", result: '{"count":1}' });
});

Deno.test("what another system says of a failure is journaled without credentials", () => {
  const data = {
    error_code: "refused",
    error_message: "login failed: password=hunter2secret at " + "x".repeat(2_000),
    retryable: true,
    attempted_token: "its contract marks it",
  };
  const byContract = failed(failedOutcome(answered(), data)).error;
  const thrown =
    failed(failedOutcome(answered(undefined, { error: { type: "null" } }), data)).error;

  assert.match(byContract.error_message, /^login failed: password=<secret> at x/);
  assert.equal(byContract.attempted_token, data.attempted_token);
  assert.match(thrown.error_message, /^login failed: password=<secret> at x/);
  assert.equal(progressOf({ note: "with password=hunter2secret" }).note, "with password=<secret>");
});

Deno.test("a reply without data results in null", () => {
  assert.deepEqual(completedOutcome(answered(), undefined), {
    kind: "completed",
    result: "null",
  });
});

Deno.test("a result that breaks its contract fails for good", () => {
  const success = z.object({ reserved: z.boolean() });

  const outcome = failed(completedOutcome(answered({ success }), { reserved: "yes" }));

  assert.equal(outcome.class, "contract_violation");
  assert.equal(outcome.retryable, false);
  assert.match(outcome.error.error_message, /success contract: reserved: /);
});

Deno.test("without code the stored contract is checked", () => {
  const stored = { success: { type: "string" } };

  const outcome = failed(completedOutcome(answered(undefined, stored), {}));

  assert.equal(outcome.class, "contract_violation");
});

for (
  const [what, data] of [
    ["that is too large", "x".repeat(REMOTE_PAYLOAD_SIZE_MAX)],
    ["with the character U+0000", { a: "\u0000" }],
  ] as const
) {
  Deno.test(`a result ${what} fails for good`, () => {
    const outcome = failed(completedOutcome(answered(), data));

    assert.equal(outcome.class, "contract_violation");
    assert.equal(outcome.retryable, false);
  });
}

Deno.test("a failure is for good unless it says more", () => {
  const data = { error_code: "declined", error_message: "no" };

  assert.deepEqual(failed(failedOutcome(answered({ error }), data)), {
    class: "failed",
    error: data,
    retryable: false,
  });
});

Deno.test("retryable and retry_after are the engine's, and no part of the error", () => {
  const data = { error_code: "declined", error_message: "no" };
  const strict = z.strictObject(error.shape);

  const outcome = failedOutcome(answered({ error: strict }), {
    ...data,
    retryable: true,
    retry_after: 1.0001,
  });

  assert.deepEqual(failed(outcome), {
    class: "failed",
    error: data,
    retryable: true,
    retryAfterMs: 1_001,
  });
});

Deno.test("details of a failure are kept", () => {
  const data = { error_code: "declined", error_message: "no", details: { limit: 5 } };

  assert.deepEqual(failed(failedOutcome(answered(), data)).error, data);
});

for (
  const [what, data] of [
    ["nothing", undefined],
    ["a text", "no"],
    ["without a code", { error_message: "no" }],
    ["with a negative retry_after", { error_code: "a", error_message: "no", retry_after: -1 }],
    ["with a retryable that is a text", { error_code: "a", error_message: "", retryable: "yes" }],
  ] as const
) {
  Deno.test(`a failure that is ${what} is a violation for good`, () => {
    const outcome = failed(failedOutcome(answered(), data));

    assert.equal(outcome.class, "contract_violation");
    assert.equal(outcome.retryable, false);
  });
}

Deno.test("a failure that may pass was final because its code is not in the contract", () => {
  const data = { error_code: "unexpected", error_message: "\u0000no disk", retryable: true };

  const outcome = failedOutcome(answered({ error }), { ...data, retry_after: 1.5 });

  assert.deepEqual(outcome, {
    kind: "failed",
    failure: {
      class: "thrown",
      error: '{"error_code":"unexpected","error_message":"no disk"}',
    },
    retryable: true,
    retryAfterMs: 1_500,
  });
});

Deno.test("a failure that may pass was final because it said null for no delay", () => {
  const data = { error_code: "declined", error_message: "busy" };

  const outcome = failedOutcome(answered({ error }), {
    ...data,
    retryable: true,
    retry_after: null,
  });

  assert.deepEqual(failed(outcome), { class: "failed", error: data, retryable: true });
});

Deno.test("a failure for good whose code is not in the contract breaks it", () => {
  const data = { error_code: "unknown_type", error_message: "tea" };

  const outcome = failed(failedOutcome(answered({ error }), data));

  assert.equal(outcome.class, "contract_violation");
  assert.equal(outcome.retryable, false);
});

Deno.test("a violation in many places filled the journal", () => {
  const success = z.array(z.string());

  const outcome = failed(completedOutcome(answered({ success }), Array(30_000).fill(1)));

  assert.equal(outcome.error.error_message.length, 2_000);
});

Deno.test("a violation named a key that the journal cannot hold", () => {
  const success = z.strictObject({});

  const outcome = failed(completedOutcome(answered({ success }), { "a\u0000b": 1 }));

  assert.match(outcome.error.error_message, /ab/);
  assert.doesNotMatch(outcome.error.error_message, /\0/);
});

Deno.test("a contract that throws is a violation for good", () => {
  const success = z.unknown().refine(() => {
    throw new Error("no table");
  });

  assert.equal(failed(completedOutcome(answered({ success }), 1)).class, "contract_violation");
});

Deno.test("an endless retry_after was no number where commands travel as JSON", () => {
  const data = { error_code: "a", error_message: "", retryable: true, retry_after: 1e306 };

  const outcome = failed(failedOutcome(answered(), data));

  assert.equal(outcome.retryAfterMs, Number.MAX_SAFE_INTEGER);
});

Deno.test("progress says how far, and in words", () => {
  assert.deepEqual(progressOf({ fraction: 0.25, note: "packing", more: 1 }), {
    fraction: 0.25,
    note: "packing",
  });
});

Deno.test("a long note of progress is cut", () => {
  assert.equal(progressOf({ note: "x".repeat(10_000) }).note?.length, 500);
});

for (
  const [what, data] of [
    ["without data", undefined],
    ["with a fraction above 1", { fraction: 7 }],
    ["with a note that is no text", { note: 5 }],
  ] as const
) {
  Deno.test(`progress ${what} is a sign of life all the same`, () => {
    assert.deepEqual(progressOf(data), {});
  });
}
