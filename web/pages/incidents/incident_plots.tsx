/** Before and after: how a step did around a change, minute by minute. */

import { useMemo } from "react";
import type { OperationResult } from "../../../src/client.ts";
import { useOperation } from "../../data/query.ts";
import { ErrorNote } from "../../kit/error_note.tsx";
import { type Mark, Plot } from "../../kit/plot.tsx";
import { changeOf, drawnOf } from "./arms.ts";

type Incident = OperationResult<"getIncident">;

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
  const rows = data?.statistics;
  const drawn = useMemo(() => drawnOf(rows ?? [], changeOf(incident), Date.now()), [
    rows,
    incident,
  ]);
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
    by: "policy",
    since: new Date(sinceMs - aroundMs).toISOString(),
    until: new Date(untilMs).toISOString(),
    intervals: Math.min(INTERVALS.max, Math.max(INTERVALS.min, wanted)),
  }, isOver ? {} : { everyMs: READ_MS });
}
