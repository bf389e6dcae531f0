/** Step metrics: the newest interval of each step, for Prometheus. */

import type { Sketch } from "../core/sketch.ts";
import { Counts, type StatisticsCell } from "../core/statistics.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** Steps, and workflows as a whole, that have series of their own; the others are "other". */
const NAMED_MAX = 300;

const QUANTILES = [0.5, 0.95, 0.99];
const OTHER = { workflow: "other", step: "other" };

/** A step, or the tasks of a workflow. */
interface Named {
  readonly workflow: string;
  /** Empty: whole tasks. */
  readonly step: string;
}

/** Copies what was counted into metrics, all versions and policies of a step together. */
export class StepMetrics {
  readonly #named = new Map<string, Named>();
  /** Steps of this interval that have series of their own. */
  readonly #now = new Set<Named>();
  #before: ReadonlySet<Named> = new Set();

  constructor(readonly metrics: Metrics) {}

  /** Adds what was counted of a workflow in the interval. */
  add(
    workflow: string,
    cells: readonly Pick<StatisticsCell, "step" | "counts">[],
  ): void {
    const bySteps = Map.groupBy(cells, ({ step = "" }) => step);
    for (const [step, of] of bySteps) {
      const named = this.#find({ workflow, step });
      if (named === undefined) {
        for (const { counts } of of) this.#count(OTHER, counts);
        continue;
      }
      const counts = new Counts();
      for (const one of of) counts.merge(one.counts);
      this.#count(named, counts);
      this.#now.add(named);
      this.#measure("tasker_step_ran_seconds", named, counts.ran);
      this.#measure("tasker_step_waited_seconds", named, counts.waited);
    }
  }

  /** Ends the interval: what did not run in it has no duration. */
  end(): void {
    for (const named of this.#before) {
      if (this.#now.has(named)) continue;
      this.#measure("tasker_step_ran_seconds", named, undefined);
      this.#measure("tasker_step_waited_seconds", named, undefined);
    }
    this.#before = new Set(this.#now);
    this.#now.clear();
  }

  #find(named: Named): Named | undefined {
    const key = `${named.workflow}\n${named.step}`;
    const known = this.#named.get(key);
    if (known !== undefined || this.#named.size >= NAMED_MAX) return known;
    this.#named.set(key, named);
    return named;
  }

  #count({ workflow, step }: Named, counts: Counts): void {
    for (const [outcome, count] of counts.outcomes) {
      this.metrics.counter("tasker_attempts_total", workflow, step, outcome).add(count);
    }
  }

  #measure(
    name: "tasker_step_ran_seconds" | "tasker_step_waited_seconds",
    { workflow, step }: Named,
    sketch: Sketch | undefined,
  ): void {
    for (const rank of QUANTILES) {
      const ms = sketch?.quantile(rank) ?? NaN;
      this.metrics.gauge(name, workflow, step, String(rank)).set(ms / 1_000);
    }
  }
}
