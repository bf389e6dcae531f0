/** The methods of the Tasks extension: a client reads, answers and cancels tasks by their ids. */

import {
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  MissingRequiredClientCapabilityError,
  type Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import { type Client, ClientError } from "../client.ts";
import { isTerminal } from "../core/state.ts";
import { answerQuestion, questionsOf } from "./task_form.ts";
import { TASKS_EXTENSION, type TaskView, taskView } from "./task_handle.ts";
import { protocolErrorOf } from "./failure.ts";
import type { Log } from "../telemetry/log.ts";
import type { Limits } from "./limits.ts";
import type { McpSession } from "./session.ts";

const TaskParams = z.looseObject({ taskId: z.string().max(64) });

/** What the methods work with. */
export interface TaskDeps {
  readonly limits: Limits;
  readonly log: Log;
}

/** Serves the methods of the extension. */
export function serveTasks(server: Server, session: McpSession, deps: TaskDeps): void {
  const write = async (method: string, answer: () => Promise<Record<string, never>>) =>
    await guarded(() => bounded(session, deps, { method, answer }));
  server.registerCapabilities({ extensions: { [TASKS_EXTENSION]: {} } });
  server.setRequestHandler("tasks/get", { params: TaskParams }, async ({ taskId }, context) => {
    const isAsking = capabilitiesOf(context).elicitation !== undefined;
    return await guarded(() => viewOf(session, taskId, { isAsking }));
  });
  server.setRequestHandler("tasks/update", { params: TaskParams }, async ({ taskId }, context) => {
    capabilitiesOf(context);
    const answers = context.mcpReq.inputResponses ?? {};
    return await write("tasks/update", () => update(session, taskId, answers));
  });
  server.setRequestHandler("tasks/cancel", { params: TaskParams }, async ({ taskId }, context) => {
    capabilitiesOf(context);
    return await write("tasks/cancel", () => cancel(session.as("mcp tasks/cancel"), taskId));
  });
}

/** Shows how a task stands, with its questions to a client that can ask people. */
export async function viewOf(
  session: McpSession,
  taskId: string,
  { isAsking }: { readonly isAsking: boolean },
): Promise<TaskView> {
  const task = await session.client.get(taskId);
  const isOpen = isAsking && !isTerminal(task.state);
  return taskView(task, isOpen ? questionsOf(task, await session.key()) : new Map());
}

/** Takes the answers to what is still asked; the others are passed over. */
async function update(
  session: McpSession,
  taskId: string,
  answers: Readonly<Record<string, unknown>>,
): Promise<Record<string, never>> {
  const task = await session.client.get(taskId);
  if (isTerminal(task.state)) return {};
  const questions = questionsOf(task, await session.key());
  const client = session.as("mcp tasks/update");
  for (const [name, answer] of Object.entries(answers)) {
    const question = questions.get(name);
    if (question !== undefined) {
      await answerQuestion(client, { task, name, question, answer });
    }
  }
  return {};
}

/** A task that has ended is as cancelled as it can be. */
async function cancel(client: Client, taskId: string): Promise<Record<string, never>> {
  try {
    await client.cancel(taskId, { idempotencyKey: `mcp-cancel-${taskId}` });
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== "task.ended") throw error;
  }
  return {};
}

/** Counts what changes something as a call of a tool, and leaves a line of it. */
async function bounded<T>(
  session: McpSession,
  { limits, log }: TaskDeps,
  { method, answer }: { readonly method: string; readonly answer: () => Promise<T> },
): Promise<T> {
  const { id: keyId } = await session.key();
  const release = limits.call(keyId, true);
  try {
    const answered = await answer();
    log.info("Answered an MCP call", { tool: method, keyId, isWrite: true, outcome: "answered" });
    return answered;
  } catch (thrown) {
    log.info("Answered an MCP call", { tool: method, keyId, isWrite: true, outcome: "failed" });
    throw thrown;
  } finally {
    release();
  }
}

async function guarded<T>(answer: () => Promise<T>): Promise<T> {
  try {
    return await answer();
  } catch (thrown) {
    throw protocolErrorOf(thrown);
  }
}

/** @throws {MissingRequiredClientCapabilityError} for a client that does not know of tasks */
function capabilitiesOf({ mcpReq }: ServerContext): ClientCapabilities {
  const envelope: Readonly<Record<string, unknown>> = mcpReq.envelope ?? {};
  const capabilities = (envelope[CLIENT_CAPABILITIES_META_KEY] ?? {}) as ClientCapabilities;
  if (capabilities.extensions?.[TASKS_EXTENSION] !== undefined) return capabilities;
  throw new MissingRequiredClientCapabilityError({
    requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } },
  });
}
