/** The supervisor: owns the actors of this node, takes their turns together, and restarts them. */

import { assert, messageOf, type TaskerError } from "../src/core/errors.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { Cancel, CommittedTurn, Feed, ResidentTask } from "../src/core/ports.ts";
import { ReadinessOutput } from "../src/core/readiness.ts";
import type { Alarm } from "./alarm.ts";
import { interruptedSteps, releaseEffects, resendPostponed, resumeEffects } from "./effects.ts";
import { mailOf, TurnCommitter, waitingMail } from "./turn_committer.ts";
import { type LoadingDeps, TaskLoader } from "./task_loader.ts";
import type { QueuedCommand } from "./mailbox.ts";
import { failPoisoned, refuseAll, strike } from "./answers.ts";
import { draining, quarantined, unknownTask } from "./refusals.ts";
import { ActorTable } from "./actor_table.ts";
import { isLostCore, STRIKES_MAX } from "./strategies.ts";
import { type OpenTurn, TaskActor } from "./task_actor.ts";
import { TurnFeed } from "./turn_feed.ts";

/** An actor that nothing moves leaves memory after this long. */
export const PASSIVATE_AFTER_MS = 60_000;

/** What the supervisor works with. */
export interface SupervisorDeps extends LoadingDeps {
  /** Calls `wake` at a task's time. */
  readonly alarm: Pick<Alarm, "arm" | "disarm" | "stop">;
  /** Takes mail whose task turned out to be owned elsewhere. */
  reroute(mail: QueuedCommand): void;
  /** Whether tasks read now come from a node that was ended because it hung. */
  isAfterHang(): boolean;
  /** This node's row is gone: nothing it does counts any more. */
  fenced(): void;
  /** Readiness failed as a whole: no task of this node can take another turn. */
  broken(error: unknown): void;
}

/** All actors of a node. */
export class Supervisor implements Feed {
  readonly #actors: ActorTable;
  readonly #feed = new TurnFeed();
  readonly #loader: TaskLoader;
  readonly #committer: TurnCommitter;
  #dirty = new Set<TaskActor>();
  #isScheduled = false;
  #isStopped = false;

  constructor(readonly parts: SupervisorDeps) {
    this.#actors = new ActorTable(parts);
    this.#loader = new TaskLoader(parts, {
      loaded: (actor, mail, isCareful) => this.#welcome(actor, mail, isCareful),
      unknown: (taskId, mail) => this.#refuseUnknown(taskId, mail),
      quarantined: (mail, reason) => {
        for (const one of mail) this.#refuseSetAside(one, reason);
      },
    });
    this.#committer = new TurnCommitter(parts.runtime, parts.journal, {
      committed: (actor, turn) => this.#guard(actor, () => this.#committed(actor, turn)),
      vanished: (actor) => this.#forget(actor),
      poisoned: (actor, turn, error) => this.#poisoned(actor, turn, error),
      tooSlow: (actor, turn, error) => this.#tooSlow(actor, turn, error),
      lost: (actor, turn) => this.#lost(actor, turn),
      crashed: (actor, error) => this.#crashed(actor, error),
      fenced: () => parts.fenced(),
    });
  }

  /** Tasks in memory. */
  get size(): number {
    return this.#actors.size;
  }

  /** Whether mail or an answer waits anywhere, or a turn is on its way. */
  get isBusy(): boolean {
    return this.#loader.size > 0 || this.#actors.isBusy;
  }

  /** Tasks set aside, with why. */
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

  /** Puts mail into its actor's mailbox; loads the task when it is not in memory. */
  deliver(mail: QueuedCommand): void {
    const { taskId } = mail.command;
    if (this.#isStopped) return refuseAll([mail], draining(taskId));
    const actor = this.#actors.get(taskId);
    if (actor !== undefined) return this.#put(actor, mail);
    if (this.#loader.takes(mail)) return this.#loader.put(mail);
    const reason = this.quarantined.get(taskId);
    if (reason !== undefined) return this.#refuseSetAside(mail, reason);
    if (mail.strikes === 0 && this.#startNew(mail)) return;
    void this.#loader.load([taskId], [mail]);
  }

  /** Reads tasks into memory; resolves when they are there, or are to be read again. */
  load(taskIds: readonly TaskId[]): Promise<void> {
    return this.#loader.load(taskIds.filter((id) => !this.has(id) && !this.quarantined.has(id)));
  }

  /** Lets a step start that waited for admission. */
  granted(taskId: TaskId, step: number): void {
    const actor = this.#actors.get(taskId);
    actor?.ask(step);
    if (actor !== undefined) this.#schedule(actor);
  }

  /** Lets a task decide what is due. */
  wake(taskId: TaskId): void {
    const actor = this.#actors.get(taskId);
    if (actor === undefined) return;
    actor.armedAtMs = undefined;
    this.#put(actor, { command: { kind: "Wake", taskId }, strikes: 0 });
    this.#guard(actor, () => resendPostponed(this.parts, actor));
  }

  /** Asks for a turn of every chosen task in memory: what is due when, or may start, changed. */
  nudgeAll(isChosen: (taskId: TaskId) => boolean = () => true): void {
    for (const actor of this.#actors.values()) {
      if (!isChosen(actor.taskId)) continue;
      actor.armedAtMs = undefined;
      for (const step of actor.state?.ready.keys() ?? []) actor.ask(step);
      this.#schedule(actor);
    }
  }

  /** Calls with every committed turn of this node's tasks. */
  subscribe(call: (committed: CommittedTurn) => void): Cancel {
    return this.#feed.subscribe(call);
  }

  /** Sends idle actors out of memory. Called from time to time; one that has to stay, seldom. */
  passivateIdle(): void {
    const { runtime } = this.parts;
    const [nowMs, soonMs] = [runtime.monotonic(), runtime.now() + PASSIVATE_AFTER_MS];
    for (const actor of this.#actors.values()) {
      if (actor.mustStay || nowMs - actor.busyAtMs < PASSIVATE_AFTER_MS) continue;
      const isSoonDue = (actor.armedAtMs ?? Infinity) < soonMs;
      if (isSoonDue || this.parts.runner.unconfirmed(actor.taskId) > 0) continue;
      actor.busyAtMs = nowMs;
      this.#put(actor, { command: { kind: "Passivate", taskId: actor.taskId }, strikes: 0 });
    }
  }

  /** Slots with tasks whose step code runs in this process. */
  busySlots(): ReadonlySet<number> {
    return this.#actors.busySlots();
  }

  /** Drops tasks that leave this node; resolves after their last flush. Their mail is rerouted. */
  async release(isGone: (taskId: TaskId) => boolean): Promise<void> {
    const gone = [...this.#actors.values()].filter((actor) => isGone(actor.taskId));
    for (const actor of gone) {
      const mail = waitingMail(actor);
      this.#forget(actor);
      for (const one of mail) this.parts.reroute(one);
    }
    for (const one of this.#loader.drop(isGone)) this.parts.reroute(one);
    await Promise.all(gone.map((actor) => actor.landed));
  }

  /** Stops taking turns; refuses all waiting mail with `error`. */
  stop(error: TaskerError): void {
    this.#isStopped = true;
    this.parts.alarm.stop();
    for (const actor of [...this.#actors.values()]) {
      refuseAll([...new Set([...actor.inHand, ...waitingMail(actor)])], error);
      this.#forget(actor);
    }
    this.#loader.stop(error);
  }

  // Turns

  #startNew(mail: QueuedCommand): boolean {
    const { command } = mail;
    if (command.kind !== "StartTask") return false;
    const plan = this.parts.plans.cached(command.definitionHash);
    if (plan === undefined) return false;
    this.#put(this.#actors.add(new TaskActor(command.taskId, plan, this.parts)), mail);
    return true;
  }

  #put(actor: TaskActor, mail: QueuedCommand): void {
    try {
      actor.mailbox.put(mail);
    } catch (error) {
      return refuseAll([mail], error);
    }
    this.#schedule(actor);
  }

  #schedule(actor: TaskActor): void {
    this.#dirty.add(actor);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.parts.runtime.soon(() => this.#takeTurns());
  }

  /** One turn of every actor with mail: decide, ask readiness once for all, advance, hand over. */
  #takeTurns(): void {
    this.#isScheduled = false;
    if (this.#isStopped) return;
    const nowMs = this.parts.runtime.now();
    const actors = new Set<TaskActor>();
    const later = new Set<TaskActor>();
    for (const actor of this.#dirty) (actor.canTurn ? actors : later).add(actor);
    this.#dirty = later; // until their rows are committed
    try {
      for (const actor of actors) this.#guard(actor, () => actor.takeMail(nowMs));
      this.#advance(actors, nowMs);
      for (const actor of actors) this.#guard(actor, () => this.#finish(actor, nowMs));
    } catch (error) {
      this.parts.broken(error); // no actor's guard caught it: it is a fault of all of them
    }
  }

  /** One call into readiness; another only where a signal that came early ended its step. */
  #advance(actors: Set<TaskActor>, nowMs: number): void {
    let isTold = true;
    while (isTold) {
      isTold = false;
      for (const actor of actors) this.#actors.noteInstance(actor);
      this.parts.readiness.tick((instance, kind, step, cause) => {
        const actor = this.#actors.ofInstance(instance);
        if (actor === undefined) return; // forgotten since it was told
        actors.add(actor);
        this.#guard(actor, () => {
          assert(kind !== ReadinessOutput.fault, `Readiness refused a record: fault ${step}`);
          actor.takeAnswer(kind, step, cause, nowMs);
        });
      });
      for (const actor of actors) {
        this.#guard(actor, () => isTold = actor.advance(nowMs) || isTold);
      }
    }
  }

  #finish(actor: TaskActor, nowMs: number): void {
    if (!this.#actors.isCurrent(actor)) return;
    actor.closeTurn(nowMs);
    const dueAtMs = actor.dueAtMs(nowMs);
    if (dueAtMs !== undefined && dueAtMs < (actor.armedAtMs ?? Infinity)) {
      actor.armedAtMs = dueAtMs;
      this.parts.alarm.arm(actor.taskId, dueAtMs);
    }
    if (actor.inFlight === undefined) this.#handOver(actor);
    if (actor.mailbox.size > 0 || actor.isCutShort) this.#schedule(actor);
    this.#forgetIdle(actor);
  }

  #handOver(actor: TaskActor): void {
    if (actor.open !== undefined) this.#committer.hand(actor);
    else if (actor.rowless.length > 0) this.#committer.confirm(actor);
  }

  #committed(actor: TaskActor, turn: OpenTurn): void {
    actor.settle(turn);
    this.#loader.recovered(actor.taskId);
    const { plan, state, unstarted } = actor;
    this.#feed.tell(actor, turn, this.#actors.isCurrent(actor));
    if (state === undefined || !this.#actors.isCurrent(actor)) return;
    releaseEffects(this.parts.runner, { plan, state, unstarted }, turn.events);
    this.#handOver(actor);
    if (actor.mailbox.size > 0 || this.#dirty.has(actor)) this.#schedule(actor);
    else this.#forgetIdle(actor);
  }

  // Failures

  #guard(actor: TaskActor, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#crashed(actor, error);
    }
  }

  /** An actor that broke: its state is dropped, its mail decided again, one command a turn. */
  #crashed(actor: TaskActor, error: unknown): void {
    if (this.#isStopped || !this.#actors.isCurrent(actor)) return;
    if (isLostCore(error)) return this.parts.broken(error);
    this.parts.log.error("actor crashed", { taskId: actor.taskId, error: messageOf(error) });
    const struck = new Set([...actor.inHand, ...(actor.open?.mail ?? []).map((one) => one.mail)]);
    const waiting = waitingMail(actor).filter((one) => !struck.has(one));
    this.#restart(actor, [...[...struck].map(strike), ...waiting], error);
  }

  /** Postgres refused a row: a lone command is refused for it, several are decided one by one. */
  #poisoned(actor: TaskActor, turn: OpenTurn, error: TaskerError): void {
    if (!this.#actors.isCurrent(actor)) return this.#sendAgain(turn);
    const [first] = turn.mail;
    const isLone = first !== undefined && turn.mail.length === 1;
    const again = isLone ? [] : mailOf(turn);
    this.#restart(actor, [...again, ...waitingMail(actor)], error);
    if (isLone) failPoisoned(first.mail, error, (command) => this.deliver({ command, strikes: 1 }));
  }

  /** Postgres takes too long for one task alone: it is set aside for a while, with its results. */
  #tooSlow(actor: TaskActor, turn: OpenTurn, error: TaskerError): void {
    if (!this.#actors.isCurrent(actor)) return this.#sendAgain(turn);
    const mail = [...mailOf(turn), ...waitingMail(actor)];
    this.#forget(actor);
    this.#loader.holdBack(actor.taskId, mail, error);
  }

  #restart(actor: TaskActor, mail: readonly QueuedCommand[], error: unknown): void {
    const { taskId, isFresh: whileLoading, inFlight } = actor;
    this.#forget(actor);
    refuseAll(mail.filter((one) => one.strikes >= STRIKES_MAX), error);
    // What was interrupted is found anew when the task is read.
    const again = mail.filter((one) =>
      one.strikes < STRIKES_MAX && one.command.kind !== "RecordInterruption"
    );
    // The row in flight may still be inserted: reading before its outcome would miss it.
    const landed = inFlight === undefined ? Promise.resolve() : actor.landed;
    this.#loader.reload(taskId, again, { landed, whileLoading, reason: messageOf(error) });
  }

  #lost(actor: TaskActor, turn: OpenTurn): void {
    this.parts.log.warn("task is owned elsewhere", { taskId: actor.taskId });
    this.#sendAgain(turn);
    if (!this.#actors.isCurrent(actor)) return;
    const mail = waitingMail(actor);
    this.#forget(actor);
    for (const one of mail) this.parts.reroute(strike(one));
    // Should the task be here after all, it is read again, whether mail waits or not.
    this.parts.reroute({ command: { kind: "Wake", taskId: actor.taskId }, strikes: 0 });
  }

  /** Brings the mail of a row that was not inserted to wherever its task is now. */
  #sendAgain(turn: OpenTurn): void {
    for (const one of mailOf(turn)) this.parts.reroute(strike(one));
  }

  /** A start may be the first mail of its task; all else is refused, out of the inbox durably. */
  #refuseUnknown(taskId: TaskId, mail: readonly QueuedCommand[]): void {
    for (const one of mail) {
      const actor = this.#actors.get(taskId);
      if (actor !== undefined) this.#put(actor, one);
      else if (!this.#startNew(one)) this.#committer.refuse(one, unknownTask(one));
    }
  }

  /** What attempts report stays in the inbox until the task is fixed. */
  #refuseSetAside(mail: QueuedCommand, reason: string): void {
    const error = quarantined(mail.command.taskId, reason);
    if ("commandId" in mail.command) this.#committer.refuse(mail, error);
    else refuseAll([mail], error);
  }

  /** Takes a loaded task in: attempts of dead code are interrupted, envelopes go out again. */
  #welcome(actor: TaskActor, mail: readonly QueuedCommand[], isCareful: boolean): void {
    this.#actors.add(actor);
    actor.isCareful = isCareful;
    actor.isFresh = true;
    actor.busyAtMs = this.parts.runtime.monotonic();
    this.#guard(actor, () => this.#bringUp(actor, mail));
    const isUp = this.#actors.isCurrent(actor); // else its mail waits for the next reading
    for (const one of mail) isUp ? this.#put(actor, one) : this.deliver(one);
    if (isUp) this.#schedule(actor);
  }

  #bringUp(actor: TaskActor, mail: readonly QueuedCommand[]): void {
    const { taskId, plan, state } = actor;
    if (state === undefined || state.end !== undefined) return;
    const { runner } = this.parts;
    const steps = interruptedSteps(runner, plan, state, mail);
    const isHang = this.parts.isAfterHang();
    const command = { kind: "RecordInterruption", taskId, steps, isHang } as const;
    if (steps.length > 0) this.#put(actor, { command, strikes: 0 });
    // A task leaves memory only when the bus has confirmed what it sent.
    if (state.passivated === undefined) resumeEffects(runner, plan, state);
    this.wake(taskId);
  }

  // Membership

  /** Lets an actor go that has nothing to do: its task ended, never began, or has left memory. */
  #forgetIdle(actor: TaskActor): void {
    const { state, isBusy } = actor;
    if (isBusy) return;
    const isAway = state?.passivated !== undefined && state.ready.size === 0;
    if (state === undefined || state.end !== undefined || isAway) this.#forget(actor);
  }

  #forget(actor: TaskActor): void {
    this.#dirty.delete(actor);
    this.parts.alarm.disarm(actor.taskId);
    this.#actors.forget(actor);
  }
}
