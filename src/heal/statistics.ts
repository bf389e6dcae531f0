/** Statistics: counts what the committed turns of this node did, and writes it an interval at a time. */

import { shownCode } from "../core/attempt_fact.ts";
import { messageOf } from "../core/errors.ts";
import type { Event, Failure } from "../core/event.ts";
import type { Plan } from "../core/plan.ts";
import type { Cancel, CommittedTurn, Feed, Runtime, StatisticsStore } from "../core/ports.ts";
import type { TaskState } from "../core/state.ts";
import {
  Counts,
  encodeCells,
  type StatisticsCell,
  type StatisticsRow,
} from "../core/statistics.ts";
import { INTERVAL_MS } from "../core/statistics_tiers.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { StepMetrics } from "./step_metrics.ts";

/**
 * Bytes that a node writes in a second, on average. What would be more is written less often, in
 * longer intervals: nothing is left out.
 */
const BYTES_PER_S_MAX = 100 * 1024;

/**
 * Cells in memory; each takes about 1 KiB. With more of them the interval ends early. If the one before
 * could not be written yet, what has no cell is not counted, which is logged.
 */
const CELLS_MAX = 60_000;

/** Cells that are encoded at once: about a millisecond. */
const CELLS_AT_ONCE = 200;

/** How often old intervals are merged. */
const MERGE_MS = 5 * 60_000;

/** What counting needs. */
export interface StatisticsDeps {
  readonly feed: Feed;
  readonly store: StatisticsStore;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly retentionMs: number;
  /** Whether this node merges the old intervals of a workflow. */
  readonly isMine: (workflow: string) => boolean;
}

/** The counts of a step, or of the tasks, under one policy version; then those under another. */
interface Cell {
  readonly policyVersion: number;
  readonly counts: Counts;
  next: Cell | undefined;
}

/** By step; behind the last one those of the tasks. */
type PlanCells = (Cell | undefined)[];

/** An interval that is over. */
interface Interval {
  readonly number: number;
  readonly rows: readonly StatisticsRow[];
  readonly size: number;
}

/**
 * Counts committed turns: for each step and policy version how often it started and how its attempts
 * ended, how long they waited and ran, and the same of whole tasks.
 *
 * Nothing else depends on it: a node that dies loses what it counted in its last interval, and never
 * a fact, since facts are in the journal. An interval is that of this node's clock when the turn was
 * committed; should the clock step back, intervals overlap and nothing is counted twice.
 *
 * Cost: about 0.5 µs a step; one statement an interval.
 */
export class Statistics {
  #plans = new Map<Plan, PlanCells>();
  #last: { readonly plan: Plan; readonly cells: PlanCells } | undefined;
  #size = 0;
  #sinceMs: number;
  #number = 0;
  #uncounted = 0;
  #unwritten: Interval | undefined;
  #isBusy = false;
  #isOver = false;
  #mergedMs: number;
  #merging: Promise<void> | undefined;
  #cancelTimer: Cancel = () => {};
  readonly #unsubscribe: Cancel;
  readonly #metrics: StepMetrics;

  constructor(readonly deps: StatisticsDeps) {
    this.#metrics = new StepMetrics(deps.metrics);
    this.#sinceMs = deps.runtime.now();
    this.#mergedMs = deps.runtime.monotonic();
    this.#unsubscribe = deps.feed.subscribe((committed) => this.count(committed));
    this.#sleep(INTERVAL_MS);
  }

  /** Counts one committed turn. */
  count({ plan, turn, newest }: CommittedTurn): void {
    for (const event of turn.events) {
      if ("step" in event) this.#countStep(plan, event, newest);
      else if (event.kind === "TaskStarted") {
        const counts = this.#of(plan, plan.steps.length, policyOfTask(newest));
        if (counts !== undefined) counts.starts++;
      } else if (event.kind === "TaskEnded") this.#countEnd(plan, event, newest);
    }
  }

  /** Writes what was counted, and counts no more. */
  async close(): Promise<void> {
    this.#isOver = true;
    this.#unsubscribe();
    this.#cancelTimer();
    await this.write().catch((error) => this.#warn(error));
    await this.#merging;
  }

  /**
   * Ends the interval and writes it. What could not be written before goes first, under its number.
   *
   * @throws {TaskerError} journal.unavailable; it is tried again at the next interval
   */
  async write(): Promise<number> {
    const { store } = this.deps;
    const before = this.#unwritten;
    if (before !== undefined) await store.write(before.number, before.rows);
    const interval = this.#unwritten = await this.#take();
    if (interval.rows.length > 0) await store.write(interval.number, interval.rows);
    this.#unwritten = undefined;
    return (before?.size ?? 0) + interval.size;
  }

  #countStep(plan: Plan, event: Event & { readonly step: number }, newest?: TaskState): void {
    const step = newest?.steps[event.step];
    switch (event.kind) {
      case "StepStarted": {
        const counts = this.#of(plan, event.step, event.policyVersion);
        if (counts === undefined) return;
        counts.starts++;
        if (event.attempt > 1) counts.retries++;
        return counts.waited.add(event.waitedMs);
      }
      case "StepCompleted": {
        // A transform is never started.
        if (step?.startedAtMs === undefined) return;
        const counts = this.#of(plan, event.step, step.policyVersion);
        counts?.addOutcome("completed");
        // How long an earlier attempt took, whose result came late, is not known any more.
        if (step.attempt === event.attempt) counts?.ran.add(event.atMs - step.startedAtMs);
        return;
      }
      case "StepAttemptFailed":
      case "StepFailed":
      case "StepParked": {
        const isSame = step?.attempt === event.attempt && step.startedAtMs !== undefined;
        const policyVersion = isSame ? step.policyVersion : event.policyVersion;
        if (event.kind === "StepParked") this.#countParked(plan, event.step, policyVersion, newest);
        const counts = this.#of(plan, event.step, policyVersion);
        return counts && countFailure(counts, event.failure, { plan, state: newest });
      }
      case "StepInterrupted":
        return this.#of(plan, event.step, step?.policyVersion ?? 0)?.addOutcome("interrupted");
      case "StepCancelled":
        if (step?.startedAtMs === undefined) return;
        return this.#of(plan, event.step, step.policyVersion)?.addOutcome("cancelled");
      default:
        return;
    }
  }

  /** For the step, and for the tasks, which overviews read alone. */
  #countParked(plan: Plan, step: number, policyVersion: number, newest?: TaskState): void {
    const cells = [
      this.#of(plan, step, policyVersion),
      this.#of(plan, plan.steps.length, policyOfTask(newest)),
    ];
    for (const counts of cells) if (counts !== undefined) counts.parked++;
  }

  #countEnd(plan: Plan, event: Extract<Event, { kind: "TaskEnded" }>, newest?: TaskState): void {
    const counts = this.#of(plan, plan.steps.length, policyOfTask(newest));
    counts?.addOutcome(event.end);
    if (event.end === "completed" && newest !== undefined) {
      counts?.ran.add(event.atMs - newest.createdAtMs);
    }
    if (event.failure !== undefined) {
      counts?.addError(codeOf(event.failure, { plan, state: newest }));
    }
  }

  /** The counts of a step, or behind the last step those of the tasks. */
  #of(plan: Plan, step: number, policyVersion: number): Counts | undefined {
    let last = this.#last;
    if (last?.plan !== plan) {
      const cells = this.#plans.get(plan) ?? [];
      this.#plans.set(plan, cells);
      last = this.#last = { plan, cells };
    }
    let cell = last.cells[step];
    while (cell !== undefined && cell.policyVersion !== policyVersion) cell = cell.next;
    if (cell !== undefined) return cell.counts;
    if (this.#size >= CELLS_MAX) {
      this.#uncounted++;
      return undefined;
    }
    if (++this.#size === CELLS_MAX) this.#sleep(0);
    cell = { policyVersion, counts: new Counts(), next: last.cells[step] };
    last.cells[step] = cell;
    return cell.counts;
  }

  /** Ends the interval; what is counted from now on belongs to the next one. */
  async #take(): Promise<Interval> {
    const { runtime, log } = this.deps;
    const plans = Map.groupBy(this.#plans, ([plan]) => plan.workflow);
    const [fromMs, nowMs] = [this.#sinceMs, runtime.now()];
    const at = { fromMs, untilMs: Math.max(fromMs + 1, nowMs) };
    if (this.#uncounted > 0) {
      log.warn("Statistics miss what had no room in memory", { attempts: this.#uncounted });
    }
    this.#plans = new Map();
    this.#last = undefined;
    this.#size = this.#uncounted = 0;
    this.#sinceMs = nowMs;
    const rows: StatisticsRow[] = [];
    let cells = 0;
    for (const [workflow, of] of plans) {
      const all = of.flatMap(([plan, cells]) => cellsOf(plan, cells));
      this.#metrics.add(workflow, all);
      for (const ofSteps of [true, false]) {
        const some = all.filter(({ step }) => (step !== undefined) === ofSteps);
        if (some.length > 0) rows.push({ workflow, ...at, ofSteps, body: encodeCells(some) });
      }
      // Others are served in between.
      cells += all.length;
      if (cells < CELLS_AT_ONCE) continue;
      cells = 0;
      await new Promise<void>((resolve) => runtime.soon(resolve));
    }
    this.#metrics.end();
    const size = rows.reduce((sum, { body }) => sum + body.length, 0);
    return { number: ++this.#number, rows, size };
  }

  #sleep(ms: number): void {
    this.#cancelTimer();
    if (!this.#isOver) this.#cancelTimer = this.deps.runtime.after(ms, () => void this.#run());
  }

  async #run(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    let size = 0;
    try {
      size = await this.write();
      this.#merge();
    } catch (error) {
      this.#warn(error);
    }
    this.#isBusy = false;
    this.#sleep(Math.max(INTERVAL_MS, size / BYTES_PER_S_MAX * 1_000));
  }

  /** Merging many workflows takes long, and holds up no interval. */
  #merge(): void {
    const { runtime, store, log, retentionMs, isMine } = this.deps;
    const isDue = runtime.monotonic() - this.#mergedMs >= MERGE_MS;
    if (!isDue || this.#isOver || this.#merging !== undefined) return;
    const isOver = () => this.#isOver;
    this.#merging = store.merge({ nowMs: runtime.now(), retentionMs, isMine, isOver }).catch(
      (error) =>
        log.warn("Cannot merge statistics; trying again later", { error: messageOf(error) }),
    ).finally(() => {
      this.#mergedMs = runtime.monotonic();
      this.#merging = undefined;
    });
  }

  #warn(error: unknown): void {
    this.deps.log.warn("Cannot write statistics; trying again at the next interval", {
      error: messageOf(error),
    });
  }
}

/** The newest policy version that any step of a task began under. */
function policyOfTask(state: TaskState | undefined): number {
  let newest = 0;
  for (const { policyVersion } of state?.steps ?? []) newest = Math.max(newest, policyVersion);
  return newest;
}

/** Whose failure it is. */
interface OfTask {
  readonly plan: Plan;
  readonly state: TaskState | undefined;
}

function countFailure(counts: Counts, failure: Failure | undefined, of: OfTask): void {
  if (failure === undefined) return;
  counts.addOutcome(failure.class);
  counts.addError(codeOf(failure, of));
}

function codeOf(failure: Failure, of: OfTask): string {
  return shownCode(failure, of) ?? failure.class;
}

type NamedCell = Omit<StatisticsCell, "workflow" | "fromMs" | "untilMs">;

function cellsOf({ definition, steps }: Plan, cells: PlanCells): NamedCell[] {
  return cells.flatMap((first, index) => {
    const name = steps[index]?.name;
    const found: NamedCell[] = [];
    for (let cell = first; cell !== undefined; cell = cell.next) {
      const { policyVersion, counts } = cell;
      const of = { version: definition.version, policyVersion, counts };
      found.push(name === undefined ? of : { ...of, step: name });
    }
    return found;
  });
}
