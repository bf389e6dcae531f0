/** Log lines of step code in the database. */

import type { Database, StepLine, StepLineFilter, StepLogs } from "../core/ports.ts";

/** The StepLogs port over Postgres. */
export class PostgresStepLogs implements StepLogs {
  constructor(readonly database: Database) {}

  async add(lines: readonly StepLine[]): Promise<void> {
    const rows = lines.map(({ taskId, step, atMs, ...line }) => ({
      ...line,
      ...{ task_id: taskId, step_name: step, at: new Date(atMs).toISOString() },
    }));
    await this.database.query(
      `insert into tasker.step_log (task_id, step_name, attempt, number, at, text, fields, dropped)
       select task_id, step_name, attempt, number, at, text, fields, dropped
       from json_populate_recordset(null::tasker.step_log, $1::text::json)
       order by task_id, step_name, attempt, number
       on conflict (task_id, step_name, attempt, number) do update
       set dropped = excluded.dropped`,
      [JSON.stringify(rows)],
    );
  }

  /** Cost: one index scan of the task's lines. */
  async read(
    { taskId, step, attempt, after, limit }: StepLineFilter,
  ): Promise<readonly StepLine[]> {
    const rows = await this.database.query(
      `select step_name, attempt, number, text, fields, dropped,
         (extract(epoch from at) * 1000)::float8 as at_ms
       from tasker.step_log
       where task_id = $1
         and ($2::text is null or step_name = $2::text)
         and ($3::int is null or attempt = $3::int)
         and ($4::text is null or (step_name, attempt, number) > ($4::text, $5::int, $6::int))
       order by step_name, attempt, number
       limit $7`,
      [taskId, step ?? null, attempt ?? null, ...after ?? [null, null, null], limit],
    );
    return rows.map((row) => ({
      taskId,
      step: String(row.step_name),
      attempt: Number(row.attempt),
      number: Number(row.number),
      atMs: Math.round(Number(row.at_ms)),
      text: String(row.text),
      fields: String(row.fields),
      dropped: Number(row.dropped),
    }));
  }
}
