/** Statistics in Postgres: rows that nodes insert, merge with age, and remove. */

import type { Incarnation } from "../core/ids.ts";
import type {
  Database,
  StatisticsMerging,
  StatisticsQuery,
  StatisticsStore,
} from "../core/ports.ts";
import type { StatisticsCell, StatisticsRow } from "../core/statistics.ts";
import { dueTiers, mergeRows, StatisticsAnswer, type TieredRow } from "../core/statistics_tiers.ts";
import type { Row } from "./pg_connection.ts";
import dueRows from "./sql/due_statistics.sql" with { type: "text" };
import forgetRows from "./sql/forget_statistics.sql" with { type: "text" };
import mergedRows from "./sql/merge_statistics.sql" with { type: "text" };
import readRows from "./sql/read_statistics.sql" with { type: "text" };
import readTaskRows from "./sql/read_task_statistics.sql" with { type: "text" };
import workflows from "./sql/statistics_workflows.sql" with { type: "text" };
import writeRows from "./sql/write_statistics.sql" with { type: "text" };

/** Rows and bytes that one statement reads, merges or writes; one row always fits. */
const PAGE_ROWS_MAX = 1_000;
const PAGE_BYTES_MAX = 4 * 1024 * 1024;

/** Rows that one statement removes. */
const FORGET_ROWS_MAX = 1_000;

/** Behind all names, writers and numbers of one ms. */
const LAST_NAME = "\u{10ffff}";
const LAST_WRITER = "ffffffff-ffff-ffff-ffff-ffffffffffff";
const LAST_NUMBER = 2 ** 31 - 1;

/** Behind which row a page begins. */
interface Place {
  readonly fromMs: number;
  readonly workflow: string;
  readonly writer: string;
  readonly number: number;
  readonly ofSteps: boolean;
}

/** The StatisticsStore port over Postgres. */
export class PostgresStatistics implements StatisticsStore {
  #merges = 0;

  constructor(readonly database: Database, readonly incarnation: Incarnation) {}

  async write(number: number, rows: readonly StatisticsRow[]): Promise<void> {
    for (const page of pagesOf(rows)) {
      await this.database.query(writeRows, [
        ...[this.incarnation, number, page.map(({ workflow }) => workflow)],
        ...[page.map(({ fromMs }) => fromMs), page.map(({ untilMs }) => untilMs)],
        ...[page.map(({ ofSteps }) => Number(ofSteps)), page.map(({ body }) => body)],
      ]);
    }
  }

  async active({ sinceMs, untilMs }: Parameters<StatisticsStore["active"]>[0]) {
    const rows = await this.database.query(
      `select distinct workflow
       from tasker.step_statistics
       where not of_steps
         and from_ms >= $1::float8::bigint
         and from_ms < $2::float8::bigint`,
      [Math.ceil(sinceMs), untilMs],
    );
    return rows.map(({ workflow }) => String(workflow));
  }

  async read(query: StatisticsQuery): Promise<readonly StatisticsCell[]> {
    const answer = new StatisticsAnswer(query);
    const bounds = [query.untilMs, PAGE_ROWS_MAX, PAGE_BYTES_MAX];
    const { workflow = "" } = query;
    // All rows that begin in the range are behind this place.
    let after: Place | undefined = {
      fromMs: Math.ceil(query.sinceMs) - 1,
      workflow: workflow === "" ? LAST_NAME : workflow,
      writer: LAST_WRITER,
      number: LAST_NUMBER,
      ofSteps: true,
    };
    while (after !== undefined) {
      const { fromMs, writer, number, ofSteps }: Place = after;
      const rows: readonly Row[] = query.workflow === undefined
        ? await this.database.query(readTaskRows, [
          fromMs,
          after.workflow,
          writer,
          number,
          ...bounds,
        ])
        : await this.database.query(readRows, [
          ...[workflow, fromMs, writer, number, Number(ofSteps), ...bounds],
        ]);
      for (const row of rows) answer.add(rowOf(row));
      after = nextOf(rows);
    }
    return answer.cells();
  }

  async merge({ nowMs, retentionMs, isMine, isOver }: StatisticsMerging): Promise<void> {
    for (const { workflow } of await this.database.query(workflows)) {
      const name = String(workflow);
      if (isOver?.()) return;
      if (isMine?.(name) === false) continue;
      for (const tier of dueTiers(nowMs)) {
        while (await this.#mergeSome(name, tier) && !isOver?.());
      }
      while (await this.#forgetSome(name, nowMs - retentionMs) && !isOver?.());
    }
  }

  /** Merges what fits into a statement; true: there may be more. */
  async #mergeSome(
    workflow: string,
    { everyMs, beforeMs }: { everyMs: number; beforeMs: number },
  ): Promise<boolean> {
    const bounds = [PAGE_ROWS_MAX, PAGE_BYTES_MAX];
    const rows = await this.database.query(dueRows, [workflow, everyMs, beforeMs, ...bounds]);
    if (rows.length === 0) return false;
    const merged = mergeRows(rows.map(tieredRowOf));
    await this.database.query(mergedRows, [
      ...[workflow, rows.map((row) => Number(row.from_ms)), rows.map((row) => row.writer)],
      ...[rows.map((row) => Number(row.number)), rows.map((row) => Number(row.of_steps))],
      ...[this.incarnation, merged.map(() => --this.#merges)],
      ...[merged.map(({ fromMs }) => fromMs), merged.map(({ untilMs }) => untilMs)],
      ...[merged.map(({ ofSteps }) => Number(ofSteps)), merged.map(({ everyMs }) => everyMs)],
      merged.map(({ body }) => body),
    ]);
    return isCut(rows);
  }

  async #forgetSome(workflow: string, beforeMs: number): Promise<boolean> {
    const [row] = await this.database.query(forgetRows, [workflow, beforeMs, FORGET_ROWS_MAX]);
    return Number(row?.count) === FORGET_ROWS_MAX;
  }
}

function pagesOf(rows: readonly StatisticsRow[]): StatisticsRow[][] {
  const pages: StatisticsRow[][] = [];
  let size = Infinity;
  for (const row of rows) {
    size += row.body.length;
    if (size > PAGE_BYTES_MAX) {
      pages.push([]);
      size = row.body.length;
    }
    pages.at(-1)?.push(row);
  }
  return pages;
}

/** Whether a page left rows out. */
function isCut(rows: readonly Row[]): boolean {
  const found = Number(rows[0]?.found ?? 0);
  return found > rows.length || found === PAGE_ROWS_MAX;
}

function nextOf(rows: readonly Row[]): Place | undefined {
  const last = rows.at(-1);
  if (last === undefined || !isCut(rows)) return undefined;
  return {
    ...rowOf(last),
    writer: String(last.writer),
    number: Number(last.number),
  };
}

function rowOf(row: Row): StatisticsRow {
  return {
    workflow: String(row.workflow),
    fromMs: Number(row.from_ms),
    untilMs: Number(row.until_ms),
    ofSteps: row.of_steps === true,
    body: String(row.body),
  };
}

function tieredRowOf(row: Row): TieredRow {
  return { ...rowOf(row), everyMs: Number(row.every_ms) };
}
