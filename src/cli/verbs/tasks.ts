/** Verbs of tasks: start, show, list. */

import { ClientError, type TaskSummary } from "../../client.ts";
import type { TaskStateName } from "../../core/state.ts";
import { UsageError } from "../arguments.ts";
import { TASKER } from "../command_text.ts";
import { CommandError, isOutcomeOpen } from "../failure.ts";
import { journalLines } from "../journal_lines.ts";
import type { Paint } from "../paint.ts";
import { dateText } from "../reading.ts";
import { taskLook } from "../symbols.ts";
import { type Cell, headOf, tableLines } from "../table.ts";
import { taskLines } from "../task_lines.ts";
import { EXIT_DONE, operand, show, type Verb } from "../verb.ts";
import { watchTask } from "./watch.ts";

/** Starts a task. */
export const start: Verb = {
  name: "start",
  operands: ["WORKFLOW"],
  options: {
    input: "JSON",
    key: "K",
    version: "VERSION",
    tags: "TAGS",
    watch: "flag",
    timeout: "DURATION",
  },
  summary: "Starts a task; the same --key and input give the same task",
  writes: "always",
  async run(call) {
    const { client, options, signal } = call;
    if (options.has("timeout") && !options.has("watch")) {
      throw new UsageError("Cannot read --timeout: it says how long to --watch, which is missing");
    }
    const [version, tags] = [options.get("version"), options.get("tags")];
    const key = options.get("key") ?? crypto.randomUUID();
    const task = await client.start(operand(call, 0), {
      input: await call.json("input") ?? {},
      key,
      ...(version === undefined ? {} : { version }),
      ...(tags === undefined ? {} : { tags: tags.split(",") }),
      signal,
    }).catch((error) => refuse(error, key));
    if (options.has("watch")) return await watchTask(call, task.id);
    const name = `${task.namespace}/${task.workflow} ${task.version}`;
    show(call, task, () => [
      `${call.paint("bold", `Task ${task.id}`)} of ${name} is ${task.state}`,
      `→ ${TASKER} watch ${task.id}`,
    ]);
    return EXIT_DONE;
  },
};

/** A start that may have happened can be sent again, but only by who knows its key. */
function refuse(error: unknown, key: string): never {
  if (!(error instanceof ClientError) || !isOutcomeOpen(error.code)) throw error;
  throw new CommandError(
    error.detail,
    "it is not known whether the task was started",
    `see that a server runs, then send the same again with --key ${key}: it starts once`,
    error.code,
  );
}

/** Shows a task and its journal. */
export const showTask: Verb = {
  name: "show",
  operands: ["ID"],
  options: {},
  summary: "Shows a task, its steps and its journal",
  writes: "never",
  async run(call) {
    const { client, paint, runtime, signal } = call;
    const id = operand(call, 0);
    const task = await client.get(id, { signal });
    const events = await Array.fromAsync(client.journal(id, { signal }));
    show(call, { ...task, events }, () => [
      ...taskLines(task, { paint, nowMs: runtime.now() }),
      "",
      paint("dim", `journal, ${dateText(task.createdAt).slice(0, 10)} UTC`),
      ...journalLines(events, paint),
    ]);
    return EXIT_DONE;
  },
};

const TASKS_SHOWN = 50;

/** Lists tasks. */
export const list: Verb = {
  name: "list",
  operands: [],
  options: { state: "S", workflow: "WORKFLOW", tag: "TAG", limit: "N" },
  summary: `Lists tasks, newest first; ${TASKS_SHOWN} unless --limit says more`,
  writes: "never",
  async run(call) {
    const { client, options, paint, signal } = call;
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
    show(call, tasks, () => listLines(tasks, { paint, isMore }));
    return EXIT_DONE;
  },
};

/** Draws a list of tasks. */
export function listLines(
  tasks: readonly TaskSummary[],
  { paint, isMore }: { readonly paint: Paint; readonly isMore: boolean },
): string[] {
  if (tasks.length === 0) return [`no tasks; start one: ${TASKER} start WORKFLOW --input JSON`];
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
  const more = isMore ? [paint("dim", `… and more: --limit ${tasks.length * 4}`)] : [];
  return [
    ...tableLines([headOf("ID", "STATE", "WORKFLOW", "CREATED (UTC)", ""), ...rows], paint),
    ...more,
  ];
}

const STATES: readonly TaskStateName[] = [
  "running",
  "waiting",
  "blocked",
  "paused",
  "completed",
  "failed",
  "cancelled",
];

function stateOf(typed: string | undefined): TaskStateName | undefined {
  const state = STATES.find((one) => one === typed);
  if (typed === undefined || state !== undefined) return state;
  throw new UsageError(`Cannot list state "${typed}": it is none of ${STATES.join(", ")}`);
}

function limitOf(typed: string | undefined): number {
  if (typed === undefined) return TASKS_SHOWN;
  if (/^[1-9]\d{0,5}$/.test(typed)) return Number(typed);
  throw new UsageError(`Cannot list "${typed}" tasks: expected a number from 1`);
}
