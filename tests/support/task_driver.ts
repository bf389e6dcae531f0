/** Plays one task by hand: its real actor, the oracle, and a clock that the test holds. */

import { type OpenTurn, TaskActor, type TurnDeps } from "../../actors/task_actor.ts";
import { openOracle } from "../../ffi/oracle.ts";
import { inputsOfState } from "../../src/core/advance.ts";
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
import type { Definition, StepDefinition } from "../../src/core/workflow.ts";

/** A step of a test: all but its name may be left out. */
export type DriverStep = Partial<StepDefinition> & { readonly name: string };

/** When every played task begins, Unix ms. */
export const BEGIN_MS = 1_000_000;

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

  constructor(readonly written: readonly DriverStep[], readonly more: Partial<Definition> = {}) {
    const plan = planOf("hash", definitionOf(written, more));
    const readiness = openOracle();
    const heldBy = (step: number) =>
      this.held.has(plan.steps[step]?.name ?? "") ? "concurrency_max" as const : undefined;
    const parts: TurnDeps = {
      readiness,
      runner: {
        canStart: () => true,
        start: () => {},
        stop: () => {},
        isRunning: () => true,
        unconfirmed: () => 0,
      },
      admission: {
        admit: ({ step }) => heldBy(step),
        waitsFor: (_, step) => heldBy(step),
        release: () => {},
        hold: () => {},
        forget: () => {},
      },
      contextOf: (of, nowMs) => ({
        plan: of,
        nowMs,
        policyVersion: 0,
        policyOf: (step) => policyUnder(of.definition.steps[step] as StepDefinition),
      }),
      templateOf: (of) => readiness.intern(of.hash, of.graph),
      birthOf: (command, nowMs) => ({
        ...command,
        key: "key",
        bodyHash: "body",
        createdAtMs: nowMs,
      }),
    };
    this.actor = new TaskActor(mintTaskId(BEGIN_MS, 7, crypto.randomUUID()), plan, parts);
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
    const other = new TaskDriver(this.written, this.more);
    other.actor = new TaskActor(this.actor.taskId, this.actor.plan, other.actor.parts);
    other.turns.push(...this.turns);
    other.nowMs = this.nowMs;
    for (const name of this.held) other.held.add(name);
    return other.reload();
  }

  /** Another node reads the journal: the same task in a new actor, told to readiness anew. */
  reload(): this {
    const { taskId, plan, parts } = this.actor;
    this.actor = new TaskActor(taskId, plan, parts);
    this.actor.state = this.folded();
    if (this.state.end !== undefined) return this;
    const instance = parts.readiness.open(parts.templateOf(plan));
    this.actor.instance = instance;
    for (const { input, step } of inputsOfState(this.state)) {
      parts.readiness.push(instance, input, step);
    }
    return this.send({ kind: "Wake" });
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
    this.actor.mailbox.put({ command: full, answer: () => {}, refuse, strikes: 0 });
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
    this.actor.ask(this.actor.plan.indexOf.get(name) as number);
    return this.turn();
  }

  /** Takes one turn, and commits it. */
  turn(): this {
    const { actor, nowMs } = this;
    actor.takeMail(nowMs);
    do {
      actor.parts.readiness.tick((_, kind, step, cause) =>
        actor.takeAnswer(kind, step, cause, nowMs)
      );
    } while (actor.advance(nowMs));
    actor.closeTurn(nowMs);
    const { open } = actor;
    for (const { mail, error } of [...(open?.mail ?? []), ...actor.rowless.splice(0)]) {
      if (error !== undefined) mail.refuse?.(error);
    }
    if (open !== undefined) this.turns.push(open);
    actor.open = undefined;
    return this;
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
