import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { fakeMcp } from "../../tests/support/fake_mcp.ts";
import { valueOf } from "../../tests/support/mcp.ts";
import { planOf } from "../core/plan.ts";
import type { JsonSchema } from "../core/workflow.ts";
import type { ListToolsResult } from "@modelcontextprotocol/client";
import { TASKS_EXTENSION } from "./task_handle.ts";
import { toolName } from "./workflow_tools.ts";

/** MCP over a workflow with contracts. */
function withContracts(input: JsonSchema | undefined, output?: JsonSchema) {
  const fake = fakeMcp();
  const [first] = fake.engine.plans;
  const { definition } = first as NonNullable<typeof first>;
  fake.engine.plans[0] = planOf("hash0", {
    ...definition,
    ...(input !== undefined && { input }),
    ...(output !== undefined && { output: { needs: {}, with: null, success: output } }),
  });
  return fake;
}

/** Calls a tool as a client that follows tasks: the answer is a handle, at once. */
async function started(fake: ReturnType<typeof fakeMcp>, name: string, args: object, meta = {}) {
  const ask = fake.raw({ capabilities: { extensions: { [TASKS_EXTENSION]: {} } } });
  return (await ask("tools/call", { name, arguments: args, _meta: meta })).taskId;
}

const ORDER: JsonSchema = {
  type: "object",
  properties: { id: { type: "integer" }, mail: { type: "string", format: "email" } },
  required: ["id"],
};

Deno.test("a workflow is a tool whose schemas are its contracts", async () => {
  const fake = withContracts(ORDER, { type: "object", properties: { mail: ORDER } });
  const client = await fake.connect();

  const { tools } = await client.listTools();

  const tool = tools.find(({ name }) => name === "orders__process");
  deepEqual(tool?.inputSchema, ORDER);
  deepEqual(tool?.outputSchema?.required, ["task_id", "state"]);
  ok(!JSON.stringify(tool?.outputSchema).includes("email"), "a hidden address would break it");
  equal(tool?.annotations?.readOnlyHint, false);
  equal(tool?.annotations?.destructiveHint, true);
});

Deno.test("a call of a workflow's tool starts a task of it with the arguments as input", async () => {
  const fake = withContracts(ORDER);

  const id = await started(fake, "orders__process", { id: 7 });

  deepEqual(fake.engine.starts.map(({ workflow, input }) => [workflow, input]), [
    ["orders/process", { id: 7 }],
  ]);
  match(String(id), /^[0-9a-f-]{36}$/);
});

Deno.test("what is not an object is given in a field", async () => {
  const fake = withContracts({ type: "string", minLength: 1 });
  const client = await fake.connect();

  const { tools } = await client.listTools();
  await started(fake, "orders__process", { input: "seven" });

  const tool = tools.find(({ name }) => name === "orders__process");
  deepEqual(tool?.inputSchema.required, ["input"]);
  equal(fake.engine.starts[0]?.input, "seven");
});

Deno.test("a dry run of a workflow starts nothing", async () => {
  const fake = withContracts(ORDER);
  const client = await fake.connect();

  const result = await client.callTool({
    name: "orders__process",
    arguments: { id: 7 },
    _meta: { "tasker/dry-run": true },
  });
  const said = await valueOf(client, "start_task", {
    workflow: "orders/process",
    input: { id: 7 },
    dry_run: true,
  });

  const value = result.structuredContent as { diff: string[] };
  deepEqual(value.diff, ["+ task of orders/process 1.0.0"]);
  deepEqual(said.diff, value.diff);
  deepEqual(fake.engine.starts, []);
});

Deno.test("a repeat under one key starts one task, and two calls start two", async () => {
  const fake = withContracts(ORDER);
  const ask = fake.raw({ capabilities: { extensions: { [TASKS_EXTENSION]: {} } } });
  const start = async (_meta: Record<string, unknown>) =>
    (await ask("tools/call", { name: "orders__process", arguments: { id: 1 }, _meta })).taskId;
  const named = { "tasker/idempotency-key": "a" };

  const [one, again, other] = [await start(named), await start(named), await start({})];

  equal(one, again);
  ok(one !== other);
});

Deno.test("a workflow of another namespace is neither listed nor found", async () => {
  const fake = withContracts(ORDER);
  const client = await fake.connect({ key: fake.key(undefined, ["billing"]) });

  const names = (await client.listTools()).tools.map(({ name }) => name);

  ok(names.includes("billing__bill") && !names.includes("orders__process"), names.join());
  await rejects(client.callTool({ name: "orders__process", arguments: {} }), /no such tool/);
  deepEqual(fake.engine.starts, []);
});

Deno.test("1,000 workflows are listed in pages, each once, and each can be called", async () => {
  const fake = withContracts(ORDER);
  const [first] = fake.engine.plans;
  const { definition } = first as NonNullable<typeof first>;
  for (let index = 0; index < 1_000; index++) {
    const name = `flow-${String(index).padStart(4, "0")}`;
    fake.engine.plans.push(planOf(`hash-${name}`, { ...definition, namespace: "many", name }));
  }
  fake.engine.plans.sort((one, other) => one.workflow < other.workflow ? -1 : 1);
  const client = await fake.connect({ key: fake.key(undefined, ["many"]) });

  const names: string[] = [];
  let pages = 0;
  for (let cursor: string | undefined = "";;) {
    const params = cursor === "" ? {} : { cursor };
    const page: ListToolsResult = await client.request({ method: "tools/list", params });
    names.push(...page.tools.map(({ name }) => name).filter((name) => name.startsWith("many__")));
    cursor = page.nextCursor;
    pages++;
    if (cursor === undefined) break;
  }

  equal(names.length, 1_000);
  equal(new Set(names).size, 1_000);
  equal(pages, 20);
  await started(fake, "many__flow-0500", { id: 1 });
  equal(fake.engine.starts[0]?.workflow, "many/flow-0500");
});

Deno.test("names of tools are short, plain, and different for each workflow", () => {
  const long = "n".repeat(64);
  const workflows = [
    "a/b",
    "a_/b",
    "a/_b",
    "a__b/c",
    "a/b__c",
    "a/b_",
    "_/_",
    `${long}/${long}`,
    `${long}/${long.slice(1)}x`,
  ];

  const names = workflows.map(toolName);

  equal(new Set(names).size, workflows.length);
  for (const name of names) match(name, /^[a-z0-9_-]{1,64}$/);
  equal(names[0], "a__b");
});

Deno.test("a workflow whose name was cut is found by it", async () => {
  const fake = withContracts(ORDER);
  const [first] = fake.engine.plans;
  const { definition } = first as NonNullable<typeof first>;
  const name = "n".repeat(64);
  fake.engine.plans.push(planOf("hash-long", { ...definition, namespace: "orders", name }));

  await started(fake, toolName(`orders/${name}`), { id: 1 });

  equal(fake.engine.starts[0]?.workflow, `orders/${name}`);
});
