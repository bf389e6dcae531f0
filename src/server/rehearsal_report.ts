/** Reports of rehearsals: what a played run shows, short and without what must not be shown. */

import type { Event, Failure } from "../core/event.ts";
import { decodePayload, type JsonText } from "../core/payload.ts";
import { policyUnder } from "../core/policy.ts";
import type { Plan } from "../core/plan.ts";
import { hideSecrets } from "../core/redaction.ts";
import {
  type RehearsalProblem,
  type RehearsalRun,
  REHEARSED_VALUE_MAX,
  type RehearsedStep,
} from "../core/rehearsal.ts";
import { SensitiveValues } from "../core/sensitive.ts";
import { hasResult, isTerminal, type StepState } from "../core/state.ts";
import type { PlayedRun } from "./rehearsal_run.ts";

/** Characters of all values of one rehearsal; behind that, values are left out. */
const VALUES_SIZE_MAX = 512 * 1024;

/** Shows values: as JSON, short, without credentials and what contracts mark as sensitive. */
export class Redactor {
  readonly #sensitive: SensitiveValues;
  #left = VALUES_SIZE_MAX;

  constructor(plan: Plan) {
    this.#sensitive = new SensitiveValues(plan);
  }

  /** Notes what somebody gave; what was made holds nobody's data. */
  note(event: Event): void {
    this.#sensitive.note(event);
  }

  /** The value; undefined once there was too much. */
  shown(value: unknown): string | undefined {
    const text = hideSecrets(this.#sensitive.hide(JSON.stringify(value) ?? "null"));
    const cut = text.length <= REHEARSED_VALUE_MAX
      ? text
      : `${text.slice(0, REHEARSED_VALUE_MAX)}…`;
    this.#left -= cut.length;
    return this.#left < 0 ? undefined : cut;
  }
}

/** What describing a run needs. */
export interface ReportContext {
  readonly plan: Plan;
  readonly redactor: Redactor;
  readonly placeholders: ReadonlySet<string>;
}

/** Describes a run; of one with a failure, the steps that went otherwise than on the good path. */
export function describeRun(
  run: PlayedRun,
  good: PlayedRun | undefined,
  context: ReportContext,
): RehearsalRun {
  const { plan, redactor } = context;
  const { fails, state, events } = run;
  const base = fails === undefined ? undefined : good;
  const others = plan.steps.filter(({ index }) => base === undefined || !isSame(run, base, index));
  const steps = others.filter(({ index }) => hasStarted(run, index))
    .map(({ index }) => describeStep(run, index, context))
    .toSorted((one, other) => one.startedMs - other.startedMs);
  const end = events.find((event) => event.kind === "TaskEnded");
  const last = events.at(-1)?.atMs ?? 0;
  const output = state.output === undefined ? undefined : shownText(redactor, state.output);
  const error = end?.failure && shownText(redactor, end.failure.error);
  return {
    ...(fails !== undefined && { fails: fails.name }),
    end: endOf(run),
    tookMs: last - startOf(run),
    steps,
    notReached: others.filter(({ index }) => !hasStarted(run, index)).map(({ name }) => name),
    ...(output !== undefined && { output }),
    ...(error !== undefined && { error }),
    handledBy: base === undefined ? [] : plan.steps
      .filter(({ index, definition: { when } }) =>
        when !== "succeeded" && hasStarted(run, index) && !hasStarted(base, index)
      )
      .map(({ name }) => name),
    problems: [...run.problems, ...problemsOf(run, plan)],
  };
}

function endOf({ end }: PlayedRun): RehearsalRun["end"] {
  if (end === "completed" || end === "failed" || end === "cancelled") return end;
  return end === "blocked" ? "waits_for_person" : "never_ends";
}

function startOf({ events }: PlayedRun): number {
  return events[0]?.atMs ?? 0;
}

function hasStarted({ state }: PlayedRun, index: number): boolean {
  const step = state.steps[index];
  // A transform has no attempt: it is made in the turn that makes it ready.
  return step !== undefined && (step.attempt > 0 || hasResult(step) || step.state === "failed");
}

/** Whether a step ended alike in two runs, and at the same time. */
function isSame(run: PlayedRun, other: PlayedRun, index: number): boolean {
  const [one, two] = [run, other].map((of) => of.state.steps[index]);
  const timeOf = (of: PlayedRun, step: StepState | undefined) =>
    step !== undefined && "endedAtMs" in step ? step.endedAtMs - startOf(of) : undefined;
  return one?.state === two?.state && timeOf(run, one) === timeOf(other, two);
}

function describeStep(
  run: PlayedRun,
  index: number,
  { plan, redactor, placeholders }: ReportContext,
): RehearsedStep {
  const { name, definition } = plan.steps[index] as Plan["steps"][number];
  const step = run.state.steps[index] as StepState;
  const since = (atMs: number | undefined) => atMs === undefined ? undefined : atMs - startOf(run);
  const endedMs = "endedAtMs" in step ? since(step.endedAtMs) : undefined;
  // A transform is made in the turn that makes it ready.
  const startedMs = since(step.startedAtMs) ?? endedMs ?? 0;
  const took = run.taken.has(name) ? redactor.shown(run.taken.get(name)) : undefined;
  const hasGiven = hasResult(step) && definition.kind !== "sleep";
  const gave = hasGiven ? shownText(redactor, step.result) : undefined;
  const error = step.failure && shownText(redactor, step.failure.error);
  return {
    step: name,
    kind: definition.kind,
    ...(placeholders.has(name) && { isPlaceholder: true }),
    state: step.state,
    startedMs,
    ...(endedMs !== undefined && { endedMs }),
    attempts: step.attempt,
    ...(took !== undefined && { took }),
    ...(gave !== undefined && { gave }),
    ...(error !== undefined && { error }),
  };
}

function shownText(redactor: Redactor, text: JsonText): string | undefined {
  return redactor.shown(decodePayload(text));
}

/** What is wrong with one run. */
function problemsOf(run: PlayedRun, plan: Plan): readonly RehearsalProblem[] {
  const { fails, state, end, events } = run;
  const broken = state.steps.flatMap(({ failure }, index): RehearsalProblem[] => {
    const { name: step } = plan.steps[index] as Plan["steps"][number];
    const isBroken = failure?.class === "undeliverable" || failure?.class === "contract_violation";
    if (failure === undefined || !isBroken) return [];
    return [{ code: "contract_broken", severity: "error", step, text: messageOf(failure) }];
  });
  const aborted = events.find((event) => event.kind === "TaskAborted");
  const failure = events.find((event) => event.kind === "TaskEnded")?.failure;
  const say = (code: RehearsalProblem["code"], text: string): RehearsalProblem => (
    { code, severity: "error", text }
  );
  if (end === "running" || end === "waiting" || end === "given_up") {
    return [...broken, say("never_ends", "nothing ends the task: it would run or wait for ever")];
  }
  if (failure !== undefined) {
    return [...broken, say("not_completed", `its output cannot be made: ${messageOf(failure)}`)];
  }
  if (fails !== undefined || end === "completed") return broken;
  if (aborted?.reason === "deadline") {
    const text = "its deadline ends the task before its steps are done, although each takes only " +
      "a second here";
    return [...broken, say("not_completed", text)];
  }
  if (broken.length > 0) return broken;
  const text = isTerminal(end)
    ? `the task is ${end} although every step did what it should`
    : "the task waits for a person although every step did what it should";
  return [say("not_completed", text)];
}

/** The sentence of a failure; it is shown as text. */
function messageOf({ error }: Failure): string {
  const value = decodePayload(error);
  const isObject = typeof value === "object" && value !== null;
  const message = isObject && "error_message" in value ? value.error_message : undefined;
  return hideSecrets(typeof message === "string" ? message : error).slice(0, REHEARSED_VALUE_MAX);
}

/** What all runs together show. `isWhole`: each failure that can be played was. */
export function problemsOfRuns(
  plan: Plan,
  runs: readonly RehearsalRun[],
  isWhole: boolean,
): readonly RehearsalProblem[] {
  return [...isWhole ? neverRunning(plan, runs) : [], ...waitingFirst(plan, runs)];
}

/** Steps that ran on no path. Those after a cancel are not looked for: no run is cancelled. */
function neverRunning(plan: Plan, runs: readonly RehearsalRun[]): RehearsalProblem[] {
  const ran = new Set(
    runs.flatMap(({ steps }) => steps.map(({ step }) => step)),
  );
  const afterCancel = new Set<number>();
  for (const { index } of inOrder(plan)) {
    const { definition: { when }, parents } = plan.steps[index] as Plan["steps"][number];
    if (when === "cancelled" || parents.some((parent) => afterCancel.has(parent))) {
      afterCancel.add(index);
    }
  }
  return plan.steps
    .filter(({ name, index }) => !ran.has(name) && !afterCancel.has(index))
    .map(({ name, definition: { when } }) => ({
      code: "never_runs",
      severity: when === "succeeded" ? "error" : "warning",
      step: name,
      text: when === "succeeded"
        ? "it runs neither on the good path nor after any failure"
        : `it runs when "${when}", and no failure that was played leads to it`,
    }));
}

/** Steps, parents first. */
function inOrder({ steps }: Plan): readonly Plan["steps"][number][] {
  const known = new Set<number>();
  const sorted: Plan["steps"][number][] = [];
  const visit = (index: number) => {
    const step = steps[index];
    if (step === undefined || known.has(index)) return;
    known.add(index);
    step.parents.forEach(visit);
    sorted.push(step);
  };
  steps.forEach(({ index }) => visit(index));
  return sorted;
}

/** Failure paths that begin only once a person has decided: outages use attempts up, and park. */
function waitingFirst({ steps, indexOf }: Plan, runs: readonly RehearsalRun[]): RehearsalProblem[] {
  const waiting = runs.flatMap(({ fails, handledBy }) => {
    const step = steps[indexOf.get(fails ?? "") ?? -1];
    if (step === undefined || step.definition.kind === "signal" || handledBy.length === 0) {
      return [];
    }
    const { name, definition: { kind, policy } } = step;
    return policyUnder({ name, kind, policy }).onExhausted === "park" ? [{ name, handledBy }] : [];
  });
  if (waiting.length === 0) return [];
  const list = (names: Iterable<string>) => [...new Set(names)].slice(0, 8).join(", ");
  return [{
    code: "waits_when_exhausted",
    severity: "warning",
    text: `when all attempts of ${list(waiting.map(({ name }) => name))} are used up, as in an ` +
      `outage, a person is waited for before ${
        list(waiting.flatMap((one) => one.handledBy))
      } runs; ` +
      'say "on_exhausted: fail" to reach it without one',
  }];
}
