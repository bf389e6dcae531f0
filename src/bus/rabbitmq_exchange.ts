/** RabbitMQ exchange: publishes with confirms, and notices when no queue took what was published. */

import { Buffer } from "node:buffer";
import type { Channel } from "rabbitmq-client";
import type { Envelope } from "../core/envelope.ts";
import type { Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import type { RabbitConnection } from "./rabbitmq_connection.ts";
import { declare } from "./rabbitmq_topology.ts";

/** Bytes of a short string of AMQP; a longer id or type is left out of the properties. */
const SHORT_BYTES_MAX = 255;

/** The media type of a CloudEvent in structured mode. */
const CONTENT_TYPE = "application/cloudevents+json";

/** What goes out for one envelope. */
export interface Content {
  readonly body: string;
  /** Properties of AMQP: for people and tools, as the envelope has it all. */
  readonly properties: Readonly<Record<string, string>>;
}

/** What publishing needs. */
interface ExchangeDeps {
  readonly connection: RabbitConnection;
  readonly exchange: string;
  readonly runtime: Pick<Runtime, "soon">;
  readonly log: Log;
}

/** One channel of AMQP in confirm mode. What it made is forgotten with it. */
interface Session {
  readonly channel: Channel;
  /** Channels whose queues are there. */
  readonly declared: Set<string>;
  /** Channels of which an envelope came back: no queue took it. */
  readonly returned: Set<string>;
}

/** Makes what is published of an envelope. */
export function contentOf(envelope: Envelope, body: string): Content {
  const properties = {
    messageId: envelope.id,
    type: envelope.type,
    correlationId: envelope.correlationid,
    replyTo: envelope.taskerreplyto,
  };
  const short = Object.entries(properties).filter((entry): entry is [string, string] =>
    entry[1] !== undefined && Buffer.byteLength(entry[1]) <= SHORT_BYTES_MAX
  );
  return { body, properties: Object.fromEntries(short) };
}

/** Publishes to the exchange. A queue that is not there is made before, or again. */
export class RabbitExchange {
  #session: Session | undefined;
  #opening: Promise<Session> | undefined;

  constructor(readonly deps: ExchangeDeps) {}

  /**
   * Publishes; resolves when the server has written all to its queue.
   *
   * @throws {TaskerError} bus.unavailable, and what the server answers
   */
  async publish(channel: string, contents: readonly Content[]): Promise<void> {
    const session = await this.#open();
    await this.#declare(session, channel);
    if (await this.#send(session, channel, contents)) return;
    this.deps.log.warn("A queue was deleted with all that was in it: it is made again", {
      channel,
    });
    session.declared.delete(channel);
    await this.#declare(session, channel);
    if (await this.#send(session, channel, contents)) return;
    throw new Error(`no queue takes what is published to "${channel}"`);
  }

  /** Many callers share one session; one that ended is replaced. */
  #open(): Promise<Session> {
    if (this.#session?.channel.active) return Promise.resolve(this.#session);
    return this.#opening ??= this.#begin().finally(() => this.#opening = undefined);
  }

  async #begin(): Promise<Session> {
    const { connection } = this.deps;
    const channel = await connection.openChannel();
    await connection.run(() => channel.confirmSelect());
    const session: Session = { channel, declared: new Set(), returned: new Set() };
    channel.on("basic.return", ({ routingKey }) => session.returned.add(routingKey));
    return this.#session = session;
  }

  async #declare({ declared }: Session, queue: string): Promise<void> {
    if (declared.has(queue)) return;
    await declare(this.deps.connection, { exchange: this.deps.exchange, queue });
    declared.add(queue);
  }

  /** Returns false when no queue took some of them; the server does not say which. */
  async #send(
    { channel, returned }: Session,
    routingKey: string,
    contents: readonly Content[],
  ): Promise<boolean> {
    const { connection, exchange, runtime } = this.deps;
    const to = { exchange, routingKey, mandatory: true, durable: true, contentType: CONTENT_TYPE };
    await connection.run(() =>
      Promise.all(
        contents.map(({ body, properties }) =>
          channel.basicPublish({ ...to, ...properties }, Buffer.from(body))
        ),
      )
    );
    // A return precedes its confirm, but the library reports it an iteration later.
    await new Promise<void>((resolve) => runtime.soon(resolve));
    return !returned.delete(routingKey);
  }
}
