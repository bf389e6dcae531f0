/** Services: the systems of a scenario as queues with workers, which answer attempts. */

import { failureOf } from "../core/attempt.ts";
import type { Outcome } from "../core/command.ts";
import type { JsonText } from "../core/payload.ts";
import type { TaskId } from "../core/ids.ts";
import type { Attempt, Runtime } from "../core/ports.ts";
import type { AnswerAttempt, StepPlayer } from "../server/simulation.ts";
import { Draw } from "./draw.ts";
import {
  type Reaction,
  type Scenario,
  type ScenarioFailure,
  type ScenarioSystem,
  type ScenarioTask,
  valueAt,
} from "./scenario.ts";

/** What refusals take. */
const REFUSAL_MS = 5;

/** What services work with. */
export interface ServicesDeps {
  readonly runtime: Runtime;
  readonly scenario: Scenario;
  readonly seed: number;
  taskOf(taskId: TaskId): ScenarioTask | undefined;
  /** Workers that healing keeps attempts away from now. */
  isEjected(system: string, instance: string): boolean;
}

/** An attempt at a system. */
interface Waiting {
  readonly attempt: Attempt;
  readonly task: ScenarioTask;
  readonly answer: AnswerAttempt;
  isAbandoned: boolean;
  /** Called when nobody waits for the attempt any more. */
  abandoned?: () => void;
}

/** Plays every remote step of a scenario. */
export class Services implements StepPlayer {
  readonly #systems: ReadonlyMap<string, Service>;
  /** The last attempt of each step that has not been answered. */
  readonly #open = new Map<string, Waiting>();

  constructor(readonly deps: ServicesDeps) {
    const beginMs = deps.runtime.monotonic();
    const minute = () => (deps.runtime.monotonic() - beginMs) / 60_000;
    this.#systems = new Map(
      Object.entries(deps.scenario.systems).map((
        [name, system],
      ) => [name, new Service(name, system, { ...deps, minute })]),
    );
  }

  start(attempt: Attempt, answer: AnswerAttempt): void {
    const { owner } = attempt.plan.steps[attempt.step]?.definition ?? {};
    const key = `${attempt.taskId}/${attempt.step}`;
    const task = this.deps.taskOf(attempt.taskId);
    if (task === undefined) return;
    const waiting: Waiting = {
      attempt,
      task,
      isAbandoned: false,
      answer: (outcome, instance) => {
        if (this.#open.get(key) === waiting) this.#open.delete(key);
        answer(outcome, instance);
      },
    };
    this.stop(attempt.taskId, attempt.step);
    this.#open.set(key, waiting);
    this.#systems.get(attempt.system ?? owner ?? "")?.take(waiting);
  }

  stop(taskId: TaskId, step: number): void {
    const waiting = this.#open.get(`${taskId}/${step}`);
    if (waiting === undefined) return;
    waiting.isAbandoned = true;
    waiting.abandoned?.();
    this.#open.delete(`${taskId}/${step}`);
  }

  /** Workers of a system that are there now. */
  instances(system: string): readonly string[] {
    return this.#systems.get(system)?.instances() ?? [];
  }
}

/** One system: attempts come to its workers in turn, or wait for one. */
class Service {
  readonly #busy = new Map<string, number>();
  #queue: Waiting[] = [];
  #first = 0;
  #turn = 0;
  /** Requests that a provider still allows, and when it last counted. */
  #allowed: { count: number; atMs: number } | undefined;

  constructor(
    readonly name: string,
    readonly system: ScenarioSystem,
    readonly deps: ServicesDeps & { readonly minute: () => number },
  ) {}

  instances(): readonly string[] {
    const { instances = 1 } = this.system;
    if (typeof instances === "number") {
      return Array.from({ length: instances }, (_, index) => `${this.name}-${index + 1}`);
    }
    const minute = this.deps.minute();
    return Object.entries(instances).flatMap(([name, { fromMinute = 0, untilMinute = Infinity }]) =>
      minute >= fromMinute && minute < untilMinute ? [name] : []
    );
  }

  take(waiting: Waiting): void {
    const retryAfterMs = this.#refusal();
    if (retryAfterMs !== undefined) {
      const failure = {
        code: "rate_limited",
        message: "429 Too Many Requests: rate limit exceeded",
        retryable: true,
        ...(retryAfterMs > 0 && { retryAfterMs }),
      };
      return this.#later(waiting, { ms: REFUSAL_MS, failure });
    }
    const { capacity } = this.system;
    if (capacity !== undefined) {
      if (this.#queue.length - this.#first >= (capacity.queueMax ?? Infinity)) {
        const failure = { code: "queue_full", message: "503 Service Unavailable: queue is full" };
        return this.#later(waiting, { ms: REFUSAL_MS, failure: { ...failure, class: "thrown" } });
      }
      this.#queue.push(waiting);
      return this.#work();
    }
    const instance = this.#nextInstance(() => true);
    if (instance !== undefined) this.#begin(waiting, instance, () => {});
  }

  /** Lets free workers begin what waits, first come, first served. */
  #work(): void {
    const { workers = 1, dropsAbandoned = false } = this.system.capacity ?? {};
    const places = valueAt(workers, this.deps.minute());
    while (this.#first < this.#queue.length) {
      const next = this.#queue[this.#first] as Waiting;
      if (!dropsAbandoned || !next.isAbandoned) {
        const instance = this.#nextInstance((name) => (this.#busy.get(name) ?? 0) < places);
        if (instance === undefined) break;
        this.#busy.set(instance, (this.#busy.get(instance) ?? 0) + 1);
        this.#begin(next, instance, () => {
          this.#busy.set(instance, (this.#busy.get(instance) ?? 1) - 1);
          this.#work();
        });
      }
      this.#first++;
    }
    if (this.#first * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#first);
      this.#first = 0;
    }
  }

  #begin(waiting: Waiting, instance: string, ended: () => void): void {
    const reaction = this.#react(waiting, instance);
    if (reaction !== undefined) return this.#later(waiting, reaction, { instance, ended });
    // A worker that hangs comes back only where it notices that nobody waits for it.
    if (this.system.capacity?.dropsAbandoned === true) waiting.abandoned = ended;
  }

  #react({ attempt, task }: Waiting, instance: string): Reaction {
    const { minute, seed } = this.deps;
    const step = attempt.plan.steps[attempt.step]?.name ?? "";
    return this.system.react({
      minute: minute(),
      task,
      step,
      attempt: attempt.attempt,
      system: this.name,
      instance,
      draw: new Draw(`${seed}/${task.workflow}/${task.number}/${step}/${attempt.attempt}`),
    });
  }

  #later(
    waiting: Waiting,
    reaction: NonNullable<Reaction>,
    { instance, ended }: { instance?: string; ended?: () => void } = {},
  ): void {
    this.deps.runtime.after(Math.max(1, Math.round(reaction.ms)), () => {
      const isLost = waiting.isAbandoned && this.system.losesLate === true;
      if (!isLost) waiting.answer(outcomeOf(reaction), instance);
      ended?.();
    });
  }

  /** The next worker in turn; none while all are away or busy. */
  #nextInstance(isFree: (instance: string) => boolean): string | undefined {
    const all = this.instances().filter((name) => !this.deps.isEjected(this.name, name));
    for (let tries = 0; tries < all.length; tries++) {
      const instance = all[this.#turn++ % all.length] as string;
      if (isFree(instance)) return instance;
    }
    return undefined;
  }

  /** Why a provider refuses: the time after which to come again; undefined: it does not. */
  #refusal(): number | undefined {
    const { rateLimit } = this.system;
    if (rateLimit === undefined) return undefined;
    const nowMs = this.deps.runtime.monotonic();
    const perS = valueAt(rateLimit.perS, this.deps.minute());
    const { count, atMs } = this.#allowed ?? { count: perS, atMs: nowMs };
    const left = Math.min(Math.max(1, perS), count + (nowMs - atMs) / 1_000 * perS);
    this.#allowed = { count: left < 1 ? left : left - 1, atMs: nowMs };
    return left < 1 ? rateLimit.retryAfterMs ?? 0 : undefined;
  }
}

function outcomeOf(reaction: NonNullable<Reaction>): Outcome {
  if (!("failure" in reaction)) {
    const result = JSON.stringify("result" in reaction ? reaction.result : {}) as JsonText;
    return { kind: "completed", result };
  }
  const { failure } = reaction;
  return {
    kind: "failed",
    failure: failureOf(failure.class ?? "failed", failure.message, failure.code),
    retryable: isRetryable(failure),
    ...(failure.retryAfterMs !== undefined && { retryAfterMs: failure.retryAfterMs }),
  };
}

function isRetryable({ retryable, class: kind = "failed" }: ScenarioFailure): boolean {
  return retryable ?? kind === "thrown";
}
