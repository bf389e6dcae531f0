/** Verbs of tasks: start, show, list. */

import { ClientError, type TaskSummary } from "../client.ts";
import type { TaskStateName } from "../core/state.ts";
import { UsageError } from "./arguments.ts";
import { CommandError, isOutcomeOpen } from "./failure.ts";
import { type Cell, dateText, headOf, tableLines } from "./format.ts";
import { journalLines } from "./journal_lines.ts";
import { type Paint, taskLook } from "./paint.ts";
import { taskLines } from "./task_lines.ts";
import { EXIT_DONE, operand, show, TASKER, type Verb } from "./verb.ts";
import { watchTask } from "./watch.ts";

/** Starts a task. */
export const start: Verb = {
  name: "start",
  operands: ["WORKFLOW"],
  options: {
    input: { value: "JSON|@file", summary: "The input; {} by default" },
    key: { value: "KEY", summary: "Identifies this start: a repeat gives the same task" },
    version: { value: "VERSION", summary: "The version of the workflow; the highest by default" },
    tags: { value: "TAG,TAG", summary: "Labels to find the task by" },
    watch: { summary: "Follows the task to its end" },
    timeout: { value: "DURATION", summary: "With --watch: leaves the task after this time" },
  },
  summary: "Starts a task; the same --key and input give the same task",
  isWrite: true,
  async run(context) {
    const { client, options, signal } = context;
    if (options.has("timeout") && !options.has("watch")) {
      throw new UsageError("Cannot read --timeout: it limits --watch, which is missing");
    }
    const [version, tags] = [options.get("version"), options.get("tags")];
    const key = options.get("key") ?? crypto.randomUUID();
    const task = await client.start(operand(context, 0), {
      input: await context.json("input") ?? {},
      key,
      ...(version === undefined ? {} : { version }),
      ...(tags === undefined ? {} : { tags: tags.split(",") }),
      signal,
    }).catch((error) => refuse(error, key));
    if (options.has("watch")) return await watchTask(context, task.id);
    const name = `${task.namespace}/${task.workflow} ${task.version}`;
    show(context, task, () => [
      `${context.paint("bold", `Task ${task.id}`)} of ${name} is ${task.state}`,
      `→ ${TASKER} watch ${task.id}`,
    ]);
    return EXIT_DONE;
  },
};

/** A start that may have happened can be repeated safely, but only with its key. */
function refuse(error: unknown, key: string): never {
  if (!(error instanceof ClientError) || !isOutcomeOpen(error.code)) throw error;
  throw new CommandError(
    error.detail,
    "it is not known whether the task was started",
    `check that a server runs, then repeat the command with --key ${key}: it starts one task`,
    error.code,
  );
}

/** Shows a task and its journal. */
export const showTask: Verb = {
  name: "show",
  operands: ["ID"],
  options: {},
  summary: "Shows a task, its steps and its journal",
  isWrite: false,
  async run(context) {
    const { client, paint, runtime, signal } = context;
    const id = operand(context, 0);
    const task = await client.get(id, { signal });
    const events = await Array.fromAsync(client.journal(id, { signal }));
    show(context, { ...task, events }, () => [
      ...taskLines(task, { paint, nowMs: runtime.now() }),
      "",
      paint("dim", `journal, ${dateText(task.createdAt).slice(0, 10)} UTC`),
      ...journalLines(events, paint),
    ]);
    return EXIT_DONE;
  },
};

const TASKS_SHOWN = 50;

const STATES: readonly TaskStateName[] = [
  "running",
  "waiting",
  "blocked",
  "paused",
  "completed",
  "failed",
  "cancelled",
];

/** Lists tasks. */
export const list: Verb = {
  name: "list",
  operands: [],
  options: {
    state: { value: "STATE", summary: `One of ${STATES.join(", ")}` },
    workflow: { value: "WORKFLOW", summary: "namespace/name" },
    tag: { value: "TAG", summary: "Tasks that were started with this tag" },
    limit: { value: "N", summary: `The most tasks to list; ${TASKS_SHOWN} by default` },
  },
  summary: "Lists tasks, newest first",
  isWrite: false,
  async run(context) {
    const { client, options, paint, signal } = context;
    const limit = limitOf(options.get("limit"));
    const [workflow, tag] = [options.get("workflow"), options.get("tag")];
    const state = stateOf(options.get("state"));
    const tasks: TaskSummary[] = [];
    let isMore = false;
    const found = client.list({
      ...(workflow === undefined ? {} : { workflow }),
      ...(tag === undefined ? {} : { tag }),
      ...(state === undefined ? {} : { state }),
      pageSize: Math.min(200, limit + 1),
      signal,
    });
    for await (const task of found) {
      isMore = tasks.length === limit;
      if (isMore) break;
      tasks.push(task);
    }
    show(context, tasks, () => listLines(tasks, { paint, isMore }));
    return EXIT_DONE;
  },
};

/** Draws a list of tasks. */
export function listLines(
  tasks: readonly TaskSummary[],
  { paint, isMore }: { readonly paint: Paint; readonly isMore: boolean },
): string[] {
  if (tasks.length === 0) return [`no tasks; see which can be started: ${TASKER} workflows`];
  const rows = tasks.map((task): Cell[] => {
    const { symbol, tone } = taskLook(task.state);
    return [
      task.id,
      { text: `${symbol} ${task.state}`, tone },
      `${task.namespace}/${task.workflow} ${task.version}`,
      dateText(task.createdAt),
      { text: [task.blockedReason, task.tags.join(", ")].filter(Boolean).join(" · "), tone: "dim" },
    ];
  });
  const more = isMore ? [paint("dim", `… there are more: --limit ${tasks.length * 4}`)] : [];
  return [
    ...tableLines([headOf("ID", "STATE", "WORKFLOW", "CREATED (UTC)", ""), ...rows], paint),
    ...more,
  ];
}

function stateOf(typed: string | undefined): TaskStateName | undefined {
  const state = STATES.find((one) => one === typed);
  if (typed === undefined || state !== undefined) return state;
  throw new UsageError(`Cannot list state "${typed}": expected one of ${STATES.join(", ")}`);
}

function limitOf(typed: string | undefined): number {
  if (typed === undefined) return TASKS_SHOWN;
  if (/^[1-9]\d{0,5}$/.test(typed)) return Number(typed);
  throw new UsageError(`Cannot read --limit "${typed}": expected a number from 1`);
}
