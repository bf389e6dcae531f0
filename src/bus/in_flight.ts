/** In flight: what one consumer has in hand, so many envelopes at once and no more. */

import { messageOf } from "../core/errors.ts";
import type { Delivery, Handled } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";

/** Rest before an envelope whose handler threw comes again: doubled each time, up to the longest. */
const THROWN_MS_MIN = 100;
const THROWN_MS_MAX = 10_000;

/** One envelope in hand, under the id that its backend gave it. */
export interface Held {
  readonly id: string;
  readonly body: string;
  /** This time included. */
  readonly deliveries: number;
}

/** What an intake works with. */
export interface InFlightDeps {
  readonly log: Log;
  readonly channel: string;
  /** Envelopes in hand at once. */
  readonly inFlightMax: number;
  handle(delivery: Delivery): Promise<Handled>;
  /** Tells the backend; the slot is free when it resolves. Must not throw. */
  settle(held: Held, handled: Handled): Promise<void>;
  /** Called when a slot is free again. */
  onFree(): void;
}

/** Hands envelopes to a handler; what is more than the slots waits here for one. */
export class InFlight {
  readonly #inHand = new Map<string, Held>();
  readonly #queued = new Map<string, Held>();
  #drained: (() => void)[] = [];

  constructor(readonly parts: InFlightDeps) {}

  /** Slots that nothing holds or waits for. */
  get free(): number {
    return Math.max(0, this.parts.inFlightMax - this.#inHand.size - this.#queued.size);
  }

  /** All that was taken and has not settled. */
  held(): readonly Held[] {
    return [...this.#inHand.values(), ...this.#queued.values()];
  }

  /** Takes an envelope; one that is in hand already is left as it is. */
  take(held: Held): void {
    if (this.#inHand.has(held.id) || this.#queued.has(held.id)) return;
    if (this.#inHand.size < this.parts.inFlightMax) {
      this.#inHand.set(held.id, held);
      void this.#run(held);
    } else {
      this.#queued.set(held.id, held);
    }
  }

  /** Resolves when all that was taken has settled. */
  async drained(): Promise<void> {
    while (this.#inHand.size > 0) {
      await new Promise<void>((resolve) => this.#drained.push(resolve));
    }
  }

  async #run(held: Held): Promise<void> {
    await this.parts.settle(held, await this.#handle(held));
    this.#inHand.delete(held.id);
    for (const next of this.#queued.values()) {
      this.#queued.delete(next.id);
      this.take(next);
      break;
    }
    const drained = this.#drained;
    this.#drained = [];
    for (const resolve of drained) resolve();
    this.parts.onFree();
  }

  async #handle({ body, deliveries }: Held): Promise<Handled> {
    try {
      return await this.parts.handle({ body, deliveries });
    } catch (error) {
      const { channel, log } = this.parts;
      log.warn("A handler threw: its envelope comes again", { channel, error: messageOf(error) });
      const delayMs = THROWN_MS_MIN * 2 ** Math.max(0, deliveries - 1);
      return { kind: "retry", afterMs: Math.min(delayMs, THROWN_MS_MAX) };
    }
  }
}
