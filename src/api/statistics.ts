/** Handlers of statistics: what nodes counted, by step, over a window. */

import { rankInterval, wilson } from "../core/intervals.ts";
import type { Sketch } from "../core/sketch.ts";
import { Counts, type StatisticsCell } from "../core/statistics.ts";
import { namespaceOf } from "../core/workflow.ts";
import { timeText } from "../operations/schema.ts";
import type { ParsedOf } from "../operations/operation.ts";
import type { STATISTICS } from "../operations/statistics.ts";
import type { Caller } from "./access.ts";
import { type ApiAnswerOf, badRequest, type Handlers, type Services } from "./handler.ts";
import { versionsOf } from "./workflows.ts";

type Operation = typeof STATISTICS["getStatistics"];
type Input = ParsedOf<Operation>;

/** The window if its begin is not given. */
const WINDOW_MS = 3_600_000;

/** Nothing is counted in shorter intervals. */
const INTERVAL_MS_MIN = 10_000;

/** Rows of an answer. */
const ROWS_MAX = 1_000;

/** Handlers of everything that shows statistics. */
export function statisticsHandlers(
  services: Services,
): Pick<Handlers<typeof STATISTICS>, "getStatistics"> {
  return {
    getStatistics: async (input, { caller }) => ({
      status: 200,
      body: await answer(services, input, caller),
    }),
  };
}

async function answer(
  services: Services,
  input: Input,
  caller: Caller,
): Promise<ApiAnswerOf<Operation["answers"]>["body"]> {
  const { workflow, step } = input;
  if (workflow !== undefined) {
    const [namespace = "", name = ""] = workflow.split("/");
    await versionsOf(services.definitions, { namespace, name, caller });
  }
  const { sinceMs, untilMs, everyMs } = windowOf(input, services.runtime.now());
  const cells = await services.statistics.read({
    ...{ sinceMs, untilMs, everyMs },
    ...(workflow !== undefined && { workflow }),
    ...(step !== undefined && { step }),
  });
  const covered = cells.filter((cell) => caller.covers(namespaceOf(cell.workflow)));
  const rows = Map.groupBy(covered, (cell) => keyOf(cell, input.by));
  const all = [...rows.values()].map((of) => {
    const { version, policyVersion, ...row } = rowOf(of, { sinceMs, untilMs, everyMs });
    if (input.by === "step") return row;
    return input.by === "version" ? { ...row, version } : { ...row, version, policyVersion };
  });
  const kept = all.length <= ROWS_MAX
    ? all
    : all.toSorted((a, b) => b.starts - a.starts).slice(0, ROWS_MAX);
  return {
    ...{ since: timeText(sinceMs), until: timeText(untilMs), everyMs },
    statistics: kept.sort((a, b) => nameOf(a) < nameOf(b) ? -1 : 1),
    omitted: all.length - kept.length,
  };
}

/** @throws {TaskerError} api.bad_request when it ends before it begins */
export function windowOf(
  { since, until, intervals }: Pick<Input, "since" | "until" | "intervals">,
  nowMs: number,
): Window {
  const untilMs = until === undefined ? nowMs : Date.parse(until);
  const sinceMs = since === undefined ? untilMs - WINDOW_MS : Date.parse(since);
  if (sinceMs >= untilMs) {
    throw badRequest("Cannot read statistics: the window ends before it begins");
  }
  const everyMs = Math.max(INTERVAL_MS_MIN, Math.ceil((untilMs - sinceMs) / intervals));
  return { sinceMs, untilMs, everyMs };
}

/** Which time is asked about, Unix ms, and in intervals of which length. */
export interface Window {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly everyMs: number;
}

function keyOf({ workflow, step = "", version, policyVersion }: StatisticsCell, by: Input["by"]) {
  const name = `${workflow}\n${step}`;
  if (by === "step") return name;
  return by === "version" ? `${name}\n${version}` : `${name}\n${version}\n${policyVersion}`;
}

function nameOf(
  of: { workflow: string; step?: string; version?: string; policyVersion?: number },
): string {
  const { workflow, step = "", version = "", policyVersion = 0 } = of;
  return `${workflow}\n${step}\n${version}\n${String(policyVersion).padStart(9, "0")}`;
}

/** Adds cells up to one row, named as the first. */
function rowOf(cells: readonly StatisticsCell[], window: Window) {
  const [{ workflow, step, version, policyVersion }] = cells as [StatisticsCell];
  return {
    ...{ workflow, version, policyVersion },
    ...(step !== undefined && { step }),
    ...countedOf(cells, window),
  };
}

/** Adds cells up. */
export function countedOf(
  cells: readonly StatisticsCell[],
  { sinceMs, untilMs, everyMs }: Window,
) {
  const counts = merged(cells);
  const errors = [...counts.errors].sort(([, a], [, b]) => b - a)
    .map(([code, count]) => ({ code, count }));
  const byInterval = Map.groupBy(cells, ({ fromMs }) => Math.floor((fromMs - sinceMs) / everyMs));
  const intervals = Array.from({ length: Math.ceil((untilMs - sinceMs) / everyMs) }, (_, index) => {
    const { starts, ended, failed, ran } = merged(byInterval.get(index) ?? []);
    const ranMs = durationsOf(ran);
    return {
      ...{ at: timeText(sinceMs + index * everyMs), starts, ended, failed },
      ...(ranMs !== undefined && { ranMs: { p50: ranMs.p50, p95: ranMs.p95 } }),
    };
  });
  const waitedMs = durationsOf(counts.waited);
  const ranMs = durationsOf(counts.ran);
  const { starts, retries, parked, ended } = counts;
  return {
    ...{ starts, retries, parked, ended, errors, intervals },
    startsPerS: rounded(starts / ((untilMs - sinceMs) / 1_000)),
    outcomes: Object.fromEntries(counts.outcomes),
    failedShare: { share: rounded(counts.failed / (ended || 1)), ...wilson(counts.failed, ended) },
    ...(waitedMs !== undefined && { waitedMs }),
    ...(ranMs !== undefined && { ranMs }),
  };
}

function merged(cells: readonly StatisticsCell[]): Counts {
  const counts = new Counts();
  for (const cell of cells) counts.merge(cell.counts);
  return counts;
}

function durationsOf(sketch: Sketch) {
  if (sketch.count === 0) return undefined;
  const at = (rank: number) => rounded(sketch.quantile(rank) ?? 0);
  const { low, high } = rankInterval(0.95, sketch.count);
  return {
    count: sketch.count,
    mean: rounded(sketch.mean ?? 0),
    ...{ p50: at(0.5), p95: at(0.95), p99: at(0.99) },
    ...(low !== undefined && { p95Low: at(low) }),
    ...(high !== undefined && { p95High: at(high) }),
    max: sketch.max,
  };
}

/** More digits than this are not known. */
function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
