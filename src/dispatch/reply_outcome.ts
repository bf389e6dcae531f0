/** Reply outcomes: the outcome of an attempt, as the reply of another system states it. */

import { failureOf } from "../core/attempt.ts";
import type { Outcome, RecordProgress } from "../core/command.ts";
import { FailureData, NOTE_LENGTH_MAX, ProgressData } from "../core/envelope_data.ts";
import { describeFaults, faultsOf } from "../core/faults.ts";
import { messageOf } from "../core/errors.ts";
import { encodePayload, type JsonText, REMOTE_PAYLOAD_SIZE_MAX } from "../core/payload.ts";
import type { PlannedStep } from "../core/plan.ts";
import { contractFailure, journaledError, plainText } from "./failures.ts";

/** Makes the outcome of `tasker.step.completed`; a broken contract is a failure without retry. */
export function completedOutcome(step: PlannedStep, data: unknown): Outcome {
  const kept = keep(step, "success", data);
  return kept.ok ? { kind: "completed", result: kept.text } : brokenContract(kept.why);
}

/**
 * Makes the outcome of `tasker.step.failed`; a broken contract is a failure without retry.
 *
 * A retryable failure that the contract does not list counts as thrown: systems break in more ways
 * than contracts list.
 */
export function failedOutcome(step: PlannedStep, data: unknown): Outcome {
  const parsed = FailureData.safeParse(data);
  if (!parsed.success) {
    return brokenContract(
      `The data of the failed step is not valid: ${describeFaults(faultsOf(parsed.error))}`,
    );
  }
  const { retryable, retry_after, ...error } = parsed.data;
  const kept = keep(step, "error", error);
  if (!kept.ok && !retryable) return brokenContract(kept.why);
  return {
    kind: "failed",
    failure: kept.ok
      ? { class: "failed", error: kept.text }
      : failureOf("thrown", plainText(error.error_message), plainText(error.error_code)),
    retryable,
    ...(retry_after !== undefined && { retryAfterMs: millisecondsOf(retry_after) }),
  };
}

/** Reads `tasker.step.progress`; what cannot be read still counts as a heartbeat. */
export function progressOf(data: unknown): Pick<RecordProgress, "fraction" | "note"> {
  const parsed = ProgressData.safeParse(data);
  if (!parsed.success) return {};
  const { fraction, note } = parsed.data;
  return {
    ...(fraction !== undefined && { fraction }),
    ...(note !== undefined && { note: plainText(note).slice(0, NOTE_LENGTH_MAX) }),
  };
}

type Kept =
  | { readonly ok: true; readonly text: JsonText }
  | { readonly ok: false; readonly why: string };

function keep(step: PlannedStep, part: "success" | "error", value: unknown): Kept {
  const checked = step.check(part)(value);
  if (!checked.ok) {
    return {
      ok: false,
      why: `The reply breaks the ${part} contract: ${describeFaults(checked.faults)}`,
    };
  }
  try {
    const what = `the reply of step "${step.name}"`;
    const kept = part === "error" ? journaledError(checked.value) : checked.value;
    return { ok: true, text: encodePayload(kept, what, REMOTE_PAYLOAD_SIZE_MAX) };
  } catch (error) {
    return { ok: false, why: messageOf(error) };
  }
}

/** Finite, so that it does not become null where commands travel as JSON. */
function millisecondsOf(seconds: number): number {
  return Math.min(Math.ceil(seconds * 1_000), Number.MAX_SAFE_INTEGER);
}

function brokenContract(why: string): Outcome {
  return { kind: "failed", failure: contractFailure(why), retryable: false };
}
