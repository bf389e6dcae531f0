/** The local half of the runner: step code in this process. */

import { isProxy } from "node:util/types";
import { failureOf } from "../core/attempt.ts";
import type { Command, Outcome } from "../core/command.ts";
import { describeFaults } from "../core/contract.ts";
import { DURATION_MS_MAX } from "../core/duration.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import type { Failure } from "../core/event.ts";
import { slotOf, stepKey, type TaskId } from "../core/ids.ts";
import { encodePayload, type JsonText } from "../core/payload.ts";
import type { Attempt, Runtime } from "../core/ports.ts";
import { type RunContext, type StepCode, StepFailure } from "../core/workflow.ts";
import type { Log } from "../telemetry/log.ts";
import { withRemoteParent } from "../telemetry/trace.ts";
import { contractFailure, stepOf } from "./contract_check.ts";
import { inputOf } from "./step_input.ts";
import { progressOf } from "./reply_outcome.ts";
import { describeThrown, failureOfThrown } from "./thrown.ts";

/** What running local steps needs. */
export interface LocalDeps {
  readonly runtime: Runtime;
  readonly log: Log;
  record(command: Command): void;
}

interface Running {
  readonly taskId: TaskId;
  readonly attempt: number;
  readonly controller: AbortController;
  /** It may not be made again: whoever needs its slot waits for it. */
  readonly atMostOnce: boolean;
  /** Its attempt has ended without it. */
  isUnwanted: boolean;
  /** It was told to end so that another node makes the attempt again. */
  isInterrupted: boolean;
}

/** What a context is made of beside its attempt. */
interface ContextParts {
  readonly input: unknown;
  readonly signal: AbortSignal;
  onFail(failure: StepFailure): void;
}

/** A failure that is made and then dropped would look like a completion. */
export const FAIL_NOT_RETURNED: Outcome = forGood(
  failureOf(
    "contract_violation",
    "The step called fail() but returned something else: write `return fail(…)`",
    "fail_not_returned",
  ),
);

/** Runs step code; every attempt ends in one RecordStepResult, or was interrupted. */
export class LocalRunner {
  readonly #running = new Map<string, Running>();

  constructor(readonly parts: LocalDeps) {}

  /** Attempts whose code has not returned yet. */
  get size(): number {
    return this.#running.size;
  }

  isRunning(taskId: TaskId, step: number, attempt: number): boolean {
    return this.#running.get(`${taskId}/${step}`)?.attempt === attempt;
  }

  /** Starts an attempt; the code runs in this turn of the event loop up to its first await. */
  start(attempt: Attempt, code: StepCode): void {
    const { taskId, step } = attempt;
    const key = `${taskId}/${step}`;
    const running: Running = {
      taskId,
      attempt: attempt.attempt,
      controller: new AbortController(),
      atMostOnce: attempt.plan.steps[step]?.definition.atMostOnce === true,
      isUnwanted: false,
      isInterrupted: false,
    };
    this.#running.set(key, running);
    this.#run(attempt, code, running.controller.signal).then((outcome) => {
      const isCurrent = this.#running.get(key) === running;
      if (isCurrent) this.#running.delete(key);
      if (isCurrent && running.isInterrupted && isThrow(outcome)) {
        return this.parts.record({ kind: "RecordInterruption", taskId, steps: [step] });
      }
      this.parts.record({
        kind: "RecordStepResult",
        taskId,
        step,
        attempt: attempt.attempt,
        outcome,
      });
    });
  }

  /** Tells running code by its AbortSignal that nobody wants its result. */
  stop(taskId: TaskId, step: number): void {
    const running = this.#running.get(`${taskId}/${step}`);
    if (running === undefined) return;
    running.isUnwanted = true;
    running.controller.abort(new Error("The step was cancelled or timed out"));
  }

  /**
   * Tells code that may be made again to end, because another node is going to make its attempt. If
   * it throws, the attempt was interrupted; any other end counts.
   */
  interrupt(isChosen: (taskId: TaskId) => boolean, reason: string): void {
    for (const running of this.#running.values()) {
      if (running.atMostOnce || running.isInterrupted || !isChosen(running.taskId)) continue;
      running.isInterrupted = true;
      running.controller.abort(new Error(reason));
    }
  }

  /** Slots of code whose end is awaited; only of what may not be made again, if asked so. */
  busySlots({ atMostOnce }: { readonly atMostOnce: boolean }): Set<number> {
    const awaited = [...this.#running.values()].filter((running) =>
      !running.isUnwanted && (running.atMostOnce || !atMostOnce)
    );
    return new Set(awaited.map(({ taskId }) => slotOf(taskId)));
  }

  /** Tells all running code that nothing of this node counts any more. */
  stopAll(): void {
    for (const { controller } of this.#running.values()) {
      controller.abort(new Error("Another node has taken over"));
    }
  }

  /** Evaluates a computed sleep. */
  startSleep(attempt: Attempt, code: StepCode | undefined): void {
    const { taskId, step } = attempt;
    const given = inputOf(attempt, code?.sleepMs === undefined ? code : { with: code.sleepMs });
    const isLength = given.ok && typeof given.value === "number" && given.value <= DURATION_MS_MAX;
    if (isLength) {
      return this.parts.record({ kind: "RecordSleep", taskId, step, ms: given.value as number });
    }
    const failure = given.ok
      ? failureOf(
        "contract_violation",
        "The sleep's length is no number of milliseconds up to 100 years",
      )
      : given.failure;
    const outcome: Outcome = { kind: "failed", failure, retryable: false };
    this.parts.record({
      kind: "RecordStepResult",
      taskId,
      step,
      attempt: attempt.attempt,
      outcome,
    });
  }

  async #run(attempt: Attempt, code: StepCode, signal: AbortSignal): Promise<Outcome> {
    const input = inputOf(attempt, code);
    if (!input.ok) return forGood(input.failure);
    try {
      let failed: StepFailure | undefined;
      const onFail = (failure: StepFailure) => failed = failure;
      const context = this.#contextOf(attempt, { input: input.value, signal, onFail });
      const name = `step ${attempt.plan.steps[attempt.step]?.name}`;
      const returned = await withRemoteParent(
        attempt.traceparent,
        name,
        { "tasker.task": attempt.taskId, "tasker.attempt": attempt.attempt },
        () => code.run?.(context),
      );
      if (returned instanceof StepFailure) return outcomeOfFailure(returned, attempt);
      return failed === undefined ? outcomeOfResult(returned, attempt) : FAIL_NOT_RETURNED;
    } catch (error) {
      return this.#outcomeOfThrow(error, attempt);
    }
  }

  /** Thrown or returned, a failure by contract is the same. */
  #outcomeOfThrow(error: unknown, attempt: Attempt): Outcome {
    // Asking a proxy for its prototype may throw; no proxy is made by fail().
    if (!isProxy(error) && error instanceof StepFailure) return outcomeOfFailure(error, attempt);
    const thrown = describeThrown(error);
    this.parts.log.warn("Step code threw", {
      taskId: attempt.taskId,
      step: stepOf(attempt).name,
      attempt: attempt.attempt,
      ...thrown,
    });
    const retryAfterMs = !isProxy(error) && error instanceof TaskerError
      ? error.retryAfterMs
      : undefined;
    return {
      kind: "failed",
      failure: failureOfThrown(thrown, { class: "thrown", code: "thrown" }),
      retryable: true,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  }

  #contextOf(attempt: Attempt, given: ContextParts): RunContext {
    const { input, signal, onFail } = given;
    const { taskId, step } = attempt;
    const name = attempt.plan.steps[step]?.name ?? "";
    return {
      input,
      key: stepKey(taskId, name),
      taskId,
      attempt: attempt.attempt,
      deadline: attempt.dueAtMs ?? Infinity,
      signal,
      log: (text, fields) => this.parts.log.info(text, { taskId, step: name, ...fields }),
      fail: (error, how) => {
        const failure = new StepFailure(error, how?.retryable ?? false, how?.retryAfterMs);
        onFail(failure);
        return failure;
      },
      heartbeat: (progress) =>
        this.parts.record({
          kind: "RecordProgress",
          taskId,
          step,
          attempt: attempt.attempt,
          ...progressOf(progress),
        }),
    };
  }
}

function isThrow(outcome: Outcome): boolean {
  return outcome.kind === "failed" && outcome.failure.class === "thrown";
}

function outcomeOfResult(value: unknown, attempt: Attempt): Outcome {
  const { name, check } = stepOf(attempt);
  const kept = check("success")(value);
  if (!kept.ok) {
    return forGood(
      contractFailure(`The result breaks the success contract: ${describeFaults(kept.faults)}`),
    );
  }
  try {
    return { kind: "completed", result: encodePayload(kept.value, `the result of step "${name}"`) };
  } catch (error) {
    return forGood(contractFailure(messageOf(error)));
  }
}

function outcomeOfFailure(failed: StepFailure, attempt: Attempt): Outcome {
  const kept = stepOf(attempt).check("error")(failed.error);
  if (!kept.ok) {
    return forGood(
      contractFailure(`The failure breaks the error contract: ${describeFaults(kept.faults)}`),
    );
  }
  return {
    kind: "failed",
    failure: { class: "failed", error: encodeError(kept.value) },
    retryable: failed.retryable,
    ...(failed.retryAfterMs === undefined ? {} : { retryAfterMs: failed.retryAfterMs }),
  };
}

function encodeError(error: unknown): JsonText {
  try {
    return encodePayload(error, "the failure");
  } catch (cause) {
    return failureOf("failed", messageOf(cause)).error;
  }
}

function forGood(failure: Failure): Outcome {
  return { kind: "failed", failure, retryable: false };
}
