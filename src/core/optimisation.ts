/** Optimisation: what the tasks of a workflow say would be better, as people and programs read it. */

import { z } from "zod";
import { DrawnShares, ReplayError, WhatifEffects } from "./whatif.ts";

const Share = z.object({ low: z.number(), high: z.number() })
  .describe("Between which values a share lies with 95 %, 0..1");

/** A step over the critical paths of many tasks. */
const Bottleneck = z.object({
  step: z.string(),
  tasks: z.int().describe("Tasks that completed by themselves"),
  onPath: z.int().describe("Of those, tasks in which it is on the critical path"),
  onPathShare: Share,
  share: z.number().describe("Of the duration of all tasks, 0..1"),
  meanMs: z.number().describe("Mean over those tasks"),
  waitedMs: z.number().describe("Of that, waiting for a limit"),
  ranMs: z.number().describe("Of that, attempts under way"),
  betweenMs: z.number().describe("Of that, between attempts"),
  freeSavesMs: z.number().describe("Mean duration of a task that it would save to take no time"),
});

/** How the attempts of a step go. */
const RetryPattern = z.object({
  step: z.string(),
  attemptsMax: z.int(),
  runs: z.int(),
  inOutages: z.int().describe("Runs left out: the step was down"),
  attempts: z.array(z.object({
    attempt: z.int(),
    reached: z.int(),
    succeeded: z.int(),
    share: Share,
    costMs: z.number().describe("Mean wait before it and time of it"),
  })),
  errors: z.array(z.object({
    error: z.string(),
    repeated: z.int(),
    succeeded: z.int(),
    share: Share,
  })).describe("Attempts that followed an error, by its code or class"),
});

const Edge = z.object({ from: z.string(), to: z.string() });

/** Two steps that wait for each other without need, as far as it can be seen. */
const ParallelOpportunity = z.object({
  steps: z.tuple([z.string(), z.string()]),
  tasks: z.int().describe("Tasks in which nothing was read over the edge"),
  savesMs: z.object({ mean: z.number(), low: z.number(), high: z.number() }).optional()
    .describe("Mean duration of a task that it would save, by playing tasks again"),
  reason: z.string().optional().describe("Why it is not suggested; absent: it is"),
});

/** A change that would be better. */
const Suggestion = z.object({
  kind: z.enum(["timeout", "retry", "dependency", "critical_path"]),
  text: z.string(),
  step: z.string().optional(),
  edge: Edge.optional(),
  tier: z.enum(["T1", "T2", "T3"])
    .describe("T1: a policy within the bounds of healing. T2: any other policy. T3: a new version"),
  steps: z.record(z.string(), z.unknown()).optional().describe("The policy that it puts"),
  tasks: z.int().describe("Attempts or tasks that it rests on"),
  effects: WhatifEffects.optional().describe("What playing the tasks under it would change"),
  drawn: DrawnShares.optional(),
});

/** What was looked at, and why nothing is suggested. */
const Declined = z.object({ kind: z.string(), of: z.string(), reason: z.string() });

/** What the tasks of a workflow say would be better. */
export const Optimisation = z.object({
  workflow: z.string(),
  version: z.string(),
  policyVersion: z.int(),
  tasks: z.int(),
  leftOut: z.int(),
  isSample: z.boolean(),
  replay: ReplayError.optional(),
  refusal: z.string().optional().describe("Why no change was played"),
  bottlenecks: z.array(Bottleneck).describe("The critical path, the largest share first"),
  parallel_opportunities: z.array(ParallelOpportunity),
  retry_patterns: z.array(RetryPattern),
  suggested_optimizations: z.array(Suggestion),
  declined: z.array(Declined),
  critical_path_optimization: z.array(z.string()),
  retry_tuning: z.array(z.string()),
  timeout_adjustment: z.array(z.string()),
  dependency_optimization: z.array(z.string()),
});

/** What the tasks of a workflow say would be better. */
export type Optimisation = z.output<typeof Optimisation>;

/** A change that would be better. */
export type Suggestion = z.output<typeof Suggestion>;
