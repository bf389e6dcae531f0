/** Topics of Kafka: made when they are needed, with nothing that drops an envelope. */

import type { Admin } from "@platformatic/kafka";
import { wait } from "../../core/backoff.ts";
import {
  clientOptions,
  closeClient,
  isAnswer,
  isUnknownTopic,
  type KafkaDeps,
  kafkaError,
  within,
} from "./client.ts";

/** So many consumers can share a channel; each partition costs the cluster some memory. */
const PARTITIONS = 8;

/** A record that nobody has taken must stay: nothing is removed by age or size. */
const SETTINGS = { "cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1" };

/** A new topic is known to all servers after a moment. */
const LOOKS_MAX = 100;
const LOOK_MS = 50;

/** A server that has just become the leader of a partition refuses once or twice. */
const RETRIES = 5;
const RETRY_MS = 100;

/** How long the cluster may take to answer, repetitions included. */
const ANSWER_MS_MAX = 8_000;

/** Offsets that have a meaning in requests. */
const LATEST = -1n;
const EARLIEST = -2n;

/** Where the records of a channel begin and end, and where its consumers are; by partition. */
export interface Positions {
  readonly partition: number;
  readonly earliest: bigint;
  readonly latest: bigint;
  /** Undefined: nothing was ever committed. */
  readonly committed: bigint | undefined;
}

/** What is asked of the cluster beside publishing and reading. */
export class Topics {
  readonly #known = new Set<string>();
  #admin: Admin | undefined;

  constructor(readonly deps: KafkaDeps) {}

  /**
   * Makes sure that a topic is there.
   *
   * @throws {TaskerError} bus.unavailable
   */
  async demand(topic: string): Promise<void> {
    if (this.#known.has(topic)) return;
    if (!await this.isThere(topic)) await this.#create(topic);
    this.#known.add(topic);
  }

  /** Lets the next `demand` look again. */
  forget(topic: string): void {
    this.#known.delete(topic);
  }

  /** @throws {TaskerError} bus.unavailable */
  isThere(topic: string): Promise<boolean> {
    return this.#ask(async (admin) => {
      try {
        await admin.metadata({ topics: [topic], forceUpdate: true });
        return true;
      } catch (error) {
        if (isUnknownTopic(error)) return false;
        throw error;
      }
    });
  }

  /** Asks the cluster for anything. @throws {TaskerError} bus.unavailable */
  async ping(): Promise<void> {
    await this.#ask((admin) => admin.metadata({ topics: [], forceUpdate: true }));
  }

  /**
   * Returns where a topic and the group of its name are; empty when there is no such topic.
   *
   * @throws {TaskerError} bus.unavailable
   */
  async positions(topic: string): Promise<readonly Positions[]> {
    if (!await this.isThere(topic)) return [];
    return await this.#ask(async (admin) => {
      const { topics } = await admin.metadata({ topics: [topic] });
      const partitions = Array.from(
        { length: topics.get(topic)?.partitionsCount ?? 0 },
        (_, partition) => partition,
      );
      const at = async (timestamp: bigint) => {
        const asked = partitions.map((partitionIndex) => ({ partitionIndex, timestamp }));
        const listed = await admin.listOffsets({ topics: [{ name: topic, partitions: asked }] });
        const found = listed.flatMap((one) => one.partitions);
        return new Map(found.map(({ partitionIndex, offset }) => [partitionIndex, offset]));
      };
      const [committed, earliest, latest] = [
        await committedOf(admin, topic),
        await at(EARLIEST),
        await at(LATEST),
      ];
      return partitions.map((partition) => ({
        partition,
        earliest: earliest.get(partition) ?? 0n,
        latest: latest.get(partition) ?? 0n,
        committed: committed.get(partition),
      }));
    });
  }

  /** Whether there is a group of this name, with members or without. */
  hasGroup(name: string): Promise<boolean> {
    return this.#ask(async (admin) => (await admin.listGroups()).has(name));
  }

  async close(): Promise<void> {
    const admin = this.#admin;
    this.#admin = undefined;
    if (admin !== undefined) await closeClient(this.deps.runtime, admin);
  }

  async #create(topic: string): Promise<void> {
    const configs = Object.entries(SETTINGS).map(([name, value]) => ({ name, value }));
    await this.#ask(async (admin) => {
      try {
        // The cluster's own number of replicas.
        await admin.createTopics({
          topics: [topic],
          partitions: PARTITIONS,
          replicas: -1,
          configs,
        });
      } catch (error) {
        if (!isAnswer(error, "TOPIC_ALREADY_EXISTS")) throw error;
      }
    });
    for (let looks = 1; !await this.isThere(topic) && looks < LOOKS_MAX; looks++) {
      await wait(this.deps.runtime, LOOK_MS);
    }
  }

  async #ask<T>(ask: (admin: Admin) => Promise<T>): Promise<T> {
    const { library, url, runtime } = this.deps;
    const admin = this.#admin ??= new library.Admin({
      ...clientOptions(url),
      retries: RETRIES,
      retryDelay: RETRY_MS,
    });
    try {
      return await within(runtime, ANSWER_MS_MAX, ask(admin));
    } catch (error) {
      throw kafkaError(error);
    }
  }
}

async function committedOf(admin: Admin, topic: string): Promise<ReadonlyMap<number, bigint>> {
  try {
    const groups = await admin.listConsumerGroupOffsets({ groups: [topic] });
    const found = groups.flatMap(({ topics }) => topics).filter(({ name }) => name === topic);
    const partitions = found.flatMap((one) => one.partitions);
    return new Map(
      partitions.filter(({ committedOffset }) => committedOffset >= 0n)
        .map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]),
    );
  } catch (error) {
    if (isAnswer(error, "GROUP_ID_NOT_FOUND")) return new Map();
    throw error;
  }
}
