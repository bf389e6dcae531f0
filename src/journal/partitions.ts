/** Partitions: the journal in ranges of task ids, made ahead of time. */

import { firstIdAt } from "../core/ids.ts";
import type { PgConnection, Query, Row } from "./pg_connection.ts";

/** A partition holds the tasks minted in this many milliseconds. */
const PARTITION_MS = 24 * 3_600_000;

/** Partitions made before they are needed. */
const PARTITIONS_AHEAD = 3;

/** The advisory lock of changes of the partitions: nodes make them one at a time. */
const LOCK = 7_461_737;

/** Waiting for that lock holds up nothing. */
const TURN_MS_MAX = 4_000;

/** Appends wait behind a change of the partitions, so it does not wait long for its own locks. */
export const LOCK_MS_MAX = 500;

/** One partition and its range of task ids. */
export interface Partition {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** Makes the partitions of today and of the next days that are not there; returns their names. */
export async function makeAhead(
  connection: PgConnection,
  nowMs: number,
): Promise<readonly string[]> {
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
  await lockPartitions(query);
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
export async function list(query: Query): Promise<readonly Partition[]> {
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

/** Waits until no other node changes the partitions, in a transaction; then waits shortly only. */
export async function lockPartitions(query: Query): Promise<void> {
  await query(`set local lock_timeout = ${TURN_MS_MAX}`);
  await query(`select pg_advisory_xact_lock(${LOCK})`);
  await query(`set local lock_timeout = ${LOCK_MS_MAX}`);
}
