/** The bus on RabbitMQ: one quorum queue a channel, bound to one topic exchange. */

import type { Envelope } from "../core/envelope.ts";
import { messageOf } from "../core/errors.ts";
import type { Bus, BusServer, ConsumeOptions, Delivery, Handled, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import { batchesOf, bodiesOf } from "./body.ts";
import { Consumers, unavailable } from "./consumer.ts";
import { RabbitConnection, type RabbitLibrary } from "./rabbitmq_connection.ts";
import { contentOf, RabbitExchange } from "./rabbitmq_exchange.ts";
import { DOES, RabbitQueue } from "./rabbitmq_queue.ts";
import { declare, figuresOf, isMarked, markConsumed } from "./rabbitmq_topology.ts";

/** What the bus works with. */
interface RabbitDeps {
  readonly library: RabbitLibrary;
  readonly url: string;
  /** The topic exchange to which all channels are bound. */
  readonly exchange: string;
  readonly runtime: Runtime;
  readonly log: Log;
}

/**
 * Carries envelopes over RabbitMQ 3.10 or newer.
 *
 * Publishing and consuming have a connection each: a server that is short of memory or disk stops
 * reading from the one that publishes, and must still get acknowledgements.
 */
export class RabbitBus implements Bus {
  readonly name = "rabbitmq";
  readonly #writer: RabbitConnection;
  readonly #reader: RabbitConnection;
  readonly #exchange: RabbitExchange;
  readonly #consumers = new Consumers("RabbitMQ");
  /** Channels that the server knows to be consumed. */
  readonly #marked = new Set<string>();

  constructor(readonly deps: RabbitDeps) {
    this.#writer = new RabbitConnection({ ...deps, name: "tasker" });
    this.#reader = new RabbitConnection({ ...deps, name: "tasker consumers" });
    this.#exchange = new RabbitExchange({ ...deps, connection: this.#writer });
  }

  /** @throws {TaskerError} bus.unavailable, or config.invalid when this process may not connect */
  async open(): Promise<void> {
    await this.#writer.open();
  }

  async publish(channel: string, envelopes: readonly Envelope[]): Promise<void> {
    const contents = bodiesOf(envelopes).map((body, at) =>
      contentOf(envelopes[at] as Envelope, body)
    );
    let begin = 0;
    for (const { length } of batchesOf(contents.map(({ body }) => body))) {
      const batch = contents.slice(begin, begin += length);
      await this.#ask(() => this.#exchange.publish(channel, batch));
    }
  }

  async consume(
    channel: string,
    options: ConsumeOptions,
    handle: (delivery: Delivery) => Promise<Handled>,
  ): Promise<() => Promise<void>> {
    const deps = { ...this.deps, ...options, channel };
    const queue = new RabbitQueue({ ...deps, connection: this.#reader });
    const end = await this.#consumers.open(queue, { ...deps, handle });
    await this.#mark(channel);
    return end;
  }

  /**
   * A worker of another language leaves no mark: it is seen while it consumes, and marked then. Its
   * queue is made here, as no command goes out, and makes it, before a worker was seen.
   */
  async wasConsumed(channel: string): Promise<boolean> {
    return await this.#ask(async () => {
      if (this.#marked.has(channel)) return true;
      const figures = await figuresOf(this.#writer, channel);
      const { exchange } = this.deps;
      if (figures === undefined) await declare(this.#writer, { exchange, queue: channel });
      else if (figures.consumerCount > 0) await this.#mark(channel);
      if (await isMarked(this.#writer, channel)) this.#marked.add(channel);
      return this.#marked.has(channel);
    });
  }

  /** Not delivered yet; AMQP does not say how many were delivered and have not settled. */
  async depth(channel: string): Promise<number> {
    return await this.#ask(async () => {
      return (await figuresOf(this.#writer, channel))?.messageCount ?? 0;
    });
  }

  /** Answers when the server answers on both connections, or fails within seconds. */
  async ping(): Promise<BusServer> {
    await this.#ask(() => Promise.all([this.#writer.check(), this.#reader.check()]));
    return { server: "RabbitMQ", ...DOES };
  }

  async close(): Promise<void> {
    await this.#consumers.close();
    await this.#reader.close();
    await this.#writer.close();
  }

  /** An outage keeps nobody from consuming: the next who asks or consumes marks the channel. */
  async #mark(channel: string): Promise<void> {
    try {
      await markConsumed(this.#writer, channel);
      this.#marked.add(channel);
    } catch (error) {
      const fields = { channel, error: messageOf(error) };
      this.deps.log.warn("Cannot note that a channel is consumed", fields);
    }
  }

  async #ask<T>(ask: () => Promise<T>): Promise<T> {
    this.#consumers.demandOpen();
    try {
      return await ask();
    } catch (error) {
      throw unavailable("RabbitMQ", error);
    }
  }
}
