/** The bus on Kafka: one topic a channel, and one consumer group of the same name. */

import type { Envelope } from "../../core/envelope.ts";
import type {
  Bus,
  BusServer,
  Cancel,
  ConsumeOptions,
  Delivery,
  Handled,
} from "../../core/ports.ts";
import { bodiesOf } from "../body.ts";
import { type BrokerChannel, Consumers, type Taken } from "../consumer.ts";
import { connectionRefusal } from "../refusal.ts";
import { clientOptions, type KafkaDeps, kafkaError, within } from "./client.ts";
import { GroupMember } from "./member.ts";
import { RecordProducer } from "./producer.ts";
import { Topics } from "./topics.ts";

/** What a topic does itself: an offset says nothing of deliveries. */
const DOES = { delays: false, counts: false, seesHeld: true };

/** How long a ping may take. */
const PING_MS_MAX = 2_000;

/**
 * How long this process stays in a group after its last consumer has ended: joining makes all others
 * stop, and whoever polls comes again at once.
 */
const STAY_MS = 3_000;

/** A member of a group, and the consumers in this process that share it. */
interface Shared {
  readonly member: GroupMember;
  users: number;
  leave: Cancel;
}

/**
 * Carries envelopes over Kafka 2.4 or newer.
 *
 * A record is keyed by its task, so the envelopes of one task keep their order. Whoever consumes a
 * channel is in the group of the channel's name: all share its records, whatever group they name.
 * Deliveries are not counted, and a record that was taken by a consumer that died comes again with all
 * that came after it.
 */
export class KafkaBus implements Bus {
  readonly name = "kafka";
  readonly #topics: Topics;
  readonly #producer: RecordProducer;
  readonly #members = new Map<string, Shared>();
  readonly #consumers = new Consumers("Kafka");
  readonly #leaving = new Set<Promise<void>>();

  constructor(readonly deps: KafkaDeps) {
    clientOptions(deps.url);
    this.#topics = new Topics(deps);
    this.#producer = new RecordProducer(deps);
  }

  /** @throws {TaskerError} bus.unavailable, or config.invalid when this process may not connect */
  async open(): Promise<void> {
    try {
      await this.#topics.ping();
    } catch (error) {
      throw connectionRefusal(error, this.deps.url);
    }
  }

  async publish(channel: string, envelopes: readonly Envelope[]): Promise<void> {
    const bodies = bodiesOf(envelopes);
    this.#consumers.demandOpen();
    await this.#topics.demand(channel);
    const puts = bodies.map((body, at) =>
      this.#producer.put({
        topic: channel,
        key: keyOf(envelopes[at] as Envelope),
        value: new TextEncoder().encode(body),
      })
    );
    const failed = (await Promise.allSettled(puts)).find(({ status }) => status === "rejected");
    if (failed === undefined) return;
    this.#topics.forget(channel);
    throw kafkaError((failed as PromiseRejectedResult).reason);
  }

  async consume(
    channel: string,
    options: ConsumeOptions,
    handle: (delivery: Delivery) => Promise<Handled>,
  ): Promise<() => Promise<void>> {
    this.#consumers.demandOpen();
    const shared = this.#share(channel);
    const topic = new KafkaChannel(shared.member, () => this.#unshare(channel, shared));
    return await this.#consumers.open(topic, { ...this.deps, ...options, channel, handle });
  }

  /**
   * A consumer commits where it begins; other programs at least have a group. Their topic is made
   * here, as no command goes out, and makes it, before a worker was seen.
   */
  async wasConsumed(channel: string): Promise<boolean> {
    this.#consumers.demandOpen();
    await this.#topics.demand(channel);
    const positions = await this.#topics.positions(channel);
    if (positions.some(({ committed }) => committed !== undefined)) return true;
    return positions.length > 0 && await this.#topics.hasGroup(channel);
  }

  /** What lies behind the committed offsets; one record that does not settle keeps all after it. */
  async depth(channel: string): Promise<number> {
    this.#consumers.demandOpen();
    const positions = await this.#topics.positions(channel);
    return positions.reduce((sum, { earliest, latest, committed = earliest }) => {
      const from = committed > earliest ? committed : earliest;
      return sum + Number(latest - from);
    }, 0);
  }

  /** Answers when the cluster does, or fails within PING_MS_MAX. */
  async ping(): Promise<BusServer> {
    this.#consumers.demandOpen();
    await within(this.deps.runtime, PING_MS_MAX, this.#topics.ping());
    return { server: "Kafka", ...DOES };
  }

  async close(): Promise<void> {
    await this.#consumers.close();
    for (const [channel, shared] of this.#members) {
      shared.leave();
      this.#leave(channel, shared);
    }
    await Promise.all(this.#leaving);
    await this.#producer.close();
    await this.#topics.close();
  }

  #share(channel: string): Shared {
    const shared = this.#members.get(channel) ?? {
      member: new GroupMember({
        ...this.deps,
        topic: channel,
        topics: this.#topics,
        producer: this.#producer,
      }),
      users: 0,
      leave: () => {},
    };
    this.#members.set(channel, shared);
    shared.leave();
    shared.users++;
    return shared;
  }

  #unshare(channel: string, shared: Shared): Promise<void> {
    if (--shared.users === 0) {
      shared.leave = this.deps.runtime.after(STAY_MS, () => this.#leave(channel, shared));
    }
    return Promise.resolve();
  }

  #leave(channel: string, shared: Shared): void {
    this.#members.delete(channel);
    const leaving = shared.member.close().finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }
}

/** What one consumer sees of a group that several in this process may share. */
class KafkaChannel implements BrokerChannel {
  readonly canDelay = DOES.delays;
  readonly #ending = new AbortController();

  constructor(readonly member: GroupMember, readonly close: () => Promise<void>) {}

  open(): Promise<void> {
    return this.member.open();
  }

  take(count: number): Promise<readonly Taken[]> {
    return this.member.take(count, this.#ending.signal);
  }

  interrupt(): void {
    this.#ending.abort();
  }

  acknowledge({ id }: Taken): Promise<void> {
    return this.member.acknowledge(id);
  }

  release(taken: readonly Taken[]): Promise<void> {
    this.member.giveBack(taken);
    return Promise.resolve();
  }
}

/** Envelopes of one task go to one partition, where they keep their order. */
function keyOf({ correlationid, subject, id }: Envelope): string {
  return correlationid ?? subject ?? id;
}
