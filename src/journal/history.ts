/** History: the read side. It decides nothing, and may be behind by what is being committed. */

import type { TaskId } from "../core/ids.ts";
import type {
  Database,
  History,
  StateCounts,
  TaskFilter,
  TaskPage,
  TaskSummary,
  TurnPage,
} from "../core/ports.ts";
import { TASK_STATES, type TaskStateName } from "../core/state.ts";
import type { Driver } from "./list_candidates.ts";
import { countsOf, listOf, sizesOf, SUMMARY_COLUMNS } from "./list_query.ts";
import type { Row } from "./pg_connection.ts";
import { readTurns } from "./reading.ts";

/** Candidates of a list that one statement looks at: more with each, where few of them match. */
const SCAN = { first: 200, growth: 4, max: 4_096 };

/** Candidates that one page looks at; it goes on with the next page, however few tasks it found. */
const SCANNED_MAX = 5_000;

/** Rows of all ranges that one statement reads, of which it takes the newest. */
const READ_MAX = 20_000;

/** Namespaces, or workflows, where the filter does not say how many. */
const RANGES_GUESSED = 8;

/** Candidates of a driver are counted up to this, to find the one that has the fewest. */
const SIZE_MAX = { labels: 100, range: 500 };

/** Tasks of one state are counted up to this; where not all candidates match, so many are looked at. */
const COUNT_MAX = 1_000;
const COUNT_SCAN = 1_000;

/** The History port over Postgres. */
export class PostgresHistory implements History {
  /** `lists` keeps slow lists from what else is read. */
  constructor(readonly database: Database, readonly lists: Database) {}

  /**
   * Reads a page. It looks at no more than SCANNED_MAX candidates.
   *
   * Cost: an index scan for each state of each namespace or workflow; where one index does not have the
   * whole filter, a look-up for each candidate.
   */
  async tasks(filter: TaskFilter): Promise<TaskPage> {
    const { driver, isExact } = await this.#driverOf(filter);
    const sizeMax = driver.kind === "range" ? 2 * SIZE_MAX.range : scanMax(filter, driver);
    const tasks: TaskSummary[] = [];
    let { after } = filter;
    let left = SCANNED_MAX;
    let size = isExact ? filter.limit : Math.min(SCAN.first, sizeMax);
    if (driver.kind === "range") size = sizeMax;
    while (true) {
      const { text, parameters } = listOf(
        { ...filter, limit: filter.limit - tasks.length, ...(after && { after }) },
        { driver, size },
      );
      const rows = await this.lists.query(text, parameters);
      tasks.push(...rows.filter((row) => row.task_id !== null).map(summaryOf));
      const scanned = Number(rows[0]?.scanned);
      const last = tasks.at(-1);
      if (tasks.length >= filter.limit && last !== undefined) return { tasks, next: last.taskId };
      if (scanned < size) return { tasks };
      after = rows[0]?.scanned_to as TaskId;
      left -= scanned;
      if (left <= 0) return { tasks, next: after };
      size = Math.min(size * SCAN.growth, sizeMax);
    }
  }

  /** Cost: up to COUNT_MAX candidates of each state are looked at, or COUNT_SCAN. */
  async counts(filter: TaskFilter): Promise<StateCounts> {
    const { after: _, ...whole } = filter;
    const found = await this.#driverOf(whole);
    const driver: Driver = found.driver.kind === "all" ? { kind: "states" } : found.driver;
    const size = driver.kind === "range"
      ? 2 * SIZE_MAX.range
      : found.isExact
      ? COUNT_MAX + 1
      : Math.min(COUNT_SCAN, scanMax(whole, driver));
    const { text, parameters } = countsOf(whole, filter.states ?? TASK_STATES, { driver, size });
    const rows = await this.lists.query(text, parameters);
    return Object.fromEntries(rows.map((row) => {
      const isWhole = Number(row.scanned) < size;
      const count = isWhole ? Number(row.count) : Math.min(Number(row.count), COUNT_MAX);
      return [row.state, { count, isExact: isWhole }];
    }));
  }

  /** Finds the driver that has the fewest candidates, and whether all of them match. */
  async #driverOf(filter: TaskFilter): Promise<{ driver: Driver; isExact: boolean }> {
    const { tags = [], labels = [], ranges = [], version, endedSinceMs, endedUntilMs } = filter;
    const drivers: Driver[] = [
      ...tags.map((tag): Driver => ({ kind: "labels", column: "tags", labels: [tag] })),
      ...labels.map((group): Driver => ({ kind: "labels", column: "labels", labels: group })),
      ...ranges.map((range): Driver => ({ kind: "range", range })),
    ];
    const isPlain = [filter.namespaces, filter.workflow, filter.states]
      .every((part) => part === undefined);
    const rest = [version, endedSinceMs, endedUntilMs].filter((part) => part !== undefined);
    const isExact = rest.length === 0 && drivers.length <= 1 && ranges.length === 0;
    const [only] = drivers;
    if (only === undefined) return { driver: { kind: isPlain ? "all" : "states" }, isExact };
    if (drivers.length === 1 && only.kind === "labels") return { driver: only, isExact };
    const { text, parameters } = sizesOf(filter, drivers, SIZE_MAX);
    const [sizes] = await this.lists.query(text, parameters);
    const sized = drivers.map((driver, index) => {
      const size = Number(sizes?.[`n${index}`]);
      const isWhole = size < (driver.kind === "range" ? SIZE_MAX.range : SIZE_MAX.labels);
      return { driver, size: isWhole ? size : Number.MAX_SAFE_INTEGER };
    })
      .filter(({ driver, size }) => driver.kind !== "range" || size < SIZE_MAX.range)
      .sort((one, other) => one.size - other.size);
    const driver = sized[0]?.driver ?? { kind: isPlain ? "all" : "states" };
    return { driver, isExact: false };
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

/** Candidates that one statement may look at, so that it reads no more than READ_MAX rows. */
function scanMax(filter: TaskFilter, driver: Driver): number {
  if (driver.kind === "all") return SCAN.max;
  const states = filter.states?.length ?? TASK_STATES.length;
  const flows = filter.workflow !== undefined
    ? 1
    : driver.kind === "labels"
    ? RANGES_GUESSED * driver.labels.length
    : filter.namespaces?.length ?? RANGES_GUESSED;
  return Math.max(SCAN.first, Math.min(SCAN.max, Math.floor(READ_MAX / (states * flows))));
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
    labels: row.labels as string[],
  };
}
