/** A Runtime whose clock a test moves: hours of waiting take milliseconds. */

import { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";
import { hash32 } from "../core/ids.ts";
import type { Cancel, Runtime } from "../core/ports.ts";

/** Where virtual time begins: 2026-01-01T00:00:00Z. */
const BEGIN_MS = 1_767_225_600_000;

/** Rounds of the event loop without anything scheduled after which nothing is going on. */
const QUIET_ROUNDS = 3;

/** How virtual time goes. */
export interface VirtualTime {
  /**
   * Nothing but `soon`, timers and promises moves what runs: no file, socket or platform promise. Then
   * one round of the event loop shows that a moment is over, which saves two of about five.
   */
  readonly isClosed?: boolean;
  /** Unix ms at which it begins. */
  readonly beginMs?: number;
}

/** Virtual time, seeded randomness, and `soon` in the real event loop. */
export class VirtualRuntime implements Runtime {
  readonly #beginMs: number;
  readonly #quietRounds: number;
  readonly #timers = new TimerHeap();
  #elapsedMs = 0;
  #jumpedMs = 0;
  #draws = 0;
  #soon = 0;

  constructor(
    readonly seed: number = 1,
    { isClosed = false, beginMs = BEGIN_MS }: VirtualTime = {},
  ) {
    this.#beginMs = beginMs;
    this.#quietRounds = isClosed ? 1 : QUIET_ROUNDS;
  }

  now(): number {
    return this.#beginMs + this.#jumpedMs + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  setOffset(): void {}

  after(ms: number, call: () => void): Cancel {
    return this.#timers.add(this.#elapsedMs + Math.max(0, ms), call);
  }

  soon(call: () => void): void {
    this.#soon++;
    setImmediate(() => {
      this.#soon--;
      call();
    });
  }

  random(): number {
    return hash32(`${this.seed}/${this.#draws++}`) / 0x1_0000_0000;
  }

  uuid(): string {
    const hex = createHash("sha256").update(`${this.seed}/uuid/${this.#draws++}`).digest("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${
      hex.slice(20, 32)
    }`;
  }

  sign(secret: string, text: string): string {
    return createHmac("sha256", Buffer.from(secret, "base64")).update(text).digest("base64url");
  }

  digest(text: string): string {
    return createHash("sha256").update(text).digest("hex");
  }

  /** Moves the clock, firing what becomes due in order, each in a quiet event loop. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms;
    await this.settle();
    for (
      let next = this.#timers.first;
      next !== undefined && next.atMs <= untilMs;
      next = this.#timers.first
    ) {
      await this.#fire();
    }
    this.#elapsedMs = Math.max(this.#elapsedMs, untilMs);
  }

  /** Moves the clock and fires nothing, as if the process had been stopped: timers are late. */
  freeze(ms: number): void {
    this.#elapsedMs += ms;
  }

  /** Corrects the time of day, forward or back, as an operator does; no time passes. */
  jump(ms: number): void {
    this.#jumpedMs += ms;
  }

  /** Moves the clock to the next timer and fires it; false when there is none. */
  async step(): Promise<boolean> {
    await this.settle();
    if (this.#timers.first === undefined) return false;
    await this.#fire();
    return true;
  }

  /** Resolves when nothing is scheduled for this moment any more. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < this.#quietRounds; quiet++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#soon > 0) quiet = -1;
    }
  }

  async #fire(): Promise<void> {
    const timer = this.#timers.take();
    if (timer === undefined) return;
    this.#elapsedMs = Math.max(this.#elapsedMs, timer.atMs);
    timer.call();
    await this.settle();
  }
}

interface Timer {
  readonly atMs: number;
  /** Timers of the same time fire in the order in which they were set. */
  readonly number: number;
  readonly call: () => void;
  /** Its place in the heap; undefined once it is out. */
  place: number | undefined;
}

/** A binary heap of timers, the earliest first. Cost: O(log n) to add, to take and to cancel. */
class TimerHeap {
  readonly #timers: Timer[] = [];
  #numbers = 0;

  get first(): Timer | undefined {
    return this.#timers[0];
  }

  add(atMs: number, call: () => void): Cancel {
    const timer: Timer = { atMs, number: this.#numbers++, call, place: undefined };
    this.#rise(timer, this.#timers.length);
    return () => this.#remove(timer);
  }

  take(): Timer | undefined {
    const timer = this.first;
    if (timer !== undefined) this.#remove(timer);
    return timer;
  }

  #remove(timer: Timer): void {
    const { place } = timer;
    if (place === undefined) return;
    timer.place = undefined;
    const last = this.#timers.pop() as Timer;
    if (last !== timer) this.#rise(last, this.#sunk(last, place));
  }

  /** Puts a timer where no earlier one is below it, from a free place upwards. */
  #rise(timer: Timer, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#timers[above] as Timer;
      if (!isBefore(timer, parent)) break;
      this.#put(parent, place);
      place = above;
    }
    this.#put(timer, place);
  }

  /** Moves what is earlier than a timer up from below a free place; returns where it is free then. */
  #sunk(timer: Timer, from: number): number {
    const timers = this.#timers;
    let place = from;
    for (let child = 2 * place + 1; child < timers.length; child = 2 * place + 1) {
      const right = timers[child + 1];
      if (right !== undefined && isBefore(right, timers[child] as Timer)) child++;
      const earlier = timers[child] as Timer;
      if (!isBefore(earlier, timer)) break;
      this.#put(earlier, place);
      place = child;
    }
    return place;
  }

  #put(timer: Timer, place: number): void {
    this.#timers[place] = timer;
    timer.place = place;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || a.atMs === b.atMs && a.number < b.number;
}
