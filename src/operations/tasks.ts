/** Operations of tasks: start, list, read, follow, and decide about them. */

import { z } from "zod";
import { faultsOf } from "../core/faults.ts";
import type { ErrorCode } from "../core/errors.ts";
import {
  By,
  DeadlineMs,
  Name,
  Priority,
  Reason,
  Tags,
  Version,
  WorkflowName,
} from "../core/fields.ts";
import { FAILURE_TYPES } from "../core/healing.ts";
import { group, operation } from "./operation.ts";
import { Problem } from "./problem.ts";
import { IdempotencyKey, Limit, named, Sensitive, TURN_MAX, whole } from "./schema.ts";
import { Cursor, NextCursor, SearchedTo, TASK_FILTER } from "./task_filter.ts";
import { CommittedTurn, JournalEntry, SummaryDocument, TaskDocument } from "./task_schemas.ts";

/** The longest long poll, in milliseconds. */
export const WAIT_MS_MAX = 60_000;
/** Starts of one batch, and the bytes of its body. */
export const BATCH_STARTS_MAX = 1_000;
export const BATCH_BYTES_MAX = 4 * 1024 * 1024;
/** Turns on one page of a journal. */
const TURNS_MAX = 200;

/** Longer than any id; what is not an id at all has its own error. */
const TaskIdText = z.string().max(64);
const TaskParams = z.strictObject({ id: TaskIdText });
const StepParams = z.strictObject({ id: TaskIdText, step: Name });

const WaitQuery = z.strictObject({
  waitMs: whole(0, WAIT_MS_MAX).default(0).describe("How long to wait for the end of the task"),
});

/** What a task is started with, over HTTP and over the bus. */
export const StartBody = named(
  "StartTask",
  z.strictObject({
    workflow: WorkflowName,
    version: Version.optional().describe("The highest version if absent"),
    input: z.unknown().optional(),
    tags: Tags,
    deadlineMs: DeadlineMs.optional(),
    priority: Priority.optional(),
  }),
);

/** A start that is one of many. */
const BatchedStart = named(
  "BatchedStart",
  StartBody.extend({
    key: IdempotencyKey.optional().describe("As the Idempotency-Key of a single start"),
  }),
);

/** Any other value is answered in its place, with what is wrong with it; nobody means to send one. */
const NotAStart = z.custom<never>(() => true)
  .describe("Anything else is refused by itself")
  .transform((value: unknown) => ({
    faults: faultsOf(BatchedStart.safeParse(value).error as z.ZodError, ""),
  }));

const BatchBody = named(
  "StartTasks",
  z.strictObject({
    tasks: z.array(z.union([BatchedStart, NotAStart])).min(1).max(BATCH_STARTS_MAX),
  }),
);

const BatchAnswers = named(
  "StartedTasks",
  z.object({
    tasks: z.array(z.object({
      outcome: z.enum(["started", "repeated", "refused"]),
      id: z.string().optional().describe("Of the task, unless it is refused"),
      problem: Problem.optional().describe("Why it is refused"),
    })).describe("One for each start, in the same order"),
  }),
);

const ListQuery = z.strictObject({ ...TASK_FILTER, limit: Limit, cursor: Cursor.optional() });

const TaskPage = named(
  "TaskPage",
  z.object({
    tasks: z.array(SummaryDocument),
    nextCursor: NextCursor,
    searchedTo: SearchedTo,
  }),
);

const JournalPage = named(
  "JournalPage",
  z.object({
    events: z.array(JournalEntry),
    nextAfterTurn: z.int().optional().describe("Present when there may be more"),
  }),
);

/** Who decides about a task, and why. */
export const OperatorBody = named(
  "OperatorAction",
  z.strictObject({ by: By, reason: Reason }).prefault({}),
);

const ResolveBody = named(
  "Resolve",
  z.strictObject({
    by: By,
    reason: Reason,
    result: z.unknown().nonoptional().describe("Checked against the step's contract"),
  }),
);

const SkipBody = named(
  "Skip",
  z.strictObject({
    by: By,
    reason: Reason,
    result: z.unknown().optional().describe("Required if a later step needs it"),
  }).prefault({}),
);

const ChooseBody = named(
  "Choose",
  z.strictObject({
    by: By,
    reason: Reason,
    choice: Name.describe("One of the step's `choices`, or the name of one of its alternatives"),
    result: z.unknown().optional().describe("For a choice that ends the step by hand"),
    cause: z.enum(FAILURE_TYPES).optional().describe(
      "What it was, once you know: diagnoses learn from it how sure they may be",
    ),
  }),
);

const SignalBody = named("SignalPayload", z.unknown().describe("Checked against the contract"));

const Accepted = named(
  "Accepted",
  z.object({
    id: z.string(),
    turn: z.int().describe(
      "The last turn of the journal once the command was decided",
    ),
    changed: z.boolean().describe(
      "False if the task was so already; a repeat gets the same answer",
    ),
  }),
);

const READ = { method: "GET", right: "read", repeat: "harmless" } as const;

/** What every command to a started task has in common. */
const COMMAND = {
  method: "POST",
  repeat: "command",
  answers: { 202: { description: "Recorded in the journal", schema: Accepted } },
} as const;

const COMMAND_ERRORS = [
  "task.not_found",
  "task.id_invalid",
  "task.ended",
  "mailbox.full",
  "node.draining",
] as const satisfies readonly ErrorCode[];

const STEP_ERRORS = [...COMMAND_ERRORS, "step.not_found", "step.not_parked"] as const;

/** Everything that can be asked of tasks. */
export const TASKS = group("tasks", {
  startTask: operation({
    method: "POST",
    path: "/v1/tasks",
    summary: "Starts a task; `waitMs` is how long to wait for its end. " +
      "A repeat with the same Idempotency-Key and body answers with the same task",
    right: "write",
    repeat: "command",
    longLived: "poll",
    query: WaitQuery,
    body: StartBody,
    answers: {
      201: {
        description: "Started and recorded in the journal",
        schema: TaskDocument,
        location: "/v1/tasks/{id}",
      },
      200: {
        description: "Started before with this key",
        schema: TaskDocument,
        location: "/v1/tasks/{id}",
      },
    },
    errors: [
      "definition.unknown",
      "contract.violation",
      "journal.conflict",
      "workflow.starts_held",
      "mailbox.full",
      "api.busy",
      "node.draining",
    ],
    command: { verb: "start", operands: ["workflow"] },
    audit: { target: "{workflow} {id}", undo: "cancel {id}" },
  }),
  startTasks: operation({
    method: "POST",
    path: "/v1/tasks/batch",
    summary: "Starts up to 1,000 tasks at once; one that is refused does not affect the others. " +
      "A start with the same key, or the same place under the same Idempotency-Key, is a repeat",
    right: "write",
    repeat: "command",
    body: BatchBody,
    bodyBytesMax: BATCH_BYTES_MAX,
    entries: "tasks",
    answers: { 200: { description: "What became of each start", schema: BatchAnswers } },
    errors: ["api.busy"],
    audit: { target: "{tasks} tasks" },
  }),
  listTasks: operation({
    ...READ,
    path: "/v1/tasks",
    summary: "Lists tasks, newest first",
    query: ListQuery,
    isShared: true,
    answers: { 200: { description: "A page", schema: TaskPage } },
    errors: ["api.forbidden"],
    pages: { entries: "tasks", next: "nextCursor", from: "cursor" },
    command: { verb: "list" },
  }),
  getTask: operation({
    ...READ,
    path: "/v1/tasks/{id}",
    summary: "Shows a task with its steps; `waitMs` is how long to wait for its end",
    longLived: "poll",
    params: TaskParams,
    query: WaitQuery.extend({ sensitive: Sensitive }),
    answers: { 200: { description: "The task, ended or not", schema: TaskDocument } },
    errors: ["task.not_found", "task.id_invalid", "api.forbidden", "api.busy", "node.draining"],
    command: { verb: "show" },
  }),
  getJournal: operation({
    ...READ,
    path: "/v1/tasks/{id}/journal",
    summary: "Shows the events of a task's journal",
    params: TaskParams,
    query: z.strictObject({
      afterTurn: whole(0, TURN_MAX).default(0),
      limit: whole(1, TURNS_MAX).default(TURNS_MAX).describe(
        "Turns, not events; fewer if they are large",
      ),
      sensitive: Sensitive,
    }),
    answers: { 200: { description: "Events, the oldest first", schema: JournalPage } },
    errors: ["task.not_found", "task.id_invalid", "api.forbidden"],
    pages: { entries: "events", next: "nextAfterTurn", from: "afterTurn" },
    command: { verb: "journal" },
  }),
  streamTask: operation({
    ...READ,
    path: "/v1/tasks/{id}/events",
    summary: "Streams the events of a task until it ends; Last-Event-ID continues without a gap",
    longLived: "stream",
    params: TaskParams,
    answers: {
      200: {
        description: "Journal entries, one for each server-sent event",
        mediaType: "text/event-stream",
        event: JournalEntry,
      },
      204: { description: "The task has ended and the reader has seen all of its events" },
    },
    errors: ["task.not_found", "task.id_invalid", "api.busy", "node.draining"],
  }),
  streamAll: operation({
    ...READ,
    path: "/v1/events",
    summary: "Streams, from now on, the turns of all tasks that the key may see and this node runs",
    longLived: "stream",
    answers: {
      200: {
        description: "Committed turns; the event `lost` counts those that a slow reader missed",
        mediaType: "text/event-stream",
        event: CommittedTurn,
      },
    },
    errors: ["api.busy", "node.draining"],
  }),
  cancelTask: operation({
    ...COMMAND,
    path: "/v1/tasks/{id}/cancel",
    summary: "Cancels a task; its running steps are asked to stop",
    right: "operate",
    params: TaskParams,
    body: OperatorBody,
    errors: COMMAND_ERRORS,
    command: { verb: "cancel" },
    audit: { target: "{id}" },
  }),
  pauseTask: operation({
    ...COMMAND,
    path: "/v1/tasks/{id}/pause",
    summary: "Pauses a task: no step starts until it is resumed",
    right: "operate",
    params: TaskParams,
    body: OperatorBody,
    errors: COMMAND_ERRORS,
    command: { verb: "pause" },
    audit: { target: "{id}", undo: "resume {id}" },
  }),
  resumeTask: operation({
    ...COMMAND,
    path: "/v1/tasks/{id}/resume",
    summary: "Resumes a paused task",
    right: "operate",
    params: TaskParams,
    body: OperatorBody,
    errors: COMMAND_ERRORS,
    command: { verb: "resume" },
    audit: { target: "{id}", undo: "pause {id}" },
  }),
  sendSignal: operation({
    ...COMMAND,
    path: "/v1/tasks/{id}/signals/{name}",
    summary: "Sends a signal; one that comes early is kept until the step waits for it",
    right: "write",
    params: z.strictObject({ id: TaskIdText, name: Name }),
    body: SignalBody,
    bodyName: "payload",
    errors: [...COMMAND_ERRORS, "signal.not_awaited", "contract.violation", "payload.too_large"],
    command: { verb: "signal" },
    audit: { target: "{id} {name}" },
  }),
  retryStep: operation({
    ...COMMAND,
    path: "/v1/tasks/{id}/steps/{step}/retry",
    summary: "Tries a parked step again at once",
    right: "operate",
    params: StepParams,
    body: OperatorBody,
    errors: STEP_ERRORS,
    command: { verb: "retry" },
    audit: { target: "{id} {step}" },
  }),
  resolveStep: operation({
    ...COMMAND,
    path: "/v1/tasks/{id}/steps/{step}/resolve",
    summary: "Ends a parked step with the given result",
    right: "operate",
    params: StepParams,
    body: ResolveBody,
    errors: [...STEP_ERRORS, "contract.violation"],
    command: { verb: "resolve" },
    audit: { target: "{id} {step}" },
  }),
  skipStep: operation({
    ...COMMAND,
    path: "/v1/tasks/{id}/steps/{step}/skip",
    summary: "Skips a step",
    right: "operate",
    params: StepParams,
    body: SkipBody,
    errors: [...STEP_ERRORS, "contract.violation"],
    command: { verb: "skip" },
    audit: { target: "{id} {step}" },
  }),
  chooseStep: operation({
    ...COMMAND,
    path: "/v1/tasks/{id}/steps/{step}/choose",
    summary: "Decides how a parked step goes on; what comes of it is remembered",
    right: "operate",
    params: StepParams,
    body: ChooseBody,
    errors: [...STEP_ERRORS, "step.choice_invalid", "contract.violation"],
    command: { verb: "choose", operands: ["id", "step", "choice"] },
    audit: { target: "{id} {step}" },
  }),
});
