/** The bus in memory: for tests, simulation, and a single process that may forget. */

import type { Envelope } from "../core/envelope.ts";
import type { Bus, BusServer, ConsumeOptions, Delivery, Handled, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import { bodiesOf } from "./body.ts";
import { type BrokerChannel, Consumers, type Taken, WakeUp } from "./consumer.ts";

const DOES = { delays: false, counts: true, seesHeld: true };

/** One channel: what waits for a consumer, and who is to be woken when something does. */
interface Queue {
  /** With the deliveries that were made so far. */
  readonly waiting: Taken[];
  readonly arrivals: Set<WakeUp>;
  /** Taken, and not settled. */
  taken: number;
}

/**
 * Carries envelopes inside one process.
 *
 * Who holds an envelope lives as long as the bus: a lease cannot end.
 */
export class MemoryBus implements Bus {
  readonly name = "memory";
  readonly #queues = new Map<string, Queue>();
  readonly #consumed = new Set<string>();
  readonly #consumers = new Consumers("the bus in memory");
  #published = 0;

  constructor(readonly deps: { readonly runtime: Runtime; readonly log: Log }) {}

  async publish(channel: string, envelopes: readonly Envelope[]): Promise<void> {
    this.#consumers.demandOpen();
    await Promise.resolve();
    const { waiting, arrivals } = this.#queueOf(channel);
    for (const body of bodiesOf(envelopes)) {
      waiting.push({ id: String(++this.#published), body, deliveries: 0 });
    }
    for (const arrival of arrivals) arrival.wake();
  }

  async consume(
    channel: string,
    options: ConsumeOptions,
    handle: (delivery: Delivery) => Promise<Handled>,
  ): Promise<() => Promise<void>> {
    const queue = new MemoryChannel(this.#queueOf(channel));
    const end = await this.#consumers.open(queue, { ...this.deps, ...options, channel, handle });
    this.#consumed.add(channel);
    return end;
  }

  wasConsumed(channel: string): Promise<boolean> {
    return Promise.resolve(this.#consumed.has(channel));
  }

  depth(channel: string): Promise<number> {
    const { waiting, taken } = this.#queueOf(channel);
    return Promise.resolve(waiting.length + taken);
  }

  ping(): Promise<BusServer> {
    return Promise.try(() => {
      this.#consumers.demandOpen();
      return { server: "this process", ...DOES };
    });
  }

  async close(): Promise<void> {
    await this.#consumers.close();
    this.#queues.clear();
  }

  #queueOf(channel: string): Queue {
    let queue = this.#queues.get(channel);
    if (queue === undefined) {
      queue = { waiting: [], arrivals: new Set(), taken: 0 };
      this.#queues.set(channel, queue);
    }
    return queue;
  }
}

/** A queue as one of its consumers sees it. */
class MemoryChannel implements BrokerChannel {
  readonly canDelay = DOES.delays;
  readonly #arrival = new WakeUp();

  constructor(readonly queue: Queue) {
    queue.arrivals.add(this.#arrival);
  }

  async take(count: number): Promise<readonly Taken[]> {
    const { queue } = this;
    if (queue.waiting.length === 0) await this.#arrival.wait();
    const taken = queue.waiting.splice(0, count);
    queue.taken += taken.length;
    return taken.map((one) => ({ ...one, deliveries: one.deliveries + 1 }));
  }

  interrupt(): void {
    this.queue.arrivals.delete(this.#arrival);
    this.#arrival.wake();
  }

  acknowledge(): Promise<void> {
    this.queue.taken--;
    return Promise.resolve();
  }

  release(taken: readonly Taken[]): Promise<void> {
    this.queue.taken -= taken.length;
    this.queue.waiting.push(...taken);
    for (const arrival of this.queue.arrivals) arrival.wake();
    return Promise.resolve();
  }
}
