/** History: the read side. It decides nothing, and may be behind by what is being committed. */

import type { TaskId } from "../core/ids.ts";
import type { Database, History, TaskFilter, TaskSummary, TurnPage } from "../core/ports.ts";
import type { TaskStateName } from "../core/state.ts";
import { listOf, SUMMARY_COLUMNS } from "./list_query.ts";
import type { Row } from "./pg_connection.ts";
import { readTurns } from "./reading.ts";

/** The History port over Postgres. */
export class PostgresHistory implements History {
  /** `lists` keeps slow lists from what else is read. */
  constructor(readonly database: Database, readonly lists: Database) {}

  /** Cost: an index scan for each state of each namespace, of a page's rows at most. */
  async tasks(filter: TaskFilter): Promise<readonly TaskSummary[]> {
    const { text, parameters } = listOf(filter);
    return (await this.lists.query(text, parameters)).map(summaryOf);
  }

  async task(taskId: TaskId): Promise<TaskSummary | undefined> {
    const rows = await this.database.query(
      `select ${SUMMARY_COLUMNS} from tasker.task t where task_id = $1`,
      [taskId],
    );
    return rows.map(summaryOf)[0];
  }

  /** Cost: one index scan a page. */
  turns(taskId: TaskId, afterTurn: number, limit: number): Promise<TurnPage> {
    return readTurns(this.database, { taskId, afterTurn, limit });
  }

  async ping(): Promise<void> {
    await this.database.query("select 1");
  }
}

/** Reads a row with SUMMARY_COLUMNS. */
export function summaryOf(row: Row): TaskSummary {
  return {
    taskId: row.task_id as TaskId,
    namespace: String(row.namespace),
    workflow: String(row.workflow),
    version: String(row.version),
    definitionHash: String(row.definition_hash),
    state: row.state as TaskStateName,
    blockedReason: (row.blocked_reason as string | null) ?? undefined,
    tags: row.tags as string[],
    createdAtMs: Math.round(Number(row.created_ms)),
    endedAtMs: row.ended_ms === null ? undefined : Math.round(Number(row.ended_ms)),
  };
}
