/** A Runtime whose clock a test moves: hours of waiting take milliseconds. */

import { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";
import { hash32 } from "../core/ids.ts";
import type { Cancel, Runtime } from "../core/ports.ts";

interface Timer {
  readonly atMs: number;
  readonly number: number;
  readonly call: () => void;
}

/** Where virtual time begins: 2026-01-01T00:00:00Z. */
const BEGIN_MS = 1_767_225_600_000;

/** Rounds of the event loop without anything scheduled after which nothing is going on. */
const QUIET_ROUNDS = 3;

/** Virtual time, seeded randomness, and `soon` in the real event loop. */
export class VirtualRuntime implements Runtime {
  #nowMs = BEGIN_MS;
  #timers: Timer[] = [];
  #numbers = 0;
  #draws = 0;
  #soon = 0;

  constructor(readonly seed: number = 1) {}

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs - BEGIN_MS;
  }

  setOffset(): void {}

  after(ms: number, call: () => void): Cancel {
    const timer = { atMs: this.#nowMs + Math.max(0, ms), number: this.#numbers++, call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
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
    const untilMs = this.#nowMs + ms;
    await this.settle();
    for (let next = this.#next(); next !== undefined && next.atMs <= untilMs; next = this.#next()) {
      await this.#fire(next);
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** Moves the clock and fires nothing, as if the process had been stopped: timers are late. */
  freeze(ms: number): void {
    this.#nowMs += ms;
  }

  /** Moves the clock to the next timer and fires it; false when there is none. */
  async step(): Promise<boolean> {
    await this.settle();
    const next = this.#next();
    if (next === undefined) return false;
    await this.#fire(next);
    return true;
  }

  /** Resolves when nothing is scheduled for this moment any more. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#soon > 0) quiet = -1;
    }
  }

  async #fire(timer: Timer): Promise<void> {
    this.#timers = this.#timers.filter((other) => other !== timer);
    this.#nowMs = Math.max(this.#nowMs, timer.atMs);
    timer.call();
    await this.settle();
  }

  #next(): Timer | undefined {
    return this.#timers.reduce<Timer | undefined>((first, timer) => {
      if (first === undefined || timer.atMs < first.atMs) return timer;
      return timer.atMs === first.atMs && timer.number < first.number ? timer : first;
    }, undefined);
  }
}
