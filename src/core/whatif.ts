/** Whatif: what tasks would have done under other policies, as people and programs read it. */

import { z } from "zod";

/** A figure before and after a change; the difference lies between `low` and `high` with 95 %. */
export const Estimate = z.object({
  before: z.number(),
  after: z.number(),
  difference: z.number(),
  low: z.number(),
  high: z.number(),
});

/** A figure before and after a change. */
export type Estimate = z.output<typeof Estimate>;

/** How well tasks that are played again without a change repeat what they did. */
export const ReplayError = z.object({
  sameEnds: z.number().describe("Share of the tasks that end as they did, 0..1"),
  meanDuration: z.number().describe("Of the mean duration: 0.03 is 3 % longer"),
  p95Duration: z.number().describe("Of the p95 of the durations"),
});

/** How well tasks that are played again without a change repeat what they did. */
export type ReplayError = z.output<typeof ReplayError>;

/** What would have changed. */
export const WhatifEffects = z.object({
  completed: Estimate.describe("Share of the tasks that complete, 0..1"),
  parked: Estimate.describe("Share of the tasks that wait for a person, 0..1"),
  meanMs: Estimate.describe("Mean duration of tasks that end by themselves"),
  p50Ms: Estimate,
  p95Ms: Estimate,
  attempts: Estimate.describe("Attempts of a task"),
  busyMs: Estimate.describe("Time that attempts of a task are under way"),
  duplicates: Estimate.describe(
    "Attempts of a task beyond the first of a step that may have had an effect",
  ),
});

/** What would have changed. */
export type WhatifEffects = z.output<typeof WhatifEffects>;

/** What attempts were given that no journal has, as shares of all attempts of the change. */
export const DrawnShares = z.object({
  attempts: z.number().describe("Attempts that the task did not make: drawn from other tasks"),
  ends: z.number().describe("Ends of attempts that had been cut off: drawn from what took longer"),
  assumed: z.number().describe("Of those, ends beyond everything seen: the tail is assumed"),
});

/** The answer to `whatif`. */
export const WhatifReport = z.object({
  workflow: z.string(),
  version: z.string(),
  policyVersion: z.int().describe("The overlay that the tasks ran under; 0 = none"),
  tasks: z.int().describe("Tasks that were played"),
  leftOut: z.int().describe("Tasks of other versions or overlays, or that still move"),
  isSample: z.boolean().describe("There are more: waiting for limits is then understated"),
  replay: ReplayError.optional(),
  refusal: z.string().optional().describe("Why nothing is said of the change"),
  effects: WhatifEffects.optional(),
  drawn: DrawnShares.optional(),
});

/** The answer to `whatif`. */
export type WhatifReport = z.output<typeof WhatifReport>;
