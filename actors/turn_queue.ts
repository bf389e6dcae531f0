/** Turn queue: who wants a turn, and how many take theirs at once. */

/** Turns in one iteration of the event loop: some 10 ms, and others are served in between. */
const TURNS_MAX = 256;

/** Who can take a turn now, or has to wait for its commit. */
interface WantsTurn {
  readonly canTurn: boolean;
}

/**
 * Those that want a turn, first come, first served. Who cannot take one yet is asked again in the next
 * pass.
 *
 * Cost: O(1) to add; a pass looks at each of them once, however many iterations it takes.
 */
export class TurnQueue<T extends WantsTurn> {
  #waiting = new Set<T>();
  /** Those that could not take theirs in this pass. */
  #later = new Set<T>();

  add(one: T): void {
    this.#later.delete(one);
    this.#waiting.add(one);
  }

  has(one: T): boolean {
    return this.#waiting.has(one) || this.#later.has(one);
  }

  delete(one: T): void {
    this.#waiting.delete(one);
    this.#later.delete(one);
  }

  /** Takes out those that take their turns now; `goOn` is called if some are left. */
  take(goOn: () => void): Set<T> {
    const taken = new Set<T>();
    for (const one of this.#waiting) {
      if (taken.size === TURNS_MAX) {
        goOn();
        return taken;
      }
      this.#waiting.delete(one);
      (one.canTurn ? taken : this.#later).add(one);
    }
    [this.#waiting, this.#later] = [this.#later, new Set()];
    return taken;
  }
}
