/** The attempts of a step around a change: those under it apart from the others. Pure. */

import type { OperationResult } from "../../../src/client.ts";
import { SYSTEMS_NAMESPACE } from "../../../src/core/policy.ts";

type Incident = OperationResult<"getIncident">;

/** Statistics of the step under one version of its policy. */
export type Row = OperationResult<"getStatistics">["statistics"][number];

type Interval = Row["intervals"][number];

/** Which attempts are under the change of an incident, by the version of their policy. */
interface ChangeSpan {
  readonly version: number;
  /** When it was put back, Unix ms. */
  readonly untilMs: number;
}

/** Absent: the change is none of the workflow's own policy, so all its attempts are alike. */
export function changeOf(
  { applied, chosen, conclusion, proposals }: Pick<
    Incident,
    "applied" | "chosen" | "conclusion" | "proposals"
  >,
): ChangeSpan | undefined {
  const change = proposals.find(({ id }) => id === chosen)?.change;
  if (applied?.version === undefined || change?.namespace === SYSTEMS_NAMESPACE) return undefined;
  const isBack = conclusion !== undefined && conclusion.outcome !== "kept";
  return { version: applied.version, untilMs: isBack ? conclusion.atMs : Infinity };
}

/**
 * Lines of the share that failed, and of how long completed attempts took. Attempts under the change are
 * apart from the others: a trial has both at once.
 */
export function drawnOf(
  rows: readonly Pick<Row, "intervals" | "policyVersion">[],
  change: ChangeSpan | undefined,
  nowMs: number,
) {
  const all = rows.flatMap(({ intervals, policyVersion = 0 }) =>
    intervals.map((interval) => ({ ...interval, atMs: Date.parse(interval.at), policyVersion }))
  ).filter(({ atMs }) => atMs <= nowMs);
  // What was before the first attempt is not an interval without attempts.
  const firstMs = Math.min(
    ...all.flatMap(({ atMs, starts, ended }) => starts + ended > 0 ? [atMs] : []),
  );
  const byTime = Map.groupBy(all.filter(({ atMs }) => atMs >= firstMs), ({ atMs }) => atMs);
  const times = [...byTime.keys()].toSorted((one, other) => one - other);
  const isWith = ({ policyVersion, atMs }: typeof all[number]) =>
    change !== undefined && policyVersion >= change.version && atMs < change.untilMs;
  const line = (arm: boolean, valueOf: (intervals: readonly Interval[]) => number | null) =>
    times.map((atMs) => valueOf(byTime.get(atMs)?.filter((one) => isWith(one) === arm) ?? []));
  const arms = change === undefined ? [WITHOUT] : [WITHOUT, WITH];
  return {
    times,
    failed: arms.map(({ isWith, label, failed }) => ({
      ...{ label: `failed${label}`, color: failed, values: line(isWith, failedShare) },
    })),
    took: arms.flatMap(({ isWith, label, half, most }) => [
      {
        label: `half within${label}`,
        color: half,
        values: line(isWith, (of) => seconds(of, "p50")),
      },
      {
        label: `95 % within${label}`,
        color: most,
        values: line(isWith, (of) => seconds(of, "p95")),
      },
    ]),
  };
}

/** How the lines of attempts without and with the change look. */
const WITHOUT = {
  ...{ isWith: false, label: "", failed: "--bad", half: "--active", most: "--attention" },
};
const WITH = {
  ...{ isWith: true, label: ", changed", failed: "--good", half: "--good", most: "--quiet" },
};

function failedShare(intervals: readonly Interval[]): number | null {
  const sum = (field: "ended" | "failed") => intervals.reduce((all, one) => all + one[field], 0);
  return sum("ended") === 0 ? null : 100 * sum("failed") / sum("ended");
}

/** Of rows of several policies, the one with the most attempts: quantiles cannot be added up. */
function seconds(intervals: readonly Interval[], of: "p50" | "p95"): number | null {
  const [most] = intervals.filter(({ ranMs }) => ranMs !== undefined)
    .toSorted((one, other) => other.ended - one.ended);
  return most?.ranMs === undefined ? null : most.ranMs[of] / 1_000;
}
