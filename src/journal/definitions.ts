/** Definitions and policies: small tables that every node reads. */

import { TaskerError } from "../core/errors.ts";
import type { Database, Definitions, Policies, PolicyOverlay } from "../core/ports.ts";
import { type Definition, workflowName } from "../core/workflow.ts";
import type { Row } from "./link.ts";

/** The Definitions port over Postgres. */
export class PostgresDefinitions implements Definitions {
  constructor(readonly database: Database) {}

  async put(hash: string, definition: Definition): Promise<void> {
    const { namespace, name, version } = definition;
    await this.database.query(
      // The same hash may come with other policies, which it does not cover.
      `insert into tasker.definition (hash, body)
       values ($1, $2::text::jsonb)
       on conflict (hash) do update
       set body = excluded.body`,
      [hash, JSON.stringify(definition)],
    );
    await this.database.query(
      `insert into tasker.workflow (namespace, name, version, hash)
       values ($1, $2, $3, $4)
       on conflict do nothing`,
      [namespace, name, version, hash],
    );
    const [kept] = await this.database.query(
      "select hash from tasker.workflow where namespace = $1 and name = $2 and version = $3",
      [namespace, name, version],
    );
    if (kept?.hash === hash) return;
    throw new TaskerError(
      "definition.changed",
      `Cannot store "${
        workflowName(definition)
      }" ${version}: this version stands for another definition`,
    );
  }

  async get(hash: string): Promise<Definition | undefined> {
    const [row] = await this.database.query("select body from tasker.definition where hash = $1", [
      hash,
    ]);
    return row?.body as Definition | undefined;
  }

  async list(): Promise<readonly { hash: string; definition: Definition }[]> {
    const rows = await this.database.query(
      `select w.hash, d.body
       from tasker.workflow w
       join tasker.definition d using (hash)
       order by w.namespace, w.name, w.version`,
    );
    return rows.map((row) => ({ hash: String(row.hash), definition: row.body as Definition }));
  }
}

const OVERLAY = `
  namespace, workflow, version, by_whom, reason, steps,
  (extract(epoch from created_at) * 1000)::float8 as at_ms`;

/** How often a lost race for the next version is run again. */
const RACES_MAX = 10;

/** The Policies port over Postgres. */
export class PostgresPolicies implements Policies {
  constructor(readonly database: Database) {}

  async versions(namespace: string, workflow: string): Promise<readonly PolicyOverlay[]> {
    const rows = await this.database.query(
      `select ${OVERLAY}
       from tasker.policy
       where namespace = $1
         and workflow = $2
       order by version`,
      [namespace, workflow],
    );
    return rows.map(overlayOf);
  }

  async newest(): Promise<ReadonlyMap<string, PolicyOverlay>> {
    const rows = await this.database.query(
      `select distinct on (namespace, workflow) ${OVERLAY}
       from tasker.policy
       order by namespace, workflow, version desc`,
    );
    return new Map(rows.map((row) => [`${row.namespace}/${row.workflow}`, overlayOf(row)]));
  }

  async put(
    namespace: string,
    workflow: string,
    { by, reason, atMs, steps }: Omit<PolicyOverlay, "version">,
  ): Promise<PolicyOverlay> {
    for (let race = 0; race < RACES_MAX; race++) {
      const [row] = await this.database.query(
        `insert into tasker.policy (namespace, workflow, version, by_whom, reason, created_at, steps)
         select $1::text, $2::text, coalesce(max(version), 0) + 1, $3::text, $4::text,
           to_timestamp($5::float8 / 1000.0), $6::text::jsonb
         from tasker.policy
         where namespace = $1
           and workflow = $2
         on conflict do nothing
         returning ${OVERLAY}`,
        [namespace, workflow, by, reason, atMs, JSON.stringify(steps)],
      );
      if (row !== undefined) return overlayOf(row);
    }
    throw new TaskerError(
      "journal.unavailable",
      `Cannot store the policy of "${namespace}/${workflow}": too many at once`,
    );
  }
}

function overlayOf(row: Row): PolicyOverlay {
  return {
    version: Number(row.version),
    by: String(row.by_whom),
    reason: String(row.reason),
    atMs: Math.round(Number(row.at_ms)),
    steps: row.steps as PolicyOverlay["steps"],
  };
}
