/** NATS streams: one a channel, with the one durable consumer that works it off. */

import type { ConsumerInfo, JetStreamManager, StreamInfo } from "@nats-io/jetstream";

/** The consumer of every stream: those who name it share the channel. */
export const DURABLE = "tasker";

/** The lease of envelopes that other systems take, until a worker extends it. */
const LEASE_MS = 30_000;

/** Describes a consumer that was made for workers who may not make one, and has met none. */
const UNUSED = "No worker has asked for envelopes yet";
const USED = "Hands envelopes to workers";

/** Pulls that wait at once on one channel; a consumer has at most a few. */
const PULLS_MAX = 4_096;

const NS_PER_MS = 1_000_000;

/** What the server says of a stream or a consumer that is not there; of one that is. */
const NOT_FOUND: readonly number[] = [10014, 10059];
const EXISTS: readonly number[] = [10058, 10148];

/** Returns the name of a channel's stream: dots may not stand in one, and `~` not in a channel. */
export function streamOf(channel: string): string {
  return channel.replaceAll(".", "~");
}

/**
 * The streams of one connection.
 *
 * A stream keeps what nobody has acknowledged, without a limit of ours: where the server's own is
 * reached, it refuses to store more, and nothing that it has is dropped. A stream that is there
 * already stays as it is, so that its owner may choose replicas, placement and storage.
 */
export class NatsStreams {
  readonly #made = new Map<string, Promise<void>>();

  constructor(readonly manager: JetStreamManager, readonly replicas: number) {}

  /** Makes a channel's stream and consumer unless they are there; asks the server once. */
  make(channel: string): Promise<void> {
    let made = this.#made.get(channel);
    if (made === undefined) {
      made = this.#make(channel);
      this.#made.set(channel, made);
      made.catch(() => this.forget(channel));
    }
    return made;
  }

  /** Has the next `make` ask the server again. */
  forget(channel: string): void {
    this.#made.delete(channel);
  }

  /**
   * Makes a channel's consumer, with this lease.
   *
   * @returns whether it was not there
   */
  async consume(channel: string, leaseMs: number): Promise<boolean> {
    const found = await this.consumer(channel);
    if (found === undefined) {
      this.forget(channel);
      await this.make(channel);
    }
    const ackWait = leaseMs * NS_PER_MS;
    if (found?.config.ack_wait !== ackWait || found.config.description === UNUSED) {
      const change = { ack_wait: ackWait, description: USED };
      await this.manager.consumers.update(streamOf(channel), DURABLE, change);
    }
    return found === undefined;
  }

  /** Whether a consumer that is there has ever been pulled from, or was made by who pulls. */
  async wasConsumed(channel: string): Promise<boolean> {
    const found = await this.consumer(channel);
    if (found === undefined) return false;
    const { config, num_waiting, delivered } = found;
    return config.description !== UNUSED || num_waiting > 0 || delivered.consumer_seq > 0;
  }

  async consumer(channel: string): Promise<ConsumerInfo | undefined> {
    return await orNone(this.manager.consumers.info(streamOf(channel), DURABLE));
  }

  async stream(channel: string): Promise<StreamInfo | undefined> {
    return await orNone(this.manager.streams.info(streamOf(channel)));
  }

  async #make(channel: string): Promise<void> {
    const name = streamOf(channel);
    const { streams, consumers } = this.manager;
    if (await this.stream(channel) === undefined) {
      await orThere(streams.add({
        name,
        subjects: [channel],
        retention: "workqueue",
        storage: "file",
        discard: "new",
        num_replicas: this.replicas,
      }));
    }
    if (await this.consumer(channel) === undefined) {
      await orThere(consumers.add(name, {
        durable_name: DURABLE,
        description: UNUSED,
        ack_policy: "explicit",
        ack_wait: LEASE_MS * NS_PER_MS,
        // None: the engine counts, and what is never acknowledged must not be left behind.
        max_deliver: -1,
        // None: what waits for its retry counts, and would hold up all else.
        max_ack_pending: -1,
        max_waiting: PULLS_MAX,
      }));
    }
  }
}

async function orNone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (NOT_FOUND.includes(codeOf(error))) return undefined;
    throw error;
  }
}

/** Another node, or an owner with settings of its own, made it first. */
async function orThere(asked: Promise<unknown>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    if (!EXISTS.includes(codeOf(error))) throw error;
  }
}

function codeOf(error: unknown): number {
  const isCoded = error instanceof Error && "code" in error && typeof error.code === "number";
  return isCoded ? Number(error.code) : NaN;
}
