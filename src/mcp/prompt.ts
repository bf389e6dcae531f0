/** Prompts: how a model is asked to go about a failure, or about a proposal of healing. */

import type {
  GetPromptResult,
  InputRequiredResult,
  Prompt as Listed,
} from "@modelcontextprotocol/server";
import { BadArguments } from "./failure.ts";
import { jsonContents, recentIncidents, recentTasks, startingWith } from "./resource.ts";
import type { McpSession } from "./session.ts";

/** One prompt. */
export interface Prompt {
  readonly listed: Listed;
  get(
    args: Readonly<Record<string, string>>,
    session: McpSession,
    answers: Readonly<Record<string, unknown>>,
  ): Promise<GetPromptResult | InputRequiredResult>;
  complete?(argument: string, text: string, session: McpSession): Promise<readonly string[]>;
}

/** What a person can ask with one choice. */
export const PROMPTS: readonly Prompt[] = [
  {
    listed: {
      name: "diagnose_task",
      title: "Diagnose a task",
      description: "Why did this task fail, and what should be done?",
      arguments: [{ name: "task_id", description: "The id of the task", required: true }],
    },
    async get({ task_id: id }, { client }) {
      if (id === undefined) throw missing("task_id");
      const [task, diagnosis] = await Promise.all([
        client.get(id),
        client.call("diagnoseTask", { id }),
      ]);
      return promptOf(
        `Say why task ${id} failed or is parked, in words that its owner understands. Rest each ` +
          "statement on evidence of the diagnosis, and name it. Say what is not known. Then " +
          "name the suggested workaround that you would take, its risk, and who has to decide; " +
          "change nothing yourself.",
        jsonContents(`tasker://task/${id}`, { task, diagnosis }),
      );
    },
    complete: async (_argument, text, session) => startingWith(text, await recentTasks(session)),
  },
  {
    listed: {
      name: "review_proposal",
      title: "Review a proposal",
      description: "Should what this incident proposes be approved?",
      arguments: [{ name: "incident", description: "The id of the incident", required: true }],
    },
    async get({ incident }, { client }) {
      if (incident === undefined) throw missing("incident");
      const found = await client.call("getIncident", { incident });
      return promptOf(
        `Review what incident ${incident} proposes. Say what would change, for which tasks, and how ` +
          "it is taken back. Weigh its evidence against what else could explain it, and say what " +
          "you would look at before it is approved. A person approves; change nothing yourself.",
        jsonContents(`tasker://incident/${incident}`, found),
      );
    },
    complete: async (_argument, text, session) =>
      startingWith(text, await recentIncidents(session)),
  },
];

/** What is asked, and then the data that it is about. */
function promptOf(
  text: string,
  { contents: [resource] }: ReturnType<typeof jsonContents>,
): GetPromptResult {
  return {
    messages: [
      { role: "user", content: { type: "text", text } },
      ...(resource === undefined
        ? []
        : [{ role: "user" as const, content: { type: "resource" as const, resource } }]),
    ],
  };
}

function missing(name: string): BadArguments {
  return new BadArguments(`Cannot make the prompt: "${name}" is missing`);
}
