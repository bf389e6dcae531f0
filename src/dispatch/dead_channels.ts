/** Dead channels: takes what workers could not use into the store, and counts what the store keeps. */

import { z } from "zod";
import { wait } from "../core/backoff.ts";
import { commandChannel, deadChannel } from "../core/channels.ts";
import { ENVELOPE_DEAD, parseEnvelope } from "../core/envelope.ts";
import { messageOf } from "../core/errors.ts";
import type { Bus, Delivery, Handled, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { ENGINE_GROUP, LEASE_MS } from "./consumption.ts";
import type { DeadLetterStore, Unusable } from "./dead_letter_store.ts";

/** How often dead channels are looked at, and how long one that holds something is consumed. */
export const SWEEP_MS = 15_000;
const DRAIN_MS = 5_000;

/** Dead letters of one channel that are stored at once. */
const IN_FLIGHT_MAX = 16;

/** What a worker says of an envelope that it could not use. */
const DeadData = z.object({
  /** Where it took it. */
  channel: z.string().max(512).optional(),
  body: z.string(),
  reason: z.string().optional(),
  deliveries: z.int().min(1).max(1_000_000).optional(),
});

/** What sweeping needs. */
export interface DeadChannelDeps {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly bus: Pick<Bus, "consume" | "depth">;
  readonly deadLetters: DeadLetterStore;
  /** Begins the name of every channel. */
  readonly prefix: string;
}

/**
 * Looks at the dead channels of systems from time to time, empties them and counts the letters that
 * are kept, until the result is called. The channels are almost always empty, so none of them has a
 * consumer that waits.
 *
 * Cost: one look at the depth of each channel, and one query, every SWEEP_MS.
 */
export function watchDeadLetters(
  deps: DeadChannelDeps,
  systems: () => readonly string[],
): () => Promise<void> {
  const ending = new AbortController();
  const counted = new Set<string>();
  const made = new Set<string>();
  const sweepAll = async () => {
    while (!ending.signal.aborted) {
      for (const system of systems()) {
        if (!ending.signal.aborted) await sweep(deps, { system, made, signal: ending.signal });
      }
      await count(deps, counted);
      await wait(deps.runtime, SWEEP_MS, ending.signal);
    }
  };
  const sweeping = sweepAll();
  return async () => {
    ending.abort();
    await sweeping;
  };
}

/** A system whose last letter has gone is 0 and not absent: an alarm on it ends. */
async function count(
  { deadLetters, metrics, log }: DeadChannelDeps,
  counted: Set<string>,
): Promise<void> {
  try {
    const counts = await deadLetters.counts();
    for (const system of counts.keys()) counted.add(system);
    for (const system of counted) {
      metrics.gauge("tasker_dead_letters", system).set(counts.get(system) ?? 0);
    }
  } catch (error) {
    log.warn("Cannot count dead letters yet", { error: messageOf(error) });
  }
}

/**
 * A bus that is away is asked again in the next round; what is not settled then comes again. The
 * first round consumes each channel: some brokers drop what goes to a channel that nobody has made.
 */
async function sweep(
  deps: DeadChannelDeps,
  { system, made, signal }: { system: string; made: Set<string>; signal: AbortSignal },
): Promise<void> {
  const { bus, runtime, log, prefix } = deps;
  const channel = deadChannel(prefix, system);
  try {
    if (made.has(system) && await bus.depth(channel) === 0) return;
    const end = await bus.consume(
      channel,
      { group: ENGINE_GROUP, inFlightMax: IN_FLIGHT_MAX, leaseMs: LEASE_MS },
      (delivery) => keep(deps, system, delivery),
    );
    made.add(system);
    if (await bus.depth(channel) !== 0) await wait(runtime, DRAIN_MS, signal);
    await end();
  } catch (error) {
    log.warn("Cannot read a dead channel yet", { channel, error: messageOf(error) });
  }
}

/** More than the store takes in a minute stays in the channel: a worker's word is not dropped. */
async function keep(
  { deadLetters, prefix }: DeadChannelDeps,
  system: string,
  delivery: Delivery,
): Promise<Handled> {
  const letter = letterOf(prefix, system, delivery);
  const afterMs = deadLetters.fullForMs(letter.channel);
  return afterMs > 0 ? { kind: "retry", afterMs } : await deadLetters.keep(letter);
}

/** Only the system's own command channel is believed: a replay goes where the letter was. */
function letterOf(prefix: string, system: string, { body, deliveries }: Delivery): Unusable {
  const raw = {
    system,
    kind: "command",
    channel: deadChannel(prefix, system),
    deliveries,
  } as const;
  try {
    const { type, data } = parseEnvelope(body);
    const said = DeadData.parse(type === ENVELOPE_DEAD ? data : undefined);
    const commands = commandChannel(prefix, system);
    return {
      ...raw,
      body: said.body,
      deliveries: said.deliveries ?? 1,
      channel: said.channel === commands ? commands : raw.channel,
      reason: said.reason ?? `system "${system}" could not use it`,
    };
  } catch {
    return { ...raw, body, reason: `it is not an envelope of type "${ENVELOPE_DEAD}"` };
  }
}
