/** RabbitMQ queue: one channel as one consumer of its queue reads and settles it. */

import type { AsyncMessage, Channel } from "rabbitmq-client";
import type { ConsumeOptions } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import { bodyWith } from "./body.ts";
import { type BrokerChannel, type Taken, unavailable, WakeUp } from "./consumer.ts";
import type { RabbitConnection } from "./rabbitmq_connection.ts";
import { declare } from "./rabbitmq_topology.ts";

/** What a queue does itself. */
export const DOES = { delays: false, counts: true, seesHeld: false };

/** Who consumes what. */
interface QueueDeps extends ConsumeOptions {
  readonly connection: RabbitConnection;
  readonly exchange: string;
  readonly channel: string;
  readonly log: Log;
}

/** One channel of AMQP: what was delivered on it can be settled only there. */
interface Session {
  readonly number: number;
  readonly channel: Channel;
  /** Delivered, and not taken yet. */
  readonly waiting: Taken[];
  /** Tags of all that was delivered and has not settled, by our id. */
  readonly tags: Map<string, number>;
  /** Tags of its consumers: each lets the server deliver `inFlightMax` more. */
  readonly consumers: string[];
  /** Why nothing more comes. */
  end: "deleted" | "lost" | undefined;
}

/**
 * One queue. The server delivers no more than is handled at once, and as many more as wait for a
 * retry here. What a consumer held goes to others as soon as its connection ends: there is no lease.
 */
export class RabbitQueue implements BrokerChannel {
  readonly canDelay = DOES.delays;
  readonly #arrivals = new WakeUp();
  #session: Session | undefined;
  #sessions = 0;
  #isEnding = false;

  constructor(readonly deps: QueueDeps) {}

  async open(): Promise<void> {
    this.#session = await this.#begin();
  }

  async take(count: number): Promise<readonly Taken[]> {
    while (!this.#isEnding) {
      const session = this.#session;
      if (session === undefined || session.end === "lost") {
        throw unavailable("RabbitMQ", "its connection was lost");
      }
      if (session.waiting.length > 0) return session.waiting.splice(0, count);
      if (session.end === "deleted") await this.#remake();
      else {
        await this.#widen(session);
        await this.#arrivals.wait();
      }
    }
    return [];
  }

  interrupt(): void {
    this.#isEnding = true;
    this.#arrivals.wake();
  }

  /** What was delivered before comes again, to this consumer or another, under another id. */
  async recover(): Promise<readonly Taken[]> {
    await this.#release(this.#session);
    this.#session = await this.#begin();
    return [];
  }

  /** What was delivered on a lost connection is not settled: it comes again. */
  acknowledge({ id }: Taken): Promise<void> {
    const tag = this.#forget(id);
    if (tag !== undefined) this.#session?.channel.basicAck({ deliveryTag: tag });
    return Promise.resolve();
  }

  release(taken: readonly Taken[]): Promise<void> {
    for (const { id } of taken) {
      const tag = this.#forget(id);
      if (tag !== undefined) this.#session?.channel.basicNack({ deliveryTag: tag, requeue: true });
    }
    return Promise.resolve();
  }

  /** What was delivered and not taken goes back to the queue. */
  async close(): Promise<void> {
    await this.#release(this.#session);
  }

  async #remake(): Promise<void> {
    const { log, channel } = this.deps;
    log.warn("A queue was deleted with all that was in it: it is made again", { channel });
    await this.recover();
  }

  async #begin(): Promise<Session> {
    const { connection, exchange, channel: queue, inFlightMax } = this.deps;
    await declare(connection, { exchange, queue });
    const channel = await connection.openChannel();
    const session: Session = {
      number: ++this.#sessions,
      channel,
      waiting: [],
      tags: new Map(),
      consumers: [],
      end: undefined,
    };
    channel.on("close", () => this.#ended(session, "lost"));
    channel.on("basic.cancel", () => this.#ended(session, "deleted"));
    await connection.run(() => channel.basicQos({ prefetchCount: inFlightMax }));
    await this.#consume(session);
    return session;
  }

  async #consume(session: Session): Promise<void> {
    const { connection, channel: queue } = this.deps;
    const { consumerTag } = await connection.run(() =>
      session.channel.basicConsume({ queue }, (message) => this.#deliver(session, message))
    );
    session.consumers.push(consumerTag);
  }

  #deliver(session: Session, message: AsyncMessage): void {
    const id = `${session.number}-${message.deliveryTag}`;
    session.tags.set(id, message.deliveryTag);
    session.waiting.push({ id, body: bodyOf(message), deliveries: deliveriesOf(message) });
    this.#arrivals.wake();
  }

  #ended(session: Session, end: "deleted" | "lost"): void {
    session.end ??= end;
    this.#arrivals.wake();
  }

  /** What waits for a retry fills what the server may deliver: another consumer adds as much. */
  async #widen(session: Session): Promise<void> {
    const filled = session.consumers.length * this.deps.inFlightMax;
    if (session.tags.size >= filled) await this.#consume(session);
  }

  /** Returns the tag of what was delivered on the session in use. */
  #forget(id: string): number | undefined {
    const session = this.#session;
    const tag = session?.tags.get(id);
    if (session === undefined || tag === undefined || session.end === "lost") return undefined;
    session.tags.delete(id);
    this.#narrow(session);
    return tag;
  }

  #narrow({ channel, consumers, tags }: Session): void {
    const { connection, inFlightMax } = this.deps;
    if (consumers.length < 2 || tags.size > (consumers.length - 2) * inFlightMax) return;
    const consumerTag = consumers.pop() as string;
    void connection.run(() => channel.basicCancel({ consumerTag })).catch(() => {});
  }

  /** Ends a session: the server gives what it had delivered to others. */
  async #release(session: Session | undefined): Promise<void> {
    if (session === undefined || session.end === "lost") return;
    session.end = "lost";
    await this.deps.connection.run(() => session.channel.close()).catch(() => {});
  }
}

/** A body is text of any kind; the library has parsed it if its type says JSON. */
function bodyOf({ body, headers }: AsyncMessage): string {
  return bodyWith(new Map(Object.entries(headers ?? {})), textOf(body));
}

function textOf(body: unknown): string {
  if (typeof body === "string") return body;
  return body instanceof Uint8Array ? new TextDecoder().decode(body) : JSON.stringify(body);
}

/** RabbitMQ 3 and 4 count what came back; since 4.3 also what was delivered without fault. */
function deliveriesOf({ redelivered, headers }: AsyncMessage): number {
  if (!redelivered) return 1;
  const counts = [headers?.["x-delivery-count"], headers?.["x-acquired-count"], 1].map(Number);
  return 1 + Math.max(...counts.filter(Number.isFinite));
}
