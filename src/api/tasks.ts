/** Handlers of tasks: start, list, read, wait. */

import { parseTaskId, type TaskId } from "../core/ids.ts";
import type { TaskFilter } from "../core/ports.ts";
import { namespaceOf } from "../core/workflow.ts";
import type { ParsedOf } from "../operations/operation.ts";
import { entriesOf, summaryDocument } from "../operations/task_documents.ts";
import type { TASKS } from "../operations/tasks.ts";
import { traceparentOf } from "../telemetry/trace.ts";
import { badRequest, type Call, commandIdOf, type Handlers, type Services } from "./handler.ts";

type Tasks = typeof TASKS;

/** Marks a cursor as one of a list of tasks. */
const CURSOR_PREFIX = "task:";

/** Handlers of everything that starts and reads tasks. */
export function taskHandlers(
  services: Services,
): Pick<Handlers<Tasks>, "startTask" | "listTasks" | "getTask" | "getJournal"> {
  const { history, tasks } = services;
  return {
    async startTask(input, call) {
      const { taskId, changed } = await start(services, input, call);
      const summary = await tasks.find(taskId, call.caller);
      return { status: changed ? 201 : 200, body: await tasks.document(summary) };
    },
    async listTasks(input, { caller }) {
      const found = await history.tasks(filterOf(input, caller.namespaces));
      const last = found.at(-1);
      const isMore = found.length === input.limit && last !== undefined;
      return {
        status: 200,
        body: {
          tasks: found.map(summaryDocument),
          ...(isMore ? { nextCursor: cursorOf(last.taskId) } : {}),
        },
      };
    },
    async getTask(input, call) {
      return { status: 200, body: await wait(services, input, call) };
    },
    async getJournal({ id, afterTurn, limit }, { caller }) {
      const summary = await tasks.find(id, caller);
      const plan = await tasks.planOf(summary);
      const { turns, isLast } = await history.turns(summary.taskId, afterTurn, limit);
      const events = turns.flatMap((turn) => entriesOf(plan, turn));
      const next = turns.at(-1)?.turn;
      const isMore = !isLast && next !== undefined;
      return { status: 200, body: { events, ...(isMore ? { nextAfterTurn: next } : {}) } };
    },
  };
}

function start(
  { starter, runtime }: Services,
  { workflow, version, input, tags, deadlineMs }: ParsedOf<Tasks["startTask"]>,
  call: Call,
) {
  const namespace = namespaceOf(workflow);
  call.caller.demandNamespace(namespace);
  const traceparent = traceparentOf() ?? call.traceparent;
  return starter.start({
    workflow,
    input,
    tags,
    commandId: commandIdOf(runtime, call, "start", namespace),
    ...(version === undefined ? {} : { version }),
    ...(call.idempotencyKey === undefined ? {} : { key: call.idempotencyKey }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(traceparent === undefined ? {} : { traceparent }),
  });
}

/** Waits until a task ends, `waitMs` is over, or the caller has gone; answers what is then so. */
async function wait(
  { tasks, history, watch, connections, runtime }: Services,
  { id, waitMs }: ParsedOf<Tasks["getTask"]>,
  { caller, isHead, signal }: Call,
) {
  let summary = await tasks.find(id, caller);
  if (waitMs === 0 || isHead) return await tasks.document(summary);
  const untilMs = runtime.monotonic() + waitMs;
  const connection = connections.open(signal, caller);
  const follower = watch.follow(summary.taskId);
  try {
    while (summary.endedAtMs === undefined && !connection.signal.aborted) {
      const leftMs = untilMs - runtime.monotonic();
      if (leftMs <= 0) break;
      await follower.next(connection.signal, leftMs);
      summary = await history.task(summary.taskId) ?? summary;
    }
    return await tasks.document(summary);
  } finally {
    connection.release();
    follower.close();
  }
}

function filterOf(
  { workflow, state, tag, since, until, limit, cursor }: ParsedOf<Tasks["listTasks"]>,
  namespaces: readonly string[] | undefined,
): TaskFilter {
  return {
    namespaces,
    limit,
    ...(workflow === undefined ? {} : { workflow }),
    ...(state === undefined ? {} : { state }),
    ...(tag === undefined ? {} : { tag }),
    ...(since === undefined ? {} : { sinceMs: Date.parse(since) }),
    ...(until === undefined ? {} : { untilMs: Date.parse(until) }),
    ...(cursor === undefined ? {} : { after: parseCursor(cursor) }),
  };
}

/** Makes the cursor of the page after a task, in a form that clients only pass back. */
function cursorOf(taskId: TaskId): string {
  return btoa(CURSOR_PREFIX + taskId).replaceAll("=", "");
}

/** @throws {TaskerError} api.bad_request when this API did not make it */
function parseCursor(text: string): TaskId {
  try {
    const plain = atob(text);
    if (plain.startsWith(CURSOR_PREFIX)) return parseTaskId(plain.slice(CURSOR_PREFIX.length));
  } catch (cause) {
    throw badRequest("Cannot read the cursor: this API did not make it", { cause });
  }
  throw badRequest("Cannot read the cursor: this API did not make it");
}
