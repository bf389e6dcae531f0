/** Recent entries: a map that forgets what was used longest ago. */

/**
 * Keeps the `sizeMin` entries that were used last, and up to as many more.
 *
 * It has two generations: when the young one is full, the old one is dropped as a whole. Deleting
 * the oldest entry of one Map at each use would cost more with each, as a Map keeps the places of
 * what was deleted until it is written anew. Cost: O(1).
 */
export class Recent<K, V> {
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  constructor(readonly sizeMin: number) {}

  /** Returns the value of a key, which counts as used. */
  get(key: K): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: K, value: V): void {
    if (this.#young.size >= this.sizeMin && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
