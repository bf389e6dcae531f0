/** Breaches: what broke a contract, or threw, in words that fit into a journal. */

import { failureOf } from "../core/attempt.ts";
import { assert, messageOf } from "../core/errors.ts";
import type { Failure } from "../core/event.ts";
import type { PlannedStep } from "../core/plan.ts";
import type { Attempt } from "../core/ports.ts";

/** Characters kept of a failure's text: faults of a large value, or a message, may have no end. */
export const FAILURE_TEXT_LENGTH_MAX = 2_000;

/** Returns the step of an attempt. */
export function stepOf({ plan, step, taskId }: Attempt): PlannedStep {
  const planned = plan.steps[step];
  assert(planned !== undefined, `Task "${taskId}" has no step ${step}`);
  return planned;
}

/** Makes the failure of a broken contract. */
export function contractFailure(why: string): Failure {
  return failureOf("contract_violation", plainText(why));
}

/** Returns the text of anything thrown, as a journal can hold it. Never throws. */
export function textOf(thrown: unknown): string {
  try {
    return plainText(`${messageOf(thrown)}`);
  } catch {
    return "what was thrown has no text";
  }
}

/** Keeps what of any text the journal can hold. */
export function plainText(text: string): string {
  return text.replaceAll("\u0000", "").slice(0, FAILURE_TEXT_LENGTH_MAX).toWellFormed();
}
