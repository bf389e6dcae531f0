/** Statistics: what attempts and tasks did in an interval, as counts and sketches that add up. */

import type { AttemptOutcome } from "./attempt_fact.ts";
import { Sketch, type SketchNumbers } from "./sketch.ts";

/** Error codes that one cell names; all others together are OTHER_ERRORS. */
export const ERROR_CODES_MAX = 32;

/** Characters of a code that are kept: it is others' text. */
const ERROR_CODE_SIZE_MAX = 80;

/** The code that stands for all that are not named. */
export const OTHER_ERRORS = "other";

/** What was counted of a step, or of whole tasks. Adds up; the same counts for both. */
export class Counts {
  /** Attempts, or tasks, that started. */
  starts = 0;
  /** Attempts among them that were not the first of their step. */
  retries = 0;
  /** How often a step began to wait for a person; of tasks: any of their steps. */
  parked = 0;
  /** From ready to started, ms; empty for tasks. */
  readonly waited = new Sketch();
  /**
   * How long completed attempts, or completed tasks, took, ms. An attempt that timed out or failed at
   * once says nothing about how long the work takes: those are counted by outcome.
   */
  readonly ran = new Sketch();
  /** How they ended; a task ends completed, failed or cancelled. */
  readonly outcomes = new Map<AttemptOutcome, number>();
  /** By error code; without one by the failure's class. At most ERROR_CODES_MAX, and OTHER_ERRORS. */
  readonly errors = new Map<string, number>();

  /** How many ended in one way. */
  outcome(name: AttemptOutcome): number {
    return this.outcomes.get(name) ?? 0;
  }

  /** How many ended, in whatever way. */
  get ended(): number {
    let sum = 0;
    for (const count of this.outcomes.values()) sum += count;
    return sum;
  }

  /** How many ended with a failure: all but the completed and the cancelled ones. */
  get failed(): number {
    return this.ended - this.outcome("completed") - this.outcome("cancelled");
  }

  /** Counts an end. */
  addOutcome(name: AttemptOutcome, count = 1): void {
    this.outcomes.set(name, (this.outcomes.get(name) ?? 0) + count);
  }

  /** Counts an error. Cost: O(1). */
  addError(code: string, count = 1): void {
    const short = code.slice(0, ERROR_CODE_SIZE_MAX);
    const isNamed = this.errors.has(short) || this.errors.size < ERROR_CODES_MAX;
    const name = isNamed ? short : OTHER_ERRORS;
    this.errors.set(name, (this.errors.get(name) ?? 0) + count);
  }

  /** Adds what was counted elsewhere. Of too many error codes those with the most errors stay. */
  merge(other: Counts): void {
    this.starts += other.starts;
    this.retries += other.retries;
    this.parked += other.parked;
    this.waited.merge(other.waited);
    this.ran.merge(other.ran);
    for (const [name, count] of other.outcomes) this.addOutcome(name, count);
    if (other.errors.size === 0) return;
    const all = [...this.errors];
    for (const [code, count] of other.errors) {
      all.push([code, count + (this.errors.get(code) ?? 0)]);
    }
    const merged = [...new Map(all)].sort(([a, few], [b, many]) =>
      Number(a === OTHER_ERRORS) - Number(b === OTHER_ERRORS) || many - few
    );
    this.errors.clear();
    for (const [code, count] of merged) this.addError(code, count);
  }
}

/** Whose counts they are. */
export interface CellKey {
  /** `namespace/name`. */
  readonly workflow: string;
  readonly version: string;
  /** Absent: whole tasks. */
  readonly step?: string;
  /** The overlay of policies they were under; 0: none. */
  readonly policyVersion: number;
}

/** What was counted in an interval. */
export interface StatisticsCell extends CellKey {
  /** Unix ms; the interval in which it was counted, which begins before its first turn. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly counts: Counts;
}

/** One row as it is stored: all cells of a workflow in an interval, of its steps or of its tasks. */
export interface StatisticsRow {
  readonly workflow: string;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Whether it is about steps; else about whole tasks. */
  readonly ofSteps: boolean;
  /** JSON; see `encodeCells`. */
  readonly body: string;
}

/** A cell as it stands in a row. Later versions add fields at the end. */
type CellFields = readonly [
  version: string,
  step: string,
  policyVersion: number,
  starts: number,
  retries: number,
  parked: number,
  outcomes: Readonly<Record<string, number>>,
  waited: SketchNumbers,
  ran: SketchNumbers,
  errors: Readonly<Record<string, number>>,
];

/** Writes cells of one workflow and interval. Cost: O(buckets); 60 to 200 characters a cell. */
export function encodeCells(
  cells: Iterable<Omit<CellKey, "workflow"> & Pick<StatisticsCell, "counts">>,
): string {
  const all = [...cells].map(({ version, step = "", policyVersion, counts }): CellFields => {
    const { starts, retries, parked, outcomes, waited, ran, errors } = counts;
    return [
      ...[version, step, policyVersion, starts, retries, parked] as const,
      ...[Object.fromEntries(outcomes), waited.toNumbers(), ran.toNumbers()] as const,
      Object.fromEntries(errors),
    ];
  });
  return JSON.stringify(all);
}

/**
 * Reads the cells of a row. One that cannot be read has none: it holds up neither the others nor who
 * reads them. Cost: one JSON.parse.
 */
export function decodeCells(row: StatisticsRow): StatisticsCell[] {
  try {
    return readCells(row);
  } catch {
    return [];
  }
}

function readCells(row: StatisticsRow): StatisticsCell[] {
  const { workflow, fromMs, untilMs, body } = row;
  return (JSON.parse(body) as readonly CellFields[]).map((fields) => {
    const [version, step, policyVersion, starts, retries, parked, outcomes] = fields;
    const counts = new Counts();
    Object.assign(counts, { starts, retries, parked });
    // A later version may know more ways to end.
    for (const [name, count] of Object.entries(outcomes)) {
      counts.addOutcome(name as AttemptOutcome, count);
    }
    counts.waited.merge(Sketch.from(fields[7]));
    counts.ran.merge(Sketch.from(fields[8]));
    for (const [code, count] of Object.entries(fields[9])) counts.addError(code, count);
    return {
      ...{ workflow, version, policyVersion, fromMs, untilMs, counts },
      ...(step !== "" && { step }),
    };
  });
}

/** Adds up cells that lie in the same interval of a length. */
export class CellMerger {
  readonly #cells = new Map<string, StatisticsCell>();
  /** The number of the last interval that has a cell. */
  #last = 0;

  constructor(
    readonly how: {
      /** Begins the first interval, Unix ms. */
      readonly originMs: number;
      /** The length of an interval, ms. */
      everyMs: number;
      /** With more cells than this, intervals are made twice as long. */
      readonly cellsMax: number;
    },
  ) {}

  /** Adds a cell to the interval in which it begins. */
  add(cell: StatisticsCell): void {
    const { originMs, everyMs } = this.how;
    const { workflow, version, step = "", policyVersion } = cell;
    const number = Math.max(0, Math.floor((cell.fromMs - originMs) / everyMs));
    this.#last = Math.max(this.#last, number);
    const key = `${number}\n${workflow}\n${version}\n${step}\n${policyVersion}`;
    const known = this.#cells.get(key);
    const fromMs = Math.min(cell.fromMs, known?.fromMs ?? Infinity);
    const untilMs = Math.max(cell.untilMs, known?.untilMs ?? 0);
    const counts = known?.counts ?? new Counts();
    counts.merge(cell.counts);
    this.#cells.set(key, { ...cell, fromMs, untilMs, counts });
    if (known === undefined && this.#cells.size > this.how.cellsMax) this.#coarsen();
  }

  /** What was added, in the order of time, and within an interval of names. */
  cells(): StatisticsCell[] {
    return [...this.#cells.values()].sort((a, b) => a.fromMs - b.fromMs || byName(a, b));
  }

  /** The cells of one interval are as many as there are steps: those stay. */
  #coarsen(): void {
    if (this.#last === 0) return;
    const cells = [...this.#cells.values()];
    this.how.everyMs *= 2;
    this.#last = 0;
    this.#cells.clear();
    for (const cell of cells) this.add(cell);
  }
}

function byName(a: CellKey, b: CellKey): number {
  const name = ({ workflow, step = "", version, policyVersion }: CellKey) =>
    `${workflow}\n${step}\n${version}\n${String(policyVersion).padStart(9, "0")}`;
  return name(a) < name(b) ? -1 : 1;
}
