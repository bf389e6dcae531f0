/** RabbitMQ topology: the exchange, and what each channel of the engine is in the server. */

import type { Channel } from "rabbitmq-client";
import { isMissing, isRefused, type RabbitConnection } from "./rabbitmq_connection.ts";

/**
 * How a queue is declared. RabbitMQ 4 drops an envelope after 20 deliveries unless its queue says
 * otherwise: this says never. (Its own word for never, -1, makes RabbitMQ 3 drop an envelope that
 * is given back once.)
 */
const QUORUM = { "x-queue-type": "quorum", "x-delivery-limit": 1_000_000_000 } as const;

/** What the server knows of a queue. */
export interface QueueFigures {
  /** Not delivered to anybody, or given back. */
  readonly messageCount: number;
  readonly consumerCount: number;
}

/**
 * Makes the exchange and the queue of a channel, whose routing key is the channel's name.
 *
 * A queue that somebody declared in another way is used as it is. Safe to repeat, and to race.
 *
 * @throws {TaskerError} bus.unavailable, and what the server answers
 */
export async function declare(
  connection: RabbitConnection,
  { exchange, queue }: { readonly exchange: string; readonly queue: string },
): Promise<void> {
  await declareQueue(connection, queue);
  await onChannel(connection, async (channel) => {
    await channel.exchangeDeclare({ exchange, type: "topic", durable: true });
    await channel.queueBind({ exchange, queue, routingKey: queue });
  });
}

async function declareQueue(connection: RabbitConnection, queue: string): Promise<void> {
  try {
    await onChannel(
      connection,
      (channel) => channel.queueDeclare({ queue, durable: true, arguments: QUORUM }),
    );
  } catch (error) {
    // Refused because it is there in another way: with other arguments, or as a classic queue.
    if (!isRefused(error) || await figuresOf(connection, queue) === undefined) throw error;
  }
}

/** Returns what the server knows of a queue; undefined: there is none. */
export async function figuresOf(
  connection: RabbitConnection,
  queue: string,
): Promise<QueueFigures | undefined> {
  return await ifThere(connection, (channel) => channel.queueDeclare({ queue, passive: true }));
}

/**
 * Notes in the server that a channel is consumed: AMQP does not say whether a queue ever was. The
 * mark is an exchange, which costs the server nothing and stays.
 */
export async function markConsumed(connection: RabbitConnection, queue: string): Promise<void> {
  const mark = { exchange: markOf(queue), type: "fanout", durable: true };
  await onChannel(connection, (channel) => channel.exchangeDeclare(mark));
}

/** Whether a channel was ever marked as consumed. */
export async function isMarked(connection: RabbitConnection, queue: string): Promise<boolean> {
  const mark = { exchange: markOf(queue), passive: true };
  return await ifThere(connection, async (channel) => {
    await channel.exchangeDeclare(mark);
    return true;
  }) ?? false;
}

function markOf(queue: string): string {
  return `${queue}.consumed`;
}

async function ifThere<T>(
  connection: RabbitConnection,
  ask: (channel: Channel) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await onChannel(connection, ask);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** A refusal ends its channel, so each of these has its own. */
async function onChannel<T>(
  connection: RabbitConnection,
  ask: (channel: Channel) => Promise<T>,
): Promise<T> {
  const channel = await connection.openChannel();
  return await connection.run(async () => {
    try {
      return await ask(channel);
    } finally {
      await channel.close();
    }
  });
}
