/** Actor table: the actors in memory, by task and by their place in readiness. */

import { assert } from "../src/core/errors.ts";
import { slotOf, type TaskId } from "../src/core/ids.ts";
import type { ResidentTask } from "../src/core/ports.ts";
import type { Instance, Readiness, Template } from "../src/core/readiness.ts";
import { countOf } from "../src/core/rollup.ts";
import type { LiveTask } from "../src/core/live_task.ts";
import type { NodeAdmission } from "./admission.ts";
import type { QueuedCommand } from "./mailbox.ts";
import type { TaskActor } from "./task_actor.ts";

/** The actor of each task in memory. */
export class ActorTable {
  readonly #actors = new Map<TaskId, TaskActor>();
  readonly #byInstance = new Map<Instance, TaskActor>();

  /** Graphs in readiness, by definition hash. */
  readonly #templates = new Map<string, Template>();

  constructor(
    readonly deps: {
      readonly readiness: Readiness;
      readonly admission: Pick<NodeAdmission, "forget">;
    },
  ) {}

  get size(): number {
    return this.#actors.size;
  }

  /** Whether a command or an answer waits at any actor, or a turn is on its way. */
  get isBusy(): boolean {
    for (const actor of this.#actors.values()) if (actor.isBusy) return true;
    return false;
  }

  get(taskId: TaskId): TaskActor | undefined {
    return this.#actors.get(taskId);
  }

  /** A task as its last committed turn left it. */
  peek(taskId: TaskId): ResidentTask | undefined {
    const actor = this.#actors.get(taskId);
    return actor && residentOf(actor);
  }

  values(): IterableIterator<TaskActor> {
    return this.#actors.values();
  }

  /** Whether an actor is still the one of its task: it was not forgotten or replaced. */
  isCurrent(actor: TaskActor): boolean {
    return this.#actors.get(actor.taskId) === actor;
  }

  add(actor: TaskActor): TaskActor {
    this.#actors.set(actor.taskId, actor);
    return actor;
  }

  /** Makes room for an actor's task in readiness, until the actor is forgotten. */
  openInstance({ taskId, plan }: LiveTask): Instance {
    const { readiness } = this.deps;
    const actor = this.get(taskId);
    assert(actor !== undefined, `Task "${taskId}" takes a turn without an actor`);
    let template = this.#templates.get(plan.hash);
    if (template === undefined) {
      template = readiness.intern(plan.hash, plan.graph);
      this.#templates.set(plan.hash, template);
    }
    const instance = readiness.open(template);
    this.#byInstance.set(instance, actor);
    return instance;
  }

  /** The actor of an answer of readiness; undefined when it was forgotten since it asked. */
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

  /** Removes an actor, and gives back its places in readiness and admission. */
  forget(actor: TaskActor): void {
    const { taskId, task } = actor;
    const { readiness, admission } = this.deps;
    if (this.isCurrent(actor)) this.#actors.delete(taskId);
    admission.forget(taskId);
    const { instance } = task;
    if (instance === undefined) return;
    task.instance = undefined;
    this.#byInstance.delete(instance);
    readiness.close(instance);
  }
}

/** The task as its last committed turn left it; undefined while something newer is decided. */
export function residentOf(actor: TaskActor): ResidentTask | undefined {
  const { plan, state, isWriting, task: { row } } = actor;
  if (isWriting || state === undefined || row === undefined) return undefined;
  return { plan, state, row };
}

/** Whether a result waits to be decided, or to be sent to the journal. */
function hasResult({ mailbox, decided }: TaskActor): boolean {
  const isResult = ({ command }: QueuedCommand) => command.kind === "RecordStepResult";
  return decided.some(({ queued }) => isResult(queued)) ||
    (mailbox.size > 0 && [...mailbox].some(isResult));
}
