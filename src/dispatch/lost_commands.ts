/** Lost commands: finds out that a broker has lost what it was given, and has it sent again. */

import { wait } from "../core/backoff.ts";
import { commandChannel, replyChannel } from "../core/channels.ts";
import { messageOf } from "../core/errors.ts";
import type { Bus, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** Rest between two looks at the channels of systems that have attempts open. */
const LOOK_MS = 5_000;

/** The attempts of this node that other systems have not answered. */
export interface OpenAttempts {
  /** Systems with such attempts. */
  systems(): Iterable<string>;
  /**
   * Sends those of a system again, under the same ids, that were started before a time of this
   * node's clock: each once. Returns how many.
   */
  resend(system: string, startedBeforeMs: number): number;
}

/** What finding lost commands works with. */
interface LostCommandsDeps {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly bus: Pick<Bus, "depth" | "ping">;
  readonly prefix: string;
}

/**
 * Looks until the result is called.
 *
 * A command that is not answered lies in its channel, or a worker holds it, or its reply lies in the
 * channel of replies. If both channels are empty at two looks in a row, the broker was emptied, or
 * somebody acknowledged without a reply: what was started before the first look is sent again, instead
 * of waiting for its time-out. A system whose channel is never empty is not found out so; nor is one
 * on a broker that does not count what consumers hold.
 *
 * Cost: two questions to the broker a system and look, and none while no attempt is open.
 */
export function watchLostCommands(deps: LostCommandsDeps, open: OpenAttempts): () => Promise<void> {
  const ending = new AbortController();
  /** When the channels of a system were first seen empty. */
  const emptySinceMs = new Map<string, number>();
  const lookAll = async () => {
    while (!ending.signal.aborted) {
      try {
        await look(deps, open, emptySinceMs);
      } catch (error) {
        // An outage is no loss: what is there is seen when the broker is back.
        emptySinceMs.clear();
        deps.log.debug("Cannot look for lost commands yet", { error: messageOf(error) });
      }
      await wait(deps.runtime, LOOK_MS, ending.signal);
    }
  };
  const looking = lookAll();
  return async () => {
    ending.abort();
    await looking;
  };
}

async function look(
  { runtime, log, metrics, bus, prefix }: LostCommandsDeps,
  open: OpenAttempts,
  emptySinceMs: Map<string, number>,
): Promise<void> {
  const systems = [...open.systems()];
  const gone = [...emptySinceMs.keys()].filter((system) => !systems.includes(system));
  for (const system of gone) emptySinceMs.delete(system);
  if (systems.length === 0 || !(await bus.ping()).seesHeld) return;
  for (const system of systems) {
    const nowMs = runtime.now();
    const depths = await Promise.all([
      bus.depth(commandChannel(prefix, system)),
      bus.depth(replyChannel(prefix, system)),
    ]);
    const sinceMs = emptySinceMs.get(system);
    if (depths.some((depth) => depth !== 0)) emptySinceMs.delete(system);
    else if (sinceMs === undefined) emptySinceMs.set(system, nowMs);
    else {
      const commands = open.resend(system, sinceMs);
      if (commands === 0) continue;
      metrics.counter("tasker_commands_lost_total", system).add(commands);
      log.warn("The broker has lost commands: they are sent again", { system, commands });
    }
  }
}
