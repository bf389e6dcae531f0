/** Postgres consumer: claims envelopes of a channel when it is woken, and keeps their leases. */

import { messageOf } from "../core/errors.ts";
import type {
  Cancel,
  ConsumeOptions,
  Database,
  Delivery,
  Handled,
  Runtime,
} from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import type { Batcher } from "./batcher.ts";
import { type Held, InFlight } from "./in_flight.ts";
import type { PostgresWakes, Sleeper } from "./postgres_notify.ts";
import claim from "./sql/claim.sql" with { type: "text" };

/** One row of one channel. */
export interface Place {
  readonly channel: string;
  readonly id: string;
}

/** A row that is its consumer's, or nobody's, for so many ms from now. */
export interface Delay extends Place {
  readonly deliveries: number;
  readonly ms: number;
}

/** What a consumer works with. */
export interface PostgresConsumerDeps extends ConsumeOptions {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly database: Database;
  readonly wakes: PostgresWakes;
  /** Shared by all consumers of a node, so that they share statements. */
  readonly removals: Batcher<Place>;
  readonly delays: Batcher<Delay>;
  readonly channel: string;
  handle(delivery: Delivery): Promise<Handled>;
}

/** Consumes one channel. */
export class PostgresConsumer implements Sleeper {
  readonly channel: string;
  readonly #intake: InFlight;
  #claiming: Promise<void> | undefined;
  #mayHaveMore = false;
  #isAway = false;
  #isEnded = false;
  #cancelExtension: Cancel = () => {};

  constructor(readonly parts: PostgresConsumerDeps) {
    const { log, channel, inFlightMax } = parts;
    this.channel = channel;
    this.#intake = new InFlight({
      log,
      channel,
      inFlightMax,
      handle: (delivery) => parts.handle(delivery),
      settle: (held, handled) => this.#settle(held, handled),
      onFree: () => this.#claim(),
    });
  }

  get free(): number {
    return this.#intake.free;
  }

  open(): void {
    this.parts.wakes.add(this);
    this.#armExtension();
    this.wake();
  }

  /** Claims what waits, as soon as there are slots. */
  wake(): void {
    this.#mayHaveMore = true;
    this.#claim();
  }

  /** Claims no more; resolves when what is in hand has settled. */
  async end(): Promise<void> {
    this.#isEnded = true;
    this.parts.wakes.delete(this);
    await this.#claiming;
    await this.#intake.drained();
    this.#cancelExtension();
  }

  #claim(): void {
    this.#claiming ??= this.#claimAll().finally(() => {
      this.#claiming = undefined;
      // Woken between the last look and now.
      if (this.#wantsMore()) this.#claim();
    });
  }

  #wantsMore(): boolean {
    return this.#mayHaveMore && this.free > 0 && !this.#isEnded;
  }

  async #claimAll(): Promise<void> {
    const { database, channel, leaseMs } = this.parts;
    while (this.#wantsMore()) {
      this.#mayHaveMore = false;
      const count = this.free;
      try {
        const rows = await database.query(claim, [channel, count, leaseMs]);
        this.#mayHaveMore ||= rows.length === count;
        for (const held of rows.map(heldOf).toSorted(byId)) this.#intake.take(held);
        this.#isAway = false;
      } catch (error) {
        this.#tellAway(error);
        return;
      }
    }
  }

  /** The next poll that gets an answer wakes this consumer. */
  #tellAway(error: unknown): void {
    const { log, channel } = this.parts;
    if (!this.#isAway) log.warn("Cannot claim yet", { channel, error: messageOf(error) });
    this.#isAway = true;
  }

  async #settle({ id, deliveries }: Held, handled: Handled): Promise<void> {
    const { channel, removals, delays, wakes } = this.parts;
    if (handled.kind !== "retry") return await removals.put({ channel, id });
    await delays.put({ channel, id, deliveries, ms: handled.afterMs });
    wakes.pollWithin(handled.afterMs);
  }

  #armExtension(): void {
    const { runtime, leaseMs, channel, delays } = this.parts;
    this.#cancelExtension = runtime.after(leaseMs / 3, () => {
      for (const { id, deliveries } of this.#intake.held()) {
        void delays.put({ channel, id, deliveries, ms: leaseMs });
      }
      this.#armExtension();
    });
  }
}

function heldOf(row: Readonly<Record<string, unknown>>): Held {
  return { id: String(row.id), deliveries: Number(row.deliveries), body: String(row.body) };
}

/** What an update returns is in no order; ids are in the order of publishing. */
function byId(one: Held, other: Held): number {
  return one.id < other.id ? -1 : 1;
}
