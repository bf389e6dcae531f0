/** The bus in memory: for tests, simulation, and a single process that may forget. */

import { type Envelope, ENVELOPE_BYTES_MAX } from "../core/envelope.ts";
import { TaskerError } from "../core/errors.ts";
import type {
  Bus,
  BusCapabilities,
  Cancel,
  ConsumeOptions,
  Delivery,
  Handled,
  Runtime,
} from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import { bodiesOf } from "./body.ts";
import { type Held, InFlight } from "./in_flight.ts";

/** One channel: what waits for a consumer, and who consumes it. */
interface Channel {
  waiting: Held[];
  readonly intakes: Set<InFlight>;
}

/**
 * Carries envelopes inside one process.
 *
 * Who holds an envelope lives as long as the bus: a lease cannot end.
 */
export class MemoryBus implements Bus {
  readonly name = "memory";
  readonly capabilities: BusCapabilities = {
    order: "channel",
    delay: true,
    countsDeliveries: true,
    dedupeWindowMs: 0,
    bytesMax: ENVELOPE_BYTES_MAX,
  };
  readonly #channels = new Map<string, Channel>();
  readonly #consumed = new Set<string>();
  readonly #ends = new Set<() => Promise<void>>();
  readonly #delays = new Set<Cancel>();
  #published = 0;
  #isClosed = false;

  constructor(readonly parts: { readonly runtime: Runtime; readonly log: Log }) {}

  publish(channel: string, envelopes: readonly Envelope[]): Promise<void> {
    if (this.#isClosed) return Promise.reject(closed());
    return Promise.resolve().then(() => {
      const to = this.#channel(channel);
      for (const body of bodiesOf(envelopes)) {
        to.waiting.push({ id: String(++this.#published), body, deliveries: 1 });
      }
      share(to);
    });
  }

  consume(
    channel: string,
    { inFlightMax }: ConsumeOptions,
    handle: (delivery: Delivery) => Promise<Handled>,
  ): Promise<() => Promise<void>> {
    if (this.#isClosed) return Promise.reject(closed());
    this.#consumed.add(channel);
    const from = this.#channel(channel);
    const intake = new InFlight({
      log: this.parts.log,
      channel,
      inFlightMax,
      handle,
      settle: (held, handled) => this.#settle(from, held, handled),
      onFree: () => share(from),
    });
    from.intakes.add(intake);
    const end = async () => {
      from.intakes.delete(intake);
      await intake.drained();
      this.#ends.delete(end);
    };
    this.#ends.add(end);
    share(from);
    return Promise.resolve(end);
  }

  wasConsumed(channel: string): Promise<boolean> {
    return Promise.resolve(this.#consumed.has(channel));
  }

  /** Waiting for a consumer, or in the hands of one. */
  depth(channel: string): Promise<number> {
    const { waiting, intakes } = this.#channel(channel);
    const inHand = [...intakes].reduce((sum, intake) => sum + intake.held().length, 0);
    return Promise.resolve(waiting.length + inHand);
  }

  ping(): Promise<void> {
    return this.#isClosed ? Promise.reject(closed()) : Promise.resolve();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#ends].map((end) => end()));
    for (const cancel of this.#delays) cancel();
    this.#delays.clear();
    this.#channels.clear();
  }

  #channel(name: string): Channel {
    let channel = this.#channels.get(name);
    if (channel === undefined) {
      this.#channels.set(name, channel = { waiting: [], intakes: new Set() });
    }
    return channel;
  }

  #settle(to: Channel, held: Held, handled: Handled): Promise<void> {
    if (handled.kind === "retry") {
      const again = { ...held, deliveries: held.deliveries + 1 };
      const cancel = this.parts.runtime.after(handled.afterMs, () => {
        this.#delays.delete(cancel);
        to.waiting.push(again);
        share(to);
      });
      this.#delays.add(cancel);
    }
    return Promise.resolve();
  }
}

/** Gives what waits to the consumers with free slots, in turn. */
function share({ waiting, intakes }: Channel): void {
  for (let isGiven = true; isGiven && waiting.length > 0;) {
    isGiven = false;
    for (const intake of intakes) {
      const held = intake.free > 0 ? waiting.shift() : undefined;
      if (held === undefined) continue;
      isGiven = true;
      intake.take(held);
    }
  }
}

function closed(): TaskerError {
  return new TaskerError("bus.unavailable", "Cannot use the bus: it is closed");
}
