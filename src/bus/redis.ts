/** The bus on Redis Streams: one stream a channel, one consumer group that works it off. */

import type { Envelope } from "../core/envelope.ts";
import type { Bus, BusServer, ConsumeOptions, Delivery, Handled, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import { batchesOf, bodiesOf } from "./body.ts";
import { Consumers, unavailable } from "./consumer.ts";
import { type RedisClient, RedisConnection, type RedisLibrary } from "./redis_connection.ts";
import { DOES, FIELD, RedisStream } from "./redis_stream.ts";

/** How long a ping may take. */
const PING_MS_MAX = 2_000;

/** What the bus works with. */
interface RedisDeps {
  readonly library: RedisLibrary;
  readonly url: string;
  readonly runtime: Runtime;
  readonly log: Log;
}

/**
 * Carries envelopes over Redis 7 or newer, or Valkey.
 *
 * An entry has one field, `ce`. What a consumer acknowledges is removed; nothing is ever trimmed.
 * The delay of a retry passes in the consumer, under the entry's lease.
 */
export class RedisBus implements Bus {
  readonly name = "redis";
  readonly #writer: RedisConnection;
  readonly #consumers = new Consumers("Redis");

  constructor(readonly deps: RedisDeps) {
    this.#writer = new RedisConnection({ ...deps, name: "tasker" });
  }

  /** @throws {TaskerError} bus.unavailable, or config.invalid when this process may not connect */
  async open(): Promise<void> {
    await this.#writer.open();
  }

  async publish(channel: string, envelopes: readonly Envelope[]): Promise<void> {
    for (const bodies of batchesOf(bodiesOf(envelopes))) {
      await this.#ask((client) =>
        Promise.all(bodies.map((body) => client.xAdd(channel, "*", { [FIELD]: body })))
      );
    }
  }

  async consume(
    channel: string,
    options: ConsumeOptions,
    handle: (delivery: Delivery) => Promise<Handled>,
  ): Promise<() => Promise<void>> {
    const deps = { ...this.deps, ...options, channel };
    const reader = new RedisConnection({ ...deps, name: `tasker-${options.group}` });
    const stream = new RedisStream({ ...deps, writer: this.#writer, reader });
    return await this.#consumers.open(stream, { ...deps, handle });
  }

  /** Whoever consumes a stream makes its group, which stays. */
  async wasConsumed(channel: string): Promise<boolean> {
    return await this.#ask(async (client) =>
      await client.exists(channel) > 0 && (await client.xInfoGroups(channel)).length > 0
    );
  }

  /** Not delivered yet, or not acknowledged. Where the server cannot say: all that is there. */
  async depth(channel: string): Promise<number> {
    return await this.#ask(async (client) => {
      const length = await client.xLen(channel);
      if (length === 0) return 0;
      const groups = await client.xInfoGroups(channel);
      const depths = groups.map(({ lag, pending }) => lag === null ? length : lag + pending);
      return depths.length === 0 ? length : Math.max(...depths);
    });
  }

  /** Answers when the server takes writes, or fails within PING_MS_MAX. */
  async ping(): Promise<BusServer> {
    const late = Promise.withResolvers<never>();
    const cancel = this.deps.runtime.after(PING_MS_MAX, () => {
      late.reject(unavailable("Redis", `no answer within ${PING_MS_MAX} ms`));
    });
    try {
      const server = await Promise.race([this.#check(), late.promise]);
      return { server, ...DOES };
    } finally {
      cancel();
    }
  }

  async close(): Promise<void> {
    await this.#consumers.close();
    await this.#writer.close();
  }

  async #check(): Promise<string> {
    try {
      return await this.#writer.check();
    } catch (error) {
      throw unavailable("Redis", error);
    }
  }

  async #ask<T>(ask: (client: RedisClient) => Promise<T>): Promise<T> {
    try {
      return await this.#writer.run(ask);
    } catch (error) {
      throw unavailable("Redis", error);
    }
  }
}
