/** Actor table: the actors in memory, by task and by their place in readiness. */

import { slotOf, type TaskId } from "../src/core/ids.ts";
import type { ResidentTask } from "../src/core/ports.ts";
import type { Instance } from "../src/core/readiness.ts";
import { countOf } from "../src/core/rollup.ts";
import type { QueuedCommand } from "./mailbox.ts";
import type { TaskActor, TurnDeps } from "./task_actor.ts";

/** Knows which actor is the one of its task; gives back what a forgotten one held. */
export class ActorTable {
  readonly #actors = new Map<TaskId, TaskActor>();
  readonly #byInstance = new Map<Instance, TaskActor>();

  constructor(readonly parts: Pick<TurnDeps, "readiness" | "admission">) {}

  get size(): number {
    return this.#actors.size;
  }

  /** Whether mail or an answer waits at any actor, or a turn is on its way. */
  get isBusy(): boolean {
    for (const actor of this.#actors.values()) if (actor.isBusy) return true;
    return false;
  }

  get(taskId: TaskId): TaskActor | undefined {
    return this.#actors.get(taskId);
  }

  /** The task as its last committed turn left it. */
  peek(taskId: TaskId): ResidentTask | undefined {
    const actor = this.#actors.get(taskId);
    return actor && residentOf(actor);
  }

  values(): IterableIterator<TaskActor> {
    return this.#actors.values();
  }

  /** Whether an actor is the one of its task: it was not forgotten or restarted. */
  isCurrent(actor: TaskActor): boolean {
    return this.#actors.get(actor.taskId) === actor;
  }

  add(actor: TaskActor): TaskActor {
    this.#actors.set(actor.taskId, actor);
    return actor;
  }

  /** Notes an actor's place in readiness, which it takes in its first turn. */
  noteInstance(actor: TaskActor): void {
    if (actor.instance !== undefined) this.#byInstance.set(actor.instance, actor);
  }

  /** The actor of an answer of readiness; undefined when it was forgotten since it was told. */
  ofInstance(instance: Instance): TaskActor | undefined {
    return this.#byInstance.get(instance);
  }

  /** Slots with tasks whose step code has not ended, or whose results are not written yet. */
  busySlots(): ReadonlySet<number> {
    const busy = new Set<number>();
    for (const actor of this.#actors.values()) {
      const isRunning = actor.state !== undefined && countOf(actor.state, "running") > 0;
      if (isRunning || hasResult(actor)) busy.add(slotOf(actor.taskId));
    }
    return busy;
  }

  /** Lets an actor go, with its places in readiness and admission. */
  forget(actor: TaskActor): void {
    const { taskId, instance } = actor;
    const { readiness, admission } = this.parts;
    if (this.isCurrent(actor)) this.#actors.delete(taskId);
    actor.isForgotten = true;
    admission.forget(taskId);
    if (instance === undefined) return;
    actor.instance = undefined;
    this.#byInstance.delete(instance);
    readiness.close(instance);
  }
}

/** The task as its last committed turn left it; undefined while something newer is decided. */
export function residentOf(actor: TaskActor): ResidentTask | undefined {
  const { plan, state, written, isWriting } = actor;
  if (isWriting || state === undefined || written === undefined) return undefined;
  return { plan, state, row: written };
}

/** Whether a result waits to be decided, or to be handed to the journal. */
function hasResult({ mailbox, open }: TaskActor): boolean {
  const isResult = ({ command }: QueuedCommand) => command.kind === "RecordStepResult";
  return open?.mail.some(({ mail }) => isResult(mail)) === true ||
    (mailbox.size > 0 && [...mailbox].some(isResult));
}
