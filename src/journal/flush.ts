/** One flush: entries into the journal, again and again until what became of each is known. */

import { exponentialMs, wait } from "../core/backoff.ts";
import { TaskerError } from "../core/errors.ts";
import type { Incarnation, TaskId } from "../core/ids.ts";
import type { Appended, Runtime, TurnRow } from "../core/ports.ts";
import { endBackend } from "./pg_connection.ts";
import { type Entry, parametersOf } from "./entry.ts";
import type { PgConnection, Row } from "./pg_connection.ts";
import { errorOf, meaningOf } from "./sqlstate.ts";
import append from "./sql/append.sql" with { type: "text" };
import lookUp from "./sql/look_up.sql" with { type: "text" };

/** Wait between two tries of the same entries. */
const AGAIN = { minMs: 20, maxMs: 2_000 };

/** Parts into which entries are split when one of them fails them all. */
const PARTS = 16;

/** Tries of a row alone after which it is not sent again, if Postgres does serve others. */
const SLOW_TRIES_MAX = 2;

/** What flushing works with. */
export interface FlushDeps {
  readonly runtime: Runtime;
  readonly incarnation: Incarnation;
  /** The one connection that appends. */
  readonly connection: PgConnection;
  /** Another connection, to end lost backends and to look up rows. */
  readonly control: PgConnection;
  readonly figures: { commits: number; rows: number; queries: number; bytes: number };
  /** Whether the journal was closed, so that no caller waits for an outcome. */
  isClosed(): boolean;
  warn(text: string, error: unknown): void;
}

/** The result of one try. */
type Sent =
  | { readonly kind: "answered"; readonly isAlive: boolean; readonly inserted: number }
  | { readonly kind: "data"; readonly error: TaskerError }
  /** The statement has ended; what it inserted must be looked up. */
  | { readonly kind: "slow"; readonly error: TaskerError }
  | { readonly kind: "again" };

/**
 * Flushes entries; resolves when each is settled. At most one row per task.
 *
 * After a data error or a time-out the entries are split until the one that causes it is alone. That
 * entry settles as poison, or as too slow if Postgres serves other statements meanwhile. After an
 * unknown outcome the connection's own backend is ended by its name, and the same rows are sent again
 * under the same append ids until each was inserted or found. It never decides again, never reports
 * an outcome that is not certain, and never gives up while the journal is open.
 *
 * @throws {TaskerError} journal.outcome_unknown when the journal was closed meanwhile
 */
export async function flush(deps: FlushDeps, entries: readonly Entry[]): Promise<void> {
  let left = entries;
  let slowTries = 0;
  for (let tries = 0; left.length > 0; tries++) {
    if (tries > 0) await rest(deps, tries);
    const sent = await send(deps, left);
    if (sent.kind === "answered") left = await settle(deps, left, sent);
    if (sent.kind === "slow") left = await settleInserted(deps, left, sent.error);
    if (sent.kind !== "data" && sent.kind !== "slow") continue;
    if (left.length > 1) return await split(deps, left);
    const [only] = left;
    if (sent.kind === "data") return only?.settle({ kind: "poison", error: sent.error });
    if (++slowTries < SLOW_TRIES_MAX || !await servesOthers(deps)) continue;
    return only?.settle({ kind: "too_slow", error: tooSlow(sent.error) });
  }
}

async function send(deps: FlushDeps, entries: readonly Entry[]): Promise<Sent> {
  const parameters = parametersOf(deps.incarnation, entries);
  // A query that misses its deadline replaces the connection, and the name with it.
  const { name } = deps.connection;
  count(deps, parameters);
  try {
    const [row] = await deps.connection.query(append, parameters);
    const inserted = Number(row?.inserted);
    deps.figures.commits++;
    deps.figures.rows += inserted;
    return { kind: "answered", isAlive: row?.alive === true, inserted };
  } catch (error) {
    const meaning = meaningOf(error);
    if (meaning === "data" || meaning === "slow") return { kind: meaning, error: errorOf(error) };
    if (meaning === "unknown") await endLostBackend(deps, name, error);
    // The connection's own error: no answer within its deadline, which is how a pooler's timeout looks.
    const isLate = error instanceof TaskerError;
    return isLate ? { kind: "slow", error } : { kind: "again" };
  }
}

/** Whether Postgres answers a flush without entries; if not, the rows are not the cause. */
async function servesOthers(deps: FlushDeps): Promise<boolean> {
  return (await send(deps, [])).kind === "answered";
}

/** Looks whether rows went in after all; returns the entries whose outcome is not known. */
async function settleInserted(
  deps: FlushDeps,
  entries: readonly Entry[],
  error: TaskerError,
): Promise<readonly Entry[]> {
  deps.warn("A flush took too long; its rows are sent again, fewer at once", error);
  const rows = entries.filter((entry) => entry.row !== undefined);
  if (rows.length === 0) return entries;
  const left = new Set(await settleFound(deps, rows, true));
  return entries.filter((entry) => entry.row === undefined || left.has(entry));
}

function tooSlow(cause: TaskerError): TaskerError {
  return new TaskerError(
    "journal.too_slow",
    `Cannot append a turn: Postgres timed out on it ${SLOW_TRIES_MAX} times ` +
      `while it answered other statements: ${cause.message}`,
    { cause },
  );
}

/**
 * Ends the backend whose answer was lost, before anything is sent again: it may hold the fence's
 * lock for minutes, and it may still commit.
 */
async function endLostBackend(deps: FlushDeps, lost: string, error: unknown): Promise<void> {
  deps.warn("Lost the outcome of a flush; its rows are sent again", error);
  if (deps.connection.name === lost) deps.connection.replace();
  await untilDone(deps, async () => {
    deps.figures.queries++;
    return await endBackend(deps.control, lost) || undefined;
  });
}

/** Settles the entries whose outcome is known; returns the others. */
async function settle(
  deps: FlushDeps,
  entries: readonly Entry[],
  { isAlive, inserted }: { readonly isAlive: boolean; readonly inserted: number },
): Promise<readonly Entry[]> {
  const rows = entries.filter((entry) => entry.row !== undefined);
  for (const entry of entries) {
    if (entry.row === undefined) entry.settle({ kind: isAlive ? "inserted" : "fenced" });
  }
  if (inserted < rows.length) return await settleFound(deps, rows, isAlive);
  for (const entry of rows) entry.settle({ kind: "inserted" });
  return [];
}

/**
 * Looks, by a new statement, what became of rows that did not all go in. A resend waits for an
 * uncommitted copy of its row. If the copy commits, the resend inserts nothing and cannot see it,
 * because its snapshot is older; a new statement can.
 */
async function settleFound(
  deps: FlushDeps,
  entries: readonly Entry[],
  isAlive: boolean,
): Promise<readonly Entry[]> {
  const asked = JSON.stringify(entries.map(({ row }, n) => ({
    n,
    task_id: row?.taskId,
    turn: row?.turn,
    namespace: row?.birth?.namespace,
    key: row?.birth?.key,
  })));
  const found = await untilDone(deps, async () => {
    count(deps, [asked]);
    return await deps.control.query(lookUp, [asked]);
  });
  const byNumber = new Map(found.map((row) => [Number(row.n), row]));
  return entries.filter((entry, n) => {
    const outcome = outcomeOf(entry.row as TurnRow, byNumber.get(n), isAlive);
    if (outcome !== undefined) entry.settle(outcome);
    return outcome === undefined;
  });
}

/** Undefined: not known yet, it has to be sent again. */
function outcomeOf(row: TurnRow, found: Row | undefined, isAlive: boolean): Appended | undefined {
  if (found?.append_id === row.appendId) return { kind: "inserted" };
  if (typeof found?.append_id === "string") return { kind: "ownership_lost" };
  if (typeof found?.holder === "string" && found.holder !== row.taskId) {
    const sameBody = found.holder_body === row.birth?.bodyHash;
    return { kind: "key_taken", taskId: found.holder as TaskId, sameBody };
  }
  return isAlive ? undefined : { kind: "fenced" };
}

/** Flushes entries in parts: into many, since each part that takes too long costs its timeout. */
async function split(deps: FlushDeps, entries: readonly Entry[]): Promise<void> {
  const size = Math.ceil(entries.length / PARTS);
  for (let from = 0; from < entries.length; from += size) {
    await flush(deps, entries.slice(from, from + size));
  }
}

/** Does something on the control connection until it gives a result, however long that takes. */
async function untilDone<T>(deps: FlushDeps, act: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 1;; tries++) {
    try {
      const done = await act();
      if (done !== undefined) return done;
    } catch (error) {
      deps.warn("Cannot find out yet what became of a flush", error);
    }
    await rest(deps, tries);
  }
}

async function rest({ runtime, isClosed }: FlushDeps, tries: number): Promise<void> {
  await wait(runtime, exponentialMs(tries, { ...AGAIN, random: () => runtime.random() }));
  if (!isClosed()) return;
  throw new TaskerError(
    "journal.outcome_unknown",
    "Cannot say whether a turn was committed: the journal was closed before Postgres answered",
  );
}

function count({ figures }: FlushDeps, parameters: readonly string[]): void {
  figures.queries++;
  for (const parameter of parameters) figures.bytes += parameter.length;
}
