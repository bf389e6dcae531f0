/** Task reader: whole tasks of a time range, for those who learn from them. */

import type { Turn } from "../core/event.ts";
import { sizeOfEvent } from "../core/event.ts";
import { firstIdAt, mintedAtMs, type TaskId } from "../core/ids.ts";
import {
  type Database,
  type TaskRange,
  type TaskReader,
  TASKS_READ_MAX,
  type TaskSummary,
  type WholeTask,
} from "../core/ports.ts";
import { TASK_STATES } from "../core/state.ts";
import { SUMMARY_COLUMNS } from "./list_query.ts";
import { readTasks } from "./reading.ts";
import { sampleTasks, spread, type Window } from "./sampling.ts";
import { PostgresHistory, summaryOf } from "./history.ts";
import sample from "./sql/sample_tasks.sql" with { type: "text" };

/** Tasks whose rows one statement reads. */
const CHUNK_TASKS = 64;

/** Characters of all turns that one call reads. */
const READ_SIZE_MAX = 64 * 1024 * 1024;

/** Tasks that one page of a list has. */
const PAGE_TASKS = 200;

/** How many times more tasks are looked at for those of one version. */
const LOOKED_AT_FACTOR = 4;

/** The TaskReader port over Postgres. */
export class PostgresTaskReader implements TaskReader {
  /** `database` has connections of its own: what is read here may take seconds. */
  constructor(readonly database: Database, readonly sizeMax = READ_SIZE_MAX) {}

  async *tasks(range: TaskRange): AsyncIterable<WholeTask> {
    const { except } = range;
    const { label } = range;
    const found = label === undefined ? this.#sample(range) : this.#labelled(range, label);
    const ids = (await found).filter((taskId) => except?.has(taskId) !== true);
    let sizeLeft = this.sizeMax;
    for (let at = 0; at < ids.length; at += CHUNK_TASKS) {
      const chunksLeft = Math.ceil((ids.length - at) / CHUNK_TASKS);
      let share = sizeLeft / chunksLeft;
      for await (const task of this.#read(ids.slice(at, at + CHUNK_TASKS))) {
        yield task;
        const size = sizeOf(task.turns);
        share -= size;
        sizeLeft -= size;
        if (share <= 0) break;
      }
    }
  }

  /** Of one version the tasks among a larger sample are taken: no index has versions. */
  async #sample({ workflow, version, states = TASK_STATES, sinceMs, untilMs, limit }: TaskRange) {
    const [namespace, ...name] = workflow.split("/");
    const wanted = Math.min(limit, TASKS_READ_MAX);
    const others = new Set<TaskId>();
    const find = async (windows: readonly Window[], count: number) => {
      const rows = await this.database.query(sample, [
        ...[namespace, name.join("/"), states],
        ...[windows.map(({ fromMs }) => firstIdAt(fromMs))],
        ...[windows.map((window) => firstIdAt(window.untilMs))],
        count,
      ]);
      const found = windows.map((): TaskId[] => []);
      for (const row of rows) {
        const taskId = row.task_id as TaskId;
        found[Number(row.place) - 1]?.push(taskId);
        if (version !== undefined && row.version !== version) others.add(taskId);
      }
      return found;
    };
    const looked = version === undefined ? wanted : wanted * LOOKED_AT_FACTOR;
    const ids = await sampleTasks(
      { fromMs: sinceMs, untilMs },
      Math.min(looked, TASKS_READ_MAX),
      find,
    );
    return spread(ids.filter((taskId) => !others.has(taskId)), wanted);
  }

  /** The newest tasks with a label, page by page of the list. */
  async #labelled(range: TaskRange, label: string): Promise<readonly TaskId[]> {
    const { workflow, version, states, sinceMs, untilMs, limit } = range;
    const history = new PostgresHistory(this.database, this.database);
    const filter = {
      ...{ namespaces: undefined, workflow, labels: [[label]], limit: PAGE_TASKS },
      ...(version !== undefined && { version }),
      ...(states !== undefined && { states }),
    };
    const ids: TaskId[] = [];
    for (let after: TaskId | undefined, isLast = false; !isLast && ids.length < limit;) {
      const page = await history.tasks({ ...filter, ...(after !== undefined && { after }) });
      const minted = page.tasks.map(({ taskId }) => taskId);
      ids.push(...minted.filter((taskId) => isBetween(mintedAtMs(taskId), { sinceMs, untilMs })));
      after = page.next;
      isLast = after === undefined || mintedAtMs(after) < sinceMs;
    }
    return ids.slice(0, limit);
  }

  /** Tasks that were removed meanwhile, or cannot be read, are left out. */
  async *#read(ids: readonly TaskId[]): AsyncGenerator<WholeTask> {
    const rows = await this.database.query(SUMMARIES, [ids]);
    const summaries = new Map(rows.map(summaryOf).map((one) => [one.taskId, one]));
    for await (const loaded of readTasks(this.database, ids)) {
      const summary: TaskSummary | undefined = summaries.get(loaded.taskId);
      if (summary !== undefined && "turns" in loaded) yield { summary, turns: loaded.turns };
    }
  }
}

function isBetween(ms: number, { sinceMs, untilMs }: Pick<TaskRange, "sinceMs" | "untilMs">) {
  return ms >= sinceMs && ms < untilMs;
}

/** One look-up for each row, whatever the planner thinks of the table. */
const SUMMARIES = `
  select one.*
  from unnest($1::uuid[]) as asked (task_id)
  cross join lateral (
    select ${SUMMARY_COLUMNS}
    from tasker.task t
    where t.task_id = asked.task_id
    limit 1
  ) one`;

function sizeOf(turns: readonly Turn[]): number {
  return turns.reduce(
    (sum, { events }) => events.reduce((size, event) => size + sizeOfEvent(event), sum),
    0,
  );
}
