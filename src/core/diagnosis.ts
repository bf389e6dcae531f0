/**
 * Diagnosis: what a failure is, as people and programs read it. The first four fields are spelled as
 * the mission spells them. Texts of others in it are redacted and cut.
 */

import { z } from "zod";
import { FAILURE_TYPES } from "./healing.ts";

/** One suggestion for a step that waits for a person. */
export const Workaround = z.object({
  type: z.string().describe("The choice, as `tasker choose` takes it"),
  confidence: z.number().describe(
    "The least share of such failures that it resolves, with 95 %; 0: not enough history",
  ),
  implementation: z.string().describe("What it does, and the command"),
  resolved: z.int(),
  tried: z.int(),
  history: z.string().describe("What the share rests on, in words"),
});

/** One suggestion for a step that waits for a person. */
export type Workaround = z.output<typeof Workaround>;

/** A diagnosis of one failed step. */
export const Diagnosis = z.object({
  failure_type: z.enum(FAILURE_TYPES),
  confidence: z.number().describe("That it is this type, 0..1"),
  suggested_workarounds: z.array(Workaround).describe("The most promising first"),
  historical_context: z.string(),
  means: z.string().describe("What the type is, after the words: this looks like"),
  advice: z.string().describe("What a person can do beside deciding about the step"),
  step: z.string(),
  class: z.string().describe("How the attempt ended"),
  code: z.string().optional(),
  message: z.string().optional(),
  cluster: z.string().describe("The kind of failure: the same for the same kind, on every node"),
  began: z.object({
    task: z.string(),
    step: z.string(),
    at: z.string().describe("ISO 8601"),
    because: z.string(),
  }).describe("Where such failures began"),
  evidence: z.array(z.object({ id: z.string(), text: z.string() })).describe("The heaviest first"),
  alternatives: z.array(z.object({ failure_type: z.enum(FAILURE_TYPES), confidence: z.number() }))
    .describe("Less likely types"),
  explanation: z.object({
    name: z.string().describe("What people may call such failures"),
    statements: z.array(z.object({
      text: z.string(),
      evidence: z.array(z.string()).describe("Ids of evidence that it rests on"),
    })),
  }).optional().describe("In the words of a model; absent: statistics only"),
  calibration: z.object({
    count: z.int().describe("Diagnoses of which a person has said what it was"),
    ece: z.number().optional().describe("Expected calibration error"),
    brier: z.number().optional().describe("Brier score"),
  }).describe("How such confidences turned out in this workflow"),
  looked_at: z.object({
    attempts: z.int(),
    tasks: z.int(),
    since: z.string().describe("ISO 8601"),
    is_sample: z.boolean().describe("There are more tasks than were read"),
  }),
});

/** A diagnosis of one failed step. */
export type Diagnosis = z.output<typeof Diagnosis>;
