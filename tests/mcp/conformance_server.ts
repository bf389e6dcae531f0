/**
 * The MCP server with the fixtures of the conformance suite beside it, over a Tasker that runs elsewhere.
 * Keys, limits and transports are the real ones; because the suite sends no key, it is put in front.
 *
 * Prints its address. Environment: TASKER_URL, TASKER_KEY.
 */

import {
  acceptedContent,
  inputRequired,
  MissingRequiredClientCapabilityError,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import { openClient } from "../../src/client.ts";
import { openMcpHttp } from "../../src/mcp/http.ts";
import { taskHandle, taskResult, TASKS_EXTENSION } from "../../src/mcp/task_handle.ts";
import type { Tool, ToolCall, ToolResult } from "../../src/mcp/tool.ts";
import { openRuntime } from "../../src/server/runtime.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";
import { Metrics } from "../../src/telemetry/metrics.ts";
import { fixture, PROMPTS, RESOURCES, TOOLS } from "./fixtures.ts";

/** How long a client without tasks waits for the end of one. */
const WAIT_MS = 20_000;

/** Starts a task of a workflow: a handle for clients that follow it, else its end. */
async function started(workflow: string, input: unknown, call: ToolCall): Promise<ToolResult> {
  const { client, followsTasks, signal } = call;
  const request = { workflow: `conformance/${workflow}`, input };
  if (followsTasks) return taskHandle(await client.call("startTask", request, { signal }));
  return taskResult(await client.call("startTask", { ...request, waitMs: WAIT_MS }, { signal }));
}

function demandTasks({ followsTasks }: ToolCall): void {
  if (followsTasks) return;
  throw new MissingRequiredClientCapabilityError({
    requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } },
  });
}

const Named = z.object({ name: z.string() });

const TASK_TOOLS: readonly Tool[] = [
  fixture(
    "slow_compute",
    (call, { seconds, label }) => started("slow_compute", { pause: `${seconds}s`, label }, call),
  ),
  fixture("failing_job", (call) => {
    demandTasks(call);
    return started("failing", {}, call);
  }),
  fixture("protocol_error_job", (call) => started("broken_output", {}, call)),
  fixture("confirm_delete", (call, args) => started("confirm_delete", args, call)),
  fixture("multi_input", (call) => started("multi_input", {}, call)),
  fixture("test_tool_with_task", (call) => {
    const given = acceptedContent(call.answers, "user_name", Named);
    if (given !== undefined) return started("greeting", { name: given.name }, call);
    const question = inputRequired.elicit({
      message: "What is your name?",
      requestedSchema: Named,
    });
    return inputRequired({ inputRequests: { user_name: question } });
  }),
];

if (import.meta.main) {
  const [url, key] = [Deno.env.get("TASKER_URL") ?? "", Deno.env.get("TASKER_KEY") ?? ""];
  const runtime = openRuntime();
  const mcp = openMcpHttp({
    runtime,
    log: SILENT_LOG,
    metrics: new Metrics(),
    version: "0.0.0",
    stateKey: runtime.uuid() + runtime.uuid(),
    tools: [...TOOLS, ...TASK_TOOLS],
    resources: RESOURCES,
    prompts: PROMPTS,
    clientOf: (key, agent) => openClient({ url, key, agent, retryForMs: 0 }),
  });
  Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(`http://127.0.0.1:${port}/mcp`),
  }, (request) => {
    const headers = new Headers(request.headers);
    headers.set("authorization", `Bearer ${key}`);
    return mcp.fetch(new Request(request, { headers }));
  });
}
