/** Reading: journals in pages bounded by bytes, so that a large task does not delay the others. */

import { TaskerError } from "../core/errors.ts";
import type { Turn } from "../core/event.ts";
import type { TaskId } from "../core/ids.ts";
import type { Database, LoadedTask, TurnPage } from "../core/ports.ts";
import { decodeTurn } from "./codec.ts";
import type { Row } from "./pg_connection.ts";
import { isSlow } from "./sqlstate.ts";
import load from "./sql/load.sql" with { type: "text" };

/** Bytes of one page, which Postgres reads and sends well within the timeout. One row always fits. */
const PAGE_BYTES_MAX = 4 * 1024 * 1024;

/** Bytes of the first page after a row that took Postgres long. */
const PAGE_BYTES_MIN = 64 * 1024;

/** Tasks, and turns of each task, that one statement reads at most. */
const PAGE_TASKS_MAX = 256;
const PAGE_TURNS_MAX = 64;

/** A task that is being read. */
interface Unread {
  readonly taskId: TaskId;
  readonly turns: Turn[];
}

/**
 * Reads whole tasks; yields each as soon as it is complete, and none for an id without turns.
 *
 * A task that does not fit into its page is read on after the others. After a timeout rows are read
 * one by one; a row that takes too long on its own, while Postgres serves other statements, fails
 * only its own task.
 *
 * @throws {TaskerError} journal.unavailable
 */
export async function* readTasks(
  database: Database,
  taskIds: readonly TaskId[],
): AsyncGenerator<LoadedTask> {
  let waiting: readonly Unread[] = taskIds.map((taskId) => ({ taskId, turns: [] }));
  let bytesMax = PAGE_BYTES_MAX;
  while (waiting.length > 0) {
    const asked = waiting.slice(0, bytesMax === 0 ? 1 : PAGE_TASKS_MAX);
    const rows = await readPage(database, asked, { turns: PAGE_TURNS_MAX, bytes: bytesMax });
    if (rows === "slow" && bytesMax > 0) {
      bytesMax = 0;
      continue;
    }
    const others = waiting.slice(asked.length);
    if (rows === "slow") {
      // Otherwise Postgres serves no statement, and no task is the cause.
      await database.query("select 1");
      for (const { taskId } of asked) yield { taskId, error: tooSlow(taskId) };
      waiting = others;
      continue;
    }
    const { complete, partial, untouched } = taken(asked, rows);
    yield* complete;
    waiting = [...untouched, ...others, ...partial];
    bytesMax = Math.min(PAGE_BYTES_MAX, Math.max(PAGE_BYTES_MIN, bytesMax * 16));
  }
}

/**
 * Reads the next turns of one task, at least one if there is one.
 *
 * @throws {TaskerError} journal.unavailable; journal.too_slow; journal.format_unknown
 */
export async function readTurns(
  database: Database,
  { taskId, afterTurn, limit }: { taskId: TaskId; afterTurn: number; limit: number },
): Promise<TurnPage> {
  for (const bytes of [PAGE_BYTES_MAX, 0]) {
    const rows = await readPage(database, [{ taskId, turns: [] }], {
      afterTurn,
      turns: limit,
      bytes,
    });
    if (rows === "slow") continue;
    const turns = rows.map((row) => decodeTurn(taskId, Number(row.turn), String(row.events)));
    return { turns, isLast: rows.length < limit && rows.length === foundOf(rows) };
  }
  throw tooSlow(taskId);
}

async function readPage(
  database: Database,
  asked: readonly Unread[],
  { turns, bytes, afterTurn = 0 }: { turns: number; bytes: number; afterTurn?: number },
): Promise<readonly Row[] | "slow"> {
  const after = asked.map((task) => task.turns.at(-1)?.turn ?? afterTurn);
  try {
    return await database.query(load, [asked.map(({ taskId }) => taskId), after, turns, bytes]);
  } catch (error) {
    if (isSlow(error)) return "slow";
    throw error;
  }
}

/** Adds a page to the tasks it was asked for; returns those that are complete. */
function taken(asked: readonly Unread[], rows: readonly Row[]) {
  const byPlace = Map.groupBy(rows, (row) => Number(row.place));
  const isCut = rows.length < foundOf(rows);
  const lastPlace = Number(rows.at(-1)?.place ?? 0);
  const complete: LoadedTask[] = [];
  const partial: Unread[] = [];
  const untouched: Unread[] = [];
  asked.forEach((task, index) => {
    const place = index + 1;
    const own = byPlace.get(place) ?? [];
    if (isCut && place > lastPlace) return untouched.push(task);
    const error = addTurns(task, own);
    if (error !== undefined) complete.push({ taskId: task.taskId, error });
    else if (own.length === PAGE_TURNS_MAX || (isCut && place === lastPlace)) partial.push(task);
    else if (task.turns.length > 0) complete.push(task);
  });
  return { complete, partial, untouched };
}

/** Returns the error of a row that cannot be decoded, or undefined. */
function addTurns({ taskId, turns }: Unread, rows: readonly Row[]): TaskerError | undefined {
  try {
    for (const row of rows) turns.push(decodeTurn(taskId, Number(row.turn), String(row.events)));
  } catch (error) {
    if (error instanceof TaskerError) return error;
    throw error;
  }
}

/** Rows that a page would have without its bound of bytes. */
function foundOf(rows: readonly Row[]): number {
  return Number(rows[0]?.found ?? 0);
}

function tooSlow(taskId: TaskId): TaskerError {
  return new TaskerError(
    "journal.too_slow",
    `Cannot read task "${taskId}": Postgres timed out on one of its rows`,
    { ids: { taskId } },
  );
}
