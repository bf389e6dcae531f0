/** Handlers of tasks: start, list, read, wait. */

import { TaskerError } from "../core/errors.ts";
import { mintedAtMs, parseTaskId, type TaskId } from "../core/ids.ts";
import type { ResidentTask, TaskFilter } from "../core/ports.ts";
import { labelGroups, readCondition } from "../core/search.ts";
import { isTerminal } from "../core/state.ts";
import type { ParsedOf } from "../operations/operation.ts";
import { entriesOf, summaryDocument } from "../operations/task_documents.ts";
import { timeText } from "../operations/schema.ts";
import type { TASKS } from "../operations/tasks.ts";
import { traceparentOf } from "../telemetry/trace.ts";
import { type Caller, demandStartable } from "./access.ts";
import {
  type ApiAnswerOf,
  badRequest,
  type Call,
  commandIdOf,
  type Handlers,
  type Services,
} from "./handler.ts";
import type { ShownTask } from "./task_reader.ts";
import type { OpenConnection } from "./open_connections.ts";

type Tasks = typeof TASKS;

/** Marks a cursor as one of a list of tasks. */
const CURSOR_PREFIX = "task:";

/** Handlers of everything that starts and reads tasks. */
export function taskHandlers(
  services: Services,
): Pick<Handlers<Tasks>, "startTask" | "listTasks" | "getTask" | "getJournal"> {
  const { history, shownValues, tasks } = services;
  return {
    startTask: (input, call) => startTask(services, input, call),
    async listTasks(input, { caller }) {
      const { tasks, next } = await history.tasks(filterOf(input, caller.namespaces));
      return { status: 200, body: { tasks: tasks.map(summaryDocument), ...whereNext(next) } };
    },
    async getTask({ id, waitMs, sensitive }, call) {
      const { caller } = call;
      const how = { isRevealed: isRevealed(sensitive, caller) };
      const shown = waitMs === 0 || call.isHead
        ? await tasks.show(await tasks.find(id, caller), how)
        : await whenEnded(services, id, {
          caller,
          how,
          untilMs: services.runtime.monotonic() + waitMs,
          open: () => services.connections.open(call.signal, caller),
        });
      return { status: 200, ...shown };
    },
    async getJournal({ id, afterTurn, limit, sensitive }, { caller }) {
      const isAll = isRevealed(sensitive, caller);
      const summary = await tasks.find(id, caller);
      const { taskId } = summary;
      const plan = await tasks.planOf(summary);
      const { turns, isLast } = await history.turns(taskId, afterTurn, limit);
      const shown = isAll ? "all" : await shownValues.of(taskId, plan, turns);
      const events = turns.flatMap((turn) => entriesOf(plan, turn, shown));
      const next = turns.at(-1)?.turn;
      const isMore = !isLast && next !== undefined;
      return { status: 200, body: { events, ...(isMore ? { nextAfterTurn: next } : {}) } };
    },
  };
}

/** @throws {TaskerError} api.forbidden for who may not see what contracts mark */
export function isRevealed(sensitive: "hidden" | "shown", caller: Caller): boolean {
  if (sensitive === "hidden" || caller.has("admin")) return sensitive === "shown";
  throw new TaskerError(
    "api.forbidden",
    `Cannot show sensitive values to key "${caller.key.name}": it lacks the scope "admin"`,
  );
}

/**
 * Reserves the waiting connection first: if none is free, the request is refused before the task
 * starts.
 */
async function startTask(
  services: Services,
  input: ParsedOf<Tasks["startTask"]>,
  call: Call,
): Promise<ApiAnswerOf<Tasks["startTask"]["answers"]>> {
  const { tasks, connections, runtime } = services;
  const { caller } = call;
  const untilMs = runtime.monotonic() + input.waitMs;
  const connection = input.waitMs === 0 ? undefined : connections.open(call.signal, caller);
  try {
    const { taskId, changed } = await start(services, input, call);
    const shown = connection === undefined
      ? await tasks.show(await tasks.find(taskId, caller))
      : await whenEnded(services, taskId, { caller, untilMs, open: () => connection });
    return { status: changed ? 201 : 200, ...shown };
  } finally {
    connection?.release();
  }
}

/** How a start is known again. */
export interface StartIdentity {
  readonly commandId: string;
  readonly key?: string | undefined;
}

/** @throws {TaskerError} api.forbidden for a namespace that the key does not cover; as the starter */
export async function start(
  { starter, runtime }: Services,
  { workflow, version, input, tags, deadlineMs, priority }: Omit<
    ParsedOf<Tasks["startTask"]>,
    "waitMs"
  >,
  call: Pick<Call, "caller" | "idempotencyKey" | "traceparent">,
  identify: (namespace: string) => StartIdentity = (namespace) => ({
    commandId: commandIdOf(runtime, call, "start", namespace),
    key: call.idempotencyKey,
  }),
) {
  const namespace = demandStartable(workflow, call.caller);
  const traceparent = traceparentOf() ?? call.traceparent;
  const { commandId, key } = identify(namespace);
  return await starter.start({
    workflow,
    input,
    tags,
    commandId,
    ...(version === undefined ? {} : { version }),
    ...(key === undefined ? {} : { key }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(priority === undefined ? {} : { priority }),
    ...(traceparent === undefined ? {} : { traceparent }),
  });
}

/** How to wait for the end of a task. */
interface Waiting {
  readonly caller: Caller;
  readonly how?: { readonly isRevealed: boolean };
  /** On the runtime's monotonic clock. */
  readonly untilMs: number;
  /** Called when there is something to wait for. */
  open(): OpenConnection;
}

/**
 * Shows a task as soon as it has ended, the time is over, or its connection ends.
 *
 * Cost: no query for a task in the memory of this node, however long it takes.
 */
async function whenEnded(
  { tasks, watch, runtime }: Services,
  id: string,
  { caller, how, untilMs, open }: Waiting,
): Promise<ShownTask> {
  const taskId = parseTaskId(id);
  const last: { resident?: ResidentTask | undefined } = {};
  const follower = watch.follow(taskId, ({ state, resident }) => {
    if (isTerminal(state)) last.resident = resident;
    return isTerminal(state);
  });
  let connection: OpenConnection | undefined;
  try {
    for (;;) {
      const summary = await tasks.find(taskId, caller);
      const leftMs = untilMs - runtime.monotonic();
      const isOver = summary.endedAtMs !== undefined || leftMs <= 0;
      if (isOver || connection?.signal.aborted) return await tasks.show(summary, how);
      connection ??= open();
      await follower.next(connection.signal, leftMs);
      // The actor is let go once its task has ended; what it held does not change any more.
      if (last.resident !== undefined) return await tasks.showResident(last.resident, how);
    }
  } finally {
    connection?.release();
    follower.close();
  }
}

/** What a request says of the tasks that it is about. */
type Asked = Omit<ParsedOf<Tasks["listTasks"]>, "cursor"> & {
  readonly cursor?: string | undefined;
};

/** Makes the filter of a request, within the namespaces that its key covers. */
export function filterOf(
  { cursor, ...asked }: Asked,
  namespaces: readonly string[] | undefined,
): TaskFilter {
  const { workflow, version, state, tag, where = [], limit } = asked;
  const conditions = where.flatMap((text) => readCondition(text) ?? []);
  const labels = [
    ...conditions.flatMap((condition) => condition.labels),
    ...labelGroups({
      failure: { step: asked.failedStep, class: asked.errorClass, code: asked.errorCode },
      needs: asked.needs ?? [],
      priority: asked.priority,
      forkOf: asked.forkOf,
    }),
  ];
  const times = {
    sinceMs: asked.since,
    untilMs: asked.until,
    endedSinceMs: asked.endedSince,
    endedUntilMs: asked.endedUntil,
  };
  return {
    namespaces,
    limit,
    ...(workflow === undefined ? {} : { workflow }),
    ...(version === undefined ? {} : { version }),
    ...(state === undefined ? {} : { states: state }),
    ...(tag === undefined ? {} : { tags: tag }),
    ...(labels.length === 0 ? {} : { labels }),
    ranges: conditions.flatMap((condition) => condition.ranges),
    ...Object.fromEntries(
      Object.entries(times).flatMap(([name, time]) =>
        time === undefined ? [] : [[name, Date.parse(time)]]
      ),
    ),
    ...(cursor === undefined ? {} : { after: parseCursor(cursor) }),
  };
}

/** Where the next page begins, and how far back this one has looked. */
export function whereNext(next: TaskId | undefined) {
  if (next === undefined) return {};
  return { nextCursor: cursorOf(next), searchedTo: timeText(mintedAtMs(next)) };
}

/** Makes the cursor of the page after a task, in a form that clients only pass back. */
export function cursorOf(taskId: TaskId): string {
  return btoa(CURSOR_PREFIX + taskId).replaceAll("=", "");
}

/** @throws {TaskerError} api.bad_request when this API did not make it */
export function parseCursor(text: string): TaskId {
  try {
    const plain = atob(text);
    if (plain.startsWith(CURSOR_PREFIX)) return parseTaskId(plain.slice(CURSOR_PREFIX.length));
  } catch (cause) {
    throw badRequest("Cannot read the cursor: this API did not make it", { cause });
  }
  throw badRequest("Cannot read the cursor: this API did not make it");
}
