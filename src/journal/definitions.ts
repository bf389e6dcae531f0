/** Definitions by hash and by name. */

import { TaskerError } from "../core/errors.ts";
import type { Database, Definitions } from "../core/ports.ts";
import { type Definition, workflowName } from "../core/workflow.ts";
import forgetVersion from "./sql/forget_version.sql" with { type: "text" };
import list from "./sql/list_definitions.sql" with { type: "text" };
import openTasks from "./sql/open_tasks.sql" with { type: "text" };

/** Bounds of one page of definitions; bytes are counted as they are stored, compressed. */
const PAGE_ROWS_MAX = 100;
const PAGE_BYTES_MAX = 1024 * 1024;

/** At most this many tasks that have not ended are named. */
const TASKS_NAMED_MAX = 5;

/** More tasks that have not ended are not counted. */
const TASKS_COUNTED_MAX = 1_000;

/** The Definitions port over Postgres. */
export class PostgresDefinitions implements Definitions {
  constructor(readonly database: Database) {}

  async put(hash: string, definition: Definition): Promise<void> {
    const { namespace, name, version } = definition;
    await this.database.query(
      // The same hash may come with other policies, which it does not cover.
      `insert into tasker.definition (hash, body)
       values ($1, $2::text::json)
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
      }" ${version}: this version is stored with another definition; use a new version`,
    );
  }

  async get(hash: string): Promise<Definition | undefined> {
    const [row] = await this.database.query("select body from tasker.definition where hash = $1", [
      hash,
    ]);
    return row?.body as Definition | undefined;
  }

  async list(): Promise<readonly { hash: string; definition: Definition }[]> {
    const found: { hash: string; definition: Definition }[] = [];
    for (let after = ["", "", ""];;) {
      const rows = await this.database.query(list, [...after, PAGE_ROWS_MAX, PAGE_BYTES_MAX]);
      const last = rows.at(-1);
      if (last === undefined) return found;
      for (const { hash, body } of rows) {
        found.push({ hash: String(hash), definition: body as Definition });
      }
      after = [last.namespace, last.name, last.version].map(String);
    }
  }

  /** Counts the tasks of a definition that have not ended; at most TASKS_COUNTED_MAX. */
  async openTasks(hash: string, { namespace, name }: Definition): Promise<number> {
    const [row] = await this.database.query(openTasks, [namespace, name, hash, TASKS_COUNTED_MAX]);
    return Number(row?.count ?? 0);
  }

  /** Records who let a version in that breaks others. Safe to repeat: the first record stays. */
  async recordForced(
    { namespace, name, version }: Definition,
    { by, reason, breaks }: { by: string; reason: string; breaks: readonly string[] },
  ): Promise<void> {
    await this.database.query(
      `insert into tasker.forced_version (namespace, name, version, forced_by, reason, breaks)
       values ($1, $2, $3, $4, $5, array(select json_array_elements_text($6::text::json)))
       on conflict do nothing`,
      [namespace, name, version, by, reason, JSON.stringify(breaks)],
    );
  }

  /**
   * Development only: lets a version stand for another definition from now on, unless tasks of the
   * one that is stored have not ended. Its body stays, for the tasks that have.
   *
   * @returns ids of tasks that have not ended, the oldest first; none when the version is free
   */
  async forgetVersion(hash: string, definition: Definition): Promise<readonly string[]> {
    const { namespace, name, version } = definition;
    const rows = await this.database.query(forgetVersion, [
      namespace,
      name,
      version,
      hash,
      TASKS_NAMED_MAX,
    ]);
    return rows.map(({ task_id }) => String(task_id));
  }
}
