/**
 * Root of the in-process engine for users' tests: the real actors over a journal in memory and a
 * clock that moves only when asked; functions stand in for other systems.
 *
 * @module
 */

import type { Outcome } from "./core/command.ts";
import { messageOf, TaskerError } from "./core/errors.ts";
import type { Event } from "./core/event.ts";
import { foldTask } from "./core/evolve.ts";
import { stepKey, type TaskId } from "./core/ids.ts";
import { decodePayload } from "./core/payload.ts";
import type { Plan } from "./core/plan.ts";
import type { Attempt, Starter } from "./core/ports.ts";
import type { WorkflowModule } from "./core/workflow_module.ts";
import { rollup } from "./core/rollup.ts";
import { hasResult, isUnderWay, type StepState, type TaskStateName } from "./core/state.ts";
import { StepFailure } from "./core/workflow.ts";
import { inputOf } from "./dispatch/step_input.ts";
import { FAIL_NOT_RETURNED } from "./dispatch/local.ts";
import { completedOutcome, failedOutcome } from "./dispatch/reply_outcome.ts";
import { type PlayedHttp, playHttp } from "./egress/played.ts";
import { MemoryDefinitions } from "./journal/memory_stores.ts";
import { type CommandInput, type CommandName, TASK_COMMANDS } from "./operations/task_commands.ts";
import { openStarter, type Registry } from "./registry/workflows.ts";
import { openRegistry } from "./registry/load.ts";
import {
  openSimulation,
  playedDirectory,
  type Simulation,
  type StepPlayer,
} from "./server/simulation.ts";
import { VirtualRuntime } from "./server/virtual_runtime.ts";

/** The most timers fired for one task: a workflow that needs more never ends. */
const TIMERS_MAX = 10_000;

/** What the function that stands in for a system is called with. */
export interface SystemCall {
  readonly input: unknown;
  readonly taskId: string;
  readonly step: string;
  readonly attempt: number;
  /** The same for every attempt. */
  readonly key: string;
  /** Answers with a failure: for good, unless `retryable`. */
  fail(error: unknown, how?: { retryable?: boolean; retryAfterMs?: number }): StepFailure;
}

/**
 * Answers one event for another system: returns its result or `call.fail(…)`. A promise that never
 * settles is a system that does not answer.
 */
export type PlayedEvent = (call: SystemCall) => unknown;

export type { HttpAnswer, HttpRequest, PlayedHttp } from "./egress/played.ts";

/** How to open a test engine. */
export interface TestOptions {
  /** What answers each envelope type (`event`). An event without an entry times out. */
  readonly systems?: Readonly<Record<string, PlayedEvent>>;
  /** Answers the requests of `http` steps. Without it each is refused, as by a closed server. */
  readonly http?: PlayedHttp;
  /** Seeds jitter and ids. */
  readonly seed?: number;
}

/** A step of a task in a test. */
export interface TestStep {
  readonly state: StepState["state"];
  readonly attempt: number;
  readonly result: unknown;
  readonly error: unknown;
  readonly parkedReason: string | undefined;
}

/** One task in a test. */
export interface TestTask {
  readonly id: string;
  readonly state: TaskStateName;
  /** What it gave when it completed; undefined before, and where its workflow has no output. */
  readonly output: unknown;
  /** Why it failed although its steps did not: its output could not be made. */
  readonly error: unknown;
  /** Where a step stands. @throws {TaskerError} step.not_found */
  step(name: string): TestStep;
  /** The whole journal, oldest first. */
  readonly events: readonly Event[];
  /** Moves the clock until the task ends, or waits for a person. */
  end(): Promise<TaskStateName>;
  signal(name: string, payload: unknown): Promise<void>;
  cancel(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  retry(step: string): Promise<void>;
  resolve(step: string, result: unknown): Promise<void>;
  skip(step: string, result?: unknown): Promise<void>;
}

/** An engine in this process. */
export interface TestEngine extends AsyncDisposable {
  /** Starts a task, by `namespace/name`. @throws {TaskerError} definition.unknown, contract.violation */
  start(workflow: string, input: unknown): Promise<TestTask>;
  /** Lets time pass, without waiting for it. Units: milliseconds. */
  advance(ms: number): Promise<void>;
}

/**
 * Opens an engine for a test: real actors, a journal in memory, a virtual clock.
 *
 * Retries, sleeps and time-outs take no time. Close it with `await using`.
 *
 * Shape: a workflow is a module, or the URL of a manifest that no module implements:
 * `new URL("user_registration.yaml", import.meta.url)`.
 *
 * @example
 * ```ts
 * import { step, workflow, z } from "tasker";
 * import { openTestEngine } from "tasker/testing";
 *
 * const hello = workflow(
 *   { namespace: "docs", name: "hello", version: "1.0.0", input: z.object({ name: z.string() }) },
 *   (w) => {
 *     w.step("greet", step({
 *       input: z.object({ name: z.string() }),
 *       success: z.object({ greeting: z.string() }),
 *       run: ({ input }) => ({ greeting: `Hello, ${input.name}!` }),
 *     }));
 *   },
 * );
 *
 * await using engine = await openTestEngine([hello]);
 * const task = await engine.start("docs/hello", { name: "Ada" });
 * if (await task.end() !== "completed") throw new Error("it did not complete");
 * ```
 *
 * @throws {TaskerError} definition.invalid
 */
export async function openTestEngine(
  workflows: readonly (WorkflowModule | URL)[],
  options: TestOptions = {},
): Promise<TestEngine> {
  const runtime = new VirtualRuntime(options.seed);
  const registry = await openRegistry({
    modules: workflows,
    definitions: new MemoryDefinitions(),
    digest: (text) => runtime.digest(text),
    onWarning: () => {},
  });
  const simulation = await openSimulation({
    runtime,
    plans: registry,
    player: playSystems(options.systems ?? {}, registry),
    codeOf: (hash) => registry.codeOf(hash),
    isLocalOwner: (owner) => registry.isLocalOwner(owner),
    directory: playedDirectory(registry.list().map(({ plan }) => plan)),
    ...(options.http !== undefined && { egress: playHttp(options.http) }),
  });
  const starter = openStarter(registry, simulation.engine.router);
  return new InProcessEngine({ ...simulation, registry, starter });
}

interface TestDeps extends Simulation {
  readonly registry: Registry;
  readonly starter: Starter;
}

class InProcessEngine implements TestEngine {
  constructor(readonly deps: TestDeps) {}

  async start(workflow: string, input: unknown): Promise<TestTask> {
    const { starter, runtime, registry, journal } = this.deps;
    const { taskId } = await starter.start({
      workflow,
      input,
      tags: [],
      commandId: runtime.uuid(),
    });
    await runtime.settle();
    const first = journal.turns(taskId)[0]?.events[0];
    const plan = first?.kind === "TaskStarted" ? registry.cached(first.definitionHash) : undefined;
    if (plan === undefined) throw new TaskerError("task.not_found", `Cannot find task "${taskId}"`);
    return new InProcessTask(taskId, plan, this.deps);
  }

  advance(ms: number): Promise<void> {
    return this.deps.runtime.advance(ms);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.deps[Symbol.asyncDispose]();
  }
}

class InProcessTask implements TestTask {
  constructor(readonly id: TaskId, readonly plan: Plan, readonly deps: TestDeps) {}

  get state(): TaskStateName {
    return rollup(this.plan, this.#folded()).state;
  }

  get output(): unknown {
    const { output } = this.#folded();
    return output === undefined ? undefined : decodePayload(output);
  }

  get error(): unknown {
    const { failure } = this.#folded();
    return failure === undefined ? undefined : decodePayload(failure.error);
  }

  get events(): readonly Event[] {
    return this.deps.journal.turns(this.id).flatMap((turn) => turn.events);
  }

  step(name: string): TestStep {
    const index = this.plan.indexOf.get(name);
    const step = index === undefined ? undefined : this.#folded().steps[index];
    if (step === undefined) {
      throw new TaskerError(
        "step.not_found",
        `Cannot look at step "${name}": the task has none of that name`,
      );
    }
    const { state, attempt, failure } = step;
    return {
      state,
      attempt,
      result: hasResult(step) ? decodePayload(step.result) : undefined,
      error: failure === undefined ? undefined : decodePayload(failure.error),
      parkedReason: step.state === "parked" ? step.reason : undefined,
    };
  }

  async end(): Promise<TaskStateName> {
    const { runtime, engine } = this.deps;
    await runtime.settle();
    for (let timers = 0; timers < TIMERS_MAX; timers++) {
      const { state } = this;
      const isMoving = state === "running" || state === "waiting";
      if (!isMoving) return state;
      // Step code that waits for something outside the virtual clock needs real time.
      if (engine.local.size > 0) await new Promise((wake) => setTimeout(wake, 1));
      else if (this.#waitsForPerson() || !await runtime.step()) return this.state;
      await runtime.settle();
    }
    return this.state;
  }

  signal(name: string, payload: unknown): Promise<void> {
    return this.#send("sendSignal", { name, payload });
  }

  cancel(): Promise<void> {
    return this.#send("cancelTask", {});
  }

  pause(): Promise<void> {
    return this.#send("pauseTask", {});
  }

  resume(): Promise<void> {
    return this.#send("resumeTask", {});
  }

  retry(step: string): Promise<void> {
    return this.#send("retryStep", { step });
  }

  resolve(step: string, result: unknown): Promise<void> {
    return this.#send("resolveStep", { step, result });
  }

  skip(step: string, result?: unknown): Promise<void> {
    return this.#send("skipStep", { step, result });
  }

  async #send<Name extends CommandName>(name: Name, input: CommandInput<Name>): Promise<void> {
    const { runtime, engine } = this.deps;
    const base = { commandId: runtime.uuid(), taskId: this.id, ...BY };
    await engine.router.send(TASK_COMMANDS[name](input, base));
    await runtime.settle();
  }

  /** Whether the task waits for nothing but signals without a time-out. */
  #waitsForPerson(): boolean {
    const { steps } = this.#folded();
    const waiting = steps.map((step, index) => ({ step, of: this.plan.steps[index] }))
      .filter(({ step }) => isUnderWay(step) || step.state === "waiting_for_retry");
    return waiting.length > 0 &&
      waiting.every(({ step, of }) =>
        of?.definition.kind === "signal" && isUnderWay(step) && step.dueAtMs === undefined
      );
  }

  #folded() {
    const state = foldTask(this.id, this.plan, this.deps.journal.turns(this.id));
    if (state === undefined) {
      throw new TaskerError("task.not_found", `Cannot find task "${this.id}"`);
    }
    return state;
  }
}

/** Who decides in a test. */
const BY = { by: "test", reason: "a test asked for it" };

/** Stands in for other systems: each envelope becomes a call, each return value a result. */
function playSystems(
  systems: Readonly<Record<string, PlayedEvent>>,
  registry: Registry,
): StepPlayer {
  return {
    start(attempt, record) {
      void answer(attempt, systems, registry).then((outcome) => {
        if (outcome !== undefined) record(outcome);
      });
    },
  };
}

async function answer(
  attempt: Attempt,
  systems: Readonly<Record<string, PlayedEvent>>,
  registry: Registry,
): Promise<Outcome | undefined> {
  const { plan, step, taskId } = attempt;
  const planned = plan.steps[step];
  const code = registry.codeOf(plan.hash)?.steps.get(planned?.name ?? "");
  const input = inputOf(attempt, code);
  if (!input.ok) return { kind: "failed", failure: input.failure, retryable: false };
  const play = systems[planned?.definition.event ?? ""];
  if (planned === undefined || play === undefined) return undefined;
  let failed: StepFailure | undefined;
  try {
    const returned = await play({
      input: input.value,
      taskId,
      step: planned.name,
      attempt: attempt.attempt,
      key: stepKey(taskId, planned.name),
      fail: (error, how) =>
        failed = new StepFailure(error, how?.retryable ?? false, how?.retryAfterMs),
    });
    if (returned instanceof StepFailure) return failedOutcome(planned, failureData(returned));
    return failed === undefined ? completedOutcome(planned, returned) : FAIL_NOT_RETURNED;
  } catch (error) {
    const data = { error_code: "thrown", error_message: messageOf(error), retryable: true };
    return failedOutcome(planned, data);
  }
}

/** The failure as its envelope would carry it. */
function failureData({ error, retryable, retryAfterMs }: StepFailure): unknown {
  return {
    ...error as Record<string, unknown>,
    retryable,
    ...(retryAfterMs === undefined ? {} : { retry_after: retryAfterMs / 1_000 }),
  };
}
