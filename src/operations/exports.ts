/** The operation that exports tasks and journals. */

import { z } from "zod";
import { group, operation } from "./operation.ts";
import { Sensitive } from "./schema.ts";
import { TASK_FILTER } from "./task_filter.ts";

/** What can be exported. */
const EXPORTED = ["tasks", "journals"] as const;

/** What can be asked of exports. */
export const EXPORTS = group("tasks", {
  exportTasks: operation({
    method: "GET",
    path: "/v1/export",
    summary:
      "Streams all tasks of a filter, newest first, or all events of their journals, as JSON lines",
    right: "read",
    repeat: "harmless",
    longLived: "stream",
    query: z.strictObject({
      what: z.enum(EXPORTED).default("tasks"),
      ...TASK_FILTER,
      after: z.string().max(80).optional().describe(
        "Goes on behind the last whole line that was read: the id of its task, and of an event " +
          "`task.turn.number`",
      ),
      sensitive: Sensitive,
    }),
    answers: {
      200: {
        description:
          "One task or event a line, which may begin with spaces. Events have `task` and " +
          "`workflow`; a task that cannot be read has `problem`. A body that breaks off is not whole",
        mediaType: "application/jsonl",
      },
    },
    errors: ["task.id_invalid", "api.forbidden", "api.busy", "node.draining"],
    command: { verb: "export", operands: ["what"] },
  }),
});
