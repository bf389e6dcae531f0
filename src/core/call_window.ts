/** Call window: what attempts at a system came to in the last seconds, in counts by the second. */

/** What is counted: of each attempt its start, and one of the others at its end. */
export interface Calls {
  started: number;
  /** Those of `started` that were retries. */
  retried: number;
  /** Results and failures by contract, in time. */
  answered: number;
  /** Those of `answered` that took longer than `slowMs`. */
  slow: number;
  /** No answer, or a broken one. */
  failed: number;
  /** Those of `failed` that were not answered in time. */
  timedOut: number;
  /** Results of attempts that had timed out before. */
  late: number;
}

/** How far back counts go. */
const WINDOW_S = 10;
export const WINDOW_MS = WINDOW_S * 1_000;

/** Counts over the last ten seconds. Cost: O(1). */
export class CallWindow {
  readonly #seconds: Calls[] = Array.from({ length: WINDOW_S }, none);
  #sums = none();
  #newest = -Infinity;

  /** Counts one. */
  add(kind: keyof Calls, nowMs: number): void {
    this.sums(nowMs);
    (this.#seconds[this.#newest % WINDOW_S] as Calls)[kind]++;
    this.#sums[kind]++;
  }

  /** The counts of the last ten seconds. */
  sums(nowMs: number): Readonly<Calls> {
    const second = Math.floor(nowMs / 1_000);
    if (second - this.#newest >= WINDOW_S) this.#clear();
    else for (let next = this.#newest + 1; next <= second; next++) this.#drop(next % WINDOW_S);
    this.#newest = Math.max(this.#newest, second);
    return this.#sums;
  }

  #clear(): void {
    this.#seconds.forEach((_, index) => this.#seconds[index] = none());
    this.#sums = none();
  }

  #drop(index: number): void {
    const old = this.#seconds[index] as Calls;
    for (const kind of Object.keys(old) as (keyof Calls)[]) this.#sums[kind] -= old[kind];
    this.#seconds[index] = none();
  }
}

function none(): Calls {
  return { started: 0, retried: 0, answered: 0, slow: 0, failed: 0, timedOut: 0, late: 0 };
}
