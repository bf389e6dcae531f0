/** History: the read side. It decides nothing, and may be behind by what is being committed. */

import type { TaskId } from "../core/ids.ts";
import type { Database, History, TaskFilter, TaskSummary, TurnPage } from "../core/ports.ts";
import type { TaskStateName } from "../core/state.ts";
import { firstIdAt } from "./id_range.ts";
import type { Row } from "./link.ts";
import { readTurns } from "./reading.ts";

const COLUMNS = `
  task_id, namespace, workflow, version, definition_hash, state, blocked_reason,
  tags,
  (extract(epoch from created_at) * 1000)::float8 as created_ms,
  (extract(epoch from ended_at) * 1000)::float8 as ended_ms`;

/** The History port over Postgres. */
export class PostgresHistory implements History {
  /** `lists` keeps slow lists from what else is read. */
  constructor(readonly database: Database, readonly lists: Database) {}

  /** Cost: one index scan a page; pages go on after a task, not after a count. */
  async tasks(filter: TaskFilter): Promise<readonly TaskSummary[]> {
    const { conditions, parameters } = conditionsOf(filter);
    const rows = await this.lists.query(
      `select ${COLUMNS}
       from tasker.task
       where ${conditions.join("\n         and ")}
       order by task_id desc
       limit ${Math.trunc(filter.limit)}`,
      parameters,
    );
    return rows.map(summaryOf);
  }

  async task(taskId: TaskId): Promise<TaskSummary | undefined> {
    const rows = await this.database.query(
      `select ${COLUMNS} from tasker.task where task_id = $1`,
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

/** How far the minting of a task's id may be from its first turn, clock steps included. */
const MINTING_MS_MAX = 3_600_000;

function conditionsOf(filter: TaskFilter): { conditions: string[]; parameters: unknown[] } {
  const conditions = ["true"];
  const parameters: unknown[] = [];
  const add = (condition: (parameter: string) => string, value: unknown) => {
    if (value === undefined) return;
    parameters.push(value);
    conditions.push(condition(`$${parameters.length}`));
  };
  const [namespace, workflow] = filter.workflow?.split("/") ?? [];
  add((p) => `namespace = any (${p}::text[])`, filter.namespaces);
  add((p) => `namespace = ${p}`, namespace);
  add((p) => `workflow = ${p}`, workflow);
  add((p) => `state = ${p}`, filter.state);
  add((p) => `${p} = any (tags)`, filter.tag);
  add((p) => `created_at >= to_timestamp(${p}::float8 / 1000.0)`, filter.sinceMs);
  add((p) => `created_at < to_timestamp(${p}::float8 / 1000.0)`, filter.untilMs);
  // Ids begin with a time as well: a month long ago is found without reading what came since.
  add((p) => `task_id >= ${p}`, idAt(filter.sinceMs, -MINTING_MS_MAX));
  add((p) => `task_id < ${p}`, idAt(filter.untilMs, MINTING_MS_MAX));
  add((p) => `task_id < ${p}`, filter.after);
  return { conditions, parameters };
}

function idAt(ms: number | undefined, shiftMs: number): TaskId | undefined {
  if (ms === undefined) return undefined;
  return firstIdAt(Math.max(0, ms + shiftMs));
}

function summaryOf(row: Row): TaskSummary {
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
