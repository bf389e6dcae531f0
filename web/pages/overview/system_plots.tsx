/** How systems answered in the last hour: each as a row, and one of them as plots. */

import { useState } from "react";
import type { OperationResult } from "../../../src/client.ts";
import { useOperation } from "../../data/query.ts";
import { DataTable } from "../../kit/data_table.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { Plot } from "../../kit/plot.tsx";
import { Spark } from "../../kit/spark.tsx";
import { FAILED, TOOK } from "./outcome_columns.tsx";

/** How often they are read, in milliseconds; a server gives the same answer for ten seconds. */
const READ_MS = 10_000;

type Row = OperationResult<"getSystemStatistics">["statistics"][number];

/** Calls of systems in the last hour. Nothing where none was called. */
export function SystemPlots({ intervals }: { readonly intervals: number }) {
  const [chosen, setChosen] = useState<string>();
  const { data, error, refetch } = useOperation("getSystemStatistics", { intervals }, {
    everyMs: READ_MS,
  });
  if (error !== null) return <ErrorNote error={error} onRetry={() => void refetch()} />;
  const rows = data?.statistics ?? [];
  const row = rows.find(({ system }) => system === chosen) ?? rows[0];
  if (data === undefined || row === undefined) return null;
  return (
    <section className="stack" aria-label="Calls of systems">
      <h3>Calls of systems in the last hour</h3>
      <SystemRows rows={rows} />
      {data.omitted > 0 && (
        <p className="muted">{data.omitted} workflows with fewer starts are not counted here.</p>
      )}
      <label className="row">
        Drawn below
        <select value={row.system} onChange={({ target }) => setChosen(target.value)}>
          {rows.map(({ system }) => <option key={system}>{system}</option>)}
        </select>
      </label>
      <Plots row={row} />
    </section>
  );
}

function SystemRows({ rows }: { readonly rows: readonly Row[] }) {
  return (
    <DataTable
      caption="Systems in the last hour"
      rows={rows}
      keyOf={({ system }) => system}
      columns={[
        { head: "System", cell: ({ system }) => system },
        {
          head: "Calls by minute",
          cell: ({ system, intervals }) => (
            <Spark
              label={`Calls of ${system}, by minute`}
              color="--active"
              values={intervals.map(({ starts }) => starts)}
            />
          ),
        },
        { head: "Calls", isNumber: true, cell: ({ starts }) => starts },
        { head: "Retries", isNumber: true, cell: ({ retries }) => retries },
        FAILED,
        ...TOOK,
      ]}
    />
  );
}

function Plots({ row: { system, starts, intervals } }: { readonly row: Row }) {
  const times = intervals.map(({ at }) => Date.parse(at));
  const took = (which: "p50" | "p95") => intervals.map(({ ranMs }) => ranMs?.[which] ?? null);
  return (
    <>
      <Plot
        caption={`Calls of ${system} in the last hour: ${starts}`}
        unit="calls a minute"
        times={times}
        lines={[
          { label: "started", values: intervals.map((one) => one.starts), color: "--active" },
          { label: "failed", values: intervals.map((one) => one.failed), color: "--bad" },
        ]}
      />
      <Plot
        caption={`How long ${system} took to answer in the last hour`}
        unit="ms"
        times={times}
        lines={[
          { label: "half within", values: took("p50"), color: "--active" },
          { label: "95 % within", values: took("p95"), color: "--attention" },
        ]}
      />
    </>
  );
}
