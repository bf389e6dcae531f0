/**
 * Sketches: distributions of durations in little memory, from which any quantile is read.
 *
 * DDSketch: Masson, Rim, Lee, "DDSketch: A fast and fully-mergeable quantile sketch with
 * relative-error guarantees", VLDB 2019 (https://www.vldb.org/pvldb/vol12/p2195-masson.pdf).
 */

/** A quantile is off by at most this share of itself. */
export const RELATIVE_ACCURACY = 0.02;

/** Each bucket ends this many times as high as the one below. */
const GAMMA = (1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);

/**
 * Buckets of one sketch: 2 ms and 14 days fit into it together. When more are needed, the lowest ones
 * are collapsed, so that high quantiles stay exact; of the lowest values only an upper bound is left.
 */
export const BUCKETS_MAX = 512;

/** Larger values, about 285,000 years, count as this one. */
const VALUE_MAX = Number.MAX_SAFE_INTEGER;

/**
 * A sketch as it is stored: values that are less than 1, the sum, the highest, then the lowest
 * bucket's index and count, and for each further one how much its index is higher, and its count.
 */
export type SketchNumbers = readonly number[];

/**
 * The distribution of values ≥ 0, such as milliseconds. Values below 1 count as 0.
 *
 * Cost: 0.1 µs a value, and about 40 bytes for each bucket that is used; merging two is O(buckets).
 */
export class Sketch {
  /** How many values there are. */
  count = 0;
  sum = 0;
  max = 0;
  #zeros = 0;
  /** Index → count; bucket i has the values above GAMMA^(i-1), and up to GAMMA^i. */
  readonly #buckets = new Map<number, number>();

  /** Adds a value. What is negative or not a number counts as 0: a clock may step back. */
  add(value: number): void {
    this.count++;
    if (!(value >= 1)) {
      this.#zeros++;
      return;
    }
    const known = Math.min(value, VALUE_MAX);
    this.sum += known;
    if (known > this.max) this.max = known;
    this.#raise(Math.ceil(Math.log(known) / LOG_GAMMA), 1);
  }

  /** Adds all values of another sketch. */
  merge(other: Sketch): void {
    this.count += other.count;
    this.sum += other.sum;
    this.max = Math.max(this.max, other.max);
    this.#zeros += other.#zeros;
    for (const [index, count] of other.#buckets) this.#raise(index, count);
  }

  /**
   * Returns the value at a rank, 0..1, within RELATIVE_ACCURACY of itself; undefined: no values.
   *
   * Cost: O(buckets).
   */
  quantile(rank: number): number | undefined {
    if (this.count === 0) return undefined;
    const below = Math.min(Math.max(rank, 0), 1) * (this.count - 1);
    let seen = this.#zeros;
    if (seen > below) return 0;
    for (const index of this.#indexes()) {
      seen += this.#buckets.get(index) as number;
      if (seen > below) return Math.min(this.max, 2 * GAMMA ** index / (GAMMA + 1));
    }
    return this.max;
  }

  /** How many values are at most `value`, within the accuracy of a bucket. Cost: O(buckets). */
  countUpTo(value: number): number {
    if (!(value >= 1)) return value >= 0 ? this.#zeros : 0;
    const last = Math.ceil(Math.log(Math.min(value, VALUE_MAX)) / LOG_GAMMA);
    let count = this.#zeros;
    for (const [index, more] of this.#buckets) count += index <= last ? more : 0;
    return count;
  }

  /** The mean; undefined: no values. */
  get mean(): number | undefined {
    return this.count === 0 ? undefined : this.sum / this.count;
  }

  /** Returns what `sketchFrom` makes the same sketch of. About 5 characters of JSON a bucket. */
  toNumbers(): SketchNumbers {
    if (this.count === 0) return [];
    const numbers = [this.#zeros, Math.round(this.sum), Math.round(this.max)];
    let last = 0;
    for (const index of this.#indexes()) {
      numbers.push(index - last, this.#buckets.get(index) as number);
      last = index;
    }
    return numbers;
  }

  /** Reads what `toNumbers` returned. */
  static from(numbers: SketchNumbers): Sketch {
    const sketch = new Sketch();
    const [zeros = 0, sum = 0, max = 0, ...buckets] = numbers;
    sketch.count = sketch.#zeros = zeros;
    sketch.sum = sum;
    sketch.max = max;
    let index = 0;
    for (let at = 0; at + 1 < buckets.length; at += 2) {
      index += buckets[at] as number;
      const count = buckets[at + 1] as number;
      sketch.count += count;
      sketch.#raise(index, count);
    }
    return sketch;
  }

  /** The buckets that are used, the lowest first. */
  #indexes(): number[] {
    const indexes = [...this.#buckets.keys()];
    return indexes.length > 1 ? indexes.sort((a, b) => a - b) : indexes;
  }

  #raise(index: number, by: number): void {
    const count = this.#buckets.get(index);
    this.#buckets.set(index, (count ?? 0) + by);
    if (count === undefined && this.#buckets.size > BUCKETS_MAX) this.#collapse();
  }

  /** Puts the values of the lowest bucket into the one above it. */
  #collapse(): void {
    let [lowest, next] = [Infinity, Infinity];
    for (const index of this.#buckets.keys()) {
      if (index < lowest) [lowest, next] = [index, lowest];
      else if (index < next) next = index;
    }
    const count = (this.#buckets.get(lowest) ?? 0) + (this.#buckets.get(next) ?? 0);
    this.#buckets.delete(lowest);
    this.#buckets.set(next, count);
  }
}
