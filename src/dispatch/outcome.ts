/** Outcomes of attempts that ran here: their values, checked by the contracts of their steps. */

import { failureOf } from "../core/attempt.ts";
import type { Outcome } from "../core/command.ts";
import { messageOf } from "../core/errors.ts";
import type { Failure } from "../core/event.ts";
import { describeFaults } from "../core/faults.ts";
import { encodePayload, type JsonText } from "../core/payload.ts";
import type { Attempt } from "../core/ports.ts";
import type { StepFailure } from "../core/workflow.ts";
import { contractFailure, journaledError, stepOf } from "./failures.ts";

/** The outcome of a value: completed, unless it breaks the contract. */
export function outcomeOfResult(value: unknown, attempt: Attempt): Outcome {
  const { name, check } = stepOf(attempt);
  const kept = check("success")(value);
  if (!kept.ok) {
    return notRetryable(
      contractFailure(`The result breaks the success contract: ${describeFaults(kept.faults)}`),
    );
  }
  try {
    return { kind: "completed", result: encodePayload(kept.value, `the result of step "${name}"`) };
  } catch (error) {
    return notRetryable(contractFailure(messageOf(error)));
  }
}

/** The outcome of a failure by contract. */
export function outcomeOfFailure(failed: StepFailure, attempt: Attempt): Outcome {
  const kept = stepOf(attempt).check("error")(failed.error);
  if (!kept.ok) {
    return notRetryable(
      contractFailure(`The failure breaks the error contract: ${describeFaults(kept.faults)}`),
    );
  }
  return {
    kind: "failed",
    failure: { class: "failed", error: encodeError(journaledError(kept.value)) },
    retryable: failed.retryable,
    ...(failed.retryAfterMs === undefined ? {} : { retryAfterMs: failed.retryAfterMs }),
  };
}

/** A failure's JSON text; of one that has none, why. */
export function encodeError(error: unknown): JsonText {
  try {
    return encodePayload(error, "the failure");
  } catch (cause) {
    return failureOf("failed", messageOf(cause)).error;
  }
}

/** The outcome of what the same attempt would meet again. */
export function notRetryable(failure: Failure): Outcome {
  return { kind: "failed", failure, retryable: false };
}
