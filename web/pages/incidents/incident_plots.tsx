/** Before and after: how a step did around a change, minute by minute. */

import { useMemo } from "react";
import type { OperationResult } from "../../../src/client.ts";
import { useOperation } from "../../data/query.ts";
import { ErrorNote } from "../../kit/error_note.tsx";
import { type Mark, Plot } from "../../kit/plot.tsx";

type Incident = OperationResult<"getIncident">;

type Interval = OperationResult<"getStatistics">["statistics"][number]["intervals"][number];

/** What is shown before it began and after it ended, in windows of the incident. */
const WINDOWS_AROUND = 15;

/** Intervals of a plot; each is at least ten seconds. */
const INTERVALS = { min: 2, max: 120 };

/** The shortest interval of statistics, in milliseconds. */
const INTERVAL_MS_MIN = 10_000;

/** How often it is read while the incident goes on, in milliseconds. */
const READ_MS = 10_000;

/** The share of attempts that failed, and how long those took that completed. */
export function IncidentPlots({ incident }: { readonly incident: Incident }) {
  const { step } = incident.degradation;
  const { data, error, refetch } = useAround(incident);
  const intervals = data?.statistics[0]?.intervals;
  const drawn = useMemo(() => drawnOf(intervals ?? []), [intervals]);
  if (error !== null) return <ErrorNote error={error} onRetry={() => void refetch()} />;
  if (drawn.times.length === 0) {
    return (
      <p className="muted">{data === undefined ? "Reading …" : "No figures are kept of it."}</p>
    );
  }
  const marks = marksOf(incident);
  const spoken = marks.map(({ label, atMs }) =>
    `${label} at ${new Date(atMs).toLocaleTimeString()}`
  );
  return (
    <div className="plots">
      <Plot
        caption={`Failed attempts of ${step} in percent; ${spoken.join(", ")}`}
        unit="% of attempts failed"
        times={drawn.times}
        lines={drawn.failed}
        marks={marks}
      />
      <Plot
        caption={`How long completed attempts of ${step} took; ${spoken.join(", ")}`}
        unit="seconds"
        times={drawn.times}
        lines={drawn.took}
        marks={marks}
      />
    </div>
  );
}

/** The moments of change. */
function marksOf({ degradation, applied, conclusion }: Incident): readonly Mark[] {
  return [
    { atMs: degradation.sinceMs, label: "began" },
    ...(applied?.isApplied ? [{ atMs: applied.atMs, label: "changed" }] : []),
    ...(applied?.isApplied && conclusion
      ? [{ atMs: conclusion.atMs, label: conclusion.outcome.replaceAll("_", " ") }]
      : []),
  ];
}

/** Reads the statistics of the step from well before it began to well after it ended. */
function useAround(incident: Incident) {
  const { degradation: { workflow, step, sinceMs, windowMs }, endedAt } = incident;
  const aroundMs = WINDOWS_AROUND * windowMs;
  const lastMs = endedAt === undefined ? Infinity : Date.parse(endedAt) + aroundMs;
  const isOver = lastMs < Date.now();
  // Whole minutes, so that the same read is not asked under a new name each second.
  const untilMs = Math.min(lastMs, Math.ceil(Date.now() / 60_000) * 60_000);
  const spanMs = untilMs - (sinceMs - aroundMs);
  const wanted = Math.floor(spanMs / Math.max(INTERVAL_MS_MIN, windowMs / 2));
  return useOperation("getStatistics", {
    workflow,
    step,
    since: new Date(sinceMs - aroundMs).toISOString(),
    until: new Date(untilMs).toISOString(),
    intervals: Math.min(INTERVALS.max, Math.max(INTERVALS.min, wanted)),
  }, isOver ? {} : { everyMs: READ_MS });
}

/** Lines of the share that failed, and of how long completed attempts took. */
function drawnOf(intervals: readonly Interval[]) {
  // What has not begun, or was before the first attempt, is not an interval without attempts.
  const begun = intervals.filter(({ at }) => Date.parse(at) <= Date.now());
  const first = begun.findIndex(({ starts, ended }) => starts + ended > 0);
  const past = begun.slice(Math.max(0, first));
  return {
    times: past.map(({ at }) => Date.parse(at)),
    failed: [{
      label: "failed",
      color: "--bad",
      values: past.map(({ ended, failed }) => ended === 0 ? null : 100 * failed / ended),
    }],
    took: [
      {
        label: "half within",
        color: "--active",
        values: past.map(({ ranMs }) => ranMs === undefined ? null : ranMs.p50 / 1_000),
      },
      {
        label: "95 % within",
        color: "--attention",
        values: past.map(({ ranMs }) => ranMs === undefined ? null : ranMs.p95 / 1_000),
      },
    ],
  };
}
