import { deepEqual, equal, match, ok } from "node:assert/strict";
import { fakeMcp } from "../../tests/support/fake_mcp.ts";
import { valueOf } from "../../tests/support/mcp.ts";

const SEED: Readonly<Record<string, unknown>> = {
  analyze_workflow_performance: {
    workflow_name: { type: "string" },
    time_window: { type: "string", default: "30d" },
  },
  create_workflow_from_description: {
    description: { type: "string" },
    target_systems: { type: "array", items: { type: "string" } },
  },
  diagnose_workflow_failure: {
    task_id: { type: "string" },
    include_historical_context: { type: "boolean", default: true },
  },
  optimize_workflow_dependencies: { workflow_name: { type: "string" } },
};

Deno.test("the mission's four tools have its names and its input schemas", async () => {
  const fake = fakeMcp();
  const client = await fake.connect();

  const { tools } = await client.listTools();

  for (const [name, properties] of Object.entries(SEED)) {
    const tool = tools.find((one) => one.name === name);
    deepEqual(tool?.inputSchema, { type: "object", properties }, name);
    equal(tool?.annotations?.readOnlyHint, true, name);
  }
});

Deno.test("an analysis has the mission's four parts, by the workflow's name alone too", async () => {
  const fake = fakeMcp();
  const client = await fake.connect();

  const value = await valueOf(client, "analyze_workflow_performance", { workflow_name: "process" });
  const edges = await valueOf(client, "optimize_workflow_dependencies", {
    workflow_name: "orders/process",
  });

  equal(value.workflow, "orders/process");
  ok(Array.isArray((value.performance_metrics as { bottlenecks: unknown }).bottlenecks));
  deepEqual(
    [value.optimization_suggestions, value.ai_insights, value.actionable_improvements],
    [[], [], []],
  );
  deepEqual(edges.parallel_opportunities, []);
});

Deno.test("a workflow that is not found is answered with one that is like it", async () => {
  const fake = fakeMcp();
  const client = await fake.connect();

  const { error: typo } = await valueOf(client, "analyze_workflow_performance", {
    workflow_name: "proces",
  });
  const { error: window } = await valueOf(client, "analyze_workflow_performance", {
    workflow_name: "process",
    time_window: "a month",
  });
  const { error: missing } = await valueOf(client, "diagnose_workflow_failure", {});

  match(JSON.stringify(typo), /did you mean \\"process\\"/);
  match(JSON.stringify(window), /time_window/);
  match(JSON.stringify(missing), /task_id/);
});

Deno.test("a task of which nothing failed is not diagnosed", async () => {
  const fake = fakeMcp();
  const id = await fake.started();
  const client = await fake.connect();

  const { error } = await valueOf(client, "diagnose_workflow_failure", { task_id: id });

  equal((error as { code: string }).code, "task.not_failed");
});

Deno.test("what is read by its address is data, and what is not there is not found", async () => {
  const fake = fakeMcp();
  const id = await fake.started();
  const client = await fake.connect();

  const { contents: [task] } = await client.readResource({ uri: `tasker://task/${id}` });
  const { contents: [journal] } = await client.readResource({ uri: `tasker://task/${id}/journal` });
  const { resources } = await client.listResources();
  const completed = await client.complete({
    ref: { type: "ref/prompt", name: "diagnose_task" },
    argument: { name: "task_id", value: id.slice(0, 8) },
  });
  const missing = await client.readResource({ uri: "tasker://task/none" }).catch(({ code }) =>
    code
  );

  const { notice, data } = JSON.parse(String((task as { text: string }).text));
  match(notice, /data from Tasker/);
  equal(data.id, id);
  match(String((journal as { text: string }).text), /TaskStarted/);
  ok(resources.some(({ uri }) => uri === "tasker://workflow/orders/process"));
  deepEqual(completed.completion.values, [id]);
  equal(missing, -32602);
});

Deno.test("prompts name what they take, and refuse what is missing or not there", async () => {
  const fake = fakeMcp();
  const client = await fake.connect();
  const codeOf = (name: string, args: Record<string, string>) =>
    client.getPrompt({ name, arguments: args }).then(() => undefined, ({ code }) => code);

  const { prompts } = await client.listPrompts();

  deepEqual(
    prompts.map(({ name, arguments: args = [] }) => [name, ...args.map((one) => one.name)]),
    [["diagnose_task", "task_id"], ["review_proposal", "incident"]],
  );
  equal(await codeOf("diagnose_task", {}), -32602);
  equal(await codeOf("diagnose_task", { task_id: "none" }), -32602);
  equal(await codeOf("no_such_prompt", {}), -32602);
});
