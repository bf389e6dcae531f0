/** Envelope data: what envelopes of other systems hold, by the type of the envelope. */

import { z } from "zod";
import { Name } from "./fields.ts";

/** Characters kept of the note of a heartbeat. */
export const NOTE_LENGTH_MAX = 500;

/**
 * The failure of a step, as another system reports it.
 *
 * Shape: `retryable` (false unless given) and `retry_after` are for the engine; all else is the error
 * by contract. A null counts as absent: many serializers write every field.
 * Units: `retry_after` in seconds.
 */
export const FailureData = z.looseObject({
  error_code: z.string().min(1).describe("One word for programs, of the step's error contract"),
  error_message: z.string().describe("One sentence for people"),
  retryable: z.boolean().nullish().transform((said) => said ?? false)
    .describe("Whether another attempt may succeed; false unless given"),
  retry_after: z.number().min(0).nullish().transform((said) => said ?? undefined)
    .describe("The least delay of the next attempt, in seconds"),
});

/** A sign of life. What does not fit still counts as one. */
export const ProgressData = z.object({
  fraction: z.number().min(0).max(1).optional().describe("How much is done, from 0 to 1"),
  note: z.string().optional().describe(`For people; ${NOTE_LENGTH_MAX} characters are kept`),
});

/** A signal for a task. */
export const SignalData = z.strictObject({
  name: Name.describe("The name of the signal's step"),
  payload: z.unknown().optional().describe("Checked against the contract of the signal"),
});
