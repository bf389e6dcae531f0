/** Reply outcomes: what another system's answer makes of an attempt, once its contract is checked. */

import { z } from "zod";
import { failureOf } from "../core/attempt.ts";
import type { Outcome, RecordProgress } from "../core/command.ts";
import { describeFaults, faultsOf } from "../core/contract.ts";
import { messageOf } from "../core/errors.ts";
import { encodePayload, type JsonText, REMOTE_PAYLOAD_SIZE_MAX } from "../core/payload.ts";
import type { PlannedStep } from "../core/plan.ts";
import type { StepCode } from "../core/workflow.ts";

/** Characters kept of the note of a sign of life. */
const NOTE_LENGTH_MAX = 500;

/** Characters kept of what another system says when it breaks. */
const THROWN_LENGTH_MAX = 2_000;

/**
 * The failure of a step, as another system tells it.
 *
 * Shape: `retryable` (false unless said) and `retry_after` are for the engine; all else is the error
 * by contract.
 * Units: `retry_after` in seconds.
 */
const FailureData = z.looseObject({
  error_code: z.string().min(1),
  error_message: z.string(),
  retryable: z.boolean().default(false),
  retry_after: z.number().min(0).optional(),
});

const ProgressData = z.object({
  fraction: z.number().min(0).max(1).optional(),
  note: z.string().transform((note) => note.slice(0, NOTE_LENGTH_MAX)).optional(),
});

/** A step, and its code where this node has it: its schemas fill in defaults, the stored do not. */
export interface Answered {
  readonly step: PlannedStep;
  readonly code: StepCode | undefined;
}

/** Makes the outcome of `tasker.step.completed`; a broken contract is a failure for good. */
export function completedOutcome(answered: Answered, data: unknown): Outcome {
  const kept = keep(answered, "success", data);
  return kept.ok ? { kind: "completed", result: kept.text } : breach(kept.why);
}

/**
 * Makes the outcome of `tasker.step.failed`; a broken contract is a failure for good.
 *
 * A failure that may pass is the other system's throw, where it is not one by contract: systems
 * break in more ways than contracts list.
 */
export function failedOutcome(answered: Answered, data: unknown): Outcome {
  const parsed = FailureData.safeParse(data);
  if (!parsed.success) {
    return breach(`The failure is none: ${describeFaults(faultsOf(parsed.error))}`);
  }
  const { retryable, retry_after, ...error } = parsed.data;
  const kept = keep(answered, "error", error);
  if (!kept.ok && !retryable) return breach(kept.why);
  return {
    kind: "failed",
    failure: kept.ok
      ? { class: "failed", error: kept.text }
      : failureOf("thrown", plainText(error.error_message), plainText(error.error_code)),
    retryable,
    ...(retry_after !== undefined && { retryAfterMs: Math.ceil(retry_after * 1_000) }),
  };
}

/** Reads `tasker.step.progress`; what cannot be read is a sign of life all the same. */
export function progressOf(data: unknown): Pick<RecordProgress, "fraction" | "note"> {
  const parsed = ProgressData.safeParse(data);
  if (!parsed.success) return {};
  const { fraction, note } = parsed.data;
  return { ...(fraction !== undefined && { fraction }), ...(note !== undefined && { note }) };
}

type Kept =
  | { readonly ok: true; readonly text: JsonText }
  | { readonly ok: false; readonly why: string };

function keep({ step, code }: Answered, part: "success" | "error", value: unknown): Kept {
  const schema = code?.[part];
  const parsed = schema?.safeParse(value);
  const faults = parsed === undefined
    ? step.check(part)(value)
    : parsed.success
    ? []
    : faultsOf(parsed.error);
  if (faults.length > 0) {
    return { ok: false, why: `The reply breaks the ${part} contract: ${describeFaults(faults)}` };
  }
  try {
    const kept = parsed?.success ? parsed.data : value;
    const what = `the reply of step "${step.name}"`;
    return { ok: true, text: encodePayload(kept, what, REMOTE_PAYLOAD_SIZE_MAX) };
  } catch (error) {
    return { ok: false, why: messageOf(error) };
  }
}

/** Keeps what of any text the journal can hold. */
function plainText(text: string): string {
  return text.replaceAll("\u0000", "").slice(0, THROWN_LENGTH_MAX);
}

function breach(why: string): Outcome {
  return { kind: "failed", failure: failureOf("contract_violation", why), retryable: false };
}
