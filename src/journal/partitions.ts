/** Partitions: the journal in ranges of task ids, made ahead of time and dropped when all is over. */

import type { PostgresDatabase } from "./database.ts";
import { firstIdAt } from "./id_range.ts";
import type { Link, Query, Row } from "./link.ts";
import { errorOf } from "./sqlstate.ts";

/** A partition holds the tasks minted in so many milliseconds. */
const PARTITION_MS = 24 * 3_600_000;

/** Partitions made before they are needed. */
const PARTITIONS_AHEAD = 3;

/** Task rows that one statement deletes. */
const TASKS_PER_DELETE_MAX = 1_000;

/** Answers whose sender has not taken them in this time has gone. */
const ANSWER_MS_MAX = 3_600_000;

/** Nodes maintain one at a time. */
const LOCK = 7_461_737;

/** Appends wait behind a change of the partitions, so it does not wait long for its own locks. */
const LOCK_MS_MAX = 500;

/** When to maintain, and how long ended tasks are kept. */
export interface Maintenance {
  /** Unix time in milliseconds. */
  readonly nowMs: number;
  /** Counts from the end of a task; undefined: for ever. */
  readonly retentionMs: number | undefined;
}

/** What a maintenance has done. */
export interface Maintained {
  readonly made: readonly string[];
  readonly dropped: readonly string[];
}

/** One partition and its range of task ids. */
interface Partition {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/**
 * Makes the partitions of the next days, drops those that nobody needs any more, and forgets answers
 * that nobody took. Safe to repeat, and on several nodes at once.
 *
 * A partition goes when every task in its range has ended longer than `retentionMs` ago; so one task
 * that lives keeps its whole day. Rows for which no partition was made are in the default one, which
 * is emptied as a whole by the same law.
 *
 * @throws {TaskerError} journal.unavailable, also when a lock was not free: try again later
 */
export async function maintain(
  database: PostgresDatabase,
  { nowMs, retentionMs }: Maintenance,
): Promise<Maintained> {
  const link = database.link("maintain", { session: { lock_timeout: LOCK_MS_MAX } });
  try {
    const made = await makeAhead(link, nowMs);
    const dropped = retentionMs === undefined ? [] : await dropOld(link, nowMs - retentionMs);
    await link.query(
      "delete from tasker.answer where created_at < now() - $1 * interval '1 millisecond'",
      [ANSWER_MS_MAX],
    );
    return { made, dropped };
  } catch (error) {
    throw errorOf(error);
  } finally {
    await link.close();
  }
}

// Making

async function makeAhead(link: Link, nowMs: number): Promise<readonly string[]> {
  const today = Math.floor(nowMs / PARTITION_MS);
  const wanted = Array.from(
    { length: PARTITIONS_AHEAD + 1 },
    (_, ahead) => partition(today + ahead),
  );
  const there = new Set((await list(link.query.bind(link))).map(({ name }) => name));
  const missing = wanted.filter(({ name }) => !there.has(name));
  const made: string[] = [];
  for (const one of missing) {
    await link.transaction(async (query) => {
      if (await make(query, one)) made.push(one.name);
    });
  }
  return made;
}

/**
 * Makes one partition unless it is there, or the default one holds rows of its range: these stay
 * where they are, and the range goes on there.
 *
 * Attaching needs no lock that an append to another partition would wait for.
 */
async function make(query: Query, { name, from, to }: Partition): Promise<boolean> {
  await query(`select pg_advisory_xact_lock(${LOCK})`);
  if ((await list(query)).some((other) => other.name === name)) return false;
  await query("lock table tasker.journal_default in access exclusive mode");
  const inDefault = await query(
    `select 1
     from tasker.journal_default
     where task_id >= $1
       and task_id < $2
     limit 1`,
    [from, to],
  );
  if (inDefault.length > 0) return false;
  await query(`create table tasker.${name} (like tasker.journal including all)`);
  await query(
    `alter table tasker.journal
     attach partition tasker.${name} for values from ('${from}') to ('${to}')`,
  );
  return true;
}

// Dropping

async function dropOld(link: Link, limitMs: number): Promise<readonly string[]> {
  const query = link.query.bind(link);
  const dropped: string[] = [];
  for (const one of await list(query)) {
    const range = rangeOf(one);
    if (one.to > firstIdAt(limitMs) || await isLiving(query, range, limitMs)) continue;
    await forgetTasks(query, range, limitMs);
    await link.transaction(async (inside) => {
      if (await drop(inside, one, limitMs)) dropped.push(one.name);
    });
  }
  if (await emptyDefault(link, limitMs)) dropped.push("journal_default");
  return dropped;
}

/** A condition for `task_id`. */
type Range = string;

const IN_DEFAULT: Range = "task_id in (select task_id from tasker.journal_default)";

function rangeOf({ from, to }: Partition): Range {
  return `task_id >= '${from}' and task_id < '${to}'`;
}

/** Whether a task of a range lives, or has ended since a time. One without a row is forgotten. */
async function isLiving(query: Query, range: Range, limitMs: number): Promise<boolean> {
  return (await query(
    `select 1
     from tasker.task
     where ${range}
       and (ended_at is null or ended_at >= to_timestamp($1::float8 / 1000.0))
     limit 1`,
    [limitMs],
  )).length > 0;
}

/**
 * Deletes the rows and the keys of a range's tasks that are over, a few at a time: a day may hold
 * more than a statement can delete. A task that began meanwhile keeps both.
 */
async function forgetTasks(query: Query, range: Range, limitMs: number): Promise<void> {
  for (;;) {
    const deleted = await query(
      `with gone as (
         delete from tasker.task
         where task_id in (
           select task_id
           from tasker.task
           where ${range}
             and ended_at < to_timestamp($1::float8 / 1000.0)
           limit ${TASKS_PER_DELETE_MAX}
         )
         returning task_id
       ),
       keys as (
         delete from tasker.task_key
         where task_id in (select task_id from gone)
       )
       select task_id
       from gone`,
      [limitMs],
    );
    if (deleted.length < TASKS_PER_DELETE_MAX) return;
  }
}

/** Drops a partition, unless another node did, or a task came into its range meanwhile. */
async function drop(query: Query, one: Partition, limitMs: number): Promise<boolean> {
  await query(`select pg_advisory_xact_lock(${LOCK})`);
  // What is being appended is seen once the lock is there.
  await query("lock table tasker.journal in access exclusive mode");
  if (!(await list(query)).some(({ name }) => name === one.name)) return false;
  if (await isLiving(query, rangeOf(one), limitMs)) return false;
  await query(`drop table tasker.${one.name}`);
  return true;
}

/** Empties the default partition when every task in it is over; true when it did. */
async function emptyDefault(link: Link, limitMs: number): Promise<boolean> {
  const query = link.query.bind(link);
  const any = await query("select 1 from tasker.journal_default limit 1");
  if (any.length === 0 || await isLiving(query, IN_DEFAULT, limitMs)) return false;
  await forgetTasks(query, IN_DEFAULT, limitMs);
  let isEmptied = false;
  await link.transaction(async (inside) => {
    await inside(`select pg_advisory_xact_lock(${LOCK})`);
    await inside("lock table tasker.journal_default in access exclusive mode");
    if (await isLiving(inside, IN_DEFAULT, limitMs)) return;
    await inside("truncate tasker.journal_default");
    isEmptied = true;
  });
  return isEmptied;
}

// Naming

/** The partition of a day, counted from 1970 in UTC. */
function partition(day: number): Partition {
  const date = new Date(day * PARTITION_MS).toISOString().slice(0, 10).replaceAll("-", "");
  return {
    name: `journal_${date}`,
    from: firstIdAt(day * PARTITION_MS),
    to: firstIdAt((day + 1) * PARTITION_MS),
  };
}

/** All partitions but the default one, the oldest first. */
async function list(query: Query): Promise<readonly Partition[]> {
  const rows = await query(
    `select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bound
     from pg_inherits i
     join pg_class c
     on c.oid = i.inhrelid
     where i.inhparent = 'tasker.journal'::regclass
     order by c.relname`,
  );
  return rows.flatMap((row: Row) => {
    const bound = /FROM \('([^']+)'\) TO \('([^']+)'\)/.exec(String(row.bound));
    const [, from, to] = bound ?? [];
    return from === undefined || to === undefined ? [] : [{ name: String(row.name), from, to }];
  });
}
