/** The answer of the verb `optimise`, as people read it. */

import type { OperationResult } from "../client.ts";
import { type Cell, durationText, headOf, type Paint, tableLines } from "./format.ts";
import type { VerbExtra } from "./operation_verb.ts";

type Found = OperationResult<"optimiseWorkflow">;

/** Columns of the drawn path. */
const PATH_WIDTH = 40;

/** What the verb does beyond sending its operation. */
export const OPTIMISE: VerbExtra<"optimiseWorkflow"> = {
  waits: "Reads what tasks did, and plays it again under each change",
  lines: (found, { paint }) =>
    isNothing(found) ? [nothingLine(found, paint)] : [
      `${paint("bold", `${found.workflow} ${found.version}`)}  ${paint("dim", sampleText(found))}`,
      ...section("critical path", pathLines(found, paint), paint),
      ...section("suggested", suggestionLines(found, paint), paint),
      ...section("could run at once", parallelLines(found), paint),
      ...section("retries", retryLines(found), paint),
      ...section("left as it is", declinedLines(found), paint),
    ],
};

/** What an answer says of the tasks that were read. */
type Read = Pick<Found, "workflow" | "tasks" | "leftOut" | "refusal">;

/** Whether no task was read. */
export function isNothing({ tasks, leftOut }: Read): boolean {
  return tasks + leftOut === 0;
}

/** Says that no task was read, and how to read others. */
export function nothingLine(
  { workflow, refusal = "" }: Pick<Read, "workflow" | "refusal">,
  paint: Paint,
): string {
  return `${paint("bold", workflow)}  ${paint("plain", refusal)}; --since reads older ones`;
}

function section(name: string, lines: readonly string[], paint: Paint): string[] {
  return lines.length === 0 ? [] : ["", paint("dim", name), ...lines];
}

function sampleText({ tasks, leftOut, isSample, refusal }: Found): string {
  return [
    `${tasks} tasks${isSample ? ", a sample" : ""}`,
    ...(leftOut === 0
      ? []
      : [`${leftOut} left out, of other versions or overlays or not at their end`]),
    ...(refusal === undefined ? [] : [`no change was played: ${refusal}`]),
  ].join("; ");
}

/** The path as one bar: how much of all durations each step takes, and of what. */
function pathLines({ bottlenecks }: Found, paint: Paint): string[] {
  if (bottlenecks.length === 0) return [];
  const rows = bottlenecks.map((one): Cell[] => [
    one.step,
    { text: bar(one), tone: "plain" },
    `${percent(one.share)}`,
    durationText(one.meanMs),
    `${percent(one.onPath / one.tasks)} of tasks`,
    { text: `${durationText(one.freeSavesMs)} less if it took no time`, tone: "dim" },
  ]);
  const legend = paint(
    "dim",
    `${" ".repeat(2)}█ under way  ░ between attempts  · waiting for a limit`,
  );
  const head = headOf("STEP", "", "SHARE", "MEAN", "ON THE PATH", "");
  return [...tableLines([head, ...rows], paint), legend];
}

function bar({ share, meanMs, ranMs, betweenMs, waitedMs }: Found["bottlenecks"][number]): string {
  const width = Math.max(1, Math.round(share * PATH_WIDTH));
  const part = (ms: number) => meanMs === 0 ? 0 : Math.round(width * ms / meanMs);
  const [between, waited] = [part(betweenMs), part(waitedMs)];
  const ran = Math.max(ranMs > 0 ? 1 : 0, width - between - waited);
  return "·".repeat(waited) + "█".repeat(ran) + "░".repeat(between);
}

function suggestionLines({ suggested_optimizations }: Found, paint: Paint): string[] {
  if (suggested_optimizations.length === 0) return ["nothing: see below what was looked at"];
  return suggested_optimizations.map(({ text, tier }) =>
    `${paint("good", "→")} ${text} (${WAY[tier]})`
  );
}

/** How a suggestion is put into effect. */
const WAY = {
  T1: "a policy within the bounds of healing",
  T2: "a policy: policies put, or whatif first",
  T3: "a new version of the workflow",
} as const;

function parallelLines({ parallel_opportunities }: Found): string[] {
  return parallel_opportunities.map(({ steps: [from, to], savesMs, reason }) => {
    const saves = savesMs === undefined
      ? ""
      : `, which saves ${durationText(Math.max(0, savesMs.mean))} a task`;
    return `${from} and ${to}${saves}${reason === undefined ? "" : `; not suggested: ${reason}`}`;
  });
}

function retryLines({ retry_patterns }: Found): string[] {
  return retry_patterns.map(({ step, attempts, attemptsMax, inOutages }) => {
    const curve = attempts.map(({ attempt, succeeded, reached }) =>
      `${attempt}: ${percent(succeeded / reached)} of ${reached}`
    );
    const outages = inOutages === 0 ? "" : `; ${inOutages} in outages left out`;
    return `${step} succeeds with attempt ${curve.join(", ")} (at most ${attemptsMax}${outages})`;
  });
}

function declinedLines({ declined }: Found): string[] {
  return declined.map(({ kind, of, reason }) => `${kind} of ${of}: ${reason}`);
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
