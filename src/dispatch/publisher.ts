/** The publisher: sends envelopes to the bus in batches, until the bus has confirmed them. */

import { exponentialMs } from "../core/backoff.ts";
import type { Envelope } from "../core/envelope.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import type { TaskId } from "../core/ids.ts";
import type { Outages } from "../core/outages.ts";
import type { Bus, Cancel, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** Bounds of one call to the bus: envelopes, and bytes of bodies, exceeded by at most one envelope. */
export const PUBLISH_BATCH_MAX = 500;
export const PUBLISH_BYTES_MAX = 1_000_000;

/** Delays before what the bus did not confirm is sent again. */
export const RETRY = { minMs: 100, maxMs: 10_000 };

/** What a publisher works with. */
export interface PublisherDeps {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly bus: Pick<Bus, "publish">;
  readonly outages: Outages;
}

/**
 * What is to be published: how to make its envelope, not the envelope itself.
 *
 * Shape: `key` is unique in the channel; what is put under a key that waits replaces it.
 */
export interface Outgoing {
  readonly channel: string;
  /** What is noted as away while the channel takes nothing, see `Outages`. */
  readonly part: string;
  readonly taskId: TaskId;
  readonly key: string;
  /** Makes the envelope, for each call to the bus anew; undefined when there is nothing to send. */
  make(): Sized | undefined;
  /** Called when the bus will never take this envelope. */
  refused(error: TaskerError): void;
}

/** An envelope, and the bytes of its body. */
export interface Sized {
  readonly envelope: Envelope;
  readonly bytes: number;
}

/** One channel: what waits or is on its way, in order, and how the bus takes it. */
interface Lane {
  readonly channel: string;
  readonly part: string;
  readonly waiting: Map<string, Outgoing>;
  inFlight: readonly Outgoing[];
  /** Smaller than the largest after a refusal, to find the envelope that is refused. */
  batchMax: number;
  failures: number;
  isArmed: boolean;
  cancel: Cancel;
}

/**
 * Publishes each channel's envelopes in order, one call at a time, and drops none.
 *
 * Only the envelopes of the call under way are in memory. What waits is a reference to its task, which
 * stays in memory until the bus has confirmed its envelopes.
 */
export class Publisher {
  readonly #lanes = new Map<string, Lane>();
  readonly #unconfirmed = new Map<TaskId, number>();
  #isClosed = false;

  constructor(readonly deps: PublisherDeps) {}

  /** Takes what is to be sent; it goes out with all else of this iteration of the event loop. */
  put(outgoing: Outgoing): void {
    if (this.#isClosed) return;
    const lane = this.#laneOf(outgoing);
    if (!lane.waiting.has(outgoing.key)) this.#count(outgoing.taskId, 1);
    lane.waiting.set(outgoing.key, outgoing);
    if (!lane.isArmed) this.#arm(lane);
  }

  /** Takes back what still waits under a key, but not what is on its way. Cost: O(1). */
  takeBack(channel: string, key: string): void {
    const lane = this.#lanes.get(channel);
    const outgoing = lane?.waiting.get(key);
    if (lane === undefined || outgoing === undefined || lane.inFlight.includes(outgoing)) return;
    this.#remove(lane, outgoing);
  }

  /** Envelopes of a task that the bus has not confirmed. */
  unconfirmed(taskId: TaskId): number {
    return this.#unconfirmed.get(taskId) ?? 0;
  }

  /** Sends nothing more; what waits is sent by the next owner of its task. */
  close(): void {
    this.#isClosed = true;
    for (const lane of this.#lanes.values()) lane.cancel();
    this.#lanes.clear();
    this.#unconfirmed.clear();
  }

  #laneOf({ channel, part }: Outgoing): Lane {
    const known = this.#lanes.get(channel);
    if (known !== undefined) return known;
    const lane: Lane = {
      channel,
      part,
      waiting: new Map(),
      inFlight: [],
      batchMax: PUBLISH_BATCH_MAX,
      failures: 0,
      isArmed: false,
      cancel: () => {},
    };
    this.#lanes.set(channel, lane);
    return lane;
  }

  #arm(lane: Lane): void {
    lane.isArmed = true;
    this.deps.runtime.soon(() => void this.#flush(lane));
  }

  /** Sends batch after batch until nothing waits or the bus is away. */
  async #flush(lane: Lane): Promise<void> {
    while (lane.waiting.size > 0 && !this.#isClosed) {
      const envelopes = this.#take(lane);
      if (envelopes.length === 0) continue; // none of them could be made
      this.deps.outages.asked(lane.part, this.deps.runtime.now());
      try {
        await this.deps.bus.publish(lane.channel, envelopes);
        this.#confirmed(lane);
      } catch (error) {
        if (this.#failed(lane, error) === "wait") return;
      }
    }
    lane.isArmed = false;
  }

  /** Makes the envelopes of the next call, from the head of what waits. */
  #take(lane: Lane): readonly Envelope[] {
    const taken: Outgoing[] = [];
    const envelopes: Envelope[] = [];
    let bytes = 0;
    for (const outgoing of lane.waiting.values()) {
      if (taken.length === lane.batchMax || bytes >= PUBLISH_BYTES_MAX) break;
      const made = outgoing.make();
      if (made === undefined) {
        this.#remove(lane, outgoing);
        continue;
      }
      taken.push(outgoing);
      envelopes.push(made.envelope);
      bytes += made.bytes;
    }
    lane.inFlight = taken;
    return envelopes;
  }

  #confirmed(lane: Lane): void {
    this.#settle(lane, "confirmed");
    lane.batchMax = PUBLISH_BATCH_MAX;
    if (lane.failures > 0) {
      this.deps.log.info("The bus takes envelopes again", { channel: lane.channel });
    }
    lane.failures = 0;
  }

  /** An envelope that the bus refuses for ever is found by halving; all else is sent again. */
  #failed(lane: Lane, error: unknown): "wait" | "go_on" {
    if (this.#isClosed) return "wait";
    const [first, ...others] = lane.inFlight;
    if (!(error instanceof TaskerError) || error.retry !== "never") {
      lane.inFlight = [];
      this.#retryLater(lane, error);
      return "wait";
    }
    if (others.length > 0) {
      lane.batchMax = Math.ceil(lane.inFlight.length / 2);
      lane.inFlight = [];
      return "go_on";
    }
    const fields = { channel: lane.channel, key: first?.key, error: error.message };
    this.deps.log.error("The bus refuses an envelope: its attempt fails", fields);
    this.#settle(lane, "refused");
    first?.refused(error);
    lane.batchMax = PUBLISH_BATCH_MAX;
    return "go_on";
  }

  #retryLater(lane: Lane, error: unknown): void {
    const { runtime, log, metrics } = this.deps;
    const { channel, waiting } = lane;
    if (lane.failures === 0) {
      const fields = { channel, waiting: waiting.size, error: messageOf(error) };
      log.warn("Cannot publish: envelopes wait until the bus is back", fields);
    }
    lane.failures++;
    metrics.counter("tasker_bus_published_total", "retried").add();
    const delayMs = exponentialMs(lane.failures, { ...RETRY, random: () => runtime.random() });
    lane.cancel = runtime.after(delayMs, () => void this.#flush(lane));
  }

  /** What replaced an envelope meanwhile, under its key, stays and is sent. */
  #settle(lane: Lane, outcome: "confirmed" | "refused"): void {
    const { inFlight, part } = lane;
    lane.inFlight = [];
    this.deps.outages.answered(part, this.deps.runtime.now());
    this.deps.metrics.counter("tasker_bus_published_total", outcome).add(inFlight.length);
    for (const outgoing of inFlight) {
      if (lane.waiting.get(outgoing.key) === outgoing) this.#remove(lane, outgoing);
    }
  }

  #remove(lane: Lane, { key, taskId }: Outgoing): void {
    if (lane.waiting.delete(key)) this.#count(taskId, -1);
  }

  #count(taskId: TaskId, difference: number): void {
    const count = this.unconfirmed(taskId) + difference;
    if (count > 0) this.#unconfirmed.set(taskId, count);
    else this.#unconfirmed.delete(taskId);
  }
}
