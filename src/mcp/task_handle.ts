/**
 * Task handles: a task of Tasker as the Tasks extension of MCP shows it. There is no second record of it:
 * the id is that of the task, and what a client reads is what its journal says.
 *
 * Source: SEP-2663, `io.modelcontextprotocol/tasks` of 2026-07-28.
 */

import type { CallToolResult, InputRequests } from "@modelcontextprotocol/server";
import type { Task } from "../client.ts";
import { isTerminal } from "../core/state.ts";
import { valueResult } from "./result.ts";
import { shown, shownText } from "./shown.ts";
import type { Question } from "./task_form.ts";

/** The name of the extension. */
export const TASKS_EXTENSION = "io.modelcontextprotocol/tasks";

/** How often a client should look at a task that works, in milliseconds. */
const POLL_MS = 1_000;

/** The same for one that waits. */
const POLL_WAITING_MS = 5_000;

/** Characters of what is said about a task. */
const TEXT_LENGTH_MAX = 500;

/** JSON-RPC: the server could not make the result. */
const INTERNAL_ERROR = -32603;

/** What MCP calls the state of a task. */
type HandleState = "working" | "input_required" | "completed" | "failed" | "cancelled";

/** What every view of a task has. */
type HandleFields = {
  readonly taskId: string;
  readonly status: HandleState;
  readonly statusMessage: string;
  readonly createdAt: string;
  readonly lastUpdatedAt: string;
  /** A task is kept as long as its journal. */
  readonly ttlMs: null;
  readonly pollIntervalMs: number;
};

/** What a call answers that goes on as a task. */
export interface TaskHandle extends HandleFields {
  readonly resultType: "task";
  /** For the type of results alone: it is not sent. */
  readonly content: [];
  readonly [field: string]: unknown;
}

/** A task as `tasks/get` answers it. */
export interface TaskView extends HandleFields {
  readonly inputRequests?: InputRequests;
  readonly result?: CallToolResult;
  readonly error?: { readonly code: number; readonly message: string };
  readonly [field: string]: unknown;
}

/** Answers a call with a task that goes on. */
export function taskHandle(task: Task): TaskHandle {
  const isEnded = isTerminal(task.state);
  const status = task.state === "cancelled" ? "cancelled" : isEnded ? "completed" : "working";
  return { resultType: "task", content: [], ...fieldsOf(task, status) };
}

/**
 * Shows a task with its questions, result or error.
 *
 * A task that failed has completed for MCP, with a result that says so: `failed` is what MCP calls a
 * request that could not be answered, here a task whose output could not be made.
 */
export function taskView(task: Task, questions: ReadonlyMap<string, Question>): TaskView {
  if (task.state === "cancelled") return fieldsOf(task, "cancelled");
  if (task.error !== undefined) {
    const message = shownText(
      `Cannot make the output of task ${task.id}: ${errorText(task.error)}`,
    );
    return { ...fieldsOf(task, "failed"), error: { code: INTERNAL_ERROR, message } };
  }
  if (isTerminal(task.state)) {
    return { ...fieldsOf(task, "completed"), result: taskResult(task) };
  }
  if (questions.size === 0) return fieldsOf(task, "working");
  const inputRequests = Object.fromEntries(
    [...questions].map(([name, { request }]) => [name, request]),
  );
  return { ...fieldsOf(task, "input_required"), inputRequests };
}

/** What a tool answers about a task: how it stands, what it gave, and what failed in it. */
export function taskResult(task: Task): CallToolResult {
  const { id, state, output } = task;
  const result = valueResult({
    task_id: id,
    state,
    ...(output !== undefined && { output }),
    ...(output === undefined && state === "completed" && { results: resultsOf(task) }),
    ...failedPart(task),
    ...(task.blockedReason !== undefined && { waits_for: task.blockedReason }),
    next: nextOf(task),
    ...(!isTerminal(state) && { undo: { tool: "cancel_task", arguments: { id } } }),
  });
  return state === "failed" || state === "cancelled" ? { ...result, isError: true } : result;
}

function fieldsOf(task: Task, status: HandleState): HandleFields {
  const isWaiting = status === "input_required" || task.state !== "running";
  return {
    taskId: task.id,
    status,
    statusMessage: shownText(messageOf(task), TEXT_LENGTH_MAX),
    createdAt: task.createdAt,
    lastUpdatedAt: lastChangeOf(task),
    ttlMs: null,
    pollIntervalMs: isWaiting ? POLL_WAITING_MS : POLL_MS,
  };
}

function messageOf({ namespace, workflow, version, state, blockedReason, steps }: Task): string {
  const ended = steps.filter(({ endedAt }) => endedAt !== undefined).length;
  const reason = blockedReason === undefined ? "" : `: ${blockedReason}`;
  return `${namespace}/${workflow} ${version} is ${state}${reason}; ` +
    `${ended} of ${steps.length} steps have ended`;
}

function lastChangeOf({ createdAt, startedAt, endedAt, steps }: Task): string {
  const times = steps.flatMap((step) => [step.startedAt ?? "", step.endedAt ?? ""]);
  return [createdAt, startedAt ?? "", endedAt ?? "", ...times].reduce((one, other) =>
    one > other ? one : other
  );
}

/** The results of the last steps, for a workflow that says nothing of its output. */
function resultsOf({ steps }: Task): Readonly<Record<string, unknown>> {
  const waitedFor = new Set(steps.flatMap(({ after }) => after));
  const last = steps.filter(({ name, result }) => !waitedFor.has(name) && result !== undefined);
  return Object.fromEntries(last.map(({ name, result }) => [name, result]));
}

function failedPart({ steps, error, errorClass }: Task): Readonly<Record<string, unknown>> {
  const failed = steps.filter((step) => step.errorClass !== undefined || step.error !== undefined);
  return {
    ...(failed.length > 0 && {
      failed_steps: failed.map((step) => ({
        step: step.name,
        state: step.state,
        error: step.error,
        error_class: step.errorClass,
        parked_reason: step.parkedReason,
      })),
    }),
    ...(error !== undefined && { error, error_class: errorClass }),
  };
}

/** What Tasker does next, and what the caller can do. */
function nextOf({ id, state }: Task): string {
  switch (state) {
    case "completed":
      return "The task has ended";
    case "failed":
      return `The task has ended. diagnose_workflow_failure with task_id "${id}" says why`;
    case "cancelled":
      return "The task was cancelled; start a new one to try again";
    default:
      return `The task goes on by itself. get_task with id "${id}" and waitMs waits for its end, ` +
        "cancel_task ends it";
  }
}

function errorText(error: unknown): string {
  const { value } = shown(error);
  return typeof value === "string" ? value : JSON.stringify(value);
}
