import assert from "node:assert/strict";
import { z } from "zod";
import { planOf } from "../core/plan.ts";
import type { PlannedStep } from "../core/plan.ts";
import { definitionOf } from "../../tests/support/play.ts";
import { type Answered, failedOutcome } from "./reply_outcome.ts";

const error = z.object({ error_code: z.enum(["declined"]), error_message: z.string() });
const answered: Answered = {
  step: planOf("hash", definitionOf([{ name: "a" }])).steps[0] as PlannedStep,
  code: { error },
};

Deno.test("a failure that may pass was final because its code is not in the contract", () => {
  const data = { error_code: "unexpected", error_message: "\u0000no disk", retryable: true };

  const outcome = failedOutcome(answered, { ...data, retry_after: 1.5 });

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

Deno.test("a failure for good whose code is not in the contract breaks it", () => {
  const outcome = failedOutcome(answered, { error_code: "unknown_type", error_message: "tea" });

  assert.ok(outcome.kind === "failed" && outcome.failure.class === "contract_violation");
  assert.equal(outcome.retryable, false);
});
