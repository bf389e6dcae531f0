/** Opens the bus that the configuration names. */

import { TaskerError } from "../core/errors.ts";
import type { Bus, Database, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import { MemoryBus } from "./memory.ts";
import { PostgresBus } from "./postgres.ts";
import { RedisBus } from "./redis.ts";

/** How to open a bus. */
interface BusOptions {
  readonly kind: "redis" | "postgres" | "memory";
  readonly redisUrl: string | undefined;
  readonly database: Database;
  readonly runtime: Runtime;
  readonly log: Log;
}

/**
 * Opens the bus. A broker that is away is tried again by whatever needs it.
 *
 * A channel is a queue that its consumers share: each envelope goes to one of them, whatever group
 * they name. (On Redis groups are real; two of them must not consume one channel.)
 *
 * @throws {TaskerError} config.invalid
 */
export async function openBus(options: BusOptions): Promise<Bus> {
  const { kind, log } = options;
  switch (kind) {
    case "redis":
      return await openRedis(options);
    case "postgres":
      return new PostgresBus(options);
    case "memory":
      log.warn("TASKER_BUS is memory: envelopes end with this process, and no other gets them");
      return new MemoryBus(options);
  }
}

/** The library is loaded here, so that nobody else pays for it. */
async function openRedis({ redisUrl, runtime, log }: BusOptions): Promise<Bus> {
  if (redisUrl === undefined) {
    throw invalid(`Cannot use TASKER_BUS "redis": REDIS_URL is not set`);
  }
  const library = await import("redis");
  const bus = new RedisBus({ library, url: redisUrl, runtime, log });
  await bus.open();
  return bus;
}

function invalid(message: string): TaskerError {
  return new TaskerError("config.invalid", message);
}
