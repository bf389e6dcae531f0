/** The remote runner: asks other systems to run steps, and to stop them, over the bus. */

import { failureOf } from "../core/attempt.ts";
import { commandChannel } from "../core/channels.ts";
import type { Command } from "../core/command.ts";
import { TaskerError } from "../core/errors.ts";
import type { Failure } from "../core/event.ts";
import { stepKey, type TaskId } from "../core/ids.ts";
import { BUS, busOf, type Outages, partsOf, PROOF_MS } from "../core/outages.ts";
import type { Plan, PlannedStep } from "../core/plan.ts";
import type { Attempt, Bus, Cancel, Runtime } from "../core/ports.ts";
import { Recent } from "../core/recent.ts";
import type { StepCode, WorkflowCode } from "../core/workflow.ts";
import { describeThrown, endsAtMs } from "./failures.ts";
import { inputOf } from "./step_input.ts";
import { Publisher, type PublisherDeps, type Sized } from "./publisher.ts";
import type { RemoteAttempts } from "./runner.ts";
import { type Sender, stepCancelled, stepCommand, systemOf } from "./step_command.ts";

/** Steps whose last attempt is remembered, at least, to name it when it is cancelled. */
const ATTEMPTS_KEPT_MIN = 10_000;

/** About the size of an envelope without data. */
const CANCELLED_BYTES = 500;

/** What running remote steps needs. */
interface RemoteDeps extends Sender, PublisherDeps {
  readonly runtime: PublisherDeps["runtime"];
  codeOf(hash: string): WorkflowCode | undefined;
  record(command: Command): void;
}

/** Sends each attempt as an envelope; the answer arrives in a reply channel. */
export class RemoteRunner implements RemoteAttempts {
  readonly #publisher: Publisher;
  /** By step key: the last attempt, and the system that it went to. */
  readonly #attempts = new Recent<string, { readonly attempt: number; readonly system: string }>(
    ATTEMPTS_KEPT_MIN,
  );

  constructor(readonly deps: RemoteDeps) {
    this.#publisher = new Publisher(deps);
  }

  /**
   * Sends an attempt; safe to repeat. What cannot be sent fails without retry; what has expired while
   * the bus was away is not sent.
   *
   * Without the workflow's code, where that maps the input, nothing is sent: an earlier owner of the
   * task has sent it once, and the step's time-out starts the next attempt.
   */
  start(attempt: Attempt): void {
    const { taskId, plan } = attempt;
    const { name, definition } = plan.steps[attempt.step] as PlannedStep;
    const system = systemOf(attempt);
    const workflow = this.deps.codeOf(plan.hash);
    if (workflow === undefined && definition.with === undefined) return;
    const key = stepKey(taskId, name);
    this.#attempts.set(key, { attempt: attempt.attempt, system });
    this.#publisher.put({
      channel: commandChannel(this.deps.prefix, system),
      part: busOf(system),
      taskId,
      key,
      make: () => this.#command(attempt, workflow?.steps.get(name)),
      refused: (error) => this.#undeliverable(attempt, error),
    });
  }

  /**
   * Asks the system to stop the step, and takes back its command if that still waits.
   *
   * The system is asked even then: a command that waits may have arrived without its confirmation.
   * `system` is asked if this node has not sent the step's last attempt; absent: the step's owner.
   */
  stop(taskId: TaskId, plan: Plan, step: number, system?: string): void {
    const planned = plan.steps[step] as PlannedStep;
    const key = stepKey(taskId, planned.name);
    const last = this.#attempts.get(key);
    this.#attempts.delete(key);
    const asked = last?.system ?? system ?? planned.definition.owner;
    const channel = commandChannel(this.deps.prefix, asked);
    const part = busOf(asked);
    const envelope = stepCancelled(this.deps, { taskId, step: planned, attempt: last?.attempt });
    const made = { envelope, bytes: CANCELLED_BYTES };
    this.#publisher.takeBack(channel, key);
    this.#publisher.put({
      channel,
      part,
      taskId,
      key: envelope.id,
      make: () => made,
      refused() {},
    });
  }

  unconfirmed(taskId: TaskId): number {
    return this.#publisher.unconfirmed(taskId);
  }

  /** Sends nothing more. */
  close(): void {
    this.#publisher.close();
  }

  /** Makes the envelope of an attempt, which fails without retry if that is impossible. */
  #command(attempt: Attempt, code: StepCode | undefined): Sized | undefined {
    const postponed = this.#postponed(attempt);
    if ((endsAtMs(postponed) ?? Infinity) <= this.deps.runtime.now()) return undefined;
    const input = inputOf(attempt, code);
    if (!input.ok) return void this.#fail(attempt, input.failure);
    try {
      return stepCommand(this.deps, postponed, input.value);
    } catch (error) {
      this.#undeliverable(attempt, error);
    }
  }

  /** An outage extends the attempt, so what is sent after it must not expire earlier. */
  #postponed(attempt: Attempt): Attempt {
    const { plan, step, startedAtMs, dueAtMs } = attempt;
    if (startedAtMs === undefined || dueAtMs === undefined) return attempt;
    const { definition } = plan.steps[step] as PlannedStep;
    const { outages, runtime } = this.deps;
    const since = { sinceMs: startedAtMs, dueAtMs, nowMs: runtime.now() };
    return { ...attempt, dueAtMs: outages.postponed(partsOf(definition, attempt.system), since) };
  }

  #undeliverable(attempt: Attempt, error: unknown): void {
    const code = error instanceof TaskerError ? reportedCode(error) : "undeliverable";
    this.#fail(attempt, failureOf("undeliverable", describeThrown(error).error_message, code));
  }

  #fail({ taskId, step, attempt }: Attempt, failure: Failure): void {
    const outcome = { kind: "failed", failure, retryable: false } as const;
    this.deps.record({ kind: "RecordStepResult", taskId, step, attempt, outcome });
  }
}

function reportedCode(error: TaskerError): string {
  return error.code.replace(".", "_");
}

/**
 * Asks the bus from time to time whether it is there, so that each outage is known, until the result is
 * called. A ping that fails proves nothing; the next one may succeed.
 */
export function watchBus(
  { runtime, bus }: { readonly runtime: Runtime; readonly bus: Pick<Bus, "ping"> },
  outages: Outages,
): Cancel {
  let isOver = false;
  let cancel: Cancel = () => {};
  const look = async (): Promise<void> => {
    outages.asked(BUS, runtime.now());
    const isThere = await bus.ping().then(() => true, () => false);
    if (isThere) outages.answered(BUS, runtime.now());
    if (!isOver) cancel = runtime.after(PROOF_MS, () => void look());
  };
  void look();
  return () => {
    isOver = true;
    cancel();
  };
}
