/** Operations of workflows: definitions with their contracts and graphs. */

import { z } from "zod";
import { Name, Version, WorkflowName } from "../core/fields.ts";
import type { Definition } from "../core/workflow.ts";
import { group, operation } from "./operation.ts";
import { Limit, named, typedAs } from "./schema.ts";

const WorkflowSummary = z.object({
  namespace: z.string(),
  name: z.string(),
  versions: z.array(z.string()).describe("The highest first"),
  starts: z.string().optional().describe(
    "The version that a start without one takes; absent: none is loaded on this node",
  ),
  file: z.string().optional().describe(
    "The file on this node that defines it: it is changed there, and not deployed; absent: none",
  ),
  steps: z.int().describe("Steps of the highest version"),
});

const WorkflowList = named("WorkflowList", z.object({ workflows: z.array(WorkflowSummary) }));

/** Which step waits for which other. */
const Edge = z.object({
  from: z.string(),
  to: z.string(),
  kind: z.enum(["data", "order"]),
});

const WorkflowVersion = z.object({
  version: z.string(),
  hash: z.string(),
  definition: typedAs<Definition>(
    z.looseObject({}).describe("Steps with their contracts as JSON Schema"),
  ),
  edges: z.array(Edge),
});

const Workflow = named(
  "Workflow",
  z.object({
    namespace: z.string(),
    name: z.string(),
    starts: WorkflowSummary.shape.starts,
    file: WorkflowSummary.shape.file,
    versions: z.array(WorkflowVersion).describe("The highest first"),
  }),
);

const Startable = z.object({
  workflow: z.string().describe("namespace/name"),
  version: z.string().describe("The version that a start without one takes"),
  description: z.string().optional(),
  steps: z.int(),
  input: z.looseObject({}).optional().describe("JSON Schema of what it takes; absent: anything"),
  output: z.looseObject({}).optional()
    .describe("JSON Schema of what it gives; absent: nothing, or anything"),
  gives: z.boolean().describe("Whether a task of it has an output"),
});

const StartablePage = named(
  "StartablePage",
  z.object({ workflows: z.array(Startable), nextCursor: z.string().optional() }),
);

const CheckedStart = named(
  "CheckedStart",
  z.object({
    workflow: z.string(),
    version: z.string().describe("The version that would be started"),
    definitionHash: z.string(),
    input: z.unknown().describe("With what the contract fills in"),
  }),
);

/** What a version breaks, or may break. */
export const VersionBreak = z.object({
  verdict: z.enum(["breaks", "unclear"]).describe("Whether an example proves it"),
  path: z.string(),
  detail: z.string(),
  affected: z.string(),
  example: z.unknown().optional().describe("Accepted before, and not any more"),
});

const Comparison = named("Comparison", z.object({ breaks: z.array(VersionBreak) }));

const READ = { method: "GET", right: "read", repeat: "harmless" } as const;

/** Everything that can be asked of workflows. */
export const WORKFLOWS = group("workflows", {
  listWorkflows: operation({
    ...READ,
    path: "/v1/workflows",
    summary: "Lists the workflows that the key may see",
    answers: { 200: { description: "By name", schema: WorkflowList } },
    errors: [],
    command: { verb: "workflows" },
  }),
  listStartable: operation({
    ...READ,
    path: "/v1/startable",
    summary: "Lists the workflows that can be started here, with what they take and give",
    query: z.strictObject({
      workflow: WorkflowName.optional().describe("Only this one"),
      limit: Limit,
      cursor: z.string().max(256).optional().describe("`nextCursor` of the page before"),
    }),
    answers: { 200: { description: "By name; fewer if they are large", schema: StartablePage } },
    errors: [],
    pages: { entries: "workflows", next: "nextCursor", from: "cursor" },
  }),
  checkStart: operation({
    method: "POST",
    path: "/v1/startable/check",
    summary: "Checks what a start would take, and starts nothing",
    right: "write",
    repeat: "harmless",
    body: named(
      "CheckStart",
      z.strictObject({
        workflow: WorkflowName,
        version: Version.optional().describe("As a start would take it"),
        input: z.unknown().optional(),
      }),
    ),
    answers: { 200: { description: "It would be started", schema: CheckedStart } },
    errors: ["definition.unknown", "contract.violation", "payload.too_large"],
  }),
  getWorkflow: operation({
    ...READ,
    path: "/v1/workflows/{namespace}/{name}",
    summary: "Shows every version of a workflow, with contracts and graph",
    params: z.strictObject({ namespace: Name, name: Name }),
    answers: { 200: { description: "The workflow", schema: Workflow } },
    errors: ["definition.unknown"],
    command: { verb: "workflows" },
  }),
  compareVersions: operation({
    ...READ,
    path: "/v1/workflows/{namespace}/{name}/compare",
    summary: "Says what a version of a workflow breaks for those who rely on another one",
    params: z.strictObject({ namespace: Name, name: Name }),
    query: z.strictObject({
      from: Version.describe("The version that is relied on"),
      to: Version.describe("The version that takes its place"),
    }),
    answers: { 200: { description: "Nothing is broken if the list is empty", schema: Comparison } },
    errors: ["definition.unknown"],
    command: { verb: "compare" },
  }),
});
