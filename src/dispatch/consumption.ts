/** Consumption: channels of other systems, consumed from the first moment the bus is there. */

import { exponentialMs } from "../core/backoff.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import type { Bus, Cancel, Delivery, Handled, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** The consumer group of all nodes of an engine: each envelope goes to one of them. */
export const ENGINE_GROUP = "tasker";

/** How long a node may hold an envelope before another gets it; longer than any commit may take. */
export const LEASE_MS = 60_000;

/** Rest before a channel that could not be consumed is tried again. */
export const REOPEN_MS = 1_000;

/** Rest before an envelope comes again: doubled with each delivery, up to the longest. */
export const AGAIN = { minMs: 200, maxMs: 30_000 };

/** Deliveries after which an envelope that breaks us every time is put aside. */
export const BROKEN_DELIVERIES_MAX = 10;

/** What consuming needs. */
export interface ConsumptionDeps {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly bus: Pick<Bus, "consume">;
}

/** One channel, and who handles what it brings. A throw of `handle` is sorted by its kind. */
export interface Consumed {
  readonly channel: string;
  /** Envelopes in hand at once. */
  readonly inFlightMax: number;
  handle(delivery: Delivery): Promise<Handled>;
  /** Puts an envelope aside for good. */
  deadLetter(delivery: Delivery, error: unknown): Promise<Handled>;
}

/** Ends consuming; resolves when what is in hand has settled. */
export type EndConsumption = () => Promise<void>;

/**
 * Consumes channels until the result is called.
 *
 * A bus that is away is tried again and again: it does not keep a node from serving.
 */
export function consumeChannels(
  parts: ConsumptionDeps,
  channels: readonly Consumed[],
): EndConsumption {
  const ends = channels.map((channel) => consumeChannel(parts, channel));
  return async () => void await Promise.all(ends.map((end) => end()));
}

function consumeChannel(parts: ConsumptionDeps, consumed: Consumed): EndConsumption {
  const { runtime, log, bus } = parts;
  const { channel, inFlightMax } = consumed;
  let isEnded = false;
  let isAway = false;
  let cancel: Cancel = () => {};
  const open = async (): Promise<EndConsumption | undefined> => {
    try {
      const end = await bus.consume(
        channel,
        { group: ENGINE_GROUP, inFlightMax, leaseMs: LEASE_MS },
        (delivery) => settle(parts, consumed, delivery),
      );
      if (isAway) log.info("A channel is consumed now", { channel });
      return end;
    } catch (error) {
      const said = { channel, error: messageOf(error) };
      if (!isAway) log.warn("Cannot consume a channel yet: it is tried until it works", said);
      isAway = true;
      if (!isEnded) cancel = runtime.after(REOPEN_MS, () => opened = open());
      return undefined;
    }
  };
  let opened = open();
  return async () => {
    isEnded = true;
    cancel();
    const end = await opened;
    await end?.();
  };
}

async function settle(
  parts: ConsumptionDeps,
  consumed: Consumed,
  delivery: Delivery,
): Promise<Handled> {
  const { channel } = consumed;
  let handled: Handled;
  try {
    handled = await handleOrSort(parts, consumed, delivery);
  } catch (error) {
    parts.log.warn("Cannot put an envelope aside yet", { channel, error: messageOf(error) });
    handled = again(delivery, undefined);
  }
  parts.metrics.counter("tasker_bus_consumed_total", handled.kind).add();
  return handled;
}

/** A handler may also throw before it has promised anything. */
async function handleOrSort(
  parts: ConsumptionDeps,
  consumed: Consumed,
  delivery: Delivery,
): Promise<Handled> {
  try {
    return await consumed.handle(delivery);
  } catch (error) {
    return await sort(parts, consumed, { delivery, error });
  }
}

/** What will never succeed is buried; a bug of ours gets some more tries; all else comes again. */
async function sort(
  { log }: ConsumptionDeps,
  consumed: Consumed,
  { delivery, error }: { delivery: Delivery; error: unknown },
): Promise<Handled> {
  if (error instanceof TaskerError) {
    return error.retry === "never"
      ? await consumed.deadLetter(delivery, error)
      : again(delivery, error.retryAfterMs);
  }
  log.error("An envelope broke its handler", { channel: consumed.channel, error });
  return delivery.deliveries >= BROKEN_DELIVERIES_MAX
    ? await consumed.deadLetter(delivery, error)
    : again(delivery, undefined);
}

function again({ deliveries }: Delivery, retryAfterMs: number | undefined): Handled {
  return { kind: "retry", afterMs: retryAfterMs ?? exponentialMs(deliveries, AGAIN) };
}
