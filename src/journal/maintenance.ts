/** Maintenance: partitions ahead of time, and retention, with rests so that appends go first. */

import { wait } from "../core/backoff.ts";
import { firstIdAt, mintedAtMs, type TaskId } from "../core/ids.ts";
import type { Runtime } from "../core/ports.ts";
import type { PostgresDatabase } from "./database.ts";
import { list, LOCK_MS_MAX, lockPartitions, makeAhead, type Partition } from "./partitions.ts";
import type { PgConnection, Query, Row } from "./pg_connection.ts";
import { errorOf, isSlow } from "./sqlstate.ts";

/** Answers whose sender has not taken them in this time has gone. */
const ANSWER_MS_MAX = 3_600_000;

/** Task rows that one statement looks through. */
const TASKS_PER_LOOK_MAX = 10_000;

/** A statement looks through the tasks of at most this many ms, for rows deleted just now. */
const LOOK_MS = 30 * 60_000;

/** Task rows that one statement deletes; within these bounds, as many as take about DELETE_MS. */
const TASKS_PER_DELETE = { min: 50, first: 1_000, max: 5_000 };
const DELETE_MS = 100;

/** How many times as long as a statement of retention takes it rests then: appends go first. */
const REST_FACTOR = 3;
const REST_MS_MAX = 2_000;

/** With more deletes than this a day is dropped by the next maintenance only, after a vacuum. */
const DELETED_BEFORE_DROP_MAX = 100_000;

/** Tasks whose turns one statement deletes; a task may have many and large ones. */
const TASKS_OF_DEFAULT_MAX = 100;

/** How long a statement may take while appends wait for it. */
const LOCKED_MS_MAX = 1_000;

/** What a statement returns of the tasks that it deletes, for FORGET_LISTS. */
const GONE = "task_id, namespace, workflow, tags, labels, state";

/** Deletes what lists know of tasks that are gone; an ended task is listed by its state. */
const FORGET_LISTS = `
       tags as (
         delete from tasker.task_by_tag l
         using gone
         cross join lateral unnest(
           gone.tags || array(select e'\\x01' || label from unnest(gone.labels) as of_labels (label))
         ) as of_task (label)
         where l.list_key = tasker.list_key(gone.namespace, '', gone.state, of_task.label)
           and l.task_id = gone.task_id
       ),
       lines as (
         delete from tasker.step_log
         where task_id in (select task_id from gone)
       ),
       numbers as (
         delete from tasker.task_by_value l
         using gone
         cross join lateral unnest(gone.labels) as of_task (label)
         cross join lateral split_part(of_task.label, '=', 1) as of_label (name)
         where of_task.label ~ '^[nt]:'
           and l.list_key = tasker.list_key(gone.namespace, gone.workflow, '', of_label.name)
           and l.value = tasker.label_value(array[of_task.label], of_label.name)
           and l.task_id = gone.task_id
       )`;

/** By partition: the task that kept it the last time; the next look begins there. */
export type KeptBy = Map<string, string>;

/** When to maintain, and how long ended tasks are kept. */
export interface Maintenance {
  /** Unix time in milliseconds. */
  readonly nowMs: number;
  /** Counts from the end of a task; undefined: for ever. */
  readonly retentionMs: number | undefined;
  /** Asked between two statements: true ends the maintenance. */
  readonly isOver?: () => boolean;
}

/** What a maintenance has done. */
export interface Maintained {
  readonly made: readonly string[];
  readonly dropped: readonly string[];
}

/**
 * Makes the partitions of the next days, drops those whose tasks are no longer kept, and deletes
 * answers that were not taken. Safe to repeat, and on several nodes at once.
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
    const dropped = retentionMs === undefined ? [] : await dropOld(
      new Retention(connection, database.options.runtime, nowMs - retentionMs, isOver),
      kept,
    );
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

/** A run of retention: its connection, its limit, and when to stop. */
class Retention {
  constructor(
    readonly connection: PgConnection,
    readonly runtime: Runtime,
    readonly limitMs: number,
    readonly isOver: () => boolean,
  ) {}

  /** Runs one statement and then rests. Returns the first row and the time of the statement. */
  async query(text: string, parameters: readonly unknown[]): Promise<{ row?: Row; ms: number }> {
    const { connection, runtime } = this;
    const startedMs = runtime.monotonic();
    const [row] = await connection.query(text, parameters);
    const ms = runtime.monotonic() - startedMs;
    await wait(runtime, Math.min(ms * REST_FACTOR, REST_MS_MAX));
    return { ...(row && { row }), ms };
  }
}

async function dropOld(retention: Retention, kept: KeptBy): Promise<readonly string[]> {
  const { connection, limitMs, isOver } = retention;
  const dropped: string[] = [];
  const failures: unknown[] = [];
  const end = firstIdAt(limitMs);
  for (const one of (await list(connection.query.bind(connection))).filter(({ to }) => to <= end)) {
    if (isOver()) return dropped;
    // A day that cannot be dropped now does not stop the others.
    await dropDay(retention, one, kept).then(
      (isDropped) => isDropped && dropped.push(one.name),
      (error) => failures.push(error),
    );
  }
  if (await emptyDefault(retention)) dropped.push("journal_default");
  if (failures.length > 0) throw failures[0];
  return dropped;
}

async function dropDay(retention: Retention, one: Partition, kept: KeptBy): Promise<boolean> {
  const living = await findLiving(retention, { ...one, from: kept.get(one.name) ?? one.from });
  if (living !== undefined) {
    kept.set(one.name, living);
    return false;
  }
  const deleted = await forgetTasks(retention, one);
  if (retention.isOver() || deleted > DELETED_BEFORE_DROP_MAX) return false;
  // Looks over what is left before it does so under the lock.
  if (await findLiving(retention, one) !== undefined) return false;
  let isDropped = false;
  await retention.connection.transaction(async (inside) => {
    isDropped = await drop(inside, one);
  });
  kept.delete(one.name);
  return isDropped;
}

/**
 * Finds the first task of a range that lives, or has ended since the limit. One without a row is
 * forgotten. Reads in portions, of time and of rows: a day of many million tasks, there or deleted,
 * takes many statements, each of them short.
 */
async function findLiving(
  retention: Retention,
  { from, to }: Pick<Partition, "from" | "to">,
): Promise<string | undefined> {
  for (let first = from; first < to && !retention.isOver();) {
    const end = firstIdAt(mintedAtMs(first as TaskId) + LOOK_MS);
    const { row } = await retention.query(
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
      [first, end < to ? end : to, retention.limitMs],
    );
    if (row?.living) return String(row.living);
    first = Number(row?.count) < TASKS_PER_LOOK_MAX ? end : String(row?.last);
  }
  return undefined;
}

/**
 * Deletes the rows and the keys of a range's tasks that are over, a few at a time: a day may hold
 * more than a statement can delete. A task that began meanwhile keeps both.
 *
 * @returns how many tasks it has deleted
 */
async function forgetTasks(retention: Retention, { from, to }: Partition): Promise<number> {
  const { min, max } = TASKS_PER_DELETE;
  let deleted = 0;
  let size = TASKS_PER_DELETE.first;
  // Each statement goes on where the last has ended: what it has deleted is not gone from the index.
  for (let first = from; !retention.isOver();) {
    const page = await forgetPage(retention, { from: first, to }, size).catch((error) => {
      if (!isSlow(error) || size === min) throw error;
    });
    if (page === undefined) {
      size = min;
      continue;
    }
    const { row, ms } = page;
    deleted += Number(row?.deleted);
    if (Number(row?.count) < size) break;
    first = String(row?.last);
    size = Math.round(Math.min(Math.max(size * Math.min(DELETE_MS / ms, 2), min), max));
  }
  return deleted;
}

function forgetPage(
  retention: Retention,
  { from, to }: Pick<Partition, "from" | "to">,
  size: number,
) {
  return retention.query(
    `with page as materialized (
       select task_id
       from tasker.task
       where task_id >= $1
         and task_id < $2
       order by task_id
       limit $4
     ),
     gone as (
       delete from tasker.task
       where task_id in (select task_id from page)
         and ended_at < to_timestamp($3::float8 / 1000.0)
       returning ${GONE}
     ),
     ${FORGET_LISTS},
     keys as (
       delete from tasker.task_key
       where task_id in (select task_id from gone)
     )
     select
       (select task_id from page order by task_id desc limit 1) as last,
       (select count(*) from page)::int as count,
       (select count(*) from gone)::int as deleted`,
    [from, to, retention.limitMs, size],
  );
}

/** Drops a partition, unless another node did, or a task came into its range meanwhile. */
async function drop(query: Query, one: Partition): Promise<boolean> {
  await lockPartitions(query);
  // Where millions of rows were deleted just now a look takes long, until a vacuum has passed.
  await query(`set local statement_timeout = ${LOCKED_MS_MAX}`);
  // What is being appended is seen once the lock is there.
  await query("lock table tasker.journal in access exclusive mode");
  if (!(await list(query)).some(({ name }) => name === one.name)) return false;
  const born = await query(
    `select 1
     from tasker.task
     where task_id >= $1
       and task_id < $2
     limit 1`,
    [one.from, one.to],
  );
  if (born.length > 0) return false;
  await query(`drop table tasker.${one.name}`);
  return true;
}

/** Deletes from the default partition what is over, task by task; true when that leaves none. */
async function emptyDefault(retention: Retention): Promise<boolean> {
  let hasDeleted = false;
  let hasLiving = false;
  for (let after: string = firstIdAt(0); !retention.isOver();) {
    const { row: page } = await retention.query(
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
         returning ${GONE}
       ),
       ${FORGET_LISTS},
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
      [after, retention.limitMs],
    );
    const [count, ended] = [Number(page?.count), Number(page?.ended)];
    hasDeleted ||= ended > 0;
    hasLiving ||= ended < count;
    if (count < TASKS_OF_DEFAULT_MAX) return hasDeleted && !hasLiving;
    after = String(page?.last);
  }
  return false;
}
