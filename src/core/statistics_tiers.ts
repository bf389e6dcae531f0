/** Tiers: statistics are kept in intervals that become longer with age. Pure. */

import {
  CellMerger,
  decodeCells,
  encodeCells,
  type StatisticsCell,
  type StatisticsRow,
} from "./statistics.ts";
import type { StatisticsQuery } from "./ports.ts";

/** How often a node writes what it counted, ms. */
export const INTERVAL_MS = 10_000;

/** The length of intervals, and how long they are kept in that length, ms. */
const TIERS = [
  { everyMs: INTERVAL_MS, keptMs: 30 * 60_000 },
  { everyMs: 5 * 60_000, keptMs: 24 * 3_600_000 },
  { everyMs: 3_600_000, keptMs: 14 * 24 * 3_600_000 },
  { everyMs: 24 * 3_600_000, keptMs: Infinity },
] as const;

/** A row as it is kept. */
export interface TieredRow extends StatisticsRow {
  /** Of TIERS; its own interval may be longer when much was counted, or shorter. */
  readonly everyMs: number;
}

/**
 * For each tier but the last, the shortest first: its length, and before when its rows are to be
 * merged, Unix ms. A longer interval is merged when all of it is due, so that it becomes one row.
 */
export function dueTiers(nowMs: number): readonly { everyMs: number; beforeMs: number }[] {
  return TIERS.slice(0, -1).map(({ everyMs, keptMs }) => {
    const longerMs = nextEveryMs(everyMs);
    return { everyMs, beforeMs: Math.floor((nowMs - keptMs) / longerMs) * longerMs };
  });
}

/**
 * Merges rows of one workflow, each into the next longer tier: what they counted is added up.
 *
 * Cost: O(cells).
 */
export function mergeRows(rows: readonly TieredRow[]): TieredRow[] {
  const groups = Map.groupBy(rows, (row) => {
    const everyMs = nextEveryMs(row.everyMs);
    return `${row.workflow}\n${row.ofSteps}\n${everyMs}\n${Math.floor(row.fromMs / everyMs)}`;
  });
  return [...groups.values()].map((group) => {
    const [first] = group as [TieredRow];
    const merger = new CellMerger({ originMs: 0, everyMs: Infinity, cellsMax: Infinity });
    for (const cell of group.flatMap(decodeCells)) merger.add(cell);
    return {
      workflow: first.workflow,
      ofSteps: first.ofSteps,
      everyMs: nextEveryMs(first.everyMs),
      fromMs: Math.min(...group.map(({ fromMs }) => fromMs)),
      untilMs: Math.max(...group.map(({ untilMs }) => untilMs)),
      body: encodeCells(merger.cells()),
    };
  });
}

function nextEveryMs(everyMs: number): number {
  return TIERS.find((tier) => tier.everyMs > everyMs)?.everyMs ?? everyMs;
}

/** Intervals of an answer, unless the query says. */
const INTERVALS = 360;

/** Cells of an answer; with more, intervals are longer. A cell takes about 1 KiB of memory. */
const CELLS_MAX = 20_000;

/** Makes the answer to a query out of rows that begin in its range. */
export class StatisticsAnswer {
  readonly #merger: CellMerger;

  constructor(readonly query: StatisticsQuery) {
    const { sinceMs, untilMs, everyMs } = query;
    const evenMs = Math.ceil((untilMs - sinceMs) / INTERVALS / INTERVAL_MS) * INTERVAL_MS;
    this.#merger = new CellMerger({
      originMs: sinceMs,
      everyMs: Math.max(1, everyMs ?? Math.max(INTERVAL_MS, evenMs)),
      cellsMax: CELLS_MAX,
    });
  }

  add(row: StatisticsRow): void {
    const { step } = this.query;
    for (const cell of decodeCells(row)) {
      if (step === undefined || cell.step === step) this.#merger.add(cell);
    }
  }

  cells(): StatisticsCell[] {
    return this.#merger.cells();
  }
}
