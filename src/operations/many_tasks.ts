/** Operations about all tasks that a filter is for: count them, and change them page by page. */

import { z } from "zod";
import { By, Name, Reason } from "../core/fields.ts";
import { TASK_STATES } from "../core/state.ts";
import { group, operation } from "./operation.ts";
import { Problem } from "./problem.ts";
import { named, whole } from "./schema.ts";
import { Cursor, NextCursor, SearchedTo, TASK_FILTER } from "./task_filter.ts";

/** What can be done with many tasks. */
const BULK_ACTIONS = [
  "retry",
  "resolve",
  "skip",
  "choose",
  "cancel",
  "pause",
  "resume",
] as const;

/** Tasks that one request changes. */
const BULK_TASKS_MAX = 100;

const TaskCounts = named(
  "TaskCounts",
  z.object({
    states: z.partialRecord(
      z.enum(TASK_STATES),
      z.object({
        count: z.int(),
        isExact: z.boolean().describe("False: there are so many at least"),
      }),
    ),
  }),
);

const BulkBody = named(
  "ChangeTasks",
  z.strictObject({
    action: z.enum(BULK_ACTIONS).describe(
      "retry, resolve, skip and choose are about parked steps; the others about tasks",
    ),
    ...TASK_FILTER,
    by: By,
    reason: Reason,
    step: Name.optional().describe("Only this step; every parked step of each task unless given"),
    result: z.unknown().optional().describe("What resolve, skip or choose ends the steps with"),
    choice: Name.optional().describe("What choose decides"),
    dryRun: z.boolean().default(false).describe(
      "Nothing is changed: only counted, with what would be refused as things are now",
    ),
    limit: whole(1, BULK_TASKS_MAX).default(BULK_TASKS_MAX),
    cursor: Cursor.optional(),
  }),
);

const BulkAnswer = named(
  "ChangedTasks",
  z.object({
    tasks: z.int().describe("Tasks of this page, which the filter is for"),
    commands: z.int().describe("What was asked of them: a task may have several parked steps"),
    changed: z.int(),
    unchanged: z.int().describe("What was so already"),
    refused: z.array(z.object({
      id: z.string(),
      step: z.string().optional(),
      problem: Problem,
    })).describe("The others are not affected; in a dry run, what would be refused"),
    nextCursor: NextCursor,
    searchedTo: SearchedTo,
  }),
);

/** Everything that is about all tasks of a filter. */
export const MANY_TASKS = group("tasks", {
  countTasks: operation({
    method: "GET",
    right: "read",
    repeat: "harmless",
    path: "/v1/tasks/counts",
    summary: "Counts tasks by state: exactly up to 1,000, or how many there are at least",
    query: z.strictObject(TASK_FILTER),
    isShared: true,
    answers: { 200: { description: "A count for each state", schema: TaskCounts } },
    errors: ["api.forbidden"],
    command: { verb: "count" },
  }),
  changeTasks: operation({
    method: "POST",
    path: "/v1/tasks/bulk",
    summary:
      "Decides about a page of the tasks that a filter is for, newest first. Repeat it with " +
      "`nextCursor` until there is none; a task that changes meanwhile is not asked twice",
    right: "operate",
    repeat: "command",
    body: BulkBody,
    answers: { 200: { description: "What became of the page", schema: BulkAnswer } },
    errors: ["api.forbidden", "node.draining"],
    command: { verb: "bulk", operands: ["action"] },
    audit: { target: "{action} {changed} of {tasks} tasks" },
  }),
});
