/** The verbs `stats` and `stats systems`: how long attempts wait and run, and how they end, with plots. */

import type { OperationInput, OperationResult } from "../client.ts";
import { parseDuration } from "../core/duration.ts";
import {
  type Cell,
  dateText,
  durationText,
  headOf,
  namesText,
  type Paint,
  plotOf,
  tableLines,
} from "./format.ts";
import type { VerbExtra } from "./operation_verb.ts";
import { UsageError, type VerbContext } from "./verb.ts";

type Answer = OperationResult<"getStatistics">;
type SystemsAnswer = OperationResult<"getSystemStatistics">;
type Row = Answer["statistics"][number];

/** What was counted, of whatever it is. */
type Counted = SystemsAnswer["statistics"][number] | Row;

/** Intervals of a plot: one character each. */
const PLOT_COLUMNS = 24;

/** Error codes that a row names. */
const CODES_MAX = 3;

/** What the verb does beyond sending its operation. */
export const STATS: VerbExtra<"getStatistics"> = {
  defaults: { intervals: PLOT_COLUMNS },
  composed: {
    fields: ["since", "until"],
    options: {
      since: { value: "DURATION|TIME", summary: "Where the window begins: 30m, 7d; 1h by default" },
      until: { value: "DURATION|TIME", summary: "Where it ends; now by default" },
    },
    read: windowOf,
  },
  lines: (answer, { paint, input }) => statsLines(answer, input, paint),
};

/** The same for `stats systems`. */
export const SYSTEM_STATS: VerbExtra<"getSystemStatistics"> = {
  defaults: { intervals: PLOT_COLUMNS },
  lines: (answer, { paint }) => systemStatsLines(answer, paint),
};

function windowOf(
  { options }: Pick<VerbContext, "options">,
): Partial<OperationInput<"getStatistics">> {
  const since = timeOf("since", options.get("since"));
  const until = timeOf("until", options.get("until"));
  return { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
}

/** A time, or how long ago. */
function timeOf(option: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const agoMs = parseDuration(text);
  if (agoMs !== undefined) return new Date(Date.now() - agoMs).toISOString();
  const atMs = Date.parse(text);
  if (!Number.isNaN(atMs)) return new Date(atMs).toISOString();
  throw new UsageError(
    `Cannot read --${option} "${text}": write how long ago, as 30m or 7d, or a time such as ` +
      "2026-01-31T09:30:00Z",
  );
}

/** Draws statistics: one row for the tasks of each workflow and for each step. */
function statsLines(
  { statistics, since, until, everyMs, omitted }: Answer,
  { workflow, by = "step" }: OperationInput<"getStatistics">,
  paint: Paint,
): string[] {
  const window = windowText({ since, until });
  if (statistics.length === 0) {
    return [`nothing started or ended from ${window}; --since 7d looks at the last 7 days`];
  }
  const head = headOf(
    ...[workflow === undefined ? "WORKFLOW" : "STEP", ...by === "step" ? [] : ["VERSION"]],
    ...COUNTED_HEAD,
  );
  const rows = statistics.map((row) => cellsOf(row, { isNamed: workflow === undefined, by }));
  return [
    `${paint("bold", workflow ?? "all workflows")}  ${paint("dim", window)}`,
    paint("dim", plotText(everyMs)),
    "",
    ...tableLines([head, ...rows], paint),
    ...(omitted > 0 ? ["", paint("dim", `${omitted} rows with fewer starts are left out`)] : []),
  ];
}

/** Draws statistics: one row for each system. */
function systemStatsLines(
  { statistics, since, until, everyMs, omitted }: SystemsAnswer,
  paint: Paint,
): string[] {
  const window = windowText({ since, until });
  if (statistics.length === 0) return [`no step asked a system from ${window}`];
  const rows = statistics.map((row): Cell[] => [row.system, ...countedCells(row)]);
  return [
    `${paint("bold", "systems")}  ${paint("dim", window)}`,
    paint("dim", plotText(everyMs)),
    "",
    ...tableLines([headOf("SYSTEM", ...COUNTED_HEAD), ...rows], paint),
    ...(omitted > 0
      ? ["", paint("dim", `${omitted} workflows with fewer starts are not counted`)]
      : []),
  ];
}

function windowText({ since, until }: Pick<Answer, "since" | "until">): string {
  return `${dateText(since)} to ${dateText(until)} UTC`;
}

function plotText(everyMs: number): string {
  return `a character of a plot is ${durationText(everyMs)}; the highest is full`;
}

function cellsOf(
  row: Row,
  { isNamed, by }: { readonly isNamed: boolean; readonly by: string },
): Cell[] {
  const { workflow, step, version = "", policyVersion } = row;
  const under = policyVersion === undefined ? "" : ` policy ${policyVersion}`;
  return [
    step ?? (isNamed ? workflow : { text: "(tasks)", tone: "dim" }),
    ...(by === "step" ? [] : [`${version}${under}`]),
    ...countedCells(row),
  ];
}

const COUNTED_HEAD = [
  ...["STARTS", "RETRIES", "FAILED (95 %)", "WAITED p50 p95", "RAN p50 p95 p99"],
  ...["STARTS OVER TIME", "RAN p95 OVER TIME", "ERRORS"],
];

function countedCells(row: Counted): Cell[] {
  const { starts, retries, waitedMs, ranMs } = row;
  return [
    String(starts),
    retries === 0 ? "" : { text: String(retries), tone: "warn" },
    failedCell(row),
    waitedMs === undefined ? "" : `${msText(waitedMs.p50)} ${msText(waitedMs.p95)}`,
    ranMs === undefined ? "" : `${msText(ranMs.p50)} ${msText(ranMs.p95)} ${msText(ranMs.p99)}`,
    { text: plotOf(row.intervals.map((one) => one.starts)), tone: "dim" },
    { text: plotOf(row.intervals.map((one) => one.ranMs?.p95)).trimEnd(), tone: "busy" },
    { text: errorsText(row), tone: "bad" },
  ];
}

function failedCell({ outcomes, ended, failedShare, parked }: Counted): Cell {
  const { completed = 0, cancelled = 0 } = outcomes;
  const failed = ended - completed - cancelled;
  if (failed === 0) return parked === 0 ? "" : { text: `${parked} parked`, tone: "warn" };
  const { low, high } = failedShare;
  const share = `${failed} (${percent(low)}–${percent(high)})`;
  return { text: parked === 0 ? share : `${share}, ${parked} parked`, tone: "bad" };
}

function errorsText({ errors }: Counted): string {
  return namesText(errors.map(({ code, count }) => `${code} ×${count}`), CODES_MAX);
}

/** Without a space, so that several stand in one cell. */
function msText(ms: number): string {
  return durationText(ms).replaceAll(" ", "");
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}
