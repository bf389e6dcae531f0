/** The turn feed: tells who watches of each committed turn. */

import type { Cancel, CommittedTurn, Feed } from "../src/core/ports.ts";
import type { OpenTurn } from "../src/core/turn.ts";
import { residentOf } from "./actor_table.ts";
import type { TaskActor } from "./task_actor.ts";

/** The live turns of this node's tasks. */
export class TurnFeed implements Feed {
  readonly #subscribers = new Set<(committed: CommittedTurn) => void>();

  subscribe(call: (committed: CommittedTurn) => void): Cancel {
    this.#subscribers.add(call);
    return () => this.#subscribers.delete(call);
  }

  /**
   * Tells of a turn that is committed; `isCurrent`: its actor is still the one of its task. One that
   * was let go meanwhile is told of as well: who follows a task hears of each of its turns.
   *
   * Cost: O(subscribers).
   */
  publish(actor: TaskActor, { turn, commandIds, events }: OpenTurn, isCurrent: boolean): void {
    if (this.#subscribers.size === 0) return;
    const { taskId, plan, committed: state } = actor;
    const committed = {
      taskId,
      namespace: plan.definition.namespace,
      plan,
      turn: { turn, commandIds, events },
      state,
      resident: isCurrent ? residentOf(actor) : undefined,
    };
    for (const call of this.#subscribers) call(committed);
  }
}
