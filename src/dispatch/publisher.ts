/** The publisher: brings envelopes to the bus in batches, until the bus has confirmed them. */

import { messageOf, TaskerError } from "../core/errors.ts";
import type { TaskId } from "../core/ids.ts";
import type { Bus, Cancel, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Addressed } from "./step_command.ts";

/** Envelopes of one call to the bus. */
export const PUBLISH_BATCH_MAX = 500;

/**
 * Envelopes of one channel that wait while the bus is away; at 64 KiB each, 256 MiB.
 *
 * Beyond it the oldest is dropped: its step's timer, or the next owner of the task, sends it again.
 */
export const WAITING_MAX = 4_096;

/** Rest before what the bus did not confirm is sent again: doubled each time, up to the longest. */
export const RETRY_MS_MIN = 100;
export const RETRY_MS_MAX = 10_000;

/** What a publisher works with. */
export interface PublisherParts {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly bus: Pick<Bus, "publish">;
}

/** One channel: what waits, and how the bus takes it. */
interface Lane {
  readonly channel: string;
  waiting: Addressed[];
  inFlight: readonly Addressed[];
  /** Smaller than the largest after a refusal, to find the envelope that is refused. */
  batchMax: number;
  failures: number;
  dropped: number;
  isArmed: boolean;
  cancel: Cancel;
}

/** Publishes each channel's envelopes in order, one call at a time. */
export class Publisher {
  readonly #lanes = new Map<string, Lane>();
  readonly #unconfirmed = new Map<TaskId, number>();
  #isClosed = false;

  constructor(readonly parts: PublisherParts) {}

  /** Takes an envelope; it goes out with all others of this turn of the event loop. */
  put(addressed: Addressed): void {
    if (this.#isClosed) return;
    const lane = this.#laneOf(addressed.channel);
    lane.waiting.push(addressed);
    this.#count(addressed.taskId, 1);
    if (lane.waiting.length > WAITING_MAX) this.#dropOldest(lane);
    if (!lane.isArmed) this.#arm(lane);
  }

  /** Takes back an envelope if it still waits, with all copies of it. */
  takeBack(channel: string, id: string): void {
    const lane = this.#lanes.get(channel);
    if (lane === undefined) return;
    const taken = lane.waiting.filter(({ envelope }) => envelope.id === id);
    if (taken.length === 0) return;
    lane.waiting = lane.waiting.filter(({ envelope }) => envelope.id !== id);
    for (const { taskId } of taken) this.#count(taskId, -1);
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

  #laneOf(channel: string): Lane {
    const known = this.#lanes.get(channel);
    if (known !== undefined) return known;
    const lane: Lane = {
      channel,
      waiting: [],
      inFlight: [],
      batchMax: PUBLISH_BATCH_MAX,
      failures: 0,
      dropped: 0,
      isArmed: false,
      cancel: () => {},
    };
    this.#lanes.set(channel, lane);
    return lane;
  }

  #arm(lane: Lane): void {
    lane.isArmed = true;
    this.parts.runtime.soon(() => void this.#flush(lane));
  }

  /** Sends batch after batch until nothing waits or the bus is away. */
  async #flush(lane: Lane): Promise<void> {
    while (lane.waiting.length > 0 && !this.#isClosed) {
      lane.inFlight = lane.waiting.splice(0, lane.batchMax);
      try {
        await this.parts.bus.publish(lane.channel, lane.inFlight.map(({ envelope }) => envelope));
        this.#confirmed(lane);
      } catch (error) {
        if (this.#failed(lane, error) === "wait") return;
      }
    }
    lane.isArmed = false;
  }

  #confirmed(lane: Lane): void {
    this.#settle(lane.inFlight, "confirmed");
    lane.inFlight = [];
    lane.batchMax = PUBLISH_BATCH_MAX;
    if (lane.failures > 0) {
      const { channel, dropped } = lane;
      this.parts.log.info("The bus takes envelopes again", { channel, dropped });
    }
    lane.failures = 0;
    lane.dropped = 0;
  }

  /** What the bus refuses for good is found by halving and dropped; all else is sent again. */
  #failed(lane: Lane, error: unknown): "wait" | "go_on" {
    const batch = lane.inFlight;
    lane.inFlight = [];
    if (this.#isClosed) return "wait";
    const isRefused = error instanceof TaskerError && error.retry === "never";
    if (isRefused && batch.length === 1) {
      this.#refused(batch, error);
      lane.batchMax = PUBLISH_BATCH_MAX;
      return "go_on";
    }
    lane.waiting.unshift(...batch);
    while (lane.waiting.length > WAITING_MAX) this.#dropOldest(lane);
    if (isRefused) {
      lane.batchMax = Math.ceil(batch.length / 2);
      return "go_on";
    }
    this.#retryLater(lane, error);
    return "wait";
  }

  #refused(batch: readonly Addressed[], error: TaskerError): void {
    const [refused] = batch.map(({ channel, envelope }) => ({ channel, id: envelope.id }));
    this.parts.log.error("The bus refuses an envelope", { ...refused, error: error.message });
    this.#settle(batch, "refused");
  }

  #retryLater(lane: Lane, error: unknown): void {
    const { runtime, log, metrics } = this.parts;
    const delayMs = Math.min(RETRY_MS_MIN * 2 ** lane.failures, RETRY_MS_MAX);
    const { channel, waiting } = lane;
    if (lane.failures === 0) {
      const said = { channel, waiting: waiting.length, error: messageOf(error) };
      log.warn("Cannot publish: envelopes wait until the bus is back", said);
    }
    lane.failures++;
    metrics.counter("tasker_bus_published_total", "retried").add();
    const jitteredMs = delayMs * (0.5 + runtime.random() / 2);
    lane.cancel = runtime.after(jitteredMs, () => void this.#flush(lane));
  }

  #dropOldest(lane: Lane): void {
    const dropped = lane.waiting.splice(0, 1);
    if (lane.dropped === 0) {
      const said = { channel: lane.channel, waitingMax: WAITING_MAX };
      this.parts.log.warn("Too many envelopes wait: the oldest are left to their timers", said);
    }
    lane.dropped++;
    this.#settle(dropped, "dropped");
  }

  #settle(batch: readonly Addressed[], outcome: "confirmed" | "refused" | "dropped"): void {
    this.parts.metrics.counter("tasker_bus_published_total", outcome).add(batch.length);
    for (const { taskId } of batch) this.#count(taskId, -1);
  }

  #count(taskId: TaskId, difference: number): void {
    const count = this.unconfirmed(taskId) + difference;
    if (count > 0) this.#unconfirmed.set(taskId, count);
    else this.#unconfirmed.delete(taskId);
  }
}
