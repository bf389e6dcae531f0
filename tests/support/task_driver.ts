/** Plays one task by hand: its real actor, the oracle, and a clock that the test holds. */

import { ActorTable } from "../../actors/actor_table.ts";
import { TaskActor } from "../../actors/task_actor.ts";
import { openOracle } from "../../ffi/oracle.ts";
import type { Command, Outcome } from "../../src/core/command.ts";
import { failureOf } from "../../src/core/attempt.ts";
import { TaskerError } from "../../src/core/errors.ts";
import type { Event } from "../../src/core/event.ts";
import { foldTask } from "../../src/core/evolve.ts";
import { mintTaskId } from "../../src/core/ids.ts";
import type { JsonText } from "../../src/core/payload.ts";
import { planOf } from "../../src/core/plan.ts";
import { policyUnder } from "../../src/core/policy.ts";
import { rollup } from "../../src/core/rollup.ts";
import type { TaskState } from "../../src/core/state.ts";
import { type OpenTurn, takeTurns, type TurnDeps } from "../../src/core/turn.ts";
import type { Definition, StepDefinition } from "../../src/core/workflow.ts";

/** A step of a test: all but its name may be left out. */
export type DriverStep = Partial<StepDefinition> & { readonly name: string };

/** When every played task begins, Unix ms. */
const BEGIN_MS = 1_000_000;

/** Makes a definition out of few words. */
export function definitionOf(
  steps: readonly DriverStep[],
  more: Partial<Definition> = {},
): Definition {
  return {
    namespace: "test",
    name: "played",
    version: "1.0.0",
    failurePolicy: "continue_independent",
    steps: steps.map((step) => ({
      kind: "local",
      owner: "test",
      needs: {},
      after: [],
      when: "succeeded",
      contract: {},
      atMostOnce: false,
      policy: {},
      ...step,
    })),
    ...more,
  };
}

/** One played task. */
export class TaskDriver {
  readonly turns: OpenTurn[] = [];
  readonly refusals: TaskerError[] = [];
  actor: TaskActor;
  nowMs = BEGIN_MS;
  /** Steps that admission refuses for now. */
  readonly held = new Set<string>();
  #commands = 0;

  readonly #readiness = openOracle();
  readonly #actors = new ActorTable({
    readiness: this.#readiness,
    admission: { forget: () => {} },
  });
  readonly deps: TurnDeps;

  constructor(readonly specs: readonly DriverStep[], readonly more: Partial<Definition> = {}) {
    const plan = planOf("hash", definitionOf(specs, more));
    const heldBy = ({ step }: { step: number }) =>
      this.held.has(plan.steps[step]?.name ?? "") ? "concurrency_max" as const : undefined;
    this.deps = {
      readiness: this.#readiness,
      admission: {
        admit: heldBy,
        waitsFor: heldBy,
        chosenFor() {},
        hold: () => {},
        release: () => {},
      },
      contextOf: ({ plan: of }, nowMs) => ({
        plan: of,
        nowMs,
        policyVersion: 0,
        policyOf: (step) => policyUnder(of.definition.steps[step] as StepDefinition),
      }),
      openInstance: (task) => this.#actors.openInstance(task),
      digest: (text) => text,
    };
    this.actor = this.#actors.add(
      new TaskActor(mintTaskId(BEGIN_MS, 7, crypto.randomUUID()), plan, this.deps),
    );
  }

  get state(): TaskState {
    if (this.actor.state === undefined) throw new Error("the task was not started");
    return this.actor.state;
  }

  /** States of all steps by name. */
  get steps(): Record<string, string> {
    return Object.fromEntries(
      this.actor.plan.steps.map(({ name, index }) => [name, this.state.steps[index]?.state ?? ""]),
    );
  }

  /** One step, with whatever fields its state has. */
  step(name: string): Readonly<Record<string, unknown>> {
    const step = this.state.steps[this.actor.plan.indexOf.get(name) ?? -1];
    if (step === undefined) throw new Error(`no step "${name}"`);
    return { ...step };
  }

  /** The task's state, rolled up. */
  get task(): string {
    return rollup(this.actor.plan, this.state).state;
  }

  /** All events so far. */
  get events(): readonly Event[] {
    return this.turns.flatMap((turn) => turn.events);
  }

  /** The state that the journal folds to. */
  folded(): TaskState {
    const state = foldTask(this.actor.taskId, this.actor.plan, this.turns);
    if (state === undefined) throw new Error("the journal is empty");
    return state;
  }

  /** The same task on another node, which reads the journal as it is now; this one goes on. */
  fork(): TaskDriver {
    const other = new TaskDriver(this.specs, this.more);
    other.actor = this.actor;
    other.turns.push(...this.turns);
    other.nowMs = this.nowMs;
    for (const name of this.held) other.held.add(name);
    return other.reload();
  }

  /** Another node reads the journal: the same task in a new actor, pushed to readiness anew. */
  reload(): this {
    const { taskId, plan } = this.actor;
    this.actor = this.#actors.add(new TaskActor(taskId, plan, this.deps));
    this.actor.task.state = this.folded();
    this.actor.resume(this.nowMs);
    return this.state.end === undefined ? this.send({ kind: "Wake" }) : this;
  }

  start(input: unknown = {}): this {
    const { plan } = this.actor;
    return this.send({
      kind: "StartTask",
      namespace: "test",
      workflow: plan.workflow,
      version: "1.0.0",
      definitionHash: plan.hash,
      input: JSON.stringify(input) as JsonText,
      tags: [],
    });
  }

  /** Sends a command; ids are filled in. */
  send(command: DistributiveOmit<Command, "taskId" | "commandId"> & { commandId?: string }): this {
    const isOutside = !/^(Record|Wake|Passivate)/.test(command.kind);
    const full = {
      ...(isOutside ? { commandId: `c${++this.#commands}` } : {}),
      ...command,
      taskId: this.actor.taskId,
    } as Command;
    const refuse = (error: unknown) => void this.refusals.push(error as TaskerError);
    this.actor.mailbox.put({ command: full, answer: () => {}, refuse, failedTries: 0 });
    return this.turn();
  }

  /** Completes the running attempt of a step. */
  complete(name: string, result: unknown = null): this {
    return this.result(name, { kind: "completed", result: JSON.stringify(result) as JsonText });
  }

  /** Throws out of the running attempt of a step. */
  throw(name: string, more: { retryAfterMs?: number } = {}): this {
    return this.result(name, {
      kind: "failed",
      failure: failureOf("thrown", "boom"),
      retryable: true,
      ...more,
    });
  }

  /** Fails a step for good, by its contract. */
  fail(name: string): this {
    return this.result(name, {
      kind: "failed",
      failure: failureOf("failed", "no"),
      retryable: false,
    });
  }

  /** Records an outcome, of the newest attempt unless said. */
  result(name: string, outcome: Outcome, attempt?: number): this {
    const step = this.actor.plan.indexOf.get(name) as number;
    const newest = this.state.steps[step]?.attempt ?? 0;
    return this.send({ kind: "RecordStepResult", step, attempt: attempt ?? newest, outcome });
  }

  /** Lets time pass and wakes the task. */
  after(ms: number): this {
    this.nowMs += ms;
    return this.send({ kind: "Wake" });
  }

  /** Lets a held step start, as admission does once it grants it. */
  admit(name: string): this {
    this.held.delete(name);
    this.actor.task.ask(this.actor.plan.indexOf.get(name) as number);
    return this.turn();
  }

  /** Takes one turn, and commits it. */
  turn(): this {
    const { actor, nowMs } = this;
    takeTurns(new Set([actor]), {
      nowMs,
      readiness: this.#readiness,
      find: () => actor,
      guard: (_, act) => act(),
    });
    const { open } = actor.task;
    if (open !== undefined) this.turns.push(open);
    actor.task.open = undefined;
    for (const { queued, error } of actor.decided.splice(0)) {
      if (error !== undefined) queued.refuse?.(error);
    }
    return this;
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
