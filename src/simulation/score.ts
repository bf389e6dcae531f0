/** Scores: what the tasks of a run came to, minute by minute of their arrival. Pure. */

import type { Scenario } from "./scenario.ts";
import type { TaskRecord } from "./world.ts";

/** The tasks that arrived in one minute and count. */
export interface MinuteScore {
  readonly minute: number;
  readonly arrived: number;
  /** Those of them that completed in time. */
  readonly good: number;
  readonly isBreached: boolean;
}

/** What a run came to. */
export interface Score {
  readonly minutes: readonly MinuteScore[];
  /** Minutes in which too few tasks arrived that completed in time. */
  readonly breachMinutes: number;
  readonly tasks: number;
  /** Share of all tasks that completed in time, whether they count for the objective or not. */
  readonly goodput: number;
  /** Attempts a task. */
  readonly attempts: number;
  /** Tasks that waited for a person, or failed for good. */
  readonly touches: number;
}

/** Scores the tasks of a run. */
export function scoreOf(
  { wanted: { slo }, minutes }: Scenario,
  records: readonly TaskRecord[],
): Score {
  const isGood = ({ end, tookMs = Infinity }: TaskRecord) =>
    end === "completed" && tookMs <= slo.withinMs;
  const counting = records.filter(({ task }) => slo.of?.(task) ?? true);
  const byMinute = Map.groupBy(counting, ({ task }) => Math.floor(task.minute));
  const scored = Array.from({ length: minutes }, (_, minute) => {
    const of = byMinute.get(minute) ?? [];
    const good = of.filter(isGood).length;
    const isBreached = of.length > 0 && good / of.length < slo.success;
    return { minute, arrived: of.length, good, isBreached };
  });
  const sum = (value: (record: TaskRecord) => number) =>
    records.reduce((total, record) => total + value(record), 0);
  return {
    minutes: scored,
    breachMinutes: scored.filter(({ isBreached }) => isBreached).length,
    tasks: records.length,
    goodput: sum((record) => isGood(record) ? 1 : 0) / Math.max(1, records.length),
    attempts: sum(({ attempts }) => attempts) / Math.max(1, records.length),
    touches: sum(({ end, parks }) => parks > 0 || end === "failed" ? 1 : 0),
  };
}
