/** Started tasks: what a call that starts one answers, or would. */

import type { OperationInput, Task } from "../client.ts";
import { isTerminal } from "../core/state.ts";
import { taskHandle, taskResult } from "./task_handle.ts";
import type { ToolCall, ToolResult } from "./tool.ts";

/** Answers with a task that has been started: what it gave, or how to follow it. */
export function startedResult(
  task: Task,
  { followsTasks }: Pick<ToolCall, "followsTasks">,
): ToolResult {
  return followsTasks && !isTerminal(task.state) ? taskHandle(task) : taskResult(task);
}

/** Says what would be started, and starts nothing. */
export async function startPreview(
  request: OperationInput<"checkStart">,
  { client, signal }: ToolCall,
): Promise<Readonly<Record<string, unknown>>> {
  const checked = await client.call("checkStart", request, { signal });
  const { workflow, version, definitionHash, input } = checked;
  return { diff: [`+ task of ${workflow} ${version}`], definition_hash: definitionHash, input };
}
