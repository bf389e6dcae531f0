/** Partitions: the journal in ranges of task ids, made ahead of time and dropped when all is over. */

import type { PostgresDatabase } from "./database.ts";
import { firstIdAt } from "../core/ids.ts";
import type { PgConnection, Query, Row } from "./pg_connection.ts";
import { errorOf } from "./sqlstate.ts";

/** A partition holds the tasks minted in so many milliseconds. */
const PARTITION_MS = 24 * 3_600_000;

/** Partitions made before they are needed. */
const PARTITIONS_AHEAD = 3;

/** Task rows that one statement looks through, and deletes. */
const TASKS_PER_LOOK_MAX = 10_000;
const TASKS_PER_DELETE_MAX = 1_000;

/** Tasks whose turns one statement deletes; a task may have many and large ones. */
const TASKS_OF_DEFAULT_MAX = 100;

/** How long a statement may take while appends wait for it. */
const LOCKED_MS_MAX = 1_000;

/** Answers whose sender has not taken them in this time has gone. */
const ANSWER_MS_MAX = 3_600_000;

/** Nodes maintain one at a time. */
const LOCK = 7_461_737;

/** Appends wait behind a change of the partitions, so it does not wait long for its own locks. */
const LOCK_MS_MAX = 500;

/** Deletes what lists know of the tags of tasks that are gone; an ended task is listed by its state. */
const FORGET_TAGS = `
       tags as (
         delete from tasker.task_by_tag l
         using gone
         cross join lateral unnest(gone.tags) as of_task (tag)
         where l.list_key = tasker.list_key(gone.namespace, gone.workflow, gone.state, of_task.tag)
           and l.task_id = gone.task_id
       )`;

/** When to maintain, and how long ended tasks are kept. */
export interface Maintenance {
  /** Unix time in milliseconds. */
  readonly nowMs: number;
  /** Counts from the end of a task; undefined: for ever. */
  readonly retentionMs: number | undefined;
  /** Asked between two days: true ends the maintenance. */
  readonly isOver?: () => boolean;
}

/** What a maintenance has done. */
export interface Maintained {
  readonly made: readonly string[];
  readonly dropped: readonly string[];
}

/** By partition: the task that kept it the last time, where the next look begins. */
export type KeptBy = Map<string, string>;

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
 * that lives keeps its whole day. Rows for which no partition was made are in the default one, from
 * where each task goes by itself.
 *
 * @throws {TaskerError} journal.unavailable, also when a lock was not free: try again later
 */
export async function maintain(
  database: PostgresDatabase,
  { nowMs, retentionMs, isOver = () => false }: Maintenance,
  kept: KeptBy = new Map(),
): Promise<Maintained> {
  const connection = database.connect("maintain", { session: { lock_timeout: LOCK_MS_MAX } });
  try {
    const made = await makeAhead(connection, nowMs);
    const dropped = retentionMs === undefined
      ? []
      : await dropOld(connection, nowMs - retentionMs, { kept, isOver });
    await connection.query(
      "delete from tasker.answer where created_at < now() - $1 * interval '1 millisecond'",
      [ANSWER_MS_MAX],
    );
    return { made, dropped };
  } catch (error) {
    throw errorOf(error);
  } finally {
    await connection.close();
  }
}

// Making

async function makeAhead(connection: PgConnection, nowMs: number): Promise<readonly string[]> {
  const today = Math.floor(nowMs / PARTITION_MS);
  const wanted = Array.from(
    { length: PARTITIONS_AHEAD + 1 },
    (_, ahead) => partition(today + ahead),
  );
  const there = new Set((await list(connection.query.bind(connection))).map(({ name }) => name));
  const missing = wanted.filter(({ name }) => !there.has(name));
  const made: string[] = [];
  for (const one of missing) {
    await connection.transaction(async (query) => {
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

async function dropOld(
  connection: PgConnection,
  limitMs: number,
  { kept, isOver }: { kept: KeptBy; isOver: () => boolean },
): Promise<readonly string[]> {
  const query = connection.query.bind(connection);
  const dropped: string[] = [];
  const failures: unknown[] = [];
  const end = firstIdAt(limitMs);
  for (const one of (await list(query)).filter(({ to }) => to <= end)) {
    if (isOver()) return dropped;
    // What cannot be dropped now keeps no other day.
    await dropDay(connection, one, limitMs, kept).then(
      (isDropped) => isDropped && dropped.push(one.name),
      (error) => failures.push(error),
    );
  }
  if (await emptyDefault(query, limitMs)) dropped.push("journal_default");
  if (failures.length > 0) throw failures[0];
  return dropped;
}

async function dropDay(
  connection: PgConnection,
  one: Partition,
  limitMs: number,
  kept: KeptBy,
): Promise<boolean> {
  const query = connection.query.bind(connection);
  const living = await findLiving(query, { ...one, from: kept.get(one.name) ?? one.from }, limitMs);
  if (living !== undefined) {
    kept.set(one.name, living);
    return false;
  }
  await forgetTasks(query, one, limitMs);
  // Looks over what is left before it does so under the lock.
  if (await findLiving(query, one, limitMs) !== undefined) return false;
  let isDropped = false;
  await connection.transaction(async (inside) => {
    isDropped = await drop(inside, one, limitMs);
  });
  kept.delete(one.name);
  return isDropped;
}

/**
 * Finds the first task of a range that lives, or has ended since a time. One without a row is
 * forgotten. Reads in portions: a day of many million tasks takes many statements, each of them short.
 */
async function findLiving(
  query: Query,
  { from, to }: Pick<Partition, "from" | "to">,
  limitMs: number,
): Promise<string | undefined> {
  for (let first = from;;) {
    const [page] = await query(
      `with page as materialized (
         select task_id, ended_at
         from tasker.task
         where task_id >= $1
           and task_id < $2
         order by task_id
         limit ${TASKS_PER_LOOK_MAX}
       )
       select
         (
           select task_id
           from page
           where ended_at is null
             or ended_at >= to_timestamp($3::float8 / 1000.0)
           order by task_id
           limit 1
         ) as living,
         (select task_id from page order by task_id desc limit 1) as last,
         (select count(*) from page)::int as count`,
      [first, to, limitMs],
    );
    if (page?.living) return String(page.living);
    if (Number(page?.count) < TASKS_PER_LOOK_MAX) return undefined;
    first = String(page?.last);
  }
}

/**
 * Deletes the rows and the keys of a range's tasks that are over, a few at a time: a day may hold
 * more than a statement can delete. A task that began meanwhile keeps both.
 */
async function forgetTasks(query: Query, { from, to }: Partition, limitMs: number): Promise<void> {
  // Each statement goes on where the last has ended: what it has deleted is not gone from the index.
  for (let first = from;;) {
    const [page] = await query(
      `with page as materialized (
         select task_id
         from tasker.task
         where task_id >= $1
           and task_id < $2
         order by task_id
         limit ${TASKS_PER_DELETE_MAX}
       ),
       gone as (
         delete from tasker.task
         where task_id in (select task_id from page)
           and ended_at < to_timestamp($3::float8 / 1000.0)
         returning task_id, namespace, workflow, tags, state
       ),
       ${FORGET_TAGS},
       keys as (
         delete from tasker.task_key
         where task_id in (select task_id from gone)
       )
       select
         (select task_id from page order by task_id desc limit 1) as last,
         (select count(*) from page)::int as count`,
      [first, to, limitMs],
    );
    if (Number(page?.count) < TASKS_PER_DELETE_MAX) return;
    first = String(page?.last);
  }
}

/** Drops a partition, unless another node did, or a task came into its range meanwhile. */
async function drop(query: Query, one: Partition, limitMs: number): Promise<boolean> {
  await query(`select pg_advisory_xact_lock(${LOCK})`);
  // Where millions of rows were deleted just now a look takes long, until a vacuum has passed.
  await query(`set local statement_timeout = ${LOCKED_MS_MAX}`);
  // What is being appended is seen once the lock is there.
  await query("lock table tasker.journal in access exclusive mode");
  if (!(await list(query)).some(({ name }) => name === one.name)) return false;
  if (await findLiving(query, one, limitMs) !== undefined) return false;
  await query(`drop table tasker.${one.name}`);
  return true;
}

/** Deletes from the default partition what is over, task by task; true when that leaves none. */
async function emptyDefault(query: Query, limitMs: number): Promise<boolean> {
  let hasDeleted = false;
  let hasLiving = false;
  for (let after: string = firstIdAt(0);;) {
    const [page] = await query(
      `with page as materialized (
         select distinct task_id
         from tasker.journal_default
         where task_id > $1
         order by task_id
         limit ${TASKS_OF_DEFAULT_MAX}
       ),
       ended as materialized (
         -- One without a row was forgotten before its turns were deleted.
         select task_id
         from page
         left join tasker.task t using (task_id)
         where t.task_id is null
           or t.ended_at < to_timestamp($2::float8 / 1000.0)
       ),
       gone as (
         delete from tasker.task
         where task_id in (select task_id from ended)
         returning task_id, namespace, workflow, tags, state
       ),
       ${FORGET_TAGS},
       keys as (
         delete from tasker.task_key
         where task_id in (select task_id from ended)
       ),
       turns as (
         delete from tasker.journal_default
         where task_id in (select task_id from ended)
       )
       select
         (select task_id from page order by task_id desc limit 1) as last,
         (select count(*) from page)::int as count,
         (select count(*) from ended)::int as ended`,
      [after, limitMs],
    );
    const [count, ended] = [Number(page?.count), Number(page?.ended)];
    hasDeleted ||= ended > 0;
    hasLiving ||= ended < count;
    if (count < TASKS_OF_DEFAULT_MAX) return hasDeleted && !hasLiving;
    after = String(page?.last);
  }
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
