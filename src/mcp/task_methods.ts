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
import { TASKS_EXTENSION, taskView } from "./task_handle.ts";
import { protocolErrorOf } from "./failure.ts";
import type { McpSession } from "./session.ts";

const TaskParams = z.looseObject({ taskId: z.string().max(64) });

/** Serves the methods of the extension. */
export function serveTasks(server: Server, session: McpSession): void {
  const { client } = session;
  server.registerCapabilities({ extensions: { [TASKS_EXTENSION]: {} } });
  server.setRequestHandler("tasks/get", { params: TaskParams }, async ({ taskId }, context) => {
    const { elicitation } = capabilitiesOf(context);
    return await guarded(async () => {
      const task = await client.get(taskId, { signal: context.mcpReq.signal });
      const isAsking = elicitation !== undefined && !isTerminal(task.state);
      const questions = isAsking ? questionsOf(task, await session.key()) : new Map();
      return taskView(task, questions);
    });
  });
  server.setRequestHandler("tasks/update", { params: TaskParams }, async ({ taskId }, context) => {
    capabilitiesOf(context);
    return await guarded(() => update(session, taskId, context.mcpReq.inputResponses ?? {}));
  });
  server.setRequestHandler("tasks/cancel", { params: TaskParams }, async ({ taskId }, context) => {
    capabilitiesOf(context);
    return await guarded(() => cancel(client, taskId));
  });
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
  for (const [name, answer] of Object.entries(answers)) {
    const question = questions.get(name);
    if (question !== undefined) {
      await answerQuestion(session.client, { task, name, question, answer });
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
