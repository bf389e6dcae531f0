/** The local runner: runs step code in this process. */

import { isProxy } from "node:util/types";
import { z } from "zod";
import { failureOf } from "../core/attempt.ts";
import type { Command, Outcome } from "../core/command.ts";
import { DURATION_FORMS, DURATION_MS_MAX, parseDuration } from "../core/duration.ts";
import { TaskerError } from "../core/errors.ts";
import { slotOf, stepKey, type TaskId } from "../core/ids.ts";
import type { Attempt, Runtime } from "../core/ports.ts";
import { type RunContext, type StepCode, StepFailure } from "../core/workflow.ts";
import type { Log } from "../telemetry/log.ts";
import { withRemoteParent } from "../telemetry/trace.ts";
import { describeThrown, endsAtMs, failureOfThrown, stepOf } from "./failures.ts";
import { notRetryable, outcomeOfFailure, outcomeOfResult } from "./outcome.ts";
import { inputOf } from "./step_input.ts";
import { progressOf } from "./reply_outcome.ts";
import { type AttemptLog, plainLine, type StepLog } from "./step_log.ts";

/** What running local steps needs. */
export interface LocalDeps {
  readonly runtime: Runtime;
  readonly log: Log;
  /** Where what step code logs is kept with its attempt; absent: nowhere but in the log. */
  readonly stepLog?: StepLog | undefined;
  /** Called before step code runs: if this process hangs then, the code made it. */
  readonly noteCode?: (() => void) | undefined;
  record(command: Command): void;
}

interface Running {
  readonly taskId: TaskId;
  readonly attempt: number;
  readonly controller: AbortController;
  /** It may not be repeated: a move of its slot waits for it. */
  readonly atMostOnce: boolean;
  /** Its attempt has ended already: cancelled or timed out. */
  isUnwanted: boolean;
  /** It was aborted so that another node can repeat the attempt. */
  isInterrupted: boolean;
}

/** What a context is made of beside its attempt. */
interface ContextParts {
  readonly input: unknown;
  readonly signal: AbortSignal;
  readonly lines: AttemptLog | undefined;
  onFail(failure: StepFailure): void;
}

/** A time as `format: date-time` has it. */
const Time = z.iso.datetime({ offset: true });

/** A failure that is made but not returned would look like a completion. */
export const FAIL_NOT_RETURNED: Outcome = notRetryable(
  failureOf(
    "contract_violation",
    "The step called fail() but returned something else: write `return fail(…)`",
    "fail_not_returned",
  ),
);

/** Runs step code; every attempt ends in one RecordStepResult or one RecordInterruption. */
export class LocalRunner {
  readonly #running = new Map<string, Running>();

  constructor(readonly deps: LocalDeps) {}

  /** Attempts whose code has not returned yet. */
  get size(): number {
    return this.#running.size;
  }

  isRunning(taskId: TaskId, step: number, attempt: number): boolean {
    return this.#running.get(`${taskId}/${step}`)?.attempt === attempt;
  }

  /** Starts an attempt; the code runs in this iteration of the event loop up to its first await. */
  start(attempt: Attempt, code: StepCode): void {
    this.deps.noteCode?.();
    this.begin(attempt, (signal) => this.#run(attempt, code, signal));
  }

  /**
   * Starts an attempt that `run` makes; its signal is aborted when the result is not wanted. What ends
   * as interrupted is made again.
   */
  begin(attempt: Attempt, run: (signal: AbortSignal) => Promise<Outcome | "interrupted">): void {
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
    run(running.controller.signal).then((outcome) => {
      const isCurrent = this.#running.get(key) === running;
      if (isCurrent) this.#running.delete(key);
      const isOver = outcome === "interrupted" || running.isInterrupted && isThrow(outcome);
      if (isCurrent && isOver) {
        return this.deps.record({ kind: "RecordInterruption", taskId, steps: [step] });
      }
      if (outcome === "interrupted") return; // a newer attempt runs
      this.deps.record({
        kind: "RecordStepResult",
        taskId,
        step,
        attempt: attempt.attempt,
        outcome,
      });
    });
  }

  /** Aborts the signal of running code: its result is no longer wanted. */
  stop(taskId: TaskId, step: number): void {
    const running = this.#running.get(`${taskId}/${step}`);
    if (running === undefined) return;
    running.isUnwanted = true;
    running.controller.abort(new Error("The step was cancelled or timed out"));
  }

  /**
   * Aborts the signal of code that may be repeated, because another node will repeat its attempt. If
   * the code throws then, the attempt was interrupted; any other end counts.
   */
  interrupt(isChosen: (taskId: TaskId) => boolean, reason: string): void {
    for (const running of this.#running.values()) {
      if (running.atMostOnce || running.isInterrupted || !isChosen(running.taskId)) continue;
      running.isInterrupted = true;
      running.controller.abort(new Error(reason));
    }
  }

  /** Slots of code whose end is awaited: of all such code, or of at-most-once code alone. */
  busySlots({ atMostOnce }: { readonly atMostOnce: boolean }): Set<number> {
    const awaited = [...this.#running.values()].filter((running) =>
      !running.isUnwanted && (running.atMostOnce || !atMostOnce)
    );
    return new Set(awaited.map(({ taskId }) => slotOf(taskId)));
  }

  /** Aborts the signals of all running code: no result of this node counts any more. */
  stopAll(): void {
    for (const { controller } of this.#running.values()) {
      controller.abort(new Error("Another node has taken over"));
    }
  }

  /** Computes the length of a sleep. */
  startSleep(attempt: Attempt, code: StepCode | undefined): void {
    const { taskId, step } = attempt;
    this.deps.noteCode?.();
    const length = inputOf(attempt, code?.sleepMs === undefined ? code : { with: code.sleepMs });
    const ms = length.ok ? this.#sleepMsOf(length.value, attempt) : undefined;
    if (ms !== undefined) return this.deps.record({ kind: "RecordSleep", taskId, step, ms });
    const failure = length.ok
      ? failureOf(
        "contract_violation",
        "The length of the sleep is not a number of milliseconds up to 100 years, " +
          `${DURATION_FORMS}, or a time such as 2026-01-31T12:00:00Z`,
      )
      : length.failure;
    const outcome: Outcome = { kind: "failed", failure, retryable: false };
    this.deps.record({
      kind: "RecordStepResult",
      taskId,
      step,
      attempt: attempt.attempt,
      outcome,
    });
  }

  /** A length in ms, a duration, or the time at which the sleep is over. */
  #sleepMsOf(length: unknown, { startedAtMs }: Attempt): number | undefined {
    if (typeof length === "number") return length <= DURATION_MS_MAX ? length : undefined;
    if (typeof length !== "string") return undefined;
    if (!Time.safeParse(length).success) return parseDuration(length);
    const ms = Date.parse(length) - (startedAtMs ?? this.deps.runtime.now());
    return ms <= DURATION_MS_MAX ? Math.max(0, ms) : undefined;
  }

  async #run(attempt: Attempt, code: StepCode, signal: AbortSignal): Promise<Outcome> {
    const input = inputOf(attempt, code);
    if (!input.ok) return notRetryable(input.failure);
    const lines = this.deps.stepLog?.attempt({
      taskId: attempt.taskId,
      step: attempt.plan.steps[attempt.step]?.name ?? "",
      attempt: attempt.attempt,
    });
    try {
      let failed: StepFailure | undefined;
      const onFail = (failure: StepFailure) => failed = failure;
      const context = this.#contextOf(attempt, { input: input.value, signal, lines, onFail });
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
    } finally {
      lines?.end();
    }
  }

  /** A failure by contract is the same, thrown or returned. */
  #outcomeOfThrow(error: unknown, attempt: Attempt): Outcome {
    // `instanceof` may throw for a proxy; fail() makes none.
    if (!isProxy(error) && error instanceof StepFailure) return outcomeOfFailure(error, attempt);
    const thrown = describeThrown(error);
    this.deps.log.warn("Step code threw", {
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

  #contextOf(attempt: Attempt, parts: ContextParts): RunContext {
    const { input, signal, lines, onFail } = parts;
    const { taskId, step } = attempt;
    const name = attempt.plan.steps[step]?.name ?? "";
    return {
      input,
      key: stepKey(taskId, name),
      taskId,
      attempt: attempt.attempt,
      deadline: endsAtMs(attempt) ?? Infinity,
      signal,
      log: (text, fields) => {
        const line = plainLine(text, fields);
        this.deps.log.info(line.text, { taskId, step: name, ...line.fields });
        lines?.add(line.text, line.fields);
      },
      fail: (error, how) => {
        const failure = new StepFailure(error, how?.retryable ?? false, how?.retryAfterMs);
        onFail(failure);
        return failure;
      },
      heartbeat: (progress) =>
        this.deps.record({
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
