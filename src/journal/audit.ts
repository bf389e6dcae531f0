/** The audit in the database: rows in the order of time, without an index beside their ids. */

import { firstIdAt } from "../core/ids.ts";
import type { Audit, AuditFilter, AuditPage, AuditRow, Database } from "../core/ports.ts";
import type { Row } from "./pg_connection.ts";

/**
 * Rows that one page looks through. What a filter leaves may be rare, and an index for each filter would
 * be paid by every write.
 */
const LOOKED_AT_MAX = 20_000;

/** Rows that one statement removes. */
const REMOVED_MAX = 10_000;

const COLUMNS = "id, key_id, by_whom, agent, operation, scope, target, outcome, dry_run, undo";

/** The Audit port over Postgres. */
export class PostgresAudit implements Audit {
  constructor(readonly database: Database) {}

  async add(rows: readonly AuditRow[]): Promise<void> {
    const json = rows.map(({ keyId, by, isDryRun, ...row }) => ({
      ...row,
      ...{ key_id: keyId, by_whom: by, dry_run: isDryRun },
    }));
    await this.database.query(
      `insert into tasker.audit (${COLUMNS})
       select ${COLUMNS}
       from json_populate_recordset(null::tasker.audit, $1::text::json)
       on conflict (id) do nothing`,
      [JSON.stringify(json)],
    );
  }

  async list(
    { keyId, operation, target, outcome, sinceMs, before }: AuditFilter,
    limit: number,
  ): Promise<AuditPage> {
    const found = await this.database.query(
      `with looked as materialized (
         select ${COLUMNS}
         from tasker.audit
         where ($1::uuid is null or id < $1::uuid)
           and ($2::uuid is null or id >= $2::uuid)
         order by id desc
         limit ${LOOKED_AT_MAX}
       ), found as (
         select *
         from looked
         where ($3::text is null or key_id = $3::text)
           and ($4::text is null or operation = $4::text)
           and ($5::text is null or target = $5::text or starts_with(target, $5::text || ' '))
           and ($6::text is null or outcome = $6::text)
         order by id desc
         limit $7
       )
       select found.*,
         (select id from looked order by id desc limit 1 offset ${LOOKED_AT_MAX - 1}) as looked_to
       from (select 1) as always
       left join found on true
       order by found.id desc`,
      [
        before ?? null,
        sinceMs === undefined ? null : firstIdAt(sinceMs),
        ...[keyId ?? null, operation ?? null, target ?? null, outcome ?? null, limit],
      ],
    );
    const rows = found.filter(({ id }) => id !== null).map(rowOf);
    const lookedTo = found[0]?.looked_to;
    const next = rows.length === limit ? rows.at(-1)?.id : lookedTo;
    return { rows, ...(typeof next === "string" && { next }) };
  }

  async removeOld(beforeMs: number): Promise<boolean> {
    const [row] = await this.database.query(
      `with old as (
         select id
         from tasker.audit
         where id < $1::uuid
         order by id
         limit ${REMOVED_MAX}
       ), removed as (
         delete from tasker.audit
         using old
         where audit.id = old.id
         returning 1
       )
       select count(*)::int as count
       from removed`,
      [firstIdAt(beforeMs)],
    );
    return Number(row?.count) === REMOVED_MAX;
  }
}

function rowOf(row: Row): AuditRow {
  return {
    id: String(row.id),
    keyId: String(row.key_id),
    by: String(row.by_whom),
    agent: String(row.agent),
    operation: String(row.operation),
    scope: String(row.scope),
    target: String(row.target),
    outcome: String(row.outcome),
    isDryRun: row.dry_run === true,
    ...(row.undo !== null && { undo: String(row.undo) }),
  };
}
