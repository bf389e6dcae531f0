/**
 * Rehearsals: a document is run on the real engine and a virtual clock before anybody relies on it: the
 * good path, and each step failing once for good. Nothing is sent to anyone.
 */

import { TaskerError } from "../core/errors.ts";
import { describeFaults } from "../core/faults.ts";
import { type TestedRun, testTextOf } from "../author/test_text.ts";
import { decodePayload, encodePayload } from "../core/payload.ts";
import type { Plan, PlannedStep } from "../core/plan.ts";
import type { Rehearsal, RehearsalProblem } from "../core/rehearsal.ts";
import { doesWork } from "../core/workflow.ts";
import type { BuiltWorkflow } from "../registry/build.ts";
import { describeRun, problemsOfRuns, Redactor } from "./rehearsal_report.ts";
import { ASSUMED_STEP_MS, type PlayedRun, playRun, type RunRequest } from "./rehearsal_run.ts";
import { RehearsedValues } from "./rehearsed_values.ts";

/** Runs of one rehearsal. */
const RUNS_MAX = 60;

/** Steps of all its runs together: some 50 µs of CPU each. */
const STEPS_MAX = 20_000;

/** Time for all of it, ms. */
const TIME_MS_MAX = 10_000;

/** What is rehearsed. */
export type Rehearsed = Pick<BuiltWorkflow, "plan" | "code">;

/** How to rehearse. */
export interface RehearsalOptions {
  /** Names the manifest in its test. */
  readonly file: string;
  /** Absent: one is made out of its contract. */
  readonly input?: unknown;
  /** Which steps fail, each in a run of its own; absent: each that does work, as far as bounds allow. */
  readonly failures?: readonly { readonly step: string; readonly error?: unknown }[];
  /** Steps that nothing runs yet. */
  readonly placeholders?: ReadonlySet<string>;
  /** Milliseconds that never go back. */
  readonly monotonic: () => number;
  /** Gives up. */
  readonly signal?: AbortSignal;
}

/**
 * Rehearses a workflow. Problems say what is wrong with it.
 *
 * Shape: at most RUNS_MAX runs, of at most STEPS_MAX steps together, in about TIME_MS_MAX; steps whose
 * failure was not played are counted. Units: virtual milliseconds; every attempt takes ASSUMED_STEP_MS.
 * Cost: some 50 µs of CPU for each step of each run; the event loop goes on in between.
 *
 * @throws {TaskerError} api.busy when `signal` aborts
 */
export async function rehearse(of: Rehearsed, options: RehearsalOptions): Promise<Rehearsal> {
  const { plan } = of;
  const values = new RehearsedValues(plan);
  const isInputMade = options.input === undefined;
  const redactor = new Redactor(plan);
  const head = {
    workflow: plan.workflow,
    version: plan.definition.version,
    isInputMade,
    assumedStepMs: ASSUMED_STEP_MS,
  };
  const given = isInputMade ? values.input() : options.input;
  const checked = given === undefined ? undefined : plan.checkInput(given);
  if (!checked?.ok) {
    const text = checked === undefined
      ? "no input was found that fits its contract: give one"
      : `the input breaks its contract: ${describeFaults(checked.faults)}`;
    const problem: RehearsalProblem = { code: "input_does_not_fit", severity: "error", text };
    return { ...head, isOk: false, runs: [], leftOut: 0, problems: [problem] };
  }
  const input = encodePayload(checked.value, "the input of a rehearsal");
  const played = await playAll({ plan, code: of.code, values, input }, options);
  const context = { plan, redactor, placeholders: options.placeholders ?? new Set<string>() };
  const [good] = played.runs;
  const started = good?.events[0];
  if (!isInputMade && started !== undefined) redactor.note(started);
  const runs = played.runs.map((run) => describeRun(run, good, context));
  const isWhole = options.failures === undefined && played.leftOut === 0;
  const problems = [...played.problems, ...problemsOfRuns(plan, runs, isWhole)];
  const all = [...problems, ...runs.flatMap((run) => run.problems)];
  const test = testTextOf({
    plan,
    file: options.file,
    input: checked.value,
    runs: played.runs.map((run, index) => testedRun(run, runs[index]?.handledBy ?? [])),
    resultOf: (step) => values.result(step) ?? null,
    errorOf: (step) => values.error(step),
  });
  return {
    ...head,
    isOk: all.every(({ severity }) => severity !== "error"),
    input: redactor.shown(checked.value),
    runs,
    leftOut: played.leftOut,
    problems,
    // Of a person's input nothing gets into a file that others keep.
    ...(test !== undefined && isInputMade && { test }),
  };
}

function testedRun(
  { fails, end, taken, state }: PlayedRun,
  handledBy: readonly string[],
): TestedRun {
  const { output } = state;
  return {
    ...(fails !== undefined && { fails: fails.name }),
    end,
    taken,
    handledBy,
    ...(output !== undefined && { output: decodePayload(output) }),
  };
}

interface PlayedAll {
  readonly runs: readonly PlayedRun[];
  readonly leftOut: number;
  readonly problems: readonly RehearsalProblem[];
}

/** Plays the good path, and then failures until a bound is reached. */
async function playAll(
  request: Omit<RunRequest, "fails" | "isOver">,
  { failures, signal, monotonic }: RehearsalOptions,
): Promise<PlayedAll> {
  const { plan } = request;
  const endMs = monotonic() + TIME_MS_MAX;
  const isGone = () => signal?.aborted === true;
  const isOver = () => isGone() || monotonic() > endMs;
  const good = await playRun({ ...request, isOver: isGone });
  if (isGone()) {
    throw new TaskerError("api.busy", "Cannot go on with the rehearsal: who asked for it has gone");
  }
  const runs: PlayedRun[] = [good];
  // A failure that is named twice is one run.
  const named = failures &&
    [...new Map(failures.map((one) => [JSON.stringify([one.step, one.error]), one])).values()];
  const asked = named?.map(({ step, error }) => ({ name: step, error })) ??
    candidatesOf(plan, good).map(({ name }) => ({ name, error: undefined }));
  const runsMax = Math.min(RUNS_MAX, Math.max(2, Math.floor(STEPS_MAX / plan.steps.length)));
  const problems: RehearsalProblem[] = [];
  let leftOut = 0;
  for (const { name, error } of asked) {
    const step = plan.steps[plan.indexOf.get(name) ?? -1];
    if (step === undefined) {
      const text = `there is no step "${name}" that could fail`;
      problems.push({ code: "unknown_step", severity: "error", step: name, text });
    } else if (runs.length >= runsMax || isOver()) leftOut++;
    else {
      const fails = { step, ...(error !== undefined && { error }) };
      const run = await playRun({ ...request, isOver, fails });
      if (run.end === "given_up") leftOut++;
      else runs.push(run);
    }
  }
  return { runs, leftOut, problems };
}

/** Steps that run on the good path and can fail for good; first those after whose failure something runs. */
function candidatesOf(plan: Plan, good: PlayedRun): readonly PlannedStep[] {
  const isHandled = handledSteps(plan);
  return plan.steps
    .filter(({ index, definition: { kind, policy, onTimeout } }) => {
      const canFail = doesWork(kind) ||
        (kind === "signal" && policy.timeoutMs !== undefined && onTimeout !== "park");
      return canFail && good.state.steps[index]?.state === "completed";
    })
    .toSorted((one, other) =>
      Number(isHandled.has(other.index)) - Number(isHandled.has(one.index))
    );
}

/** Steps with another one anywhere behind them that runs although they failed. Cost: O(edges). */
function handledSteps({ steps }: Plan): ReadonlySet<number> {
  const open = steps.filter(({ definition: { when } }) => when === "failed" || when === "always")
    .flatMap(({ parents }) => parents);
  const found = new Set<number>();
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (found.has(index)) continue;
    found.add(index);
    open.push(...steps[index]?.parents ?? []);
  }
  return found;
}
