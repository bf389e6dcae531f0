/** Rehearsals: what simulated runs of a document show, as people and programs read it. */

import { z } from "zod";
import { STEP_KINDS } from "./workflow.ts";
import { STEP_STATES } from "./state.ts";

/** Characters of a value that is shown, as JSON. */
export const REHEARSED_VALUE_MAX = 1_000;

/** How a run of a rehearsal ended. */
const RUN_ENDS = [
  "completed",
  "failed",
  "cancelled",
  "waits_for_person",
  "never_ends",
] as const;

const Value = z.string().describe(
  `JSON, cut after ${REHEARSED_VALUE_MAX} characters; credentials and what contracts mark are hidden`,
);

/** One step of a run. */
const RehearsedStep = z.object({
  step: z.string(),
  kind: z.enum(STEP_KINDS),
  isPlaceholder: z.boolean().optional().describe("Nothing runs it yet: its result is made"),
  state: z.enum(STEP_STATES),
  startedMs: z.number().describe("Virtual time since the task's start"),
  endedMs: z.number().optional(),
  attempts: z.int(),
  took: Value.optional(),
  gave: Value.optional(),
  error: Value.optional(),
});

/** One step of a run. */
export type RehearsedStep = z.output<typeof RehearsedStep>;

/** What is wrong with a run, or worth knowing about it. */
const RehearsalProblem = z.object({
  code: z.enum([
    "input_does_not_fit",
    "contract_broken",
    "no_value",
    "not_completed",
    "never_ends",
    "never_runs",
    "waits_when_exhausted",
    "unknown_step",
    "left_out",
  ]),
  severity: z.enum(["error", "warning"]),
  step: z.string().optional(),
  text: z.string(),
});

/** What is wrong with a run, or worth knowing about it. */
export type RehearsalProblem = z.output<typeof RehearsalProblem>;

/** One run of a task. */
const RehearsalRun = z.object({
  fails: z.string().optional().describe(
    "The step that fails for good; absent: every step succeeds",
  ),
  end: z.enum(RUN_ENDS),
  tookMs: z.number().describe("Virtual time from the task's start to its end"),
  steps: z.array(RehearsedStep).describe(
    "In the order in which they started; where a step fails, those that went otherwise than without",
  ),
  notReached: z.array(z.string()).describe(
    "Steps that did not start, and would have without a failure",
  ),
  output: Value.optional(),
  error: Value.optional().describe("Why the task failed although its steps did not"),
  handledBy: z.array(z.string()).describe("Steps that ran because of the failure"),
  problems: z.array(RehearsalProblem),
});

/** One run of a task. */
export type RehearsalRun = z.output<typeof RehearsalRun>;

/** The answer to a rehearsal. */
export const Rehearsal = z.object({
  workflow: z.string(),
  version: z.string(),
  isOk: z.boolean().describe("No problem is an error"),
  input: Value.optional(),
  isInputMade: z.boolean().describe("Nobody gave an input: it is made out of its contract"),
  assumedStepMs: z.number().describe("How long an attempt takes here; real times are not known"),
  runs: z.array(RehearsalRun),
  leftOut: z.int().describe("Steps whose failure was not played, because of the bounds"),
  problems: z.array(RehearsalProblem).describe("What all runs together show"),
  test: z.string().exactOptional().describe(
    "A test for `deno test`, beside the manifest: the same runs; absent if an input was given, or code " +
      "or nobody runs a step",
  ),
});

/** The answer to a rehearsal. */
export type Rehearsal = z.output<typeof Rehearsal>;
