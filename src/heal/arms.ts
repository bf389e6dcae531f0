/** Arms: whether tasks under one overlay do better than tasks under another, by one metric. */

import type { ArmMetric, ArmsReport } from "../core/arms.ts";
import { type Interval, wilson } from "../core/intervals.ts";
import type { PolicyOverlay } from "../core/ports.ts";
import { meansDifference } from "./bootstrap.ts";
import { attemptsIn, busyMsIn, duplicatesIn } from "./effects.ts";

import type { TaskTrace } from "./trace.ts";

/** Fewer tasks in an arm decide nothing. */
const TASKS_MIN = 100;

/** What a metric is of one task; undefined: it does not count. */
const METRICS: Readonly<Record<ArmMetric, (trace: TaskTrace) => number | undefined>> = {
  completed: ({ end }) => Number(end === "completed"),
  duration: ({ end, isTouched, startedAtMs, endedAtMs }) =>
    end === "completed" && !isTouched ? endedAtMs - startedAtMs : undefined,
  attempts: (trace) => attemptsIn([trace]),
  busy: (trace) => busyMsIn(trace),
  duplicates: (trace) => duplicatesIn(trace),
};

/**
 * Compares the tasks of a canary with those that stayed under the overlay before.
 *
 * Shape: `traces` are of tasks that were started since the canary was put.
 */
export function compareArms(
  traces: readonly TaskTrace[],
  overlay: PolicyOverlay & Required<Pick<PolicyOverlay, "canary">>,
  metric: ArmMetric,
): Omit<ArmsReport, "workflow"> {
  const { version, canary: { percent, base } } = overlay;
  const valuesOf = (policyVersion: number) =>
    traces.filter((trace) => trace.policyVersion === policyVersion)
      .flatMap((trace) => METRICS[metric](trace) ?? []);
  const [before, after] = [valuesOf(base.version), valuesOf(version)];
  const arm = (policyVersion: number, share: number, values: readonly number[]) => ({
    policyVersion,
    percent: share,
    tasks: values.length,
    mean: mean(values),
  });
  const bounds = metric === "completed"
    ? sharesDifference(before, after)
    : meansDifference(before, after);
  const isEnough = Math.min(before.length, after.length) >= TASKS_MIN;
  return {
    metric,
    arms: [arm(base.version, 100 - percent, before), arm(version, percent, after)],
    difference: mean(after) - mean(before),
    ...bounds,
    tasksMin: TASKS_MIN,
    verdict: isEnough ? verdictOf(metric, bounds) : "too_few",
  };
}

function verdictOf(metric: ArmMetric, { low, high }: Interval): ArmsReport["verdict"] {
  if (low <= 0 && high >= 0) return "undecided";
  return (low > 0) === (metric === "completed") ? "better" : "worse";
}

/** Source: Newcombe, Statistics in Medicine 17 (1998), method 10: of two Wilson intervals. */
function sharesDifference(before: readonly number[], after: readonly number[]): Interval {
  const [was, is] = [mean(before), mean(after)];
  const [a, b] = [before, after].map((of) =>
    wilson(of.filter((one) => one === 1).length, of.length)
  );
  const [wasBounds, isBounds] = [a as Interval, b as Interval];
  return {
    low: is - was - Math.hypot(is - isBounds.low, wasBounds.high - was),
    high: is - was + Math.hypot(isBounds.high - is, was - wasBounds.low),
  };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, one) => sum + one, 0) / values.length;
}
