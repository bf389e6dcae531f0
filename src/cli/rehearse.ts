/** The verb `rehearse`: runs a manifest on a virtual clock, and draws what happens. */

import type { OperationResult } from "../client.ts";
import { testLines, writeTest } from "./draft_files.ts";
import { durationText, namesText, type Paint, stepLook } from "./format.ts";
import { EXIT_DONE, EXIT_FAILED, operand, show, UsageError, type Verb } from "./verb.ts";

type Rehearsal = OperationResult<"simulateDocument">;
type Run = Rehearsal["runs"][number];
type Step = Run["steps"][number];
type Problem = Rehearsal["problems"][number];

/** Columns of the lines over virtual time. */
const COLUMNS_MAX = 36;

/** Columns of a step's name. */
const NAME_MAX = 26;

const NO_TEST =
  "! no test was written: an input was given, or code or nobody runs some of the steps";

export const rehearseVerb: Verb = {
  name: "rehearse",
  operands: ["FILE"],
  options: {
    input: {
      value: "JSON|@file",
      summary: "The task's input; made out of its contract unless said",
    },
    fail: { value: "STEP,STEP", summary: "Draws what happens when these fail; else each in turn" },
    test: { summary: "Writes a test of the manifest beside it, and runs that" },
    values: { summary: "Shows what each step took and gave" },
  },
  summary:
    "Runs a manifest on a virtual clock, sending nothing: the good path, and each step failing; " +
    "exit code 1 when something is wrong",
  isWrite: false,
  async run(context) {
    const { client, options, paint, signal } = context;
    const path = operand(context, 0);
    if (path.endsWith(".ts")) {
      throw new UsageError(
        `Cannot rehearse "${path}": only manifests are; test a module by openTestEngine()`,
      );
    }
    const text = await context.file(path);
    if (text === undefined) {
      throw new UsageError(`Cannot rehearse "${path}": there is no such file`);
    }
    const failing = options.get("fail")?.split(",");
    const input = await context.json("input");
    const isNamed = /[^/]\.ya?ml$/.test(path);
    if (options.has("test") && !isNamed) {
      throw new UsageError(`Cannot write a test of "${path}": its name does not end with .yaml`);
    }
    const found = await client.call("simulateDocument", {
      text,
      ...(isNamed && { file: path.split("/").at(-1) }),
      ...(input !== undefined && { input }),
      ...(failing !== undefined && { failures: failing.map((step) => ({ step })) }),
    }, { signal });
    const how = { paint, isDrawn: failing !== undefined, hasValues: options.has("values") };
    const made = options.has("test") ? found.test : undefined;
    const test = made === undefined ? undefined : await writeTest(context, path, { text: made });
    show(context, { ...found, ...(test && { wroteTest: test }) }, () => [
      ...rehearsalLines(found, how),
      ...(test ? ["", ...testLines(test, paint)] : []),
      ...(options.has("test") && !test ? ["", paint("warn", NO_TEST)] : []),
    ]);
    const isBroken = test?.isPassing === false;
    if (isBroken) context.terminal.warn(test.output);
    return found.isOk && !isBroken ? EXIT_DONE : EXIT_FAILED;
  },
};

/** Draws a rehearsal: the good path, and a line for each failure, or a drawing of each. */
function rehearsalLines(
  { workflow, version, input, isInputMade, assumedStepMs, runs, leftOut, problems }: Rehearsal,
  { paint, isDrawn, hasValues }: {
    readonly paint: Paint;
    readonly isDrawn: boolean;
    readonly hasValues: boolean;
  },
): readonly string[] {
  const [good, ...failed] = runs;
  const assumed = `${durationText(assumedStepMs)} is assumed for each step`;
  const made = isInputMade ? "made out of its contract: " : "";
  return [
    `${paint("bold", `${workflow} ${version}`)} ${paint("dim", `rehearsed; ${assumed}`)}`,
    ...(input === undefined ? [] : [paint("dim", `input, ${made}${input}`)]),
    ...(good === undefined ? [] : ["", ...drawnRun(good, { paint, hasValues })]),
    ...(isDrawn || failed.length === 0 ? [] : [""]),
    ...failed.flatMap((run) =>
      isDrawn ? ["", ...drawnRun(run, { paint, hasValues })] : [shortRun(run, paint)]
    ),
    ...(leftOut === 0 ? [] : [
      paint("warn", `${leftOut} more failures were not played: name steps with --fail`),
    ]),
    ...endLines([...problems, ...(isDrawn ? [] : failed.flatMap((run) => run.problems))], paint),
  ];
}

function endLines(problems: readonly Problem[], paint: Paint): readonly string[] {
  return problems.length === 0 ? [] : ["", ...problems.map((one) => problemLine(one, paint))];
}

const TONES = {
  completed: "good",
  failed: "bad",
  cancelled: "warn",
  waits_for_person: "warn",
  never_ends: "bad",
} as const;

function titleOf({ fails, end, tookMs, handledBy }: Run, paint: Paint): string {
  const of = fails === undefined ? "all goes well" : `${fails} fails`;
  const then = handledBy.length === 0 ? "" : `, ${namesText(handledBy)} ran`;
  const what = `${end.replaceAll("_", " ")} after ${durationText(tookMs)}`;
  return `${paint("bold", of)}: ${paint(TONES[end], what)}${then}`;
}

function shortRun(run: Run, paint: Paint): string {
  return `if ${titleOf(run, paint)}`;
}

/** Lines over virtual time: each moment at which something happens is one place further right. */
function drawnRun(
  run: Run,
  { paint, hasValues }: { readonly paint: Paint; readonly hasValues: boolean },
): readonly string[] {
  const moments = [
    ...new Set(run.steps.flatMap(({ startedMs, endedMs = run.tookMs }) => [startedMs, endedMs])),
  ].toSorted((one, other) => one - other);
  const places = Math.max(1, moments.length - 1);
  const columns = Math.min(COLUMNS_MAX, 3 * places);
  const columnOf = (ms: number) => Math.round(columns * moments.indexOf(ms) / places);
  const width = Math.min(NAME_MAX, Math.max(0, ...run.steps.map(({ step }) => step.length)));
  const lines = run.steps.flatMap((step) => [
    stepLine(step, { paint, width, columns, columnOf, endMs: run.tookMs }),
    ...(hasValues ? valueLines(step, paint) : []),
  ]);
  return [
    `${run.fails === undefined ? "" : "if "}${titleOf(run, paint)}`,
    ...(run.fails === undefined
      ? []
      : [paint("dim", "  what goes otherwise than when all goes well:")]),
    ...lines,
    ...(run.notReached.length === 0
      ? []
      : [paint("dim", `  not reached: ${namesText(run.notReached, 6)}`)]),
    ...(run.output === undefined ? [] : [`  output ${run.output}`]),
    ...(run.error === undefined ? [] : [paint("bad", `  ${run.error}`)]),
    ...run.problems.map((one) => problemLine(one, paint)),
  ];
}

function stepLine(
  { step, state, kind, isPlaceholder, startedMs, endedMs, attempts }: Step,
  { paint, width, columns, columnOf, endMs }: {
    readonly paint: Paint;
    readonly width: number;
    readonly columns: number;
    readonly columnOf: (ms: number) => number;
    readonly endMs: number;
  },
): string {
  const { symbol, tone } = stepLook(state);
  const from = columnOf(startedMs);
  const length = Math.max(1, columnOf(endedMs ?? endMs) - from);
  const bar = " ".repeat(from) + (kind === "sleep" ? "·" : "━").repeat(length);
  const times = endedMs === undefined
    ? `from ${durationText(startedMs)}`
    : `${durationText(startedMs)} – ${durationText(endedMs)}`;
  const notes = [
    ...(kind === "local" || kind === "remote" ? [] : [kind]),
    ...(isPlaceholder === true ? ["placeholder"] : []),
    ...(attempts > 1 ? [`${attempts} attempts`] : []),
  ];
  const note = notes.length === 0 ? "" : ` (${notes.join(", ")})`;
  const name = step.length > width ? `${step.slice(0, width - 1)}…` : step;
  return `  ${name.padEnd(width)} ${paint(tone, symbol)} ${paint(tone, bar.padEnd(columns))} ` +
    paint("dim", times + note);
}

function valueLines({ took, gave, error }: Step, paint: Paint): readonly string[] {
  return Object.entries({ took, gave, error }).flatMap(([word, text]) =>
    text === undefined ? [] : [paint("dim", `      ${word} ${text}`)]
  );
}

function problemLine({ severity, step, text }: Problem, paint: Paint): string {
  const of = step === undefined ? "" : `${step}: `;
  return `  ${severity === "error" ? paint("bad", "✗") : paint("warn", "!")} ${of}${text}`;
}
