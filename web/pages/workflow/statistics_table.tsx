/** How long the steps of a workflow wait and run, and how they end. */

import type { OperationResult } from "../../../src/client.ts";
import { DataTable } from "../../kit/data_table.tsx";
import { durationText } from "../../kit/time.tsx";

type Row = OperationResult<"getStatistics">["statistics"][number];

/** One row a step, and one for whole tasks; of the last hour. */
export function StatisticsTable({ rows, onSelect }: {
  readonly rows: readonly Row[];
  readonly onSelect: (step: string) => void;
}) {
  if (rows.length === 0) return <p className="muted">Nothing has run in the last hour.</p>;
  return (
    <DataTable
      caption="Steps in the last hour"
      rows={rows}
      keyOf={({ step = "", version = "" }) => `${step} ${version}`}
      columns={[
        {
          head: "Step",
          cell: ({ step }) =>
            step === undefined
              ? "whole task"
              : (
                <button type="button" className="link" onClick={() => onSelect(step)}>
                  {step}
                </button>
              ),
        },
        { head: "Starts", isNumber: true, cell: ({ starts }) => starts },
        { head: "Failed", isNumber: true, cell: failedText },
        { head: "p50", isNumber: true, cell: ({ ranMs }) => timeText(ranMs?.p50) },
        { head: "p95", isNumber: true, cell: ({ ranMs }) => timeText(ranMs?.p95) },
        { head: "Waited p95", isNumber: true, cell: ({ waitedMs }) => timeText(waitedMs?.p95) },
      ]}
    />
  );
}

function failedText({ failedShare: { share }, ended }: Row): string {
  return ended === 0 ? "–" : `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

function timeText(ms: number | undefined): string {
  return ms === undefined ? "–" : durationText(ms);
}
