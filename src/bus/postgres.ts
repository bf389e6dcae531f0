/** The bus in Postgres: a table of envelopes, claimed under leases. The default without a broker. */

import { Batcher } from "../core/batcher.ts";
import type { Envelope } from "../core/envelope.ts";
import { messageOf } from "../core/errors.ts";
import { firstIdAt, uuidV7 } from "../core/ids.ts";
import type {
  Bus,
  BusServer,
  Cancel,
  ConsumeOptions,
  Database,
  Delivery,
  Handled,
  Runtime,
} from "../core/ports.ts";
import type { Log } from "../telemetry/log.ts";
import { batchesOf, bodiesOf } from "./body.ts";
import { type BrokerChannel, Consumers, type Taken, unavailable, WakeUp } from "./consumer.ts";
import { type Listener, PostgresNotifications } from "./postgres_notify.ts";
import claim from "./sql/claim.sql" with { type: "text" };
import consumed from "./sql/consumed.sql" with { type: "text" };
import delay from "./sql/delay.sql" with { type: "text" };
import depth from "./sql/depth.sql" with { type: "text" };
import forget from "./sql/forget.sql" with { type: "text" };
import publish from "./sql/publish.sql" with { type: "text" };
import settle from "./sql/settle.sql" with { type: "text" };
import wasConsumed from "./sql/was_consumed.sql" with { type: "text" };

const DOES = { delays: true, counts: true, seesHeld: true };

/** Names the bus in error texts. */
const BROKER = "the bus in Postgres";

/** Stands between bodies in one parameter; no JSON holds it. */
const SEPARATOR = "\u001f";

/** More than this is not counted. */
const DEPTH_MAX = 100_000;

/** After this long nobody waits for an envelope: its system never came. */
const KEPT_MS_MAX = 30 * 86_400_000;

/** How often old envelopes are looked for, and how many go at once. */
const FORGET_MS = 3_600_000;
const FORGET_ROWS_MAX = 10_000;

/** What the bus works with. */
interface PostgresDeps {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly database: Database;
}

/** One row of `tasker.bus_envelope`. */
interface RowKey {
  readonly channel: string;
  readonly id: string;
}

/** A row that is its consumer's, or nobody's, for `ms` from now. */
interface Delay extends RowKey {
  readonly deliveries: number;
  readonly ms: number;
}

/** What the consumers of a node share, so that they share statements. */
interface Shared {
  readonly database: Database;
  readonly notifications: PostgresNotifications;
  readonly removals: Batcher<RowKey>;
  readonly delays: Batcher<Delay>;
}

/** Carries envelopes through `tasker.bus_envelope`. A channel has one group, whatever its name. */
export class PostgresBus implements Bus {
  readonly name = "postgres";
  readonly #ids: EnvelopeIds;
  readonly #shared: Shared;
  readonly #consumers = new Consumers(BROKER);
  /** Channels that the database knows to be consumed. */
  readonly #noted = new Set<string>();
  #cancelForget: Cancel = () => {};

  constructor(readonly deps: PostgresDeps) {
    const { runtime, database } = deps;
    this.#ids = new EnvelopeIds(runtime);
    this.#shared = {
      database,
      notifications: new PostgresNotifications(deps),
      removals: new Batcher({
        runtime,
        send: (keys) => database.query(settle, columns(keys, ["channel", "id"])),
      }),
      delays: new Batcher({
        runtime,
        send: (delays) =>
          database.query(delay, columns(delays, ["channel", "id", "deliveries", "ms"])),
      }),
    };
    this.#armForget();
  }

  async publish(channel: string, envelopes: readonly Envelope[]): Promise<void> {
    for (const bodies of batchesOf(bodiesOf(envelopes))) {
      const ids = bodies.map(() => this.#ids.next());
      await this.#query(publish, [channel, ids, bodies.join(SEPARATOR)]);
      this.#shared.notifications.published(channel, bodies.length);
    }
  }

  async consume(
    channel: string,
    options: ConsumeOptions,
    handle: (delivery: Delivery) => Promise<Handled>,
  ): Promise<() => Promise<void>> {
    const rows = new PostgresChannel(channel, options.leaseMs, this.#shared);
    const end = await this.#consumers.open(rows, { ...this.deps, ...options, channel, handle });
    await this.#note(channel);
    return end;
  }

  async wasConsumed(channel: string): Promise<boolean> {
    const [row] = await this.#query(wasConsumed, [channel]);
    return row?.was === true;
  }

  /** Not settled yet; DEPTH_MAX stands for more. */
  async depth(channel: string): Promise<number> {
    const [row] = await this.#query(depth, [channel, DEPTH_MAX]);
    return Number(row?.depth);
  }

  async ping(): Promise<BusServer> {
    const [row] = await this.#query("select current_setting('server_version') as version");
    return { server: `Postgres ${row?.version}`, ...DOES };
  }

  /** The database is its opener's to close. */
  async close(): Promise<void> {
    this.#cancelForget();
    await this.#consumers.close();
    await this.#shared.notifications.close();
  }

  /** An outage keeps nobody from consuming: the next who consumes the channel notes it. */
  async #note(channel: string): Promise<void> {
    if (this.#noted.has(channel)) return;
    this.#noted.add(channel);
    try {
      await this.#query(consumed, [channel]);
    } catch (error) {
      this.#noted.delete(channel);
      this.deps.log.warn("Cannot note that a channel is consumed", {
        channel,
        error: messageOf(error),
      });
    }
  }

  #armForget(): void {
    const { runtime, database, log } = this.deps;
    this.#cancelForget = runtime.after(FORGET_MS, () => {
      this.#armForget();
      const kept = firstIdAt(runtime.now() - KEPT_MS_MAX);
      database.query(forget, [kept, FORGET_ROWS_MAX]).catch((error) => {
        log.warn("Cannot remove old envelopes", { error: messageOf(error) });
      });
    });
  }

  async #query(text: string, parameters: readonly unknown[] = []) {
    this.#consumers.demandOpen();
    try {
      return await this.deps.database.query(text, parameters);
    } catch (error) {
      throw unavailable(BROKER, error);
    }
  }
}

/** The rows of one channel, claimed when somebody says that there are some. */
class PostgresChannel implements BrokerChannel, Listener {
  readonly canDelay = DOES.delays;
  readonly #arrivals = new WakeUp();
  #wanted = 0;
  #isEnded = false;

  constructor(readonly channel: string, readonly leaseMs: number, readonly shared: Shared) {
    shared.notifications.add(this);
    this.wake();
  }

  get wanted(): number {
    return this.#wanted;
  }

  wake(): void {
    this.#arrivals.wake();
  }

  async take(count: number): Promise<readonly Taken[]> {
    this.#wanted = count;
    try {
      await this.#arrivals.wait();
      return this.#isEnded ? [] : await this.#claim(count);
    } catch (error) {
      this.wake();
      throw error;
    } finally {
      this.#wanted = 0;
    }
  }

  interrupt(): void {
    this.#isEnded = true;
    this.shared.notifications.delete(this);
    this.wake();
  }

  async extend(taken: readonly Taken[]): Promise<void> {
    await this.release(taken, this.leaseMs);
  }

  acknowledge({ id }: Taken): Promise<void> {
    return this.shared.removals.put({ channel: this.channel, id });
  }

  /** For its consumer, which holds it still, that is a longer lease. */
  async release(taken: readonly Taken[], afterMs: number): Promise<void> {
    const { channel, shared: { delays, notifications } } = this;
    await Promise.all(
      taken.map(({ id, deliveries }) => delays.put({ channel, id, deliveries, ms: afterMs })),
    );
    notifications.pollWithin(afterMs);
  }

  /** What an update returns is in no order; ids are in the order of publishing. */
  async #claim(count: number): Promise<readonly Taken[]> {
    const rows = await this.shared.database.query(claim, [this.channel, count, this.leaseMs]);
    if (rows.length === count) this.wake();
    return rows.map(takenOf).toSorted((one, other) => one.id < other.id ? -1 : 1);
  }
}

function takenOf(row: Readonly<Record<string, unknown>>): Taken {
  return { id: String(row.id), deliveries: Number(row.deliveries), body: String(row.body) };
}

/** Turns items into one array a column. */
function columns<T>(items: readonly T[], names: readonly (keyof T)[]): readonly unknown[] {
  return names.map((name) => items.map((item) => item[name]));
}

/** Ids of one millisecond; after them the next millisecond is borrowed. */
const IDS_PER_MS = 4_096;

/**
 * Makes UUIDv7s that rise with every call, so that a table is read in the order of writing; those of
 * other nodes are in order as far as their clocks agree. Source: RFC 9562 §6.2, method 1.
 */
export class EnvelopeIds {
  #ms = 0;
  #count = 0;

  constructor(readonly runtime: Pick<Runtime, "now" | "uuid">) {}

  next(): string {
    const nowMs = Math.floor(this.runtime.now());
    this.#count++;
    if (nowMs > this.#ms || this.#count === IDS_PER_MS) {
      this.#ms = Math.max(nowMs, this.#ms + 1);
      this.#count = 0;
    }
    return uuidV7(this.#ms, this.#count, this.runtime.uuid());
  }
}
