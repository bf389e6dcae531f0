/** Arms: what an experiment with two policies shows, as people and programs read it. */

import { z } from "zod";

/** What an experiment is decided by. */
export const ARM_METRICS = ["completed", "duration", "attempts", "busy", "duplicates"] as const;

/** What an experiment is decided by. */
export type ArmMetric = (typeof ARM_METRICS)[number];

const Arm = z.object({
  policyVersion: z.int().describe("The overlay that its tasks are under; 0 = none"),
  percent: z.number().describe("Share of the tasks, as it was put"),
  tasks: z.int().describe("Tasks that count"),
  mean: z.number().describe("Of the metric: a share, ms, or a number a task"),
});

/** What an experiment shows. */
export const ArmsReport = z.object({
  workflow: z.string(),
  metric: z.enum(ARM_METRICS),
  arms: z.tuple([Arm, Arm]).describe("The overlay before, and the one that is tried"),
  difference: z.number().describe("Of the one that is tried from the one before"),
  low: z.number().describe("The difference is at least this, with 95 %"),
  high: z.number().describe("The difference is at most this, with 95 %"),
  tasksMin: z.int().describe("Tasks that each arm needs for a verdict"),
  verdict: z.enum(["better", "worse", "undecided", "too_few"]),
});

/** What an experiment shows. */
export type ArmsReport = z.output<typeof ArmsReport>;
