/** History: the read side. It decides nothing, and may be behind by what is being committed. */

import { mintedAtMs, type TaskId } from "../core/ids.ts";
import type {
  Database,
  Exports,
  History,
  JournalPlace,
  LoadedTask,
  StateCounts,
  TaskFilter,
  TaskPage,
  TaskSummary,
  TurnPage,
} from "../core/ports.ts";
import { TASK_STATES, type TaskStateName } from "../core/state.ts";
import {
  COST,
  type Driver,
  isOfRows,
  NAMESPACES,
  rangesOf,
  type Search,
} from "./list_candidates.ts";
import { countsOf, densitiesOf, listOf, SUMMARY_COLUMNS } from "./list_query.ts";
import type { Row } from "./pg_connection.ts";
import { readJournals, readTurns } from "./reading.ts";

/** What a page or a count may cost, in the unit of COST; a page goes on with the next one. */
const COST_MAX = 40_000;

/** What the first statement of a page reads, and how much more each that follows it. */
const FIRST = { depth: 200, looks: 200 };
const GROWTH = 8;

/** Tasks of one state are counted up to this. */
const COUNT_MAX = 1_000;

/** Rows of all states that a count looks at, where not all that fits matches. */
const COUNT_LOOKS = 3_500;

/** Entries of each driver that are read to find the one by which a page costs least. */
const SAMPLE = { entries: 4_000, depth: 100 };

/** Values of a range are counted up to this; where there are more, others give the order. */
const VALUES_MAX = 500;

/** Where a page or a count comes from, and whether all that fits matches. */
interface Way {
  readonly driver: Driver;
  readonly isExact: boolean;
}

/** The History port over Postgres. */
export class PostgresHistory implements History {
  /** `lists` keeps slow lists from what else is read. */
  constructor(readonly database: Database, readonly lists: Database) {}

  /**
   * Reads a page. It stops after a statement by which COST_MAX is reached.
   *
   * Cost: an index scan for each state of each namespace; where one index does not have the whole filter,
   * a look-up for each task that it finds.
   */
  async tasks(filter: TaskFilter): Promise<TaskPage> {
    const search = { filter, spaces: await this.#spacesOf(filter) };
    const { driver, isExact } = await this.#wayOf(search);
    if (driver.kind !== "all" && search.spaces.length === 0) return { tasks: [] };
    const tasks: TaskSummary[] = [];
    let { after } = filter;
    let left = COST_MAX;
    let { depth, looks } = isExact ? { depth: filter.limit, looks: filter.limit } : FIRST;
    while (true) {
      const rest = { ...filter, limit: filter.limit - tasks.length, ...(after && { after }) };
      const scan = {
        driver,
        depth: driver.kind === "range" ? 2 * VALUES_MAX : depthOf(search, driver, { depth, left }),
        looks: Math.max(rest.limit, Math.min(looks, left / COST.look)),
      };
      const { text, parameters } = listOf({ ...search, filter: rest }, scan);
      const rows = await this.lists.query(text, parameters);
      tasks.push(...rows.filter((row) => row.task_id !== null).map(summaryOf));
      const last = tasks.at(-1);
      if (tasks.length >= filter.limit && last !== undefined) return { tasks, next: last.taskId };
      const [tail] = rows;
      if (tail === undefined || tail.searched_to === null) return { tasks };
      after = tail.searched_to as TaskId;
      left -= Number(tail.cost);
      if (left <= 0) return { tasks, next: after };
      depth *= GROWTH;
      looks *= GROWTH;
    }
  }

  /** Cost: up to COUNT_MAX tasks of each state are looked at, and as much is read as for a page. */
  async counts(filter: TaskFilter): Promise<StateCounts> {
    const { after: _, ...whole } = filter;
    const states = filter.states ?? TASK_STATES;
    const search = { filter: whole, spaces: await this.#spacesOf(filter) };
    if (search.spaces.length === 0) {
      return Object.fromEntries(states.map((state) => [state, { count: 0, isExact: true }]));
    }
    const way = await this.#wayOf(search);
    const driver: Driver = way.driver.kind === "all" ? { kind: "states" } : way.driver;
    // Ids show the times of creation only roughly.
    const isTimed = filter.sinceMs !== undefined || filter.untilMs !== undefined;
    const isExact = way.isExact && !(isTimed && driver.kind === "labels");
    const depth = driver.kind === "range"
      ? 2 * VALUES_MAX
      : isExact
      ? COUNT_MAX + 1
      : depthOf(search, driver, { depth: Infinity, left: COST_MAX });
    const most = isExact ? COUNT_MAX + 1 : Math.min(COUNT_MAX + 1, COUNT_LOOKS / states.length);
    const { text, parameters } = countsOf(search, states, { driver, depth, most, isExact });
    const rows = await this.lists.query(text, parameters);
    return Object.fromEntries(rows.map((row) => {
      const isWhole = row.is_cut !== true;
      const count = isWhole ? Number(row.count) : Math.min(Number(row.count), COUNT_MAX);
      return [row.state, { count, isExact: isWhole }];
    }));
  }

  /** The namespaces that a filter is about. */
  async #spacesOf({ namespaces, workflow }: TaskFilter): Promise<readonly string[]> {
    const [named] = workflow?.split("/") ?? [];
    if (named !== undefined) return namespaces?.includes(named) ?? true ? [named] : [];
    if (namespaces !== undefined) return [...new Set(namespaces)];
    const rows = await this.lists.query(NAMESPACES, []);
    return rows.map((row) => String(row.namespace));
  }

  /** Finds the driver by which a page costs least, and whether all that fits matches. */
  async #wayOf(search: Search): Promise<Way> {
    const { filter } = search;
    const { tags = [], labels = [], ranges = [], workflow, version } = filter;
    const named: Driver[] = [
      ...tags.map((tag): Driver => ({ kind: "labels", column: "tags", labels: [tag] })),
      ...labels.map((group): Driver => ({ kind: "labels", column: "labels", labels: group })),
      ...ranges.map((range): Driver => ({ kind: "range", range })),
    ];
    const isPlain = [filter.namespaces, workflow, filter.states].every((one) => one === undefined);
    const rows: Driver = { kind: isPlain && version === undefined ? "all" : "states" };
    const hasEnds = filter.endedSinceMs !== undefined || filter.endedUntilMs !== undefined;
    const isInKeys = !hasEnds && (version === undefined || workflow !== undefined);
    const [only] = named;
    if (only === undefined) return { driver: rows, isExact: isInKeys };
    const isRunning = filter.states?.every((state) => state === "running") ?? false;
    if (isRunning) return { driver: rows, isExact: false };
    const isAlone = !hasEnds && named.length === 1 && only.kind === "labels";
    if (isAlone && workflow === undefined && version === undefined) {
      return { driver: only, isExact: true };
    }
    return { driver: await this.#cheapest(search, [...named, rows]), isExact: false };
  }

  async #cheapest(search: Search, drivers: readonly Driver[]): Promise<Driver> {
    const entries = SAMPLE.entries / drivers.length;
    const { sinceMs: _, untilMs: __, after: ___, ...everywhere } = search.filter;
    // Running tasks are looked through by each driver of labels alike.
    const states = (search.filter.states ?? TASK_STATES).filter((state) => state !== "running");
    const lasting = { ...search, filter: { ...search.filter, states } };
    const scans = drivers.map((driver) =>
      driver.kind === "range"
        // The values of a range within other bounds could be few and far between.
        ? { driver, depth: VALUES_MAX, search: { ...search, filter: everywhere } }
        : {
          driver,
          depth: Math.max(1, Math.min(SAMPLE.depth, Math.ceil(entries / rangesOf(search, driver)))),
          search: lasting,
        }
    );
    const { text, parameters } = densitiesOf(scans);
    const rows = await this.lists.query(text, parameters);
    const priced = rows.map((row) => {
      const driver = drivers[Number(row.number)] as Driver;
      return { driver, ...priceOf(driver, row) };
    });
    const [best] = priced.sort((one, other) =>
      Number(other.isWhole) - Number(one.isWhole) || one.price - other.price
    );
    return best?.driver ?? { kind: "states" };
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

/** The Exports port over Postgres. `database` has a connection of its own: exports wait for each other. */
export class PostgresExports extends PostgresHistory implements Exports {
  constructor(database: Database) {
    super(database, database);
  }

  journals(places: readonly JournalPlace[]): AsyncIterable<LoadedTask> {
    return readJournals(this.database, places);
  }
}

/** Entries to read of each range of a driver, so that all together do not cost more than what is left. */
function depthOf(
  search: Search,
  driver: Driver,
  { depth, left }: { readonly depth: number; readonly left: number },
): number {
  const cost = rangesOf(search, driver) * (isOfRows(driver) ? COST.row : COST.entry);
  return Math.max(1, Math.min(depth, Math.ceil(left / cost)));
}

/** What it costs to read all of a driver, where that was read, and else what it costs for each ms. */
function priceOf(driver: Driver, { count, cost, newest, last }: Row) {
  const whole = Number(cost);
  if (driver.kind === "range") {
    const isWhole = Number(count) < VALUES_MAX;
    return { isWhole, price: isWhole ? whole : Infinity };
  }
  if (last === null) return { isWhole: true, price: whole };
  const ms = mintedAtMs(newest as TaskId) - mintedAtMs(last as TaskId);
  return { isWhole: false, price: whole / Math.max(1, ms) };
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
