/**
 * Tools that say what is wrong with a workflow and what would make it better. Their names and arguments are
 * those of the mission; each reads what one or two operations answer.
 */

import type { Client, OperationResult } from "../client.ts";
import { DURATION_FORMS, parseDuration } from "../core/duration.ts";
import { nearestOf } from "../core/nearest.ts";
import type { JsonSchema } from "../core/workflow.ts";
import { timeText } from "../operations/schema.ts";
import { BadArguments } from "./failure.ts";
import { valueResult } from "./result.ts";
import type { Hints, Tool, ToolCall } from "./tool.ts";

/** Nothing is changed, and nothing outside is asked. */
const READS: Hints = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};

/** How far back is looked unless said. */
const WINDOW = "30d";

type Args = Readonly<Record<string, unknown>>;
type Optimisation = OperationResult<"optimiseWorkflow">;
type Suggestion = Optimisation["suggested_optimizations"][number];

/** The tools. */
export const INSIGHT_TOOLS: readonly Tool[] = [
  {
    name: "analyze_workflow_performance",
    title: "Analyze the performance of a workflow",
    description: "Analyzes how a workflow runs, and suggests what would make it better",
    inputSchema: objectOf({
      workflow_name: { type: "string" },
      time_window: { type: "string", default: WINDOW },
    }),
    hints: READS,
    scopes: ["read"],
    call: async (args, call) => valueResult(await analysisOf(args, call)),
  },
  {
    name: "diagnose_workflow_failure",
    title: "Diagnose a failed task",
    description: "Says what kind of failure stopped a task, where it began, and what helped before",
    inputSchema: objectOf({
      task_id: { type: "string" },
      include_historical_context: { type: "boolean", default: true },
    }),
    hints: READS,
    scopes: ["read"],
    call: async (args, call) => valueResult(await diagnosisOf(args, call)),
  },
  {
    name: "optimize_workflow_dependencies",
    title: "Optimize the dependencies of a workflow",
    description:
      "Says which steps of a workflow could run at the same time, and what that would save",
    inputSchema: objectOf({ workflow_name: { type: "string" } }),
    hints: READS,
    scopes: ["read"],
    call: async (args, call) => valueResult(await dependenciesOf(args, call)),
  },
];

/** The mission names no required fields; what is missing is asked for when it is called. */
function objectOf(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: "object", properties };
}

async function analysisOf(args: Args, { client, signal, nowMs }: ToolCall) {
  const workflow = await workflowOf(args, client);
  const sinceMs = windowOf(args.time_window);
  const since = timeText(Math.max(0, nowMs - sinceMs));
  const options = { signal };
  const [statistics, found] = await Promise.all([
    client.call("getStatistics", { workflow, since }, options),
    client.call("optimiseWorkflow", { ...partsOf(workflow), sinceMs }, options),
  ]);
  return {
    workflow,
    performance_metrics: {
      ...statistics,
      tasks_read: found.tasks,
      bottlenecks: found.bottlenecks,
      retry_patterns: found.retry_patterns,
    },
    optimization_suggestions: found.suggested_optimizations,
    ai_insights: insightsOf(found),
    actionable_improvements: found.suggested_optimizations.map((one) => improvement(workflow, one)),
    why_not_more: whyNotMore(found),
  };
}

/** What was found, in words. They rest on statistics: no model is asked. */
function insightsOf(found: Optimisation): readonly string[] {
  return [
    ...found.critical_path_optimization,
    ...found.retry_tuning,
    ...found.timeout_adjustment,
    ...found.dependency_optimization,
  ];
}

function whyNotMore({ refusal, declined }: Optimisation) {
  return { ...(refusal !== undefined && { refusal }), declined };
}

/** How a suggestion is tried, and who decides about it. */
function improvement(workflow: string, { text, tier, steps, edge }: Suggestion) {
  const dropEdges = edge === undefined ? [] : [`${edge.from}:${edge.to}`];
  return {
    text,
    tier,
    try_it: {
      tool: "whatif",
      arguments: {
        ...partsOf(workflow),
        ...(steps !== undefined && { steps }),
        ...(dropEdges.length > 0 && { dropEdges }),
      },
    },
    applied_by: tier === "T3"
      ? "a new version of the workflow, which a person deploys"
      : `a person, with: tasker policies put ${workflow}`,
  };
}

async function diagnosisOf(args: Args, { client, signal }: ToolCall) {
  const id = textOf(args.task_id, "task_id", "the id of a task that failed or is parked");
  const diagnosis = await client.call("diagnoseTask", { id }, { signal });
  if (args.include_historical_context !== false) return { task_id: id, ...diagnosis };
  const { historical_context: _, calibration: _c, ...rest } = diagnosis;
  const suggested_workarounds = rest.suggested_workarounds.map(
    ({ type, confidence, implementation }) => ({ type, confidence, implementation }),
  );
  return { task_id: id, ...rest, suggested_workarounds };
}

async function dependenciesOf(args: Args, { client, signal }: ToolCall) {
  const workflow = await workflowOf(args, client);
  const found = await client.call("optimiseWorkflow", partsOf(workflow), { signal });
  const isOfEdges = ({ kind }: Suggestion) => kind === "dependency" || kind === "critical_path";
  const suggestions = found.suggested_optimizations.filter(isOfEdges);
  return {
    workflow,
    version: found.version,
    tasks_read: found.tasks,
    parallel_opportunities: found.parallel_opportunities,
    dependency_optimization: found.dependency_optimization,
    critical_path: found.bottlenecks,
    suggestions: suggestions.map((one) => ({ ...one, ...improvement(workflow, one) })),
    why_not_more: whyNotMore(found),
  };
}

/** Finds a workflow by `namespace/name`, or by its name where no other has it. */
async function workflowOf(args: Args, client: Client): Promise<string> {
  const given = textOf(args.workflow_name, "workflow_name", "`namespace/name` of a workflow");
  if (given.includes("/")) return given;
  const names = (await client.workflows.list()).map(({ namespace, name }) =>
    `${namespace}/${name}`
  );
  const found = names.filter((name) => name.endsWith(`/${given}`));
  if (found.length === 1) return found[0] as string;
  const near = nearestOf(given, names.map((name) => name.slice(name.indexOf("/") + 1)));
  const why = found.length > 1
    ? `several namespaces have one: ${found.slice(0, 5).join(", ")}`
    : `there is none that the key may see${near === undefined ? "" : `, did you mean "${near}"?`}`;
  throw new BadArguments(`Cannot find workflow "${given}": ${why}`);
}

function partsOf(workflow: string): { readonly namespace: string; readonly name: string } {
  const [namespace = "", ...name] = workflow.split("/");
  return { namespace, name: name.join("/") };
}

function textOf(value: unknown, name: string, what: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new BadArguments(`Cannot read the arguments: "${name}" is missing, expected ${what}`, [
    { path: name, code: "missing", detail: `expected ${what}` },
  ]);
}

function windowOf(value: unknown): number {
  const ms = typeof value === "string"
    ? parseDuration(value)
    : value === undefined
    ? parseDuration(WINDOW)
    : undefined;
  if (ms !== undefined && ms > 0) return ms;
  throw new BadArguments(`Cannot read "time_window": expected ${DURATION_FORMS}`);
}
