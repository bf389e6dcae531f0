/** An inbox for tests of the bus: keeps what a consumer was handed, and resolves when enough came. */

import type { Envelope } from "../../src/core/envelope.ts";
import type { Delivery, Handled } from "../../src/core/ports.ts";

/** A test that waits longer has failed; no law depends on it. */
const RETRY_FOR_MS = 60_000;

/** Waits for a signal; fails with its name instead of hanging. */
export async function arrival<T>(what: string, signal: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const giveUp = () => late.reject(new Error(`waited in vain for ${what}`));
  const timer = setTimeout(giveUp, RETRY_FOR_MS);
  try {
    return await Promise.race([signal, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Makes an envelope with an id of its own. */
export function envelopeOf(id: string, more: Partial<Envelope> = {}): Envelope {
  return {
    specversion: "1.0",
    id,
    source: "/test",
    type: "test.happened",
    data: { id },
    ...more,
  };
}

/** Makes several, whose ids end with their numbers. */
export function envelopesOf(prefix: string, count: number): Envelope[] {
  return Array.from({ length: count }, (_, number) => envelopeOf(`${prefix}-${number}`));
}

/** Answers deliveries as asked, acknowledging by default, and remembers them in their order. */
export class Inbox {
  readonly deliveries: Delivery[] = [];
  #waiters: { count: number; resolve: () => void }[] = [];

  constructor(
    readonly answer: (delivery: Delivery, id: string) => Promise<Handled> | Handled = ack,
  ) {}

  /** What a bus calls. */
  readonly handle = async (delivery: Delivery): Promise<Handled> => {
    this.deliveries.push(delivery);
    const count = this.deliveries.length;
    for (const waiter of this.#waiters) if (waiter.count <= count) waiter.resolve();
    return await this.answer(delivery, idOf(delivery));
  };

  /** Ids in the order of delivery. */
  get ids(): readonly string[] {
    return this.deliveries.map(idOf);
  }

  /** Resolves when at least `count` were delivered. */
  async has(count: number): Promise<void> {
    if (this.deliveries.length >= count) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push({ count, resolve });
    await arrival(`${count} deliveries`, promise);
  }
}

/** Returns the id of the envelope that was delivered; "" when it is none. */
function idOf({ body }: Delivery): string {
  try {
    return String(JSON.parse(body).id ?? "");
  } catch {
    return "";
  }
}

/** Acknowledges. */
export function ack(): Handled {
  return { kind: "ack" };
}
