/** The bus on NATS JetStream: one stream a channel, pulled by one durable consumer. */

import type { MsgHdrs } from "@nats-io/transport-node";
import type { Envelope } from "../core/envelope.ts";
import type { Bus, BusServer, ConsumeOptions, Delivery, Handled, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import { batchesOf, bodiesOf, BODY_MEDIA_TYPE } from "./body.ts";
import { Consumers } from "./consumer.ts";
import {
  ANSWER_MS_MAX,
  isUnanswered,
  type NatsClient,
  NatsConnection,
  type NatsLibrary,
} from "./nats_connection.ts";
import { DOES, NatsStream } from "./nats_stream.ts";

/**
 * The longest lease, however long one is asked for: what was on its way here when a connection broke
 * comes again only after it, and nobody can ask for it earlier. What is held is extended meanwhile.
 */
const LEASE_MS_MAX = 15_000;

/** What the bus works with. */
interface NatsDeps {
  readonly library: NatsLibrary;
  readonly url: string;
  readonly runtime: Runtime;
  readonly log: Log;
}

/**
 * Carries envelopes over NATS 2.9 or newer with JetStream.
 *
 * A message is an envelope as JSON; its subject is the channel. No `Nats-Msg-Id` is set: the server
 * remembers ids even of what was purged, so what is published again from the journal would be
 * confirmed, and dropped.
 */
export class NatsBus implements Bus {
  readonly name = "nats";
  readonly #connection: NatsConnection;
  readonly #consumers = new Consumers("NATS");
  readonly #headers: MsgHdrs;

  constructor(readonly deps: NatsDeps) {
    this.#connection = new NatsConnection(deps);
    this.#headers = deps.library.transport.headers();
    this.#headers.set("Content-Type", BODY_MEDIA_TYPE);
  }

  /** @throws {TaskerError} bus.unavailable, or config.invalid when this process may not connect */
  async open(): Promise<void> {
    await this.#connection.open();
  }

  async publish(channel: string, envelopes: readonly Envelope[]): Promise<void> {
    for (const bodies of batchesOf(bodiesOf(envelopes))) {
      await this.#connection.ask(async (client) => {
        await client.streams.make(channel);
        try {
          await this.#store(client, channel, bodies);
        } catch (error) {
          if (!isUnanswered(error)) throw error;
          // No stream takes this subject any more: somebody deleted it.
          client.streams.forget(channel);
          await client.streams.make(channel);
          await this.#store(client, channel, bodies);
        }
      });
    }
  }

  async consume(
    channel: string,
    options: ConsumeOptions,
    handle: (delivery: Delivery) => Promise<Handled>,
  ): Promise<() => Promise<void>> {
    const leaseMs = Math.min(options.leaseMs, LEASE_MS_MAX);
    const deps = { ...this.deps, ...options, leaseMs, channel };
    const stream = new NatsStream({ ...deps, connection: this.#connection });
    return await this.#consumers.open(stream, { ...deps, handle });
  }

  /** Makes the channel, as a worker may have no right to. */
  async wasConsumed(channel: string): Promise<boolean> {
    return await this.#connection.ask(async ({ streams }) => {
      await streams.make(channel);
      return await streams.wasConsumed(channel);
    });
  }

  /** All that the stream has: it removes what is acknowledged. */
  async depth(channel: string): Promise<number> {
    return await this.#connection.ask(async ({ streams }) =>
      (await streams.stream(channel))?.state.messages ?? 0
    );
  }

  /** Answers when JetStream does, or fails within ANSWER_MS_MAX. */
  async ping(): Promise<BusServer> {
    return await this.#connection.ask(async ({ connection, streams }) => {
      await streams.manager.getAccountInfo();
      return { server: `NATS ${connection.info?.version}`, ...DOES };
    });
  }

  async close(): Promise<void> {
    await this.#consumers.close();
    await this.#connection.close();
  }

  /** @throws what a stream says that stores no more */
  async #store({ connection }: NatsClient, channel: string, bodies: readonly string[]) {
    const options = { timeout: ANSWER_MS_MAX, headers: this.#headers };
    const answers = await Promise.all(
      bodies.map((body) => connection.request(channel, body, options)),
    );
    for (const answer of answers) {
      const { error } = answer.json<{ readonly error?: { readonly description: string } }>();
      if (error !== undefined) throw new Error(error.description);
    }
  }
}
