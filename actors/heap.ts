/** Heaps: numbers of which the smallest is at hand. */

/** A binary heap. Cost: O(log n) to push and to pop; O(1) for the first. */
export class Heap {
  #items: number[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The smallest number. */
  get first(): number | undefined {
    return this.#items[0];
  }

  push(item: number): void {
    const items = this.#items;
    let at = items.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((items[parent] as number) <= item) break;
      items[at] = items[parent] as number;
      at = parent;
    }
    items[at] = item;
  }

  /** Takes the smallest number out. */
  pop(): void {
    const items = this.#items;
    const item = items.pop();
    if (item === undefined || items.length === 0) return;
    let at = 0;
    for (let child = 1; child < items.length; child = 2 * at + 1) {
      const right = items[child + 1];
      if (right !== undefined && right < (items[child] as number)) child++;
      if ((items[child] as number) >= item) break;
      items[at] = items[child] as number;
      at = child;
    }
    items[at] = item;
  }

  /** Holds these numbers instead. Cost: O(n log n). */
  fill(items: Iterable<number>): void {
    this.#items = [...items].sort((a, b) => a - b);
  }
}
