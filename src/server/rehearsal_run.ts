/** One run of a rehearsal: a task on a virtual clock, whose steps give what their contracts say. */

import type { Outcome } from "../core/command.ts";
import { assert } from "../core/errors.ts";
import type { Event } from "../core/event.ts";
import { foldTask } from "../core/evolve.ts";
import type { TaskId } from "../core/ids.ts";
import { encodePayload, type JsonText } from "../core/payload.ts";
import type { Plan, PlannedStep } from "../core/plan.ts";
import type { Attempt, Plans } from "../core/ports.ts";
import type { RehearsalProblem } from "../core/rehearsal.ts";
import { rollup } from "../core/rollup.ts";
import type { TaskState, TaskStateName } from "../core/state.ts";
import type { WorkflowCode } from "../core/workflow.ts";
import { inputOf } from "../dispatch/step_input.ts";
import { completedOutcome } from "../dispatch/reply_outcome.ts";
import type { RehearsedValues } from "./rehearsed_values.ts";
import {
  type AnswerAttempt,
  openSimulation,
  playedDirectory,
  type Simulation,
  type StepPlayer,
} from "./simulation.ts";
import { VirtualRuntime } from "./virtual_runtime.ts";

/** How long an attempt takes, and a person to answer: real times are not known here. */
export const ASSUMED_STEP_MS = 1_000;

/** Timers that fire in one run at most: a task that needs more never ends. */
const TIMERS_MAX = 10_000;

/** What is run. */
export interface RunRequest {
  readonly plan: Plan;
  readonly code: WorkflowCode;
  readonly values: RehearsedValues;
  readonly input: JsonText;
  /** Fails for good, with an error, or with one out of its contract. */
  readonly fails?: { readonly step: PlannedStep; readonly error?: unknown };
  /** Says whether to give up. */
  readonly isOver: () => boolean;
}

/** What a run showed. */
export interface PlayedRun {
  readonly fails?: PlannedStep;
  readonly state: TaskState;
  readonly end: TaskStateName | "given_up";
  readonly events: readonly Event[];
  /** What steps took, by name, in the order in which they started. */
  readonly taken: ReadonlyMap<string, unknown>;
  readonly problems: readonly RehearsalProblem[];
}

/** Runs one task. Cost: some 50 µs of CPU for each turn; the event loop goes on in between. */
export async function playRun(request: RunRequest): Promise<PlayedRun> {
  const { plan, code, input } = request;
  const runtime = new VirtualRuntime(1, { isClosed: true });
  const player = new MadePlayer(request, runtime);
  await using simulation = await openSimulation({
    runtime,
    plans: plansOf(plan),
    player,
    codeOf: () => code,
    directory: playedDirectory([plan]),
  });
  const { engine, journal } = simulation;
  const taskId = engine.router.mintTaskId();
  let isEnded = false;
  engine.supervisor.subscribe(({ turn: { events } }) => {
    for (const event of events) {
      isEnded ||= event.kind === "TaskEnded";
      if (event.kind === "StepStarted") player.answerSignal(event.step, { simulation, taskId });
    }
  });
  await engine.router.send({
    kind: "StartTask",
    taskId,
    commandId: "rehearsal",
    namespace: plan.definition.namespace,
    workflow: plan.workflow,
    version: plan.definition.version,
    definitionHash: plan.hash,
    input,
    tags: [],
  });
  const isGivenUp = await runToEnd(runtime, () => isEnded, request.isOver);
  const turns = journal.turns(taskId);
  const state = foldTask(taskId, plan, turns);
  assert(state !== undefined, "A task that was started has turns");
  const { taken, problems } = player;
  return {
    ...(request.fails !== undefined && { fails: request.fails.step }),
    state,
    end: isGivenUp ? "given_up" : rollup(plan, state).state,
    events: turns.flatMap(({ events }) => events),
    taken,
    problems,
  };
}

/** Moves the clock until the task ends, or nothing moves it; says whether it was given up. */
async function runToEnd(
  runtime: VirtualRuntime,
  isEnded: () => boolean,
  isOver: () => boolean,
): Promise<boolean> {
  await runtime.settle();
  for (let timers = 0; timers < TIMERS_MAX && !isEnded(); timers++) {
    if (isOver()) return true;
    if (!await runtime.step()) return false;
  }
  return false;
}

function plansOf(plan: Plan): Plans {
  const cached = (hash: string) => hash === plan.hash ? plan : undefined;
  return { cached, byHash: (hash) => Promise.resolve(cached(hash)) };
}

/** Gives what contracts say, or the failure that is asked for. */
class MadePlayer implements StepPlayer {
  readonly taken = new Map<string, unknown>();
  readonly problems: RehearsalProblem[] = [];

  constructor(readonly request: RunRequest, readonly runtime: VirtualRuntime) {}

  start(attempt: Attempt, answer: AnswerAttempt): void {
    const { plan, code } = this.request;
    const step = plan.steps[attempt.step];
    if (step === undefined) return;
    const input = inputOf(attempt, code.steps.get(step.name));
    if (input.ok) this.taken.set(step.name, input.value);
    const outcome: Outcome = input.ok
      ? this.#outcomeOf(step)
      : { kind: "failed", failure: input.failure, retryable: false };
    const { dueAtMs = Infinity } = attempt;
    const { heartbeatMs = Infinity } = step.definition.policy;
    // In time, whatever its policy says.
    const half = Math.floor(Math.min(dueAtMs - this.runtime.now(), heartbeatMs) / 2);
    this.runtime.after(Math.max(0, Math.min(ASSUMED_STEP_MS, half)), () => answer(outcome));
  }

  /** Has a person answer a signal by an example of its form, unless it is to fail. */
  answerSignal(
    index: number,
    { simulation: { engine }, taskId }: {
      readonly simulation: Simulation;
      readonly taskId: TaskId;
    },
  ): void {
    const { plan, fails } = this.request;
    const step = plan.steps[index];
    if (step?.definition.kind !== "signal" || fails?.step === step) return;
    const payload = encodePayload(this.#resultOf(step), `the answer to signal "${step.name}"`);
    const { timeoutMs = Infinity } = step.definition.policy;
    this.runtime.after(Math.min(ASSUMED_STEP_MS, Math.floor(timeoutMs / 2)), () => {
      const commandId = `rehearsal:${step.name}`;
      // The task may have ended meanwhile.
      engine.router.send({ kind: "SendSignal", taskId, commandId, name: step.name, payload })
        .catch(() => {});
    });
  }

  #outcomeOf(step: PlannedStep): Outcome {
    const { fails, values } = this.request;
    if (fails?.step !== step) return completedOutcome(step, this.#resultOf(step));
    const error = encodePayload(fails.error ?? values.error(step), "an error");
    return { kind: "failed", failure: { class: "failed", error }, retryable: false };
  }

  #resultOf(step: PlannedStep): unknown {
    const made = this.request.values.result(step);
    if (made === undefined) {
      const text = "no value was found that fits the contract of its result: give one as " +
        '"examples" in the schema';
      this.problems.push({ code: "no_value", severity: "error", step: step.name, text });
    }
    return made ?? null;
  }
}
