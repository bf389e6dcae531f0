/** NATS stream: one channel as one consumer of its stream pulls and settles it. */

import type { Msg, Subscription } from "@nats-io/transport-node";
import { Batcher } from "../core/batcher.ts";
import type { ConsumeOptions, Runtime } from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import { bodyWith } from "./body.ts";
import { type BrokerChannel, type Taken, unavailable, WakeUp } from "./consumer.ts";
import {
  ANSWER_MS_MAX,
  isUnanswered,
  type NatsClient,
  type NatsConnection,
} from "./nats_connection.ts";
import { DURABLE, streamOf } from "./nats_streams.ts";

/** What a stream does itself. */
export const DOES = { delays: true, counts: true, seesHeld: true };

/** How long a pull waits at the server; one that was lost there is noticed this late. */
const PULL_MS = 5_000;

/** What the server's own end of a pull may take to arrive. */
const LATE_MS = 1_000;

const NS_PER_MS = 1_000_000;

/** What the server says of a pull that has ended. */
const NOBODY_ANSWERS = 503;
const CONSUMER_DELETED = /^Consumer Deleted/i;

/** Where the parts of an acknowledgement's subject begin, without and with domain and account. */
const SHORT_ADDRESS = { length: 9, deliveries: 4 };
const LONG_ADDRESS = { deliveries: 6 };

/** Who consumes what. */
interface StreamDeps extends ConsumeOptions {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly connection: NatsConnection;
  readonly channel: string;
}

/** An envelope that has arrived, and the subject to which its settling goes. */
interface Arrived extends Taken {
  readonly address: string;
}

/** What is said of one delivery. */
interface Word {
  readonly address: string;
  readonly text: string;
}

/**
 * One stream. Pulls stay open at the server, so that an envelope comes as soon as it is published;
 * never are more asked for than the consumer has room for.
 */
export class NatsStream implements BrokerChannel {
  readonly canDelay = DOES.delays;
  readonly #inbox: string;
  readonly #words: Batcher<Word>;
  /** Where the settling of an envelope goes, by its id. */
  readonly #addresses = new Map<string, string>();
  readonly #change = new WakeUp();
  #arrived: Arrived[] = [];
  /** Asked for, and neither arrived nor refused. */
  #asked = 0;
  #client: NatsClient | undefined;
  #subscription: Subscription | undefined;
  #isGone = false;
  #wasMade = false;
  #isEnding = false;
  #refusal: string | undefined;

  constructor(readonly deps: StreamDeps) {
    this.#inbox = `_INBOX.tasker.${deps.runtime.uuid()}`;
    this.#words = new Batcher({ runtime: deps.runtime, send: (words) => this.#say(words) });
  }

  async open(): Promise<void> {
    await this.#connect();
  }

  async take(count: number): Promise<readonly Taken[]> {
    const client = await this.#connect();
    this.#pull(client, count);
    await this.#arrival();
    if (this.#isEnding) return [];
    if (this.#client !== client) throw unavailable("NATS", "the connection was lost");
    const refusal = this.#refusal;
    this.#refusal = undefined;
    if (refusal !== undefined) throw unavailable("NATS", refusal);
    const taken = this.#arrived.splice(0, count);
    for (const { id, address } of taken) this.#addresses.set(id, address);
    return taken;
  }

  /** What is on its way here at the end is let go at once: it must not wait for its lease. */
  async interrupt(): Promise<void> {
    this.#isEnding = true;
    this.#change.wake();
    try {
      // The library forgets the promise of a drain whose connection is lost.
      await Promise.race([this.#subscription?.drain(), this.#client?.closed]);
      const words = this.#arrived.map(({ address }) => ({ address, text: "-NAK" }));
      this.#arrived = [];
      await this.#say(words);
    } catch { /* the connection is lost: they come again when their leases end */ }
  }

  /** Each is worth a lease again, and no answer is waited for: the next one is soon enough. */
  async extend(taken: readonly Taken[]): Promise<void> {
    const { connection } = await this.deps.connection.open();
    const held = taken.map(({ id }) => this.#addresses.get(id));
    for (const address of [...held, ...this.#arrived.map(({ address }) => address)]) {
      if (address !== undefined) connection.publish(address, "+WPI");
    }
  }

  async acknowledge({ id }: Taken): Promise<void> {
    await this.#settle(id, "+ACK");
  }

  async release(taken: readonly Taken[], afterMs: number): Promise<void> {
    const text = afterMs > 0 ? `-NAK {"delay":${Math.ceil(afterMs) * NS_PER_MS}}` : "-NAK";
    await Promise.all(taken.map(({ id }) => this.#settle(id, text)));
  }

  async #settle(id: string, text: string): Promise<void> {
    const address = this.#addresses.get(id);
    if (address === undefined) return;
    await this.#words.put({ address, text });
    this.#addresses.delete(id);
  }

  /** The server takes them one after the other: the answer to the last one stands for all. */
  async #say(words: readonly Word[]): Promise<void> {
    const last = words.at(-1);
    if (last === undefined) return;
    await this.deps.connection.ask(async ({ connection }) => {
      for (const { address, text } of words.slice(0, -1)) connection.publish(address, text);
      try {
        await connection.request(last.address, last.text, { timeout: ANSWER_MS_MAX });
      } catch (error) {
        // The consumer is gone, and what it had delivered is nobody's any more.
        if (!isUnanswered(error)) throw error;
      }
    });
  }

  /** Listens on the connection that is open now, and makes what somebody deleted. */
  async #connect(): Promise<NatsClient> {
    const { connection, channel, leaseMs, log } = this.deps;
    const client = await connection.open();
    if (this.#client === client && !this.#isGone) return client;
    const wasMissing = await client.streams.consume(channel, leaseMs);
    if (wasMissing && this.#wasMade) {
      log.warn("A stream was deleted with all that was in it: it is made again", { channel });
    }
    this.#wasMade = true;
    this.#isGone = false;
    this.#asked = 0;
    if (this.#client !== client) this.#listen(client);
    return client;
  }

  #listen(client: NatsClient): void {
    this.#client = client;
    this.#subscription = client.connection.subscribe(this.#inbox, {
      callback: (error, message) => {
        if (error === null) this.#receive(message);
      },
    });
    void client.closed.then(() => {
      if (this.#client !== client) return;
      this.#client = undefined;
      this.#change.wake();
    });
  }

  /** Asks for what there is room for; not for every single place, as a pull costs a message. */
  #pull({ connection }: NatsClient, count: number): void {
    const coming = this.#asked + this.#arrived.length;
    if (coming * 2 > count) return;
    const batch = count - coming;
    this.#asked += batch;
    connection.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${streamOf(this.deps.channel)}.${DURABLE}`,
      JSON.stringify({ batch, expires: PULL_MS * NS_PER_MS }),
      { reply: this.#inbox },
    );
  }

  /** Waits for a change; a pull of which nothing is heard was lost, or its consumer is gone. */
  async #arrival(): Promise<void> {
    if (this.#arrived.length > 0) return;
    const cancel = this.deps.runtime.after(PULL_MS + LATE_MS, () => {
      this.#isGone = true;
      this.#change.wake();
    });
    await this.#change.wait();
    cancel();
  }

  #receive(message: Msg): void {
    if (message.subject === this.#inbox) this.#end(message);
    else {
      this.#asked = Math.max(0, this.#asked - 1);
      this.#arrived.push(arrivedOf(message));
    }
    this.#change.wake();
  }

  /** Takes the end of a pull: it has waited long enough, or cannot be served. */
  #end({ headers }: Msg): void {
    const unserved = Number(headers?.get("Nats-Pending-Messages") || NaN);
    if (unserved >= 0) {
      this.#asked = Math.max(0, this.#asked - unserved);
      return;
    }
    this.#asked = 0;
    const isGone = headers?.code === NOBODY_ANSWERS ||
      CONSUMER_DELETED.test(headers?.description ?? "");
    if (isGone) this.#isGone = true;
    else this.#refusal = headers?.description ?? "a pull was refused";
  }
}

/** A redelivery has the same id, as it is the same entry of the stream; only its count differs. */
function arrivedOf(message: Msg): Arrived {
  const address = message.reply ?? "";
  const parts = address.split(".");
  const at = parts.length === SHORT_ADDRESS.length
    ? SHORT_ADDRESS.deliveries
    : LONG_ADDRESS.deliveries;
  const [deliveries, entry, , time] = parts.slice(at);
  return {
    id: `${entry}.${time}`,
    address,
    deliveries: Number(deliveries),
    body: bodyWith(headersOf(message), message.string()),
  };
}

function headersOf({ headers }: Msg): ReadonlyMap<string, string> {
  return new Map((headers?.keys() ?? []).map((name) => [name, headers?.get(name) ?? ""]));
}
