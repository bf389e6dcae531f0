/** The verb `whatif`: a change in few words, and what it would have changed. */

import type { OperationInput, OperationResult } from "../client.ts";
import type { Policy } from "../core/policy.ts";
import type { Estimate } from "../core/whatif.ts";
import { type Cell, durationText, headOf, type Paint, tableLines } from "./format.ts";
import { duration, type VerbExtra } from "./operation_verb.ts";
import { isNothing, nothingLine } from "./optimise.ts";
import { UsageError, type VerbContext } from "./verb.ts";

type Report = OperationResult<"whatifWorkflow">;
type Question = OperationInput<"whatifWorkflow">;

/** An option that changes one field of a step's policy. */
interface StepOption {
  readonly value: string;
  readonly summary: string;
  /** @throws {UsageError} */
  policyOf(option: string, text: string): Policy;
}

const STEP_OPTIONS: Readonly<Record<string, StepOption>> = {
  timeout: {
    value: "STEP=DURATION,…",
    summary: "The time-out of a step's attempts",
    policyOf: (option, text) => ({ timeoutMs: duration(option, text) }),
  },
  retries: {
    value: "STEP=N,…",
    summary: "How often a step is tried again after its first attempt",
    policyOf: (option, text) => ({ retry: { attemptsMax: whole(option, text) + 1 } }),
  },
  concurrency: {
    value: "STEP=N,…",
    summary: "How many attempts of a step run at once on a node",
    policyOf: (option, text) => ({ concurrencyMax: whole(option, text) }),
  },
};

/** What the verb does beyond sending its operation. */
export const WHATIF: VerbExtra<"whatifWorkflow"> = {
  composed: {
    fields: ["steps", "dropEdges"],
    options: {
      ...STEP_OPTIONS,
      "drop-edge": { value: "FROM:TO,…", summary: "A step does not wait for another any more" },
    },
    read: changeOf,
  },
  waits: "Reads what tasks did, and plays it again",
  lines: (report, { paint, input }) => whatifLines(report, input, paint),
};

function changeOf({ options }: Pick<VerbContext, "options">): Partial<Question> {
  const steps: Record<string, Policy> = {};
  for (const [option, { policyOf }] of Object.entries(STEP_OPTIONS)) {
    for (const text of partsOf(options.get(option))) {
      const [, step, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
      if (step === undefined || value === undefined) {
        throw new UsageError(`Cannot read --${option} "${text}": expected a step and a value: a=b`);
      }
      steps[step] = { ...steps[step], ...policyOf(option, value) };
    }
  }
  const dropEdges = partsOf(options.get("drop-edge"));
  if (Object.keys(steps).length + dropEdges.length > 0) return { steps, dropEdges };
  const names = [...Object.keys(STEP_OPTIONS), "drop-edge"].map((name) => `--${name}`);
  throw new UsageError(`Cannot play tasks without a change: give ${names.join(", ")}`);
}

function partsOf(text: string | undefined): readonly string[] {
  return text === undefined ? [] : text.split(",");
}

function whole(option: string, text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new UsageError(`Cannot read --${option} "${text}": expected a whole number`);
}

/** Draws what would have changed. */
function whatifLines(report: Report, { steps, dropEdges }: Question, paint: Paint): string[] {
  if (isNothing(report)) return [nothingLine(report, paint)];
  const { workflow, version, effects, refusal, drawn } = report;
  return [
    `${paint("bold", `${workflow} ${version}`)} with ${changeText({ steps, dropEdges })}`,
    paint("dim", sampleText(report)),
    ...replayLines(report, paint),
    "",
    ...(refusal === undefined ? [] : [paint("warn", `nothing is said of the change: ${refusal}`)]),
    ...(effects === undefined ? [] : effectLines(effects, paint)),
    ...(drawn === undefined ? [] : drawnLines(drawn, paint)),
  ];
}

function changeText({ steps = {}, dropEdges = [] }: Pick<Question, "steps" | "dropEdges">): string {
  const policies = Object.entries(steps).flatMap(([step, policy]) => [
    ...(policy.timeoutMs === undefined
      ? []
      : [`a time-out of ${durationText(policy.timeoutMs)} for ${step}`]),
    ...(policy.retry?.attemptsMax === undefined
      ? []
      : [`${policy.retry.attemptsMax} attempts of ${step}`]),
    ...(policy.concurrencyMax === undefined
      ? []
      : [`${policy.concurrencyMax} attempts of ${step} at once`]),
  ]);
  const edges = dropEdges.map((edge) => {
    const [from, to] = edge.split(":");
    return `${to} not waiting for ${from}`;
  });
  return [...policies, ...edges].join(", ");
}

function sampleText({ tasks, leftOut, isSample, policyVersion }: Report): string {
  const under = policyVersion === 0 ? "no overlay" : `overlay ${policyVersion}`;
  return [
    `${tasks} tasks under ${under}`,
    ...(leftOut === 0
      ? []
      : [`${leftOut} left out, of other versions or overlays or not at their end`]),
    ...(isSample ? ["a sample: waiting for limits is understated"] : []),
  ].join("; ");
}

function replayLines({ replay }: Report, paint: Paint): string[] {
  if (replay === undefined) return [];
  const { sameEnds, meanDuration, p95Duration } = replay;
  return [paint(
    "dim",
    `played as they were: ${percent(sameEnds)} end alike, durations differ by ` +
      `${signed(100 * meanDuration)} % (mean) and ${signed(100 * p95Duration)} % (p95)`,
  )];
}

function effectLines(effects: NonNullable<Report["effects"]>, paint: Paint): string[] {
  const share = (value: number) => percent(value);
  const number = (value: number) => value.toFixed(2);
  const rows = [
    effectRow("tasks that complete", effects.completed, share),
    effectRow("tasks that wait for a person", effects.parked, share),
    effectRow("duration, mean", effects.meanMs, durationText),
    effectRow("duration, p50", effects.p50Ms, durationText),
    effectRow("duration, p95", effects.p95Ms, durationText),
    effectRow("attempts of a task", effects.attempts, number),
    effectRow("time under way of a task", effects.busyMs, durationText),
    effectRow("repeated effects of a task", effects.duplicates, number),
  ];
  return tableLines([headOf("", "BEFORE", "AFTER", "DIFFERENCE", "95 % BETWEEN"), ...rows], paint);
}

function effectRow(
  name: string,
  { before, after, difference, low, high }: Estimate,
  text: (value: number) => string,
): Cell[] {
  const change = (value: number) => `${value < 0 ? "-" : "+"}${text(Math.abs(value))}`;
  const isSure = low > 0 || high < 0;
  return [
    name,
    text(before),
    text(after),
    { text: change(difference), tone: isSure ? "bold" : "dim" },
    { text: `${change(low)} and ${change(high)}`, tone: "dim" },
  ];
}

function drawnLines({ attempts, ends, assumed }: NonNullable<Report["drawn"]>, paint: Paint) {
  const parts = [
    ...(attempts === 0 ? [] : [`${percent(attempts)} were not made, and come from other tasks`]),
    ...(ends === 0 ? [] : [`${percent(ends)} had been cut off, and end as longer ones did`]),
    ...(assumed === 0
      ? []
      : [`${percent(assumed)} end later than anything seen: that tail is assumed`]),
  ];
  return parts.length === 0 ? [] : ["", paint("dim", `of the attempts, ${parts.join("; ")}`)];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function signed(value: number): string {
  return `${value < 0 ? "-" : "+"}${Math.abs(value).toFixed(1)}`;
}
