/** The supervisor: owns the actors of this node, takes their turns together, and restarts them. */

import type { Context } from "../src/core/decision.ts";
import type { TaskerError } from "../src/core/errors.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { Plan } from "../src/core/plan.ts";
import type { Cancel, CommittedTurn, Feed, ResidentTask, Runner } from "../src/core/ports.ts";
import type { Readiness } from "../src/core/readiness.ts";
import { type OpenTurn, takeTurns, type TurnDeps } from "../src/core/turn.ts";
import { ActorTable, residentOf } from "./actor_table.ts";
import type { NodeAdmission } from "./admission.ts";
import type { Alarm } from "./alarm.ts";
import { answerAll, draining, quarantined, refuseAll, unknownTask } from "./answers.ts";
import {
  interruptedSteps,
  performEffects,
  resendLost,
  resendPostponed,
  resumeEffects,
} from "./effects.ts";
import { Failures, type FailuresDeps } from "./failures.ts";
import type { QueuedCommand } from "./mailbox.ts";
import { inSlices } from "./slices.ts";
import { type SentTurn, TaskActor } from "./task_actor.ts";
import { type LoadedState, type LoaderDeps, TaskLoader } from "./task_loader.ts";
import { type CommitterDeps, TurnCommitter } from "./turn_committer.ts";
import { TurnQueue } from "./turn_queue.ts";

/** An actor that nothing moves leaves memory after this long. */
export const PASSIVATE_AFTER_MS = 60_000;

/** What the supervisor works with. */
export interface SupervisorDeps
  extends LoaderDeps, CommitterDeps, Pick<FailuresDeps, "reroute" | "fenced" | "broken"> {
  readonly readiness: Readiness;
  readonly admission: Pick<
    NodeAdmission,
    "admit" | "waitsFor" | "chosenFor" | "release" | "hold" | "forget"
  >;
  readonly runner: Runner;
  /** The plan's policies at a time. */
  contextOf(of: { plan: Plan; taskId: TaskId }, nowMs: number): Context;
  /** Calls `wake` at a task's time. */
  readonly alarm: Pick<Alarm, "arm" | "disarm" | "stop">;
  /** Whether tasks read now come from a node that was ended because it hung. */
  isAfterHang(): boolean;
}

/**
 * All actors of a node.
 *
 * The life of a turn: `take` the commands that wait, `decide` them, `push` what follows to readiness,
 * `tick` it once for all tasks, `admit` what is ready, `close` the row (all in `takeTurns` of
 * core/turn.ts), `#commit` it, and once that is done `#perform` what waited for the commit.
 */
export class Supervisor implements Feed {
  readonly #actors: ActorTable;
  readonly #subscribers = new Set<(committed: CommittedTurn) => void>();
  readonly #loader: TaskLoader;
  readonly #failures: Failures;
  readonly #committer: TurnCommitter;
  readonly #turnDeps: TurnDeps;
  /** Actors that want a turn. */
  readonly #scheduled = new TurnQueue<TaskActor>();
  #isScheduled = false;
  /** Attempts that were sent again because a broker had lost them. */
  readonly #resent = new Set<string>();
  #isStopped = false;

  constructor(readonly deps: SupervisorDeps) {
    this.#actors = new ActorTable(deps);
    this.#turnDeps = {
      readiness: deps.readiness,
      admission: deps.admission,
      contextOf: (of, nowMs) => deps.contextOf(of, nowMs),
      openInstance: (task) => this.#actors.openInstance(task),
      digest: (text) => deps.runtime.digest(text),
    };
    this.#loader = new TaskLoader(deps, {
      loaded: (loaded, waiting, decidesOneByOne) =>
        this.#addLoaded(loaded, waiting, decidesOneByOne),
      unknown: (taskId, waiting) => this.#refuseUnknown(taskId, waiting),
      quarantined: (waiting, reason) => {
        for (const queued of waiting) this.#refuseQuarantined(queued, reason);
      },
    });
    this.#failures = new Failures({
      log: deps.log,
      loader: this.#loader,
      isCurrent: (actor) => this.#actors.isCurrent(actor),
      forget: (actor) => this.#forget(actor),
      deliver: (queued) => this.deliver(queued),
      reroute: (queued) => deps.reroute(queued),
      fenced: () => deps.fenced(),
      broken: (error) => deps.broken(error),
    });
    this.#committer = new TurnCommitter(deps, {
      failures: this.#failures,
      committed: (actor, sent) => this.#guard(actor, () => this.#perform(actor, sent)),
    });
  }

  /** How often an actor has broken since the start. */
  get crashes(): number {
    return this.#failures.crashes;
  }

  /** Tasks in memory. */
  get size(): number {
    return this.#actors.size;
  }

  /** Whether a command or an answer waits anywhere, or a turn is on its way. */
  get isBusy(): boolean {
    return this.#loader.size > 0 || this.#actors.isBusy;
  }

  /** Quarantined tasks, with why. */
  get quarantined(): ReadonlyMap<TaskId, string> {
    return this.#loader.quarantined;
  }

  /** Whether a task is in memory, or on its way. */
  has(taskId: TaskId): boolean {
    return this.#actors.get(taskId) !== undefined || this.#loader.has(taskId);
  }

  /** The task as its last committed turn left it, if it is in memory and nothing newer is decided. */
  peek(taskId: TaskId): ResidentTask | undefined {
    return this.#actors.peek(taskId);
  }

  /** Puts a command into its actor's mailbox; loads the task when it is not in memory. */
  deliver(queued: QueuedCommand): void {
    const { taskId } = queued.command;
    if (this.#isStopped) return refuseAll([queued], draining(taskId));
    const actor = this.#actors.get(taskId);
    if (actor !== undefined) return this.#put(actor, queued);
    if (this.#loader.takes(queued)) return this.#loader.put(queued);
    const reason = this.quarantined.get(taskId);
    if (reason !== undefined) return this.#refuseQuarantined(queued, reason);
    if (queued.failedTries === 0 && this.#startNew(queued)) return;
    void this.#loader.load([taskId], [queued]);
  }

  /** Reads tasks into memory; resolves when they are there, or are to be read again. */
  load(taskIds: readonly TaskId[]): Promise<void> {
    return this.#loader.load(taskIds.filter((id) => !this.has(id) && !this.quarantined.has(id)));
  }

  /** Lets a step start that waited for admission. */
  granted(taskId: TaskId, step: number): void {
    const actor = this.#actors.get(taskId);
    actor?.task.ask(step);
    if (actor !== undefined) this.#schedule(actor);
  }

  /** Lets a task decide what is due. */
  wake(taskId: TaskId): void {
    const actor = this.#actors.get(taskId);
    if (actor === undefined) return;
    actor.armedAtMs = undefined;
    this.#put(actor, { command: { kind: "Wake", taskId }, failedTries: 0 });
    this.#guard(actor, () => resendPostponed(this.deps, actor));
  }

  /**
   * Sends the attempts at a system again that tasks in memory have open since before a time: each once,
   * and none that must not be repeated. Returns how many. Cost: O(tasks in memory).
   */
  resend(system: string, startedBeforeMs: number): number {
    const lost = { system, startedBeforeMs, resent: this.#resent };
    let count = 0;
    for (const actor of this.#actors.values()) {
      this.#guard(actor, () => void (count += resendLost(this.deps.runner, actor, lost)));
    }
    return count;
  }

  /** Asks for a turn of every chosen task in memory: what is due when, or may start, changed. */
  decideAll(isChosen: (taskId: TaskId) => boolean = () => true): void {
    const chosen = [...this.#actors.values()].filter(({ taskId }) => isChosen(taskId));
    inSlices(this.deps.runtime, chosen, (actor) => {
      if (this.#isStopped || !this.#actors.isCurrent(actor)) return;
      actor.armedAtMs = undefined;
      for (const step of actor.state?.ready.keys() ?? []) actor.task.ask(step);
      this.#schedule(actor);
    });
  }

  /** Calls with every committed turn of this node's tasks. */
  subscribe(call: (committed: CommittedTurn) => void): Cancel {
    this.#subscribers.add(call);
    return () => this.#subscribers.delete(call);
  }

  /** Sends idle actors out of memory. Called from time to time; one that has to stay, seldom. */
  passivateIdle(): void {
    const { runtime, runner } = this.deps;
    const [nowMs, soonMs] = [runtime.monotonic(), runtime.now() + PASSIVATE_AFTER_MS];
    for (const actor of this.#actors.values()) {
      if (actor.mustStay || nowMs - actor.busyAtMs < PASSIVATE_AFTER_MS) continue;
      const isSoonDue = (actor.armedAtMs ?? Infinity) < soonMs;
      if (isSoonDue || runner.unconfirmed(actor.taskId) > 0) continue;
      actor.busyAtMs = nowMs;
      this.#put(actor, { command: { kind: "Passivate", taskId: actor.taskId }, failedTries: 0 });
    }
  }

  /** Slots with tasks whose step code runs in this process. */
  busySlots(): ReadonlySet<number> {
    return this.#actors.busySlots();
  }

  /** Drops tasks that leave this node; resolves after their last flush. Their commands are rerouted. */
  async giveAway(isGone: (taskId: TaskId) => boolean): Promise<void> {
    const gone = [...this.#actors.values()].filter((actor) => isGone(actor.taskId));
    for (const actor of gone) {
      const waiting = actor.takeWaiting();
      this.#forget(actor);
      for (const queued of waiting) this.deps.reroute(queued);
    }
    for (const queued of this.#loader.drop(isGone)) this.deps.reroute(queued);
    await Promise.all(gone.map((actor) => actor.flushed));
  }

  /** Stops taking turns; refuses all waiting commands with `error`. */
  stop(error: TaskerError): void {
    this.#isStopped = true;
    this.deps.alarm.stop();
    for (const actor of [...this.#actors.values()]) {
      refuseAll([...new Set([...actor.takenForTurn, ...actor.takeWaiting()])], error);
      this.#forget(actor);
    }
    this.#loader.stop(error);
  }

  #startNew(queued: QueuedCommand): boolean {
    const { command } = queued;
    if (command.kind !== "StartTask") return false;
    const plan = this.deps.plans.cached(command.definitionHash);
    if (plan === undefined) return false;
    this.#put(this.#actors.add(new TaskActor(command.taskId, plan, this.#turnDeps)), queued);
    return true;
  }

  #put(actor: TaskActor, queued: QueuedCommand): void {
    try {
      actor.mailbox.put(queued);
    } catch (error) {
      return refuseAll([queued], error);
    }
    this.#schedule(actor);
  }

  #schedule(actor: TaskActor): void {
    this.#scheduled.add(actor);
    this.#takeTurnsSoon();
  }

  #takeTurnsSoon(): void {
    if (!this.#isScheduled) this.deps.runtime.soon(() => this.#takeTurns());
    this.#isScheduled = true;
  }

  /** One turn of those that want one and can take it; the others wait for their commits. */
  #takeTurns(): void {
    this.#isScheduled = false;
    if (this.#isStopped) return;
    const nowMs = this.deps.runtime.now();
    const actors = this.#scheduled.take(() => this.#takeTurnsSoon());
    const guard = (actor: TaskActor, act: () => void) => {
      if (this.#actors.isCurrent(actor)) this.#guard(actor, act);
    };
    const find = (instance: number) => this.#actors.ofInstance(instance);
    try {
      takeTurns(actors, { nowMs, readiness: this.deps.readiness, find, guard });
      for (const actor of actors) guard(actor, () => this.#commit(actor));
    } catch (error) {
      this.deps.broken(error); // Not caused by one actor: the node is broken.
    }
  }

  #commit(actor: TaskActor): void {
    const dueAtMs = actor.task.dueAtMs({ isTimerSet: actor.armedAtMs !== undefined });
    if (dueAtMs !== undefined && dueAtMs < (actor.armedAtMs ?? Infinity)) {
      actor.armedAtMs = dueAtMs;
      this.deps.alarm.arm(actor.taskId, dueAtMs);
    }
    this.#committer.commit(actor);
    this.#continueOrForget(actor);
  }

  /** What a committed turn set free: answers, attempts, and what was decided since. */
  #perform(actor: TaskActor, { turn, decided }: SentTurn): void {
    const { taskId, plan, state, unstarted } = actor;
    actor.decidesOneByOne &&= actor.mailbox.size > 0;
    if (turn.change !== undefined) actor.committed = turn.change.state;
    answerAll(decided, { taskId, turn: turn.turn });
    this.#loader.recovered(taskId);
    const isCurrent = this.#actors.isCurrent(actor);
    this.#publish(actor, turn, isCurrent);
    if (state === undefined || !isCurrent) return;
    performEffects(this.deps.runner, { plan, state, unstarted }, turn.events);
    this.#committer.commit(actor);
    this.#continueOrForget(actor);
  }

  /**
   * Notifies subscribers of a committed turn, even if its actor has left memory meanwhile.
   * `isCurrent`: the actor is still the one of its task.
   */
  #publish(actor: TaskActor, turn: OpenTurn, isCurrent: boolean): void {
    if (this.#subscribers.size === 0) return;
    const { taskId, plan, committed: state } = actor;
    const { turn: number, commandIds, events } = turn;
    const committed = {
      taskId,
      namespace: plan.definition.namespace,
      plan,
      turn: { turn: number, commandIds, events },
      state,
      resident: isCurrent ? residentOf(actor) : undefined,
      newest: actor.state,
    };
    for (const call of this.#subscribers) call(committed);
  }

  /** Asks for another turn, or lets an actor go that has nothing to do. */
  #continueOrForget(actor: TaskActor): void {
    const { state, task } = actor;
    if (actor.mailbox.size > 0 || task.isCutShort || this.#scheduled.has(actor)) {
      return this.#schedule(actor);
    }
    const isAway = state?.passivated !== undefined && state.ready.size === 0;
    const isDone = state === undefined || state.end !== undefined || isAway;
    if (isDone && !actor.isBusy) this.#forget(actor);
  }

  #guard(actor: TaskActor, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#failures.crashed(actor, error);
    }
  }

  /** A start may be the first command of its task; all else is refused, out of the inbox durably. */
  #refuseUnknown(taskId: TaskId, waiting: readonly QueuedCommand[]): void {
    for (const queued of waiting) {
      const actor = this.#actors.get(taskId);
      if (actor !== undefined) this.#put(actor, queued);
      else if (!this.#startNew(queued)) this.#committer.refuse(queued, unknownTask(queued));
    }
  }

  /** What attempts report stays in the inbox until the task is repaired. */
  #refuseQuarantined(queued: QueuedCommand, reason: string): void {
    const error = quarantined(queued.command.taskId, reason);
    if ("commandId" in queued.command) this.#committer.refuse(queued, error);
    else refuseAll([queued], error);
  }

  /** Takes a loaded task in: attempts of dead code are interrupted, envelopes go out again. */
  #addLoaded(
    loaded: LoadedState,
    waiting: readonly QueuedCommand[],
    decidesOneByOne: boolean,
  ): void {
    const actor = this.#actors.add(new TaskActor(loaded.taskId, loaded.plan, this.#turnDeps));
    actor.task.state = loaded.state;
    actor.decidesOneByOne = decidesOneByOne;
    actor.isJustLoaded = true;
    actor.busyAtMs = this.deps.runtime.monotonic();
    this.#guard(actor, () => this.#resume(actor, waiting));
    const isUp = this.#actors.isCurrent(actor); // else its commands wait for the next reading
    for (const queued of waiting) isUp ? this.#put(actor, queued) : this.deliver(queued);
    if (isUp) this.#schedule(actor);
  }

  #resume(actor: TaskActor, waiting: readonly QueuedCommand[]): void {
    const { taskId, plan, state } = actor;
    if (state === undefined || state.end !== undefined) return;
    const { runner, runtime } = this.deps;
    actor.resume(runtime.now());
    const steps = interruptedSteps(runner, plan, state, waiting);
    const isHang = this.deps.isAfterHang();
    const command = { kind: "RecordInterruption", taskId, steps, isHang } as const;
    if (steps.length > 0) this.#put(actor, { command, failedTries: 0 });
    // A task leaves memory only when the bus has confirmed what it sent.
    if (state.passivated === undefined) resumeEffects(runner, plan, state);
    this.wake(taskId);
  }

  #forget(actor: TaskActor): void {
    this.#scheduled.delete(actor);
    this.deps.alarm.disarm(actor.taskId);
    this.#actors.forget(actor);
  }
}
