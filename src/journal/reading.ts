/** Reading: journals in pages bounded by bytes, so that a large task does not delay the others. */

import { TaskerError } from "../core/errors.ts";
import type { Turn } from "../core/event.ts";
import { appendedBy, type TaskId } from "../core/ids.ts";
import type { Database, JournalPlace, LoadedTask, TurnPage } from "../core/ports.ts";
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

/** Bytes that one statement of an export reads: they are in memory until its reader took them. */
const EXPORT_BYTES_MAX = 1024 * 1024;

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
    const rows = await readPage(database, asked.map(placeOf), {
      turns: PAGE_TURNS_MAX,
      bytes: bytesMax,
    });
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

function placeOf({ taskId, turns }: Unread): JournalPlace {
  return { taskId, afterTurn: turns.at(-1)?.turn ?? 0 };
}

/**
 * Reads the next turns of one task, at least one if there is one.
 *
 * @throws {TaskerError} journal.unavailable; journal.too_slow; journal.format_unknown
 */
export async function readTurns(
  database: Database,
  { taskId, afterTurn, limit, bytesMax = PAGE_BYTES_MAX }: JournalPlace & {
    readonly limit: number;
    readonly bytesMax?: number;
  },
): Promise<TurnPage> {
  for (const bytes of [bytesMax, 0]) {
    const rows = await readPage(database, [{ taskId, afterTurn }], { turns: limit, bytes });
    if (rows === "slow") continue;
    const turns = rows.map((row) => turnOf(taskId, row));
    return { turns, isLast: rows.length < limit && rows.length === foundOf(rows) };
  }
  throw tooSlow(taskId);
}

/**
 * Reads journals in the order in which they are asked for. A task that does not fit into its page comes
 * in parts; one that cannot be read gives its error, and the others follow.
 *
 * Cost: a statement for each PAGE_TASKS_MAX tasks, or for each EXPORT_BYTES_MAX that they have. It is
 * sent when all that was read before has been taken.
 *
 * @throws {TaskerError} journal.unavailable
 */
export async function* readJournals(
  database: Database,
  places: readonly JournalPlace[],
): AsyncGenerator<LoadedTask> {
  for (let waiting = places; waiting.length > 0;) {
    const asked = waiting.slice(0, PAGE_TASKS_MAX);
    const rows = await readPage(database, asked, {
      turns: PAGE_TURNS_MAX,
      bytes: EXPORT_BYTES_MAX,
    });
    // One by one, the task is found that takes Postgres too long.
    if (rows === "slow") { for (const place of asked) yield* readOn(database, place); }
    else yield* partsOf(database, asked, rows);
    waiting = waiting.slice(rows === "slow" ? asked.length : lastPlaceOf(asked, rows));
  }
}

/** How many of the tasks that were asked for a page is about. */
function lastPlaceOf(asked: readonly JournalPlace[], rows: readonly Row[]): number {
  return rows.length < foundOf(rows) ? Number(rows.at(-1)?.place) : asked.length;
}

async function* partsOf(
  database: Database,
  asked: readonly JournalPlace[],
  rows: readonly Row[],
): AsyncGenerator<LoadedTask> {
  const byPlace = Map.groupBy(rows, (row) => Number(row.place));
  const isCut = rows.length < foundOf(rows);
  const lastPlace = lastPlaceOf(asked, rows);
  for (const [index, { taskId }] of asked.slice(0, lastPlace).entries()) {
    const own = byPlace.get(index + 1) ?? [];
    const turns: Turn[] = [];
    const error = addTurns({ taskId, turns }, own);
    yield error === undefined ? { taskId, turns } : { taskId, error };
    const isPart = own.length === PAGE_TURNS_MAX || (isCut && index + 1 === lastPlace);
    const afterTurn = turns.at(-1)?.turn;
    if (error === undefined && isPart && afterTurn !== undefined) {
      yield* readOn(database, { taskId, afterTurn });
    }
  }
}

/** Reads one journal to its end. */
async function* readOn(database: Database, place: JournalPlace): AsyncGenerator<LoadedTask> {
  const { taskId } = place;
  let { afterTurn } = place;
  try {
    for (let isLast = false; !isLast;) {
      const page = await readTurns(database, {
        ...{ taskId, afterTurn },
        ...{ limit: PAGE_TURNS_MAX, bytesMax: EXPORT_BYTES_MAX },
      });
      yield { taskId, turns: page.turns };
      afterTurn = page.turns.at(-1)?.turn ?? afterTurn;
      isLast = page.isLast;
    }
  } catch (error) {
    const isOwn = error instanceof TaskerError && error.code !== "journal.unavailable";
    if (!isOwn) throw error;
    yield { taskId, error };
  }
}

async function readPage(
  database: Database,
  asked: readonly JournalPlace[],
  { turns, bytes }: { turns: number; bytes: number },
): Promise<readonly Row[] | "slow"> {
  const [ids, after] = [asked.map(({ taskId }) => taskId), asked.map((one) => one.afterTurn)];
  try {
    return await database.query(load, [ids, after, turns, bytes]);
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
    for (const row of rows) turns.push(turnOf(taskId, row));
  } catch (error) {
    if (error instanceof TaskerError) return error;
    throw error;
  }
}

function turnOf(taskId: TaskId, row: Row): Turn {
  const turn = decodeTurn(taskId, Number(row.turn), String(row.events));
  const node = appendedBy(String(row.append_id));
  return node === undefined ? turn : { ...turn, node };
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
