/** Lines: who waits for a limit, and who is next. */

import { PRIORITY } from "../src/core/starts.ts";

/** Who can stand in a line, in one at a time. Only the line writes the first four fields. */
export interface Waiter<W> {
  before?: W | undefined;
  after?: W | undefined;
  /** Its number in the line: who joined earlier has a smaller one. */
  place?: number;
  /** When it joined the line, on this node's clock. */
  waitsSinceMs: number;
  /** Until when waiting is of use, on this node's clock; Infinity: for as long as it takes. */
  readonly waitsUntilMs: number;
  /** How long its attempt may take; Infinity: as long as it likes. */
  readonly timeoutMs: number;
  /** 1 is high. */
  readonly priority: number;
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
 * How long waiters without a deadline keep their order, unless their attempts may take longer: what they are
 * wanted for is not known, and a herd that is soon over does least harm in order.
 */
const ORDERED_MS = 120_000;

/** After so many turns of others, who has waited longest is next, so that nobody waits for ever. */
const TURNS_MAX = 7;

/** Those of one priority. */
interface Level<W extends Waiter<W>> {
  readonly priority: number;
  length: number;
  /** Without a deadline. */
  readonly patient: Chain<W>;
  /** With one. */
  readonly hurried: Chain<W>;
}

/**
 * A queue: those of a higher priority first, and among equals first come, first served, unless they are
 * late. Every eighth turn is that of who has waited longest.
 *
 * The line is saturated when waiters leave it late: after more than half of the time for which waiting is
 * of use to them. Served in order they would all be late from then on, and soon too late. So the newest of
 * them is next, which has the most time left; the others are served when there is time again, or their
 * deadlines end them. Waiters without a deadline keep their order until the oldest of them has waited for
 * two minutes, and as much is before the newest: from then on whoever comes would be later still. So the
 * newest is next until the backlog is short again; all that waits takes as long as in order. Waiters with
 * and without a deadline take turns. Source: adaptive LIFO and controlled delay, Maurer, "Fail at Scale"
 * (ACM Queue, 2015), but with each task's own time in place of one for all.
 *
 * Cost: O(1) for everything.
 */
export class Line<W extends Waiter<W>> {
  /** In the order of their priorities, which are few. */
  readonly #levels: Level<W>[] = [];
  #length = 0;
  #places = 0;
  #lateAtMs = -Infinity;
  /** Whether a patient waiter is next, while the line is late. */
  #isPatientNext = false;
  /** Turns of others since who has waited longest had one. */
  #turns = 0;
  /** Since when somebody has waited, and how many were served since then; of at most PACE_MS. */
  #pacedSinceMs = 0;
  #served = 0;

  get length(): number {
    return this.#length;
  }

  /** Who has waited longest. */
  get first(): W | undefined {
    let oldest: W | undefined;
    for (const level of this.#levels) oldest = older(oldest, firstOf(level));
    return oldest;
  }

  /** Whether somebody left it late a moment ago. */
  isSaturated(nowMs: number): boolean {
    return nowMs - this.#lateAtMs < SATURATED_MS;
  }

  /** Who is to be served next. */
  next(nowMs: number): W | undefined {
    if (this.#turns >= TURNS_MAX) return this.first;
    const level = this.#levels.find(({ length }) => length > 0);
    return level && this.#nextOf(level, nowMs);
  }

  #nextOf(level: Level<W>, nowMs: number): W | undefined {
    const oldest = level.patient.first;
    const isBacklog = oldest !== undefined && this.#isBacklog(oldest, nowMs);
    if (!isBacklog && !this.isSaturated(nowMs)) return firstOf(level);
    const [patient, hurried] = [isBacklog ? level.patient.last : oldest, level.hurried.last];
    if (this.#isShort(hurried, nowMs)) return firstOf(level);
    if (patient === undefined || hurried === undefined) return patient ?? hurried;
    return this.#isPatientNext ? patient : hurried;
  }

  /** Whether those without a deadline would wait for too long in order: the oldest did, and the newest will. */
  #isBacklog({ waitsSinceMs, timeoutMs, priority }: W, nowMs: number): boolean {
    const orderedMs = Math.max(ORDERED_MS, timeoutMs);
    return nowMs - waitsSinceMs > orderedMs && this.drainMs(nowMs, priority) > orderedMs;
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
    const level = this.#levelOf(waiter);
    level.length++;
    chainOf(level, waiter).append(waiter);
  }

  /** Takes out a waiter that stands in this line. */
  leave(waiter: W, { nowMs, isServed }: { nowMs: number; isServed: boolean }): void {
    if (isServed) this.#turns = waiter === this.first ? 0 : this.#turns + 1;
    const level = this.#levelOf(waiter);
    level.length--;
    this.#length--;
    chainOf(level, waiter).remove(waiter);
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
   * How long it will take to serve all who wait now and are before one of a priority, in ms, at its pace.
   * Without a pace, as long again as it has stood.
   */
  drainMs(nowMs: number, before: number = PRIORITY.low): number {
    const length = this.#lengthBefore(before);
    if (length === 0) return 0;
    const pacedMs = nowMs - this.#pacedSinceMs;
    return this.#served < PACE_COUNT ? pacedMs : length * pacedMs / this.#served;
  }

  #lengthBefore(last: number): number {
    return this.#levels.reduce(
      (sum, { priority, length }) => priority <= last ? sum + length : sum,
      0,
    );
  }

  #levelOf({ priority }: W): Level<W> {
    const known = this.#levels.find((level) => level.priority === priority);
    if (known !== undefined) return known;
    const level = { priority, length: 0, patient: new Chain<W>(), hurried: new Chain<W>() };
    this.#levels.push(level);
    this.#levels.sort((a, b) => a.priority - b.priority);
    return level;
  }
}

function chainOf<W extends Waiter<W>>({ patient, hurried }: Level<W>, { waitsUntilMs }: W) {
  return waitsUntilMs < Infinity ? hurried : patient;
}

function firstOf<W extends Waiter<W>>({ patient, hurried }: Level<W>): W | undefined {
  return older(patient.first, hurried.first);
}

function older<W extends Waiter<W>>(one: W | undefined, other: W | undefined): W | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return (one.place ?? 0) < (other.place ?? 0) ? one : other;
}
