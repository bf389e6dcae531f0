/** Operations of workflows: definitions with their contracts and graphs. */

import { z } from "zod";
import { Name } from "../core/fields.ts";
import type { Definition } from "../core/workflow.ts";
import { group, operation } from "./operation.ts";
import { named, typedAs } from "./schema.ts";

const WorkflowSummary = z.object({
  namespace: z.string(),
  name: z.string(),
  versions: z.array(z.string()).describe(
    "The highest first; it is used by a start without a version",
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
    versions: z.array(WorkflowVersion).describe("The highest first"),
  }),
);

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
  getWorkflow: operation({
    ...READ,
    path: "/v1/workflows/{namespace}/{name}",
    summary: "Shows every version of a workflow, with contracts and graph",
    params: z.strictObject({ namespace: Name, name: Name }),
    answers: { 200: { description: "The workflow", schema: Workflow } },
    errors: ["definition.unknown"],
    command: { verb: "workflows" },
  }),
});
