/** Lines: who waits for a limit, and who is next. */

/** Who can stand in a line, in one at a time. Only the line writes these fields. */
export interface Waiter<W> {
  before?: W | undefined;
  after?: W | undefined;
  /** Its number in the line: who joined earlier has a smaller one. */
  place?: number;
  /** When it joined the line, on this node's clock. */
  waitsSinceMs: number;
  /** Until when waiting is of use, on this node's clock; Infinity: for as long as it takes. */
  readonly waitsUntilMs: number;
}

/** A chain that a waiter can leave from any position in O(1): a Set is slow to find its first entry. */
class Chain<W extends Waiter<W>> {
  first: W | undefined;
  last: W | undefined;

  append(waiter: W): void {
    waiter.before = this.last;
    if (this.last === undefined) this.first = waiter;
    else this.last.after = waiter;
    this.last = waiter;
  }

  remove(waiter: W): void {
    const { before, after } = waiter;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.last = before;
    else after.before = before;
    waiter.before = undefined;
    waiter.after = undefined;
  }
}

/** A line is saturated for this long after somebody left it late. */
const SATURATED_MS = 1_000;

/** The span over which the pace of a line is known, and how many it must have served to have one. */
const PACE_MS = 20_000;
const PACE_COUNT = 10;

/**
 * A queue: first come, first served, unless it is saturated.
 *
 * It is saturated when waiters leave it late: after more than half of the time for which waiting is of
 * use to them. Served in order they would all be late from then on, and soon too late. So the newest of
 * them is next, which has the most time left; the others are served when there is time again, or their
 * deadlines end them. Waiters without a deadline lose nothing by waiting: they are always served in
 * order, and in a saturated line they get every second turn. Source: adaptive LIFO and controlled
 * delay, Maurer, "Fail at Scale" (ACM Queue, 2015), but with each task's own time in place of one for
 * all.
 *
 * Cost: O(1) for everything.
 */
export class Line<W extends Waiter<W>> {
  readonly #patient = new Chain<W>();
  readonly #hurried = new Chain<W>();
  #length = 0;
  #places = 0;
  #lateAtMs = -Infinity;
  /** Whether a patient waiter is next, while the line is saturated. */
  #isPatientNext = false;
  /** Since when somebody has waited, and how many were served since then; of at most PACE_MS. */
  #pacedSinceMs = 0;
  #served = 0;

  get length(): number {
    return this.#length;
  }

  /** Who has waited longest. */
  get first(): W | undefined {
    const [patient, hurried] = [this.#patient.first, this.#hurried.first];
    if (patient === undefined || hurried === undefined) return patient ?? hurried;
    return (patient.place ?? 0) < (hurried.place ?? 0) ? patient : hurried;
  }

  /** Whether somebody left it late a moment ago. */
  isSaturated(nowMs: number): boolean {
    return nowMs - this.#lateAtMs < SATURATED_MS;
  }

  /** Who is to be served next. */
  next(nowMs: number): W | undefined {
    if (!this.isSaturated(nowMs)) return this.first;
    const [patient, hurried] = [this.#patient.first, this.#hurried.last];
    if (this.#isShort(hurried, nowMs)) return this.first;
    if (patient === undefined || hurried === undefined) return patient ?? hurried;
    return this.#isPatientNext ? patient : hurried;
  }

  /**
   * Whether all who wait are served in less than half of the time that the newest has: in order, nobody is
   * late. Served newest first, the oldest would go on to be late, and keep the line saturated.
   */
  #isShort(newest: W | undefined, nowMs: number): boolean {
    if (newest === undefined || this.#served < PACE_COUNT) return false;
    return this.drainMs(nowMs) < (newest.waitsUntilMs - nowMs) / 2;
  }

  /** Puts a waiter that stands in no line at the end. */
  join(waiter: W, nowMs: number): void {
    if (this.#length++ === 0) [this.#pacedSinceMs, this.#served] = [nowMs, 0];
    waiter.place = this.#places++;
    waiter.waitsSinceMs = nowMs;
    this.#chainOf(waiter).append(waiter);
  }

  /** Takes out a waiter that stands in this line. */
  leave(waiter: W, { nowMs, isServed }: { nowMs: number; isServed: boolean }): void {
    this.#length--;
    this.#chainOf(waiter).remove(waiter);
    const { waitsSinceMs, waitsUntilMs } = waiter;
    if (nowMs - waitsSinceMs > waitsUntilMs - nowMs) this.#lateAtMs = nowMs;
    if (!isServed) return;
    this.#isPatientNext = waitsUntilMs < Infinity;
    this.#served++;
    const pacedMs = nowMs - this.#pacedSinceMs;
    if (pacedMs < PACE_MS) return;
    this.#served /= 2;
    this.#pacedSinceMs += pacedMs / 2;
  }

  /**
   * How long it will take to serve all who wait now, in ms, at its pace. Without a pace, as long again as
   * it has stood.
   */
  drainMs(nowMs: number): number {
    if (this.#length === 0) return 0;
    const pacedMs = nowMs - this.#pacedSinceMs;
    return this.#served < PACE_COUNT ? pacedMs : this.#length * pacedMs / this.#served;
  }

  #chainOf({ waitsUntilMs }: W): Chain<W> {
    return waitsUntilMs < Infinity ? this.#hurried : this.#patient;
  }
}
