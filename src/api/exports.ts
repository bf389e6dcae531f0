/**
 * Exports: all tasks of a filter, or their journals, as JSON lines at the speed of the reader. Nothing
 * is read ahead but one page, and no connection or snapshot of the database is held in between: a task
 * that changes meanwhile is exported as it is when it is read.
 */

import { parseTaskId, type TaskId } from "../core/ids.ts";
import type { TaskFilter, TaskPage, TaskSummary } from "../core/ports.ts";
import type { EXPORTS } from "../operations/exports.ts";
import type { ParsedOf } from "../operations/operation.ts";
import { TURN_MAX } from "../operations/schema.ts";
import { entriesOf, summaryDocument } from "../operations/task_documents.ts";
import type { Caller } from "./access.ts";
import { badRequest, type Handlers, type Services } from "./handler.ts";
import { operatingError, problemOf } from "./response.ts";
import { emptyStream, lineStream, type Send } from "./sse.ts";
import { filterOf, isRevealed } from "./tasks.ts";

/** Tasks of one page. */
const PAGE_MAX = 500;

/** Characters that are written at once, or one line. */
const PIECE_SIZE = 64 * 1024;

/** The last line that the reader has: a task, or an event of it. */
interface Place {
  readonly taskId: TaskId;
  /** 0: the task is done with. */
  readonly turn: number;
  readonly number: number;
}

/** An export under way. */
interface Run {
  readonly what: ParsedOf<typeof EXPORTS["exportTasks"]>["what"];
  readonly filter: TaskFilter;
  readonly caller: Caller;
  readonly place: Place | undefined;
  readonly isRevealed: boolean;
}

/** Handlers of exports. */
export function exportHandlers(services: Services): Handlers<typeof EXPORTS> {
  const { connections, runtime, streamMemory, exports } = services;
  return {
    async exportTasks({ what, after, sensitive, ...asked }, { caller, isHead, signal }) {
      const place = after === undefined ? undefined : placeOf(after);
      const cursor = place && { after: place.taskId };
      const filter = { ...filterOf({ ...asked, limit: PAGE_MAX }, caller.namespaces), ...cursor };
      const run = { what, filter, caller, place, isRevealed: isRevealed(sensitive, caller) };
      if (isHead) return { status: 200, body: emptyStream() };
      const connection = connections.open(signal, caller);
      try {
        // What cannot be read at all is answered with its error, instead of a body that breaks off.
        const first = await exports.tasks(filter);
        const body = lineStream({
          runtime,
          memory: streamMemory,
          signal: connection.signal,
          run: (send, ends) => write(services, { run, first, send, ends }),
          done: () => connection.release(),
        });
        return { status: 200, body };
      } catch (error) {
        connection.release();
        throw error;
      }
    },
  };
}

/** @throws {TaskerError} api.bad_request, task.id_invalid */
function placeOf(after: string): Place {
  const [id = "", turn = "0", number = "0", ...more] = after.split(".");
  const isWhole = [turn, number].every((text) => /^\d{1,10}$/.test(text));
  if (more.length === 0 && isWhole && Number(turn) <= TURN_MAX) {
    return { taskId: parseTaskId(id), turn: Number(turn), number: Number(number) };
  }
  throw badRequest('Cannot read "after": expected the id of a task, or task.turn.number');
}

/** Writes lines in pieces. What fails is logged here, because the reader only sees the body break off. */
async function write(
  services: Services,
  { run, first, send, ends }: { run: Run; first: TaskPage; send: Send; ends: AbortSignal },
): Promise<void> {
  const encoder = new TextEncoder();
  let piece = "";
  const flush = async () => {
    ends.throwIfAborted();
    if (piece !== "") await send(encoder.encode(piece));
    piece = "";
  };
  try {
    for await (const tasks of pagesOf(services, run, first)) {
      const lines = run.what === "tasks"
        ? tasks.map((task) => JSON.stringify(summaryDocument(task)))
        : eventLines(services, run, tasks);
      for await (const line of lines) {
        piece += `${line}\n`;
        if (piece.length >= PIECE_SIZE) await flush();
      }
      await flush();
    }
  } catch (error) {
    if (!ends.aborted) problemOf(operatingError(error), services, { route: "/v1/export" });
    throw error;
  }
}

/** The pages of a filter; before them the task whose journal the reader has in part. */
async function* pagesOf(
  { exports }: Services,
  { what, filter, place, caller }: Run,
  first: TaskPage,
): AsyncGenerator<readonly TaskSummary[]> {
  if (what === "journals" && place !== undefined && place.turn > 0) {
    const task = await exports.task(place.taskId);
    if (task !== undefined && caller.covers(task.namespace)) yield [task];
  }
  for (let page = first;; page = await exports.tasks({ ...filter, after: page.next })) {
    yield page.tasks;
    if (page.next === undefined) return;
  }
}

/** The events of tasks, in order; what cannot be read of a task is said in a line of it. */
async function* eventLines(
  services: Services,
  { place, isRevealed }: Run,
  tasks: readonly TaskSummary[],
): AsyncGenerator<string> {
  const byId = new Map(tasks.map((task) => [task.taskId, task]));
  const seenOf = (taskId: TaskId) => place?.taskId === taskId ? place : { turn: 1, number: 0 };
  const places = tasks.map(({ taskId }) => ({ taskId, afterTurn: seenOf(taskId).turn - 1 }));
  const { shownValues } = services;
  for await (const read of services.exports.journals(places)) {
    const task = byId.get(read.taskId);
    if (task === undefined) continue;
    const base = { task: task.taskId, workflow: `${task.namespace}/${task.workflow}` };
    const seen = seenOf(task.taskId);
    try {
      if ("error" in read) throw read.error;
      const plan = await services.tasks.planOf(task);
      const shown = isRevealed ? "all" : await shownValues.of(task.taskId, plan, read.turns);
      for (const turn of read.turns) {
        for (const entry of entriesOf(plan, turn, shown)) {
          const isSeen = turn.turn === seen.turn && entry.number <= seen.number;
          if (!isSeen) yield JSON.stringify({ ...base, ...entry });
        }
      }
    } catch (thrown) {
      const error = operatingError(thrown);
      if (error.code === "journal.unavailable") throw error;
      const place = { route: "/v1/export", task: task.taskId };
      yield JSON.stringify({ ...base, problem: problemOf(error, services, place) });
    }
  }
}
