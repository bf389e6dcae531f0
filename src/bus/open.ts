/** Opens the bus that the configuration names. */

import { type BrokerKind, BROKERS, type BusKind } from "../core/broker.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import type { Bus, Database, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import { unavailable } from "./consumer.ts";
import { MemoryBus } from "./memory.ts";
import { PostgresBus } from "./postgres.ts";

/** How to open a bus. */
interface BusOptions {
  readonly kind: BusKind;
  /** Where the broker is; unused by a bus without one. */
  readonly url: string | undefined;
  /** Begins the name of every channel; an exchange of RabbitMQ has this name. */
  readonly prefix: string;
  readonly database: Database;
  readonly runtime: Runtime;
  readonly log: Log;
}

/** A bus with a broker, which is connected to once before it is used. */
interface BrokerBus extends Bus {
  /** @throws {TaskerError} config.invalid when this process may not connect */
  open(): Promise<void>;
}

/**
 * Opens the bus. A broker that is away is tried again by whatever needs it.
 *
 * @throws {TaskerError} config.invalid
 */
export async function openBus(options: BusOptions): Promise<Bus> {
  const { kind, url, log } = options;
  switch (kind) {
    case "postgres":
      return await probed(new PostgresBus(options), log);
    case "memory":
      log.warn("TASKER_BUS is memory: envelopes end with this process, and no other gets them");
      return new MemoryBus(options);
    default: {
      if (url === undefined) throw invalid(`Cannot use TASKER_BUS "${kind}": BUS_URL is not set`);
      return await connect(await makeBus(kind, { ...options, url }), { kind, log });
    }
  }
}

/** The library of a broker is loaded here, so that nobody else pays for it. */
async function makeBus(
  kind: BrokerKind,
  deps: BusOptions & { readonly url: string },
): Promise<BrokerBus> {
  switch (kind) {
    case "redis": {
      const { RedisBus } = await import("./redis.ts");
      return new RedisBus({ ...deps, library: await import("redis") });
    }
    case "rabbitmq": {
      const { RabbitBus } = await import("./rabbitmq.ts");
      return new RabbitBus({
        ...deps,
        exchange: deps.prefix,
        library: await import("rabbitmq-client"),
      });
    }
    case "nats": {
      const { NatsBus } = await import("./nats.ts");
      const transport = await import("@nats-io/transport-node");
      const jetstream = await import("@nats-io/jetstream");
      return new NatsBus({ ...deps, library: { transport, jetstream } });
    }
    case "kafka": {
      const { KafkaBus } = await import("./kafka/bus.ts");
      const { loadKafkaLibrary } = await import("./kafka/library.ts");
      return new KafkaBus({ ...deps, library: await loadKafkaLibrary() });
    }
  }
}

/** Connects once. A broker that is away must not keep a node from serving. */
async function connect(
  bus: BrokerBus,
  { kind, log }: { readonly kind: BrokerKind; readonly log: Log },
): Promise<Bus> {
  try {
    await bus.open();
  } catch (thrown) {
    const error = unavailable(BROKERS[kind].name, thrown);
    if (error.code === "config.invalid") throw error;
    log.warn("The bus is away: envelopes wait until it is back", { error: messageOf(error) });
    return bus;
  }
  return await probed(bus, log);
}

/** Says what the bus runs on. One that does not answer now is asked again by whatever needs it. */
async function probed(bus: Bus, log: Log): Promise<Bus> {
  const server = await bus.ping().catch(() => undefined);
  if (server !== undefined) log.info("The bus answers", { bus: bus.name, ...server });
  return bus;
}

function invalid(message: string): TaskerError {
  return new TaskerError("config.invalid", message);
}
