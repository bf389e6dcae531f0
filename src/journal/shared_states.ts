/** What nodes know of systems together: rows that are written by compare-and-set. */

import type { Database, SharedStates, VersionedState } from "../core/ports.ts";

/** The SharedStates port over Postgres. */
export class PostgresSharedStates implements SharedStates {
  constructor(readonly database: Database) {}

  async read(keys: readonly string[]): Promise<ReadonlyMap<string, VersionedState>> {
    const rows = await this.database.query(
      "select key, version, state from tasker.shared_state where key = any ($1::text[])",
      [keys],
    );
    return new Map(rows.map(({ key, version, state }) => [
      String(key),
      { version: Number(version), state: state as VersionedState["state"] },
    ]));
  }

  /** Rows are locked in one order, so that no two nodes wait for each other. */
  async write(states: ReadonlyMap<string, VersionedState>): Promise<ReadonlySet<string>> {
    if (states.size === 0) return new Set();
    const rows = await this.database.query(
      `with asked as (
         select *
         from json_to_recordset($1::text::json) as asked (key text, version bigint, state json)
       ),
       locked as materialized (
         select s.key
         from tasker.shared_state s
         where s.key in (select key from asked)
         order by s.key
         for no key update
       ),
       changed as (
         update tasker.shared_state s
         set version = s.version + 1, state = a.state
         from asked a
         join locked using (key)
         where s.key = a.key
           and s.version = a.version
         returning s.key
       ),
       added as (
         insert into tasker.shared_state (key, version, state)
         select key, 1, state
         from asked
         where version = 0
         order by key
         on conflict do nothing
         returning key
       )
       select key from changed
       union all
       select key from added`,
      [JSON.stringify([...states].map(([key, { version, state }]) => ({ key, version, state })))],
    );
    return new Set(rows.map(({ key }) => String(key)));
  }
}
