/** Instruments: the plain numbers behind metrics. */

/** A number that only rises. */
export class Counter {
  value = 0;

  /** Adds to it. Cost: one addition. */
  add(count: number = 1): void {
    this.value += count;
  }

  /** Raises it to a total that is counted elsewhere; a smaller one is ignored. */
  raiseTo(total: number): void {
    if (total > this.value) this.value = total;
  }
}

/** A number that goes up and down. */
export class Gauge {
  value = 0;

  set(value: number): void {
    this.value = value;
  }

  add(difference: number): void {
    this.value += difference;
  }
}

/** Counts observations by size. Cost: one walk over at most `BUCKETS_MAX` bounds. */
export class Histogram {
  sum = 0;
  count = 0;
  /** How many observations fell into each bucket; the last one has no bound. */
  readonly counts: Float64Array;

  constructor(readonly bounds: readonly number[]) {
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] as number)) bucket++;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.sum += value;
    this.count += 1;
  }
}

/** Any of them. */
export type Instrument = Counter | Gauge | Histogram;

/** More bounds than this make observing slow. */
export const BUCKETS_MAX = 16;
