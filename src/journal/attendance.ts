/** Attendance in Postgres: the spans of time in which servers looked after incidents. */

import type { Attendance, Attended, Database } from "../core/ports.ts";

/** How long spans are kept; nothing waits for people as long. */
const KEPT_MS = 30 * 24 * 3_600_000;

/** The Attendance port over Postgres. */
export class PostgresAttendance implements Attendance {
  constructor(readonly database: Database) {}

  /** Cost: one statement. Nodes that look at once may begin a span each; they overlap. */
  async note({ nowMs, gapMs, sinceMs }: Parameters<Attendance["note"]>[0]) {
    const rows = await this.database.query(
      `with extended as (
         update tasker.attendance
         set until_ms = greatest(until_ms, $1::float8::bigint)
         where until_ms >= $1::float8 - $2::float8
           and from_ms <= $1::float8
         returning from_ms
       ),
       begun as (
         insert into tasker.attendance (from_ms, until_ms)
         select $1::float8::bigint, $1::float8::bigint
         where not exists (select from extended)
         on conflict do nothing
       ),
       forgotten as (
         delete from tasker.attendance
         where until_ms < $1::float8 - $4::float8
       )
       select from_ms, until_ms
       from tasker.attendance
       where until_ms >= $3::float8
       order by from_ms`,
      [nowMs, gapMs, sinceMs, KEPT_MS],
    );
    const spans = rows.map((row): Attended => ({
      fromMs: Number(row.from_ms),
      untilMs: Number(row.until_ms),
    }));
    // The rows are as they were before this statement.
    const last = spans.at(-1);
    const isOn = last !== undefined && last.untilMs >= nowMs - gapMs;
    const newest = { fromMs: isOn ? last.fromMs : nowMs, untilMs: nowMs };
    return [...isOn ? spans.slice(0, -1) : spans, newest];
  }
}
