/** The turn feed: tells who watches of each committed turn. */

import type { Cancel, CommittedTurn, Feed } from "../src/core/ports.ts";
import type { OpenTurn, TaskActor } from "./task_actor.ts";

/** The live turns of this node's tasks. */
export class TurnFeed implements Feed {
  readonly #subscribers = new Set<(committed: CommittedTurn) => void>();

  subscribe(call: (committed: CommittedTurn) => void): Cancel {
    this.#subscribers.add(call);
    return () => this.#subscribers.delete(call);
  }

  /** Tells of a turn that is committed. Cost: O(subscribers). */
  tell(
    { taskId, plan, committed: state }: TaskActor,
    { turn, commandIds, events }: OpenTurn,
  ): void {
    if (this.#subscribers.size === 0) return;
    const { namespace } = plan.definition;
    const committed = { taskId, namespace, plan, turn: { turn, commandIds, events }, state };
    for (const call of this.#subscribers) call(committed);
  }
}
