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
  const dropped: string[] = [];
  for (const one of await list(link.query.bind(link))) {
    if (!await isOver(link.query.bind(link), one, limitMs)) continue;
    await forgetTasks(link, one);
    await link.transaction(async (query) => {
      if (await drop(query, one, limitMs)) dropped.push(one.name);
    });
  }
  if (await emptyDefault(link, limitMs)) dropped.push("journal_default");
  return dropped;
}

/** Whether every task of a range has ended before a time. Ids minted since cannot have. */
async function isOver(query: Query, { from, to }: Partition, limitMs: number): Promise<boolean> {
  if (to > firstIdAt(limitMs)) return false;
  return (await query(
    `select 1
     from tasker.task
     where task_id >= $1
       and task_id < $2
       and (ended_at is null or ended_at >= to_timestamp($3::float8 / 1000.0))
     limit 1`,
    [from, to, limitMs],
  )).length === 0;
}

/** Deletes the rows of a range's tasks, their keys first: an end in between leaves nothing odd. */
async function forgetTasks(link: Link, { from, to }: Partition): Promise<void> {
  const range = [from, to];
  await link.query(
    "delete from tasker.task_key where task_id >= $1 and task_id < $2",
    range,
  );
  for (;;) {
    const deleted = await link.query(
      `delete from tasker.task
       where task_id in (
         select task_id
         from tasker.task
         where task_id >= $1
           and task_id < $2
         limit ${TASKS_PER_DELETE_MAX}
       )
       returning 1`,
      range,
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
  if (!await isOver(query, one, limitMs)) return false;
  await query(`drop table tasker.${one.name}`);
  return true;
}

/** Empties the default partition when every task in it is over; true when it did. */
async function emptyDefault(link: Link, limitMs: number): Promise<boolean> {
  const any = await link.query("select 1 from tasker.journal_default limit 1");
  if (any.length === 0) return false;
  let isEmptied = false;
  await link.transaction(async (query) => {
    await query(`select pg_advisory_xact_lock(${LOCK})`);
    await query("lock table tasker.journal_default in access exclusive mode");
    const living = await query(
      `select 1
       from tasker.journal_default j
       left join tasker.task t using (task_id)
       where t.ended_at is null
         or t.ended_at >= to_timestamp($1::float8 / 1000.0)
       limit 1`,
      [limitMs],
    );
    if (living.length > 0) return;
    const ended = "select task_id from tasker.journal_default";
    await query(`delete from tasker.task_key where task_id in (${ended})`);
    await query(`delete from tasker.task where task_id in (${ended})`);
    await query("truncate tasker.journal_default");
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
