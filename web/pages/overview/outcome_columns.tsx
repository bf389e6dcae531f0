/** Columns of what was counted in the last hour: how much failed, and how long the rest took. */

import type { OperationResult } from "../../../src/client.ts";
import type { Column } from "../../kit/data_table.tsx";
import { Duration } from "../../kit/time.tsx";

type Counted = Pick<
  OperationResult<"getStatistics">["statistics"][number],
  "ended" | "failedShare" | "ranMs"
>;

/** The share that failed of those that ended. */
export const FAILED: Column<Counted> = {
  head: "Failed",
  isNumber: true,
  cell: ({ ended, failedShare: { share } }) => ended === 0 ? "–" : `${(share * 100).toFixed(1)} %`,
};

/** How long those took that completed. */
export const TOOK: readonly Column<Counted>[] = [
  {
    head: "Median",
    isNumber: true,
    cell: ({ ranMs }) => ranMs === undefined ? "–" : <Duration ms={ranMs.p50} />,
  },
  {
    head: "95 % within",
    isNumber: true,
    cell: ({ ranMs }) => ranMs === undefined ? "–" : <Duration ms={ranMs.p95} />,
  },
];
