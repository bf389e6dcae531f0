/** The turn: what tasks decide at once, from commands, readiness and admission. No I/O. */

import type { AttemptEnd } from "./attempt.ts";
import type { Elsewhere } from "./alternative.ts";
import type { Context } from "./decision.ts";
import type { TaskerError } from "./errors.ts";
import type { Event } from "./event.ts";
import type { TaskId } from "./ids.ts";
import type { LiveTask } from "./live_task.ts";
import type { Plan } from "./plan.ts";
import type { TaskBirth, TaskChange } from "./ports.ts";
import type { Instance, Readiness } from "./readiness.ts";
import type { WaitReason } from "./rollup.ts";

/** A turn that is being built: one row of the journal. */
export interface OpenTurn {
  readonly turn: number;
  readonly events: Event[];
  /** Ids of the outside commands that it decided, in order. */
  readonly commandIds: string[];
  /** Those among them that changed nothing. */
  readonly idleIds: string[];
  /** About how many characters its events have. */
  size: number;
  /** Present in a task's first turn. */
  birth?: TaskBirth;
  /** Present when the task row changes with this turn. */
  change?: TaskChange;
}

/** What a command led to. Its sender is answered once the turn is committed. */
export interface Verdict {
  readonly changed: boolean;
  /** Of a repeat: the turn of its first answer. */
  readonly turn?: number;
  readonly error?: TaskerError;
}

/** A step of a task. */
export interface StepOfTask {
  readonly taskId: TaskId;
  readonly plan: Plan;
  readonly step: number;
}

/** A ready step asks to start. */
export interface AdmissionRequest extends StepOfTask {
  /** An attempt failed before it, and no person asked for this one. */
  readonly isRetry: boolean;
  readonly concurrencyMax: number | undefined;
  /** The system of the attempt before. */
  readonly lastSystem?: string | undefined;
  /** The system that its policy switches it to. */
  readonly switchTo?: string | undefined;
  /** Where a person sent its attempts; goes before the policy. */
  readonly elsewhere?: Elsewhere | undefined;
  /** The task's, 1 is high; absent: the default. */
  readonly priority?: number | undefined;
  /** How long the attempt may take, in ms; absent: as long as it likes. */
  readonly timeoutMs?: number | undefined;
  /** Time until the task's deadline, in ms; absent: it has none. */
  readonly leftMs?: number;
  /** How long it may still wait to start, in ms: until the deadline, or until its queue time-out. */
  readonly waitLeftMs?: number;
}

/** A step whose attempt is under way. */
export interface StartedStep extends StepOfTask {
  /** The system that was chosen for it; absent: the step's owner. */
  readonly system?: string | undefined;
  readonly elsewhere?: Elsewhere | undefined;
}

/** Which steps may start now: the node's limits, as a turn sees them. */
export interface Admission {
  /**
   * Grants a start until `release`, or lets the step wait.
   *
   * A step that waits need not ask again: `LiveTask.ask` is called once it is granted.
   *
   * @returns what it waits for; undefined when it may start
   */
  admit(request: AdmissionRequest): WaitReason | undefined;
  /** What a step that has asked waits for. Cost: O(1). */
  waitsFor(of: StepOfTask): WaitReason | undefined;
  /** The system that was chosen for a step that may start; undefined: it is its owner's. Cost: O(1). */
  chosenFor(of: StepOfTask): string | undefined;
  /** Takes places for an attempt that an earlier owner started. */
  hold(of: StartedStep): void;
  /**
   * Gives back what a step holds, or lets it wait no longer; `end` says how the system that was asked has
   * answered.
   */
  release(taskId: TaskId, step: number, end?: AttemptEnd): void;
}

/** What the turns of all tasks of a node work with. */
export interface TurnDeps {
  readonly readiness: Pick<Readiness, "push">;
  readonly admission: Admission;
  /** Makes room for a task in readiness, and lets `takeTurns` find it by its instance. */
  openInstance(task: LiveTask): Instance;
  /** The policies that a task is under at a time. */
  contextOf(of: { plan: Plan; taskId: TaskId }, nowMs: number): Context;
  /** SHA-256 of a text, lower-case hex. */
  digest(text: string): string;
}

/** Who takes turns: a task, and the commands that wait for it. */
export interface TurnTaker {
  readonly task: LiveTask;
  /** Begins a turn of the task, and decides waiting commands. */
  decide(nowMs: number): void;
  /** Closes the turn. */
  close(): void;
}

/**
 * Takes one turn of several tasks together: each decides its commands, readiness is asked once for
 * all of them, and each starts what is ready and admitted, and closes its row.
 *
 * Readiness is asked again only if a signal that came early ended its step. `guard` runs one part of
 * one task's turn; what it throws must not stop the other tasks.
 */
export function takeTurns<T extends TurnTaker>(takers: Set<T>, { nowMs, readiness, find, guard }: {
  nowMs: number;
  readiness: Pick<Readiness, "tick">;
  /** Undefined: the task was removed after it asked. */
  find(instance: Instance): T | undefined;
  guard(taker: T, act: () => void): void;
}): void {
  for (const taker of takers) guard(taker, () => taker.decide(nowMs));
  for (let isPushed = true; isPushed;) {
    isPushed = false;
    readiness.tick((instance, kind, step, cause) => {
      const taker = find(instance);
      if (taker === undefined) return;
      guard(taker, () => {
        if (!takers.has(taker)) taker.task.begin(nowMs);
        takers.add(taker);
        taker.task.takeOutput(kind, step, cause);
      });
    });
    for (const taker of takers) guard(taker, () => isPushed = taker.task.admit() || isPushed);
  }
  for (const taker of takers) guard(taker, () => taker.close());
}
