/** Publishing to Kafka: one idempotent producer, whose requests carry what waits together. */

import type { Producer } from "@platformatic/kafka";
import { Batcher } from "../../core/batcher.ts";
import { clientOptions, closeClient, type KafkaDeps, kafkaError, within } from "./client.ts";

/** Of one record. */
const CONTENT_TYPE = "application/cloudevents+json";

/** How long a request to publish may take, its repetitions included. */
const PUBLISH_MS_MAX = 6_000;

/** Delays between repetitions of a request that the library makes. */
const RETRY_MS = 200;
const RETRIES = 2;

/** Bytes of one request: a topic takes batches of 1 MiB unless it was made otherwise. */
const REQUEST_BYTES_MAX = 768 * 1024;

/** Bytes that a record needs beside its key, value and headers, generously. */
const RECORD_BYTES = 128;

/** One record to publish. */
export interface Record {
  readonly topic: string;
  readonly key: string;
  readonly value: Uint8Array;
  /** Absent: by the hash of the key. */
  readonly partition?: number;
  readonly headers?: Readonly<{ [name: string]: string }>;
}

/**
 * Publishes with `acks=all`. The idempotent producer has one request under way at a time, so records
 * that come meanwhile go out together in the next one, in their order.
 */
export class RecordProducer {
  readonly #batches: Batcher<Record>;
  #producer: Producer<string, Uint8Array, string, string> | undefined;

  constructor(readonly deps: KafkaDeps) {
    this.#batches = new Batcher({
      runtime: deps.runtime,
      send: (records) => this.#sendAll(records),
    });
  }

  /**
   * Resolves when all replicas in sync have the record.
   *
   * @throws {TaskerError} bus.unavailable: whether it arrived is unknown
   */
  put(record: Record): Promise<void> {
    return this.#batches.put(record);
  }

  async close(): Promise<void> {
    await this.#batches.idle();
    await this.#drop();
  }

  async #sendAll(records: readonly Record[]): Promise<void> {
    try {
      for (const request of requestsOf(records)) await this.#send(request);
    } catch (error) {
      // A producer that failed may have lost its sequence: the next request makes another.
      void this.#drop();
      throw kafkaError(error);
    }
  }

  async #send(records: readonly Record[]): Promise<void> {
    const producer = this.#producer ??= this.#open();
    const messages = records.map(({ headers, ...record }) => ({
      ...record,
      headers: { "content-type": CONTENT_TYPE, ...headers },
    }));
    await within(this.deps.runtime, PUBLISH_MS_MAX, producer.send({ messages }));
  }

  #open(): Producer<string, Uint8Array, string, string> {
    const { library, url } = this.deps;
    const encode = (text?: string) => text === undefined ? undefined : Buffer.from(text);
    return new library.Producer(
      {
        ...clientOptions(url),
        retries: RETRIES,
        retryDelay: RETRY_MS,
        idempotent: true,
        serializers: {
          key: encode,
          value: (bytes?: Uint8Array) => bytes === undefined ? undefined : Buffer.from(bytes),
          headerKey: encode,
          headerValue: encode,
        },
      } as ConstructorParameters<typeof library.Producer<string, Uint8Array, string, string>>[0],
    );
  }

  async #drop(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    if (producer !== undefined) await closeClient(this.deps.runtime, producer);
  }
}

/** Cuts records into requests that a topic takes as one batch, even if all have one key. */
function requestsOf(records: readonly Record[]): readonly (readonly Record[])[] {
  const requests: Record[][] = [];
  let bytes = REQUEST_BYTES_MAX;
  for (const record of records) {
    const size = record.value.length + record.key.length + RECORD_BYTES;
    bytes += size;
    if (bytes > REQUEST_BYTES_MAX) {
      requests.push([]);
      bytes = size;
    }
    requests.at(-1)?.push(record);
  }
  return requests;
}
