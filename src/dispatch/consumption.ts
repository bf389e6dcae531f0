/** Consumption: consumes channels of other systems as soon as the bus is there, and sorts failures. */

import { exponentialMs } from "../core/backoff.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import type { Bus, Cancel, Delivery, Handled, Runtime } from "../core/ports.ts";
import { Recent } from "../core/recent.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** The consumer group of all nodes of an engine: each envelope goes to one of them. */
export const ENGINE_GROUP = "tasker";

/** How long a node may hold an envelope before another gets it; longer than any commit may take. */
export const LEASE_MS = 60_000;

/** The delay before a channel that could not be consumed is tried again. */
export const REOPEN_MS = 1_000;

/** Delays before an envelope is delivered again. */
export const AGAIN = { minMs: 200, maxMs: 30_000 };

/** Deliveries after which an envelope that makes its handler throw each time becomes a dead letter. */
export const BROKEN_DELIVERIES_MAX = 10;

/** What consuming needs. */
export interface ConsumptionDeps {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly bus: Pick<Bus, "consume">;
}

/** One channel, and who handles its envelopes. What `handle` throws is sorted by its kind. */
interface Consumed {
  readonly channel: string;
  /** Absent: ENGINE_GROUP. */
  readonly group?: string;
  /** Envelopes in flight at once. */
  readonly inFlightMax: number;
  handle(delivery: Delivery): Promise<Handled>;
  /** Stores an envelope as a dead letter. */
  deadLetter(delivery: Delivery, error: unknown): Promise<Handled>;
}

/** Ends consuming; resolves when what is in flight has settled. */
export type EndConsumption = () => Promise<void>;

/**
 * Consumes channels until the result is called.
 *
 * A bus that is away is tried again and again: it does not keep a node from serving.
 */
export function consumeChannels(
  deps: ConsumptionDeps,
  channels: readonly Consumed[],
): EndConsumption {
  const ends = channels.map((channel) => consumeChannel(deps, channel));
  return async () => void await Promise.all(ends.map((end) => end()));
}

function consumeChannel(deps: ConsumptionDeps, consumed: Consumed): EndConsumption {
  const { runtime, log, bus } = deps;
  const { channel, group = ENGINE_GROUP, inFlightMax } = consumed;
  let isEnded = false;
  let isAway = false;
  let cancel: Cancel = () => {};
  const open = async (): Promise<EndConsumption | undefined> => {
    try {
      const end = await bus.consume(
        channel,
        { group, inFlightMax, leaseMs: LEASE_MS },
        (delivery) => settle(deps, consumed, delivery),
      );
      if (isAway) log.info("A channel is consumed now", { channel });
      return end;
    } catch (error) {
      const fields = { channel, error: messageOf(error) };
      if (!isAway) log.warn("Cannot consume a channel yet: it is tried until it works", fields);
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
  deps: ConsumptionDeps,
  consumed: Consumed,
  delivery: Delivery,
): Promise<Handled> {
  const { channel } = consumed;
  let handled: Handled;
  try {
    handled = await handleOrSort(deps, consumed, delivery);
  } catch (error) {
    deps.log.warn("Cannot store a dead letter yet", { channel, error: messageOf(error) });
    handled = again(delivery, undefined);
  }
  deps.metrics.counter("tasker_bus_consumed_total", handled.kind).add();
  return handled;
}

/** A handler may also throw before it returns a promise. */
async function handleOrSort(
  deps: ConsumptionDeps,
  consumed: Consumed,
  delivery: Delivery,
): Promise<Handled> {
  try {
    return await consumed.handle(delivery);
  } catch (error) {
    return await sort(deps, consumed, { delivery, error });
  }
}

/** What will never succeed is a dead letter; a bug gets more tries; all else is delivered again. */
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

/** Tasks whose plan is remembered, at least. */
export const PLANS_KEPT_MIN = 10_000;

/** Finds the plan of a task; undefined when there is no such task. */
export type FindPlan = (taskId: TaskId) => Promise<Plan | undefined>;

/** Remembers what `find` found. A task that is not there yet is asked for again. */
export function rememberPlans(find: FindPlan): FindPlan {
  const kept = new Recent<TaskId, Plan>(PLANS_KEPT_MIN);
  return async (taskId) => {
    const known = kept.get(taskId);
    if (known !== undefined) return known;
    const plan = await find(taskId);
    if (plan !== undefined) kept.set(taskId, plan);
    return plan;
  };
}
