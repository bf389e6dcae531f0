/** Breaches: what broke a contract, or threw, in words that fit into a journal. */

import type { z } from "zod";
import { failureOf } from "../core/attempt.ts";
import { describeFaults, faultsOf } from "../core/contract.ts";
import { messageOf } from "../core/errors.ts";
import type { Failure } from "../core/event.ts";

/** Characters kept of a failure's text: faults of a large value, or a message, may have no end. */
export const FAILURE_TEXT_LENGTH_MAX = 2_000;

/** A value as its contract made it, or why it breaks it. */
export type Checked =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly why: string };

/**
 * Checks a value by a schema of a workflow.
 *
 * Never throws: a schema is a user's code too, and one that throws is broken by every value.
 */
export function checkBySchema(schema: z.ZodType, value: unknown): Checked {
  try {
    const parsed = schema.safeParse(value);
    if (parsed.success) return { ok: true, value: parsed.data };
    return { ok: false, why: describeFaults(faultsOf(parsed.error)) };
  } catch (error) {
    return { ok: false, why: `checking it threw: ${textOf(error)}` };
  }
}

/** Makes the failure of a broken contract. */
export function breachOf(why: string): Failure {
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
  return text.replaceAll("\u0000", "").slice(0, FAILURE_TEXT_LENGTH_MAX);
}
