/** Operations of the optimiser: what a workflow's tasks say about its policies and its edges. */

import { z } from "zod";
import { ARM_METRICS, ArmsReport } from "../core/arms.ts";
import { DURATION_MS_MAX } from "../core/duration.ts";
import { Name, Version } from "../core/fields.ts";
import { Optimisation } from "../core/optimisation.ts";
import { DrawnShares, Estimate, ReplayError, WhatifEffects, WhatifReport } from "../core/whatif.ts";
import { group, operation } from "./operation.ts";
import { Steps } from "./policies.ts";
import { named } from "./schema.ts";

/** Tasks that are read and played at most: some seconds of CPU. */
const TASKS_MAX = 2_000;

/** How long that may take on a busy machine. */
const ANSWER_MS_MAX = 120_000;

/** Edges that are dropped at once. */
const EDGES_MAX = 100;

named("Estimate", Estimate);
named("ReplayError", ReplayError);
named("WhatifEffects", WhatifEffects);
named("DrawnShares", DrawnShares);
named("WhatifReport", WhatifReport);
named("Optimisation", Optimisation);
named("ArmsReport", ArmsReport);

const Params = z.strictObject({ namespace: Name, name: Name });

/** Which tasks to learn from. */
const FROM = {
  version: Version.optional().describe("By default that of the newest task"),
  sinceMs: z.int().min(1).max(DURATION_MS_MAX).default(30 * 24 * 3_600_000)
    .describe("How far back tasks are read; 30 days unless said"),
  tasks: z.int().min(1).max(TASKS_MAX).default(1_000)
    .describe("How many tasks are read; 1,000 unless said, of more a sample"),
};

/** An edge, as people write it. */
const Edge = z.string().regex(
  /^[a-z0-9_-]{1,64}:[a-z0-9_-]{1,64}$/,
  "expected two steps, as from:to",
);

/** Everything that can be asked of the optimiser. */
export const OPTIMISER = group("optimiser", {
  compareArms: operation({
    method: "GET",
    path: "/v1/policies/{namespace}/{name}/arms",
    summary: "Says whether tasks that try the newest policy do better than the others",
    right: "read",
    repeat: "harmless",
    answerMsMax: ANSWER_MS_MAX,
    params: Params,
    query: z.strictObject({
      metric: z.enum(ARM_METRICS).default("completed").describe(
        "What decides; busy is the time under way, duplicates are repeated effects",
      ),
    }),
    answers: { 200: { description: "Both arms and the verdict", schema: ArmsReport } },
    errors: ["definition.unknown", "policy.no_canary"],
    command: { verb: "policies arms" },
  }),
  optimiseWorkflow: operation({
    method: "POST",
    path: "/v1/workflows/{namespace}/{name}/optimise",
    summary: "Says what the tasks of a workflow show that would make it faster or cheaper",
    right: "read",
    repeat: "harmless",
    answerMsMax: ANSWER_MS_MAX,
    params: Params,
    body: named("Optimise", z.strictObject(FROM)).prefault({}),
    answers: { 200: { description: "What was found", schema: Optimisation } },
    errors: ["definition.unknown", "api.busy"],
    command: { verb: "optimise" },
  }),
  whatifWorkflow: operation({
    method: "POST",
    path: "/v1/workflows/{namespace}/{name}/whatif",
    summary: "Plays stored tasks again under a changed policy, and says what would have changed",
    right: "read",
    repeat: "harmless",
    answerMsMax: ANSWER_MS_MAX,
    params: Params,
    body: named(
      "Whatif",
      z.strictObject({
        ...FROM,
        steps: Steps.default({}).describe("As in a policy: what is there replaces what holds now"),
        dropEdges: z.array(Edge).max(EDGES_MAX).default([])
          .describe("Edges that are not there any more, as from:to"),
      }),
    ),
    answers: { 200: { description: "What would have changed", schema: WhatifReport } },
    errors: ["definition.unknown", "policy.invalid", "api.busy"],
    command: { verb: "whatif" },
  }),
});
