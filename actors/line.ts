/** Lines: those that wait for one thing, first come, first served. */

/** What can stand in a line, in one at a time. The line alone writes these fields. */
export interface Waiter<W> {
  before?: W | undefined;
  after?: W | undefined;
}

/**
 * A queue that a waiter may leave from any place in O(1).
 *
 * A linked list, because a Set is slow here: its first entry is found by skipping all that were
 * deleted before it.
 */
export class Line<W extends Waiter<W>> {
  #first: W | undefined;
  #last: W | undefined;

  get first(): W | undefined {
    return this.#first;
  }

  /** Puts a waiter that stands in no line at the end. */
  join(waiter: W): void {
    waiter.before = this.#last;
    if (this.#last === undefined) this.#first = waiter;
    else this.#last.after = waiter;
    this.#last = waiter;
  }

  /** Takes out a waiter that stands in this line. */
  leave(waiter: W): void {
    const { before, after } = waiter;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    waiter.before = undefined;
    waiter.after = undefined;
  }
}
