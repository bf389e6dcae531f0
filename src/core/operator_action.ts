/** Operator actions: cancel, pause, resume, retry, resolve, skip, and the choices of parked steps. */

import type { CancelTask, ChooseStep, Decision, PauseTask, ResumeTask } from "./command.ts";
import type { ResolveStep, RetryStep, SkipStep } from "./command.ts";
import {
  accept,
  atMs,
  cancelSteps,
  type Context,
  givenResult,
  NOTHING,
  refuse,
} from "./decision.ts";
import { elsewhereOf } from "./alternative.ts";
import type { Choice, StepChosen } from "./event.ts";
import { type JsonText, NULL_TEXT } from "./payload.ts";
import type { PlannedStep } from "./plan.ts";
import type { ParkedStep, StepState, StepStateName, TaskState } from "./state.ts";

type StepCommand = RetryStep | ResolveStep | SkipStep | ChooseStep;
type OperatorCommand = CancelTask | PauseTask | ResumeTask | StepCommand;

/** What people call a command. */
const VERBS: Readonly<Record<OperatorCommand["kind"], string>> = {
  CancelTask: "cancel",
  PauseTask: "pause",
  ResumeTask: "resume",
  RetryStep: "retry",
  ResolveStep: "resolve",
  SkipStep: "skip",
  ChooseStep: "choose for",
};

const RETRIABLE: readonly StepStateName[] = ["parked", "waiting_for_retry"];
const RESOLVABLE: readonly StepStateName[] = ["parked", "waiting_for_retry", "waiting_for_reply"];
const SKIPPABLE: readonly StepStateName[] = [...RESOLVABLE, "pending"];

/** Decides an operator action. */
export function decideOperatorAction(
  state: TaskState,
  command: OperatorCommand,
  context: Context,
): Decision {
  if (state.end !== undefined) return decideEnded(state, command);
  switch (command.kind) {
    case "CancelTask":
      return decideCancel(state, command, context);
    case "PauseTask":
      return state.paused
        ? NOTHING
        : accept([{ kind: "TaskPaused", ...authorOf(state, command, context) }]);
    case "ResumeTask":
      return state.paused
        ? accept([{ kind: "TaskResumed", ...authorOf(state, command, context) }])
        : NOTHING;
    default:
      return decideStep(state, command, context);
  }
}

/** A task that was cancelled accepts another cancel; everything else comes too late. */
function decideEnded(state: TaskState, command: OperatorCommand): Decision {
  if (command.kind === "CancelTask" && state.end === "cancelled") return NOTHING;
  const what = "step" in command ? `step "${command.step}"` : `task "${state.taskId}"`;
  const it = "step" in command ? "its task" : "it";
  return refuse("task.ended", `Cannot ${VERBS[command.kind]} ${what}: ${it} is ${state.end}`);
}

/** A cancel also ends a pause: otherwise the steps that run after a cancel would wait for a resume. */
function decideCancel(state: TaskState, command: CancelTask, context: Context): Decision {
  if (state.cancelRequested) return NOTHING;
  const by = authorOf(state, command, context);
  return accept([
    ...(state.paused ? [{ kind: "TaskResumed", ...by } as const] : []),
    { kind: "TaskCancelRequested", ...by },
    ...cancelSteps(state, context, (when) => when === "cancelled" || when === "always"),
  ]);
}

function decideStep(
  state: TaskState,
  command: StepCommand,
  context: Context,
): Decision {
  const index = context.plan.indexOf.get(command.step);
  if (index === undefined) {
    return refuse(
      "step.not_found",
      `Cannot ${
        VERBS[command.kind]
      } step "${command.step}": task "${state.taskId}" has no such step`,
    );
  }
  const step = state.steps[index] as StepState;
  const on = { step: index, ...authorOf(state, command, context) };
  switch (command.kind) {
    case "RetryStep":
      return isIn(step, RETRIABLE)
        ? accept([{ kind: "StepRetried", ...on }])
        : wrongState(command, step);
    case "ResolveStep":
      if (!isIn(step, RESOLVABLE)) return wrongState(command, step);
      return decideResolve(command, index, context, on);
    case "SkipStep":
      return isIn(step, SKIPPABLE)
        ? decideSkip(command, index, context, on)
        : wrongState(command, step);
    case "ChooseStep":
      return step.state === "parked"
        ? decideChoice(state, command, { index, context, on, step })
        : wrongState(command, step);
    default:
      return command satisfies never;
  }
}

type OnStep = { step: number; atMs: number; by: string; reason: string };

function decideResolve(
  command: ResolveStep,
  index: number,
  context: Context,
  on: OnStep,
): Decision {
  const result = operatorResult(context, index, command.result);
  return typeof result === "string" ? accept([{ kind: "StepResolved", ...on, result }]) : result;
}

function decideSkip(
  command: SkipStep,
  index: number,
  context: Context,
  on: OnStep,
): Decision {
  if (command.result === undefined) {
    if (!context.plan.steps[index]?.isNeeded) return accept([{ kind: "StepSkipped", ...on }]);
    return refuse(
      "contract.violation",
      `Cannot skip step "${command.step}" without a result: a later step needs it, send a result that meets the contract`,
    );
  }
  const result = operatorResult(context, index, command.result);
  return typeof result === "string" ? accept([{ kind: "StepSkipped", ...on, result }]) : result;
}

function operatorResult(context: Context, index: number, text: JsonText): JsonText | Decision {
  const planned = context.plan.steps[index] as PlannedStep;
  return givenResult(planned, text, `the result of step "${planned.name}"`);
}

interface AtStep {
  readonly index: number;
  readonly context: Context;
  readonly on: OnStep;
}

/** Records what was chosen, and decides it like the command of its own. */
function decideChoice(
  state: TaskState,
  command: ChooseStep,
  { step, ...at }: AtStep & { readonly step: ParkedStep },
): Decision {
  const { choice, result, diagnosed, confidence, cause } = command;
  const { alternatives = [] } = at.context.plan.steps[at.index]?.definition ?? {};
  const alternative = alternatives.find(({ name }) => name === choice);
  const known: readonly string[] = [...step.choices, ...alternatives.map(({ name }) => name)];
  const wrong = (why: string) =>
    refuse(
      "step.choice_invalid",
      `Cannot choose "${choice}" for step "${command.step}"${why}`,
    );
  if (!known.includes(choice)) return wrong(`: it may be ${known.join(", ")}`);
  const elsewhere = alternative && elsewhereOf(alternative);
  const leadsTo = alternative === undefined
    ? choice as Choice
    : elsewhere === undefined
    ? "resolve"
    : "retry";
  if (result !== undefined && (leadsTo === "retry" || leadsTo === "cancel")) {
    return wrong(" with a result: it takes none");
  }
  const decision = decideChosen(state, command, { ...at, leadsTo });
  if (decision.kind === "refused") return decision;
  const chosen: StepChosen = {
    kind: "StepChosen",
    ...at.on,
    choice,
    ...elsewhere,
    ...(diagnosed !== undefined && { diagnosed }),
    ...(confidence !== undefined && { confidence }),
    ...(cause !== undefined && { cause }),
  };
  return accept([chosen, ...decision.events]);
}

/** What a choice leads to. */
function decideChosen(
  state: TaskState,
  { step, result, ...command }: ChooseStep,
  { index, context, on, leadsTo }: AtStep & { readonly leadsTo: Choice },
): Decision {
  switch (leadsTo) {
    case "retry":
      return accept([{ kind: "StepRetried", ...on }]);
    case "resolve": {
      const resolve = { ...command, kind: "ResolveStep", step } as const;
      if (result !== undefined) return decideResolve({ ...resolve, result }, index, context, on);
      const empty = decideResolve({ ...resolve, result: NULL_TEXT }, index, context, on);
      return empty.kind === "refused"
        ? refuse(
          "contract.violation",
          `Cannot choose "${command.choice}" for step "${step}" without a \`result\`: the choice ` +
            "ends the step with it, and the contract does not allow null",
        )
        : empty;
    }
    case "skip": {
      const given = result === undefined ? {} : { result };
      return decideSkip({ ...command, kind: "SkipStep", step, ...given }, index, context, on);
    }
    case "cancel":
      return decideCancel(state, { ...command, kind: "CancelTask" }, context);
    default:
      return leadsTo satisfies never;
  }
}

function wrongState(command: StepCommand, step: StepState): Decision {
  return refuse(
    "step.not_parked",
    `Cannot ${VERBS[command.kind]} step "${command.step}": it is ${step.state}`,
  );
}

function isIn(step: StepState, states: readonly StepStateName[]): boolean {
  return states.includes(step.state);
}

function authorOf(state: TaskState, command: { by: string; reason: string }, context: Context) {
  return { atMs: atMs(state, context), by: command.by, reason: command.reason };
}
