/** Consuming: the loop that every broker shares. It takes envelopes, settles them, keeps leases. */

import { exponentialMs, wait } from "../core/backoff.ts";
import { ENVELOPE_BYTES_MAX } from "../core/envelope.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import type { Cancel, ConsumeOptions, Delivery, Handled, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";

/** Characters of bodies that one consumer holds before it takes no more: 256 of the largest. */
export const HELD_LENGTH_MAX = 256 * ENVELOPE_BYTES_MAX;

/** Envelopes that wait in a consumer for their next delivery; with more it takes no others. */
export const DELAYED_MAX = 1_024;

/** Delays before an envelope whose handler threw is handed over again. */
const THROWN = { minMs: 100, maxMs: 10_000 };

/** Delays before a take that failed is repeated. */
const TAKE = { minMs: 100, maxMs: 2_000 };

/** Delays before an envelope that could not be settled is settled again. */
const SETTLE = { minMs: 200, maxMs: 2_000 };

/** A consumer that is to end gives up settling after this many tries: the lease ends by itself. */
export const SETTLE_TRIES_AT_END = 4;

/** The longest time between two checks of leases: for envelopes of dead consumers. */
const LEASE_CHECK_MS_MAX = 5_000;

/** One envelope that was taken, under the id that its broker gave it. */
export interface Taken {
  readonly id: string;
  readonly body: string;
  /** This time included. */
  readonly deliveries: number;
}

/**
 * What a broker does for one consumer of one channel; all else is done here. Everything may throw
 * whenever the broker is away, and is then repeated.
 */
export interface BrokerChannel {
  /** Whether `release` can delay. Where it cannot, a delay passes in the consumer. */
  readonly canDelay: boolean;
  /** Connects, and makes what the channel needs. */
  open?(): Promise<void>;
  /** Takes up to `count` under a lease; waits for the first, until it is interrupted. */
  take(count: number): Promise<readonly Taken[]>;
  /** Ends a `take` that waits. */
  interrupt(): void | Promise<void>;
  /** After a `take` failed, in place of the next: reconnects, and takes what was lost on its way. */
  recover?(held: ReadonlySet<string>): Promise<readonly Taken[]>;
  /** Takes over, now and then, what dead consumers held. Absent: the broker does it in `take`. */
  reclaim?(count: number): Promise<readonly Taken[]>;
  /** Keeps envelopes for another lease. Absent: leases do not end. */
  extend?(taken: readonly Taken[]): Promise<void>;
  /** Settles for good; safe to repeat. */
  acknowledge(taken: Taken): Promise<void>;
  /** Lets any consumer have envelopes: after `afterMs` where `canDelay`, else at once. */
  release(taken: readonly Taken[], afterMs: number): Promise<void>;
  /** Called once, after all else. */
  close?(): Promise<void>;
}

/** Who consumes what. */
interface ConsumerDeps extends ConsumeOptions {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly channel: string;
  handle(delivery: Delivery): Promise<Handled>;
}

/** The consumers of one bus. */
export class Consumers {
  readonly #ends = new Set<() => Promise<void>>();
  #isClosed = false;

  /** `broker` names it in error texts. */
  constructor(readonly broker: string) {}

  /** @throws {TaskerError} bus.unavailable once the bus is closed */
  demandOpen(): void {
    if (this.#isClosed) throw unavailable(this.broker, "it is closed");
  }

  /**
   * Consumes until the result is called, which resolves when all that was taken has settled.
   *
   * @throws {TaskerError} bus.unavailable
   */
  async open(channel: BrokerChannel, deps: ConsumerDeps): Promise<() => Promise<void>> {
    try {
      this.demandOpen();
      await channel.open?.();
      this.demandOpen();
    } catch (error) {
      await channel.close?.();
      throw unavailable(this.broker, error);
    }
    const consumer = new Consumer(channel, deps);
    let ending: Promise<void> | undefined;
    const end = () => ending ??= consumer.end().finally(() => this.#ends.delete(end));
    this.#ends.add(end);
    return end;
  }

  /** Ends all consumers; opens no more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#ends].map((end) => end()));
  }
}

/** Consumes one channel from its making to its `end`. */
class Consumer {
  /** All that was taken and has not settled, by id. */
  readonly #held = new Map<string, Taken>();
  /** Taken, but beyond `inFlightMax`. */
  readonly #queued: Taken[] = [];
  /** Waiting for the next delivery, by id. */
  readonly #delayed = new Map<string, { readonly taken: Taken; readonly cancel: Cancel }>();
  readonly #room = new WakeUp();
  readonly #idle = new WakeUp();
  readonly #ending = new AbortController();
  readonly #settled = new AbortController();
  readonly #taking: Promise<void>;
  readonly #keeping: Promise<void>;
  #reclaiming: Promise<void> = Promise.resolve();
  #inFlight = 0;
  #heldLength = 0;
  #cannotSettle = false;

  constructor(readonly channel: BrokerChannel, readonly deps: ConsumerDeps) {
    this.#taking = this.#takeAll();
    this.#keeping = this.#keepLeases();
  }

  /** Takes no more; resolves when what was taken has settled, and what is delayed was released. */
  async end(): Promise<void> {
    this.#ending.abort();
    this.#room.wake();
    await this.channel.interrupt();
    await this.#taking;
    await this.#reclaiming.catch(() => {});
    await this.#releaseDelayed();
    while (this.#inFlight > 0) await this.#idle.wait();
    this.#settled.abort();
    await this.#keeping;
    await this.channel.close?.();
  }

  async #releaseDelayed(): Promise<void> {
    const delayed = [...this.#delayed.values()];
    for (const { taken, cancel } of delayed) {
      cancel();
      this.#forget(taken);
    }
    if (delayed.length === 0) return;
    // If this fails, others find them when their leases end.
    await this.channel.release(delayed.map(({ taken }) => taken), 0).catch(() => {});
  }

  get #isEnding(): boolean {
    return this.#ending.signal.aborted;
  }

  /** How many envelopes may be taken now. */
  #countOfRoom(): number {
    if (this.#delayed.size >= DELAYED_MAX) return 0;
    const free = this.deps.inFlightMax - this.#inFlight - this.#queued.length;
    const freeLength = Math.floor((HELD_LENGTH_MAX - this.#heldLength) / ENVELOPE_BYTES_MAX);
    return Math.max(0, Math.min(free, freeLength));
  }

  async #takeAll(): Promise<void> {
    const { log, channel, runtime } = this.deps;
    for (let failures = 0; !this.#isEnding;) {
      const count = this.#countOfRoom();
      if (count === 0) {
        await this.#room.wait();
        continue;
      }
      try {
        this.#accept(await this.#take(count, failures));
        if (failures > 0) log.info("A channel is read again", { channel });
        failures = 0;
      } catch (error) {
        if (this.#isEnding) return;
        if (++failures === 1) {
          const fields = { channel, error: messageOf(error) };
          log.warn("Cannot read a channel: it is tried until the broker is back", fields);
        }
        const delayMs = exponentialMs(failures, { ...TAKE, random: () => runtime.random() });
        await wait(runtime, delayMs, this.#ending.signal);
      }
    }
  }

  #take(count: number, failures: number): Promise<readonly Taken[]> {
    return failures > 0 && this.channel.recover !== undefined
      ? this.channel.recover(new Set(this.#held.keys()))
      : this.channel.take(count);
  }

  /** An envelope that is held already is left as it is: it was taken again for its lost delivery. */
  #accept(envelopes: readonly Taken[]): void {
    for (const taken of envelopes) {
      if (this.#held.has(taken.id)) continue;
      this.#held.set(taken.id, taken);
      this.#heldLength += taken.body.length;
      this.#start(taken);
    }
  }

  #start(taken: Taken): void {
    if (this.#inFlight < this.deps.inFlightMax) {
      this.#inFlight++;
      void this.#run(taken);
    } else this.#queued.push(taken);
  }

  async #run(taken: Taken): Promise<void> {
    await this.#settle(taken, await this.#handle(taken));
    this.#inFlight--;
    const next = this.#queued.shift();
    if (next !== undefined) this.#start(next);
    this.#room.wake();
    this.#idle.wake();
  }

  async #handle({ body, deliveries }: Taken): Promise<Handled> {
    try {
      return await this.deps.handle({ body, deliveries });
    } catch (error) {
      const { channel, log } = this.deps;
      log.warn("A handler threw: its envelope comes again", { channel, error: messageOf(error) });
      return { kind: "retry", afterMs: exponentialMs(deliveries, THROWN) };
    }
  }

  async #settle(taken: Taken, handled: Handled): Promise<void> {
    const { channel } = this;
    if (handled.kind !== "retry") {
      await this.#retryUntilSettled(() => channel.acknowledge(taken));
    } else if (channel.canDelay || this.#isEnding) {
      await this.#retryUntilSettled(() => channel.release([taken], handled.afterMs));
    } else return this.#delay(taken, handled.afterMs);
    this.#forget(taken);
  }

  /** Repeats until the broker has taken it: what is not settled stays in flight meanwhile. */
  async #retryUntilSettled(settle: () => Promise<void>): Promise<void> {
    const { log, channel, runtime } = this.deps;
    for (let tries = 1;; tries++) {
      try {
        await settle();
        this.#cannotSettle = false;
        return;
      } catch (error) {
        const fields = { channel, error: messageOf(error) };
        if (this.#isEnding && tries >= SETTLE_TRIES_AT_END) {
          return log.warn("Cannot settle an envelope: it comes again when its lease ends", fields);
        }
        if (!this.#cannotSettle) {
          log.warn("Cannot settle envelopes: it is tried until the broker is back", fields);
        }
        this.#cannotSettle = true;
      }
      await wait(runtime, exponentialMs(tries, SETTLE));
    }
  }

  #delay(taken: Taken, afterMs: number): void {
    const cancel = this.deps.runtime.after(afterMs, () => {
      this.#delayed.delete(taken.id);
      this.#start({ ...taken, deliveries: taken.deliveries + 1 });
      this.#room.wake();
    });
    this.#delayed.set(taken.id, { taken, cancel });
  }

  #forget({ id, body }: Taken): void {
    this.#delayed.delete(id);
    if (this.#held.delete(id)) this.#heldLength -= body.length;
  }

  async #keepLeases(): Promise<void> {
    const { channel, deps: { leaseMs, runtime } } = this;
    if (channel.extend === undefined) return;
    const checkMs = Math.min(leaseMs / 3, LEASE_CHECK_MS_MAX);
    const checksPerExtension = Math.max(1, Math.floor(leaseMs / 3 / checkMs));
    for (let check = 0; !this.#settled.signal.aborted; check++) {
      try {
        if (check % checksPerExtension === 0) await channel.extend([...this.#held.values()]);
        await (this.#reclaiming = this.#reclaim());
      } catch { /* `take` fails for the same reason, and says so */ }
      await wait(runtime, checkMs, this.#settled.signal);
    }
  }

  async #reclaim(): Promise<void> {
    const count = this.#countOfRoom();
    if (this.#isEnding || count === 0 || this.channel.reclaim === undefined) return;
    this.#accept(await this.channel.reclaim(count));
  }
}

/** Lets one loop wait until there is something to do. A wake-up that nobody waits for is kept. */
export class WakeUp {
  #isDue = false;
  #resolve: () => void = () => {};

  wake(): void {
    this.#isDue = true;
    this.#resolve();
  }

  async wait(): Promise<void> {
    if (!this.#isDue) await new Promise<void>((resolve) => this.#resolve = resolve);
    this.#isDue = false;
  }
}

/** Makes one of our errors of anything that a broker threw. */
export function unavailable(broker: string, why: unknown): TaskerError {
  const isOurs = why instanceof TaskerError &&
    (why.code === "bus.unavailable" || why.code === "config.invalid");
  if (isOurs) return why;
  const text = typeof why === "string" ? why : messageOf(why);
  return new TaskerError("bus.unavailable", `Cannot use ${broker}: ${text}`, { cause: why });
}
