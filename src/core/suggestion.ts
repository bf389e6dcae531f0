/** Suggestions: which step could come next in a workflow that is being written, and why. */

import { z } from "zod";
import { Edit } from "./authoring.ts";
import type { DeepReadonly } from "./json.ts";

/** How much a step can do that is not taken back. */
const RISKS = ["low", "medium", "high"] as const;

/** One step that could come next. */
export const Suggestion = z.object({
  step_name: z.string(),
  description: z.string().describe("What the step does, as its system says it"),
  handler_template: z.string().describe("The step as a manifest writes it, YAML"),
  estimated_execution_time: z.object({
    p50_ms: z.number(),
    p95_ms: z.number(),
    n: z.int().describe("How many completed attempts of the last 30 days it is of"),
  }).exactOptional().describe("Absent: nobody has run it here"),
  dependencies: z.array(z.string()).describe("The steps that it would wait for"),
  risk_level: z.enum(RISKS).describe(
    "By the effect of its capability: low (none), medium (idempotent), high (external, or not said)",
  ),
  why: z.array(z.string()).describe("What speaks for it, the strongest first"),
  edits: z.array(Edit).describe("What adds it to the document"),
});

/** One step that could come next. */
export type Suggestion = DeepReadonly<z.output<typeof Suggestion>>;

/** How often a capability was followed by another one, in how many workflows. */
export interface Follows {
  /** Workflows in which something follows the first. */
  readonly of: number;
  /** Next capability → workflows. */
  readonly next: ReadonlyMap<string, number>;
}

/** What steps of other workflows say: by capability, else by the type of envelope. */
export type FollowTable = ReadonlyMap<string, Follows>;
