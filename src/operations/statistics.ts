/** Operations of statistics: how long steps wait and run, and how they end. */

import { z } from "zod";
import { Name, WorkflowName } from "../core/fields.ts";
import { group, operation } from "./operation.ts";
import { named, Time, whole } from "./schema.ts";

/** Intervals of one answer. */
const INTERVALS_MAX = 360;

const Milliseconds = z.number().describe("Milliseconds, within 2 %");

const Durations = named(
  "Durations",
  z.object({
    count: z.int(),
    mean: z.number().describe("Milliseconds"),
    p50: Milliseconds,
    p95: Milliseconds,
    p99: Milliseconds,
    p95Low: Milliseconds.optional().describe(
      "With `p95High`, the 95 % interval of p95; absent: too few values for a bound",
    ),
    p95High: Milliseconds.optional(),
    max: z.number().describe("Milliseconds"),
  }),
);

const ErrorCount = z.object({
  code: z.string().describe("`error_code`, else the class; `other` stands for all not named"),
  count: z.int(),
});

const Interval = z.object({
  at: z.string().describe("When it begins"),
  starts: z.int(),
  ended: z.int(),
  failed: z.int(),
  ranMs: z.object({ p50: Milliseconds, p95: Milliseconds }).optional(),
});

/** What was counted, of whatever it is. */
const COUNTED = {
  starts: z.int().describe("Attempts, or tasks, that started"),
  startsPerS: z.number(),
  retries: z.int().describe("Attempts that were not the first of their step"),
  parked: z.int().describe("How often a step began to wait for a person"),
  ended: z.int(),
  outcomes: z.record(z.string(), z.int()).describe("How many ended in which way"),
  failedShare: z.object({ share: z.number(), low: z.number(), high: z.number() })
    .describe("Of those that ended; low and high are its 95 % interval (Wilson)"),
  errors: z.array(ErrorCount).describe("The most frequent first"),
  waitedMs: Durations.optional().describe("From ready to started; absent: nothing started"),
  ranMs: Durations.optional().describe("Of those that completed; absent: none did"),
  intervals: z.array(Interval),
};

const StepStatistics = named(
  "StepStatistics",
  z.object({
    workflow: z.string().describe("namespace/name"),
    step: z.string().optional().describe("Absent: whole tasks"),
    version: z.string().optional(),
    policyVersion: z.int().optional().describe("The policy they were under; 0: none was put"),
    ...COUNTED,
  }),
);

const SystemsStatistics = named(
  "SystemsStatistics",
  z.object({
    since: z.string(),
    until: z.string(),
    everyMs: z.int().describe("The length of an interval"),
    statistics: z.array(z.object({
      system: z.string().describe(
        "The owner that a step names, or the origin that it calls; of deliveries, `webhook:NAME`",
      ),
      workflows: z.array(z.string()).describe("Whose steps they are"),
      ...COUNTED,
    })).describe("The busiest first; steps of a new version come within a minute"),
    omitted: z.int().describe("Workflows that were not read: those beyond 50 with fewer starts"),
  }),
);

const Statistics = named(
  "Statistics",
  z.object({
    since: z.string(),
    until: z.string(),
    everyMs: z.int().describe("The length of an interval"),
    statistics: z.array(StepStatistics).describe(
      "Of each workflow its tasks, then its steps by name",
    ),
    omitted: z.int().describe("Rows beyond the 1,000 with the most starts"),
  }),
);

const INTERVALS = whole(1, INTERVALS_MAX).default(1).describe(
  "Parts of the window; each is at least 10 s, and longer where counts are old",
);

/** Everything that can be asked of statistics. */
export const STATISTICS = group("statistics", {
  getStatistics: operation({
    method: "GET",
    right: "read",
    repeat: "harmless",
    path: "/v1/statistics",
    summary: "Shows how long tasks and steps wait and run, and how they end",
    query: z.strictObject({
      workflow: WorkflowName.optional().describe("Absent: the tasks of all workflows"),
      step: Name.optional().describe("Only this one"),
      since: Time.optional().describe("Where the window begins; an hour before its end if absent"),
      until: Time.optional().describe("Where it ends; now if absent"),
      by: z.enum(["step", "version", "policy"]).default("step").describe(
        "What has a row of its own: each step; or each step in each version; or under each policy",
      ),
      intervals: INTERVALS,
    }),
    isShared: true,
    answers: { 200: { description: "The statistics", schema: Statistics } },
    errors: ["definition.unknown"],
    command: { verb: "stats", operands: ["workflow"] },
  }),
  getSystemStatistics: operation({
    method: "GET",
    right: "read",
    repeat: "harmless",
    path: "/v1/statistics/systems",
    summary:
      "Shows how systems answer in the last hour: attempts of all steps that name them, up " +
      "to 10 s old",
    query: z.strictObject({ intervals: INTERVALS }),
    isShared: true,
    answers: { 200: { description: "The statistics", schema: SystemsStatistics } },
    errors: [],
    command: { verb: "stats systems" },
  }),
});
